/* Spans of pipelines against their closed forms, against a certificate that holds for any of them, and the
 * explanation of one that waits for itself. */
#include "models/training/pipeline.h"
#include "models/training/schedule_custom.h"
#include "tests/support/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STAGES = 16, CHUNKS = 4, PLACES = STAGES * CHUNKS };

/* A pipeline and what is known of it. */
struct bench {
    struct kerf_schedule schedule;
    struct kerf_chunk_times chunk[STAGES * CHUNKS];
    kerf_time hop[PLACES];
    struct kerf_pipeline pipeline;
    struct kerf_stage_use use[STAGES];
    struct kerf_interval gradients[STAGES * CHUNKS];
    struct kerf_pipeline_result result;
};

/* All chunks alike. */
static void set_up(struct bench *bench, const char *name, uint32_t stages, uint32_t micro_batches,
                   uint32_t chunks, kerf_time forward, kerf_time input, kerf_time weight)
{
    memset(bench, 0, sizeof *bench);
    bench->schedule = (struct kerf_schedule){
        .kind = kerf_schedule_find(name), .stages = stages, .micro_batches = micro_batches, .chunks = chunks};
    assert_int_equal(kerf_schedule_check(&bench->schedule, 1000, NULL), KERF_OK);
    for (uint32_t i = 0; i < stages * chunks; i++)
        bench->chunk[i] = (struct kerf_chunk_times){.forward = forward,
                                                    .backward_input = input,
                                                    .backward_weight = weight,
                                                    .pair = forward + input + weight,
                                                    .held_bytes = 1.0,
                                                    .deferred_bytes = 1.0};
    bench->pipeline =
        (struct kerf_pipeline){.schedule = &bench->schedule, .chunk = bench->chunk, .hop = bench->hop};
    bench->result = (struct kerf_pipeline_result){.use = bench->use, .gradients = bench->gradients};
}

static kerf_time span(struct bench *bench)
{
    struct kerf_error error;
    if (kerf_pipeline_span(&bench->pipeline, &bench->result, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return bench->result.span;
}

static kerf_time uniform(const char *name, uint32_t stages, uint32_t micro_batches, uint32_t chunks,
                         kerf_time forward, kerf_time input, kerf_time weight)
{
    struct bench bench;
    set_up(&bench, name, stages, micro_batches, chunks, forward, input, weight);
    return span(&bench);
}

/* (m + p - 1) (F + B). */
static void test_gpipe_and_1f1b_have_their_closed_form(void **state)
{
    (void)state;
    for (uint32_t p = 1; p <= STAGES; p++)
        for (uint32_t m = 1; m <= 40; m += 3) {
            assert_int_equal(uniform("gpipe", p, m, 1, 7, 5, 8), (m + p - 1) * 20);
            assert_int_equal(uniform("1f1b", p, m, 1, 7, 5, 8), (m + p - 1) * 20);
        }
}

/* m (F + B) + (p - 1) (F + B) / v, with F and B of all chunks of a stage. */
static void test_interleaved_divides_the_bubble_by_its_chunks(void **state)
{
    (void)state;
    for (uint32_t p = 1; p <= STAGES; p++)
        for (uint32_t m = p; m <= 3 * p; m += p)
            for (uint32_t v = 2; v <= CHUNKS; v++)
                assert_int_equal(uniform("interleaved", p, m, v, 7, 5, 8), m * v * 20 + (p - 1) * 20);
}

/* m (F + B) + (p - 1) (F + B - 2 W) while weights take no longer than inputs; (p - 1) F behind that. */
static void test_zb_h1_has_its_closed_form(void **state)
{
    (void)state;
    for (uint32_t p = 1; p <= STAGES; p++)
        for (uint32_t m = 2 * p; m <= 40; m += 3) {
            assert_int_equal(uniform("zb-h1", p, m, 1, 10, 10, 10), m * 30 + (p - 1) * 10);
            assert_int_equal(uniform("zb-h1", p, m, 1, 10, 13, 6), m * 29 + (p - 1) * 17);
            assert_int_equal(uniform("zb-h1", p, m, 1, 10, 8, 12), m * 30 + (p - 1) * 10);
        }
}

/* No stage of ZBV waits once it began, when F, I and W are equal; the last begins p - 1 passes late. */
static void test_zbv_has_no_bubble_between_equal_passes(void **state)
{
    (void)state;
    for (uint32_t p = 1; p <= STAGES; p++)
        for (uint32_t m = 2 * p; m <= 40; m += 3) {
            struct bench bench;
            set_up(&bench, "zbv", p, m, 2, 10, 10, 10);
            assert_int_equal(span(&bench), 2 * m * 30 + (p - 1) * 10);
            for (uint32_t s = 0; s < p; s++)
                assert_int_equal(bench.use[s].end - bench.use[s].begin, bench.use[s].busy);
        }
}

/* (p / 2 - 1) (F&B + B - 3 W): DeepSeek-V3, arXiv 2412.19437, table 2. Pairs that win time are not equally
 * many on all stages; the form is that of the middle ones. */
static void test_dualpipe_has_its_closed_form(void **state)
{
    (void)state;
    for (uint32_t p = 2; p <= STAGES; p += 2)
        for (uint32_t m = 2 * p; m <= 40; m += 2) {
            struct bench bench;
            set_up(&bench, "dualpipe", p, m, 2, 10, 10, 10);
            assert_int_equal(span(&bench), m * 30 + (p / 2 - 1) * 20);
            for (uint32_t i = 0; i < 2 * p; i++)
                bench.chunk[i].pair = 26;
            assert_int_equal(span(&bench) - bench.use[p / 2].busy, (p / 2 - 1) * 16);
        }
}

static void test_the_table_of_bubbles_is_that_of_the_simulation(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t chunks;
    } cases[] = {{"gpipe", 1}, {"1f1b", 1}, {"interleaved", 4}, {"zb-h1", 1}, {"zbv", 2}, {"dualpipe", 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const uint32_t p = 8, m = 32;
        struct bench bench;
        set_up(&bench, cases[k].name, p, m, cases[k].chunks, 10, 10, 10);
        double passes = cases[k].chunks / (double)kerf_schedule_paths(&bench.schedule);
        double bubble = bench.schedule.kind->bubble(&bench.schedule, 10 * passes, 20 * passes, 10 * passes);
        assert_int_equal(span(&bench), (kerf_time)(m * 30 * passes + bubble));
    }
}

/* Pipeline-parallel 1F1B with messages that take d: the first stage keeps p micro-batches in flight, so each
 * round of p costs a round trip of 2 (p - 1) d, and filling and draining one more less 2 d. */
static void test_1f1b_pays_a_round_trip_per_round(void **state)
{
    (void)state;
    for (uint32_t p = 2; p <= STAGES; p++)
        for (uint32_t rounds = 1; rounds <= 4; rounds++) {
            struct bench bench;
            const kerf_time d = 2, m = p * rounds;
            set_up(&bench, "1f1b", p, p * rounds, 1, 20, 20, 20);
            for (uint32_t i = 0; i + 1 < p; i++)
                bench.hop[i] = d;
            assert_int_equal(span(&bench), (m + p - 1) * 60 + 2 * (p - 1) * d * (rounds + 1) - 2 * d);
        }
}

/* GPipe with messages that the sender waits for: the middle stages take F + d forward and B + d backward, the
 * ends one d less. */
static void test_blocking_messages_lengthen_the_passes(void **state)
{
    (void)state;
    for (uint32_t p = 3; p <= STAGES; p++) {
        struct bench bench;
        const kerf_time d = 2, m = 11;
        set_up(&bench, "gpipe", p, (uint32_t)m, 1, 20, 20, 20);
        for (uint32_t i = 0; i + 1 < p; i++)
            bench.hop[i] = d;
        bench.pipeline.blocking = true;
        assert_int_equal(span(&bench), m * 60 + 2 * (m - 1) * d + (p - 1) * (60 + 2 * d));
        assert_int_equal(bench.use[1].sending, 2 * m * d);
        assert_int_equal(bench.use[0].sending, m * d);
    }
}

/* GPipe is a flow shop of equal jobs, twice: the sum of all stages and m - 1 times the slowest. */
static void test_uneven_stages_wait_for_the_slowest(void **state)
{
    (void)state;
    static const kerf_time forward[] = {9, 4, 6, 11, 5}, input[] = {8, 8, 3, 7, 2},
                           weight[] = {1, 5, 3, 4, 6};
    struct bench bench;
    set_up(&bench, "gpipe", 5, 13, 1, 0, 0, 0);
    for (uint32_t s = 0; s < 5; s++) {
        bench.chunk[s].forward = forward[s];
        bench.chunk[s].backward_input = input[s];
        bench.chunk[s].backward_weight = weight[s];
    }
    assert_int_equal(span(&bench), 35 + 12 * 11 + (9 + 13 + 6 + 11 + 8) + 12 * 13);
}

/* 1F1B with a head on the last stage or an embedding on the first, slower than all others: that stage waits
 * only while the pipeline fills and drains. The last waits for p - 1 forward passes before its first and
 * backward passes after its last; the first, from its first forward to its first backward and from its last
 * forward to its last backward, for p - 1 other stages, less the p - 1 passes that it does meanwhile. */
static void test_embedding_and_head_set_the_pace(void **state)
{
    (void)state;
    for (uint32_t p = 2; p <= STAGES; p++) {
        struct bench bench;
        const kerf_time m = 40;
        set_up(&bench, "1f1b", p, (uint32_t)m, 1, 10, 10, 10);
        bench.chunk[p - 1].forward += 5;
        bench.chunk[p - 1].backward_input += 6;
        assert_int_equal(span(&bench), m * 41 + (p - 1) * 30);
        assert_int_equal(bench.use[p - 1].busy, m * 41);
        set_up(&bench, "1f1b", p, (uint32_t)m, 1, 10, 10, 10);
        bench.chunk[0].forward += 3;
        bench.chunk[0].backward_weight += 4;
        assert_int_equal(span(&bench), m * 37 + (p - 1) * (30 - 13 + 30 - 24));
    }
}

/* Micro-batches whose activations a stage holds: all with GPipe; p - s with 1F1B (arXiv 2104.04473, s. 2.2);
 * with several chunks p (1 + (p - 1) / (p v)) micro-batches on the first stage (arXiv 2205.05198, s. 4.2.3);
 * p on every stage with ZB-H1 and ZBV (arXiv 2401.10241, 2405.15362); p + 1 with DualPipe (arXiv 2412.19437,
 * table 2). */
static void test_schedules_hold_as_many_activations_as_published(void **state)
{
    (void)state;
    const uint32_t p = 8, m = 32;
    struct bench bench;
    set_up(&bench, "gpipe", p, m, 1, 10, 10, 10);
    span(&bench);
    assert_int_equal(bench.use[3].in_flight, m);
    set_up(&bench, "1f1b", p, m, 1, 10, 10, 10);
    span(&bench);
    for (uint32_t s = 0; s < p; s++)
        assert_int_equal(bench.use[s].in_flight, p - s);
    set_up(&bench, "interleaved", p, m, 3, 10, 10, 10);
    span(&bench);
    assert_int_equal(bench.use[0].in_flight, 3 * p + p - 1);
    set_up(&bench, "zb-h1", p, m, 1, 10, 10, 10);
    span(&bench);
    for (uint32_t s = 0; s < p; s++)
        assert_int_equal(bench.use[s].in_flight, p);
    set_up(&bench, "zbv", p, m, 2, 10, 10, 10);
    span(&bench);
    for (uint32_t s = 0; s < p; s++)
        assert_int_equal(bench.use[s].in_flight, 2 * p);
    set_up(&bench, "dualpipe", p, m, 2, 10, 10, 10);
    span(&bench);
    for (uint32_t s = 0; s < p; s++)
        assert_int_equal(bench.use[s].in_flight, p + 1);
}

/* What is held until the weights are done may be less than what is held until the inputs are. */
static void test_deferred_weights_hold_less(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, "zb-h1", 4, 12, 1, 10, 10, 10);
    for (uint32_t s = 0; s < 4; s++) {
        bench.chunk[s].held_bytes = 10.0;
        bench.chunk[s].deferred_bytes = 4.0;
    }
    span(&bench);
    assert_float_equal(bench.use[0].peak_bytes, 40.0, 0.0);
    /* The last stage: three whose weights are left, and the one in hand. */
    assert_float_equal(bench.use[3].peak_bytes, 3 * 4.0 + 10.0, 0.0);
}

static void test_gradients_are_complete_when_the_last_weight_is(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, "interleaved", 4, 8, 2, 10, 10, 10);
    span(&bench);
    for (uint32_t s = 0; s < 4; s++) {
        assert_int_equal(bench.gradients[2 * s].end, bench.use[s].end);
        /* The first chunk is the last to be done: one more group of 4 backward passes. */
        assert_int_equal(bench.gradients[2 * s + 1].end, bench.use[s].end - 4 * 20);
    }
}

/* Three stages of GPipe, two micro-batches: backward passes of 30 end at 60 + 60, 150 and 180 on stages 2, 1,
 * 0. */
static void test_sums_of_gradients_go_on_beside_the_last_backward(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, "gpipe", 3, 2, 1, 30, 15, 15);
    struct kerf_reduction reduction[3] = {{3, 12}, {3, 2}, {1, 5}};
    const kerf_time after[3] = {1, 100, 0};
    kerf_time end[3];
    assert_int_equal(span(&bench), 4 * 60);
    /* Stage 0 ends at 240: buckets at 220, 230, 240, and each sum takes 12. Stage 1 ends at 210: 3 x 2,
     * hidden but for the last. Stage 2 ends at 180. */
    assert_int_equal(kerf_pipeline_step_end(&bench.pipeline, &bench.result, reduction, after, end), 312);
    assert_int_equal(end[0], 220 + 3 * 12 + 1);
    assert_int_equal(end[1], 210 + 2 + 100);
    assert_int_equal(end[2], 180 + 5);
    assert_int_equal(kerf_pipeline_step_end(&bench.pipeline, &bench.result, NULL, NULL, NULL), 240);
}

static void test_chunks_are_summed_in_the_order_of_their_last_backward(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench, "interleaved", 2, 2, 2, 10, 5, 5);
    struct kerf_reduction reduction[4] = {{1, 1}, {1, 100}, {1, 1}, {1, 100}};
    kerf_time end[2];
    kerf_time whole = span(&bench);
    kerf_pipeline_step_end(&bench.pipeline, &bench.result, reduction, NULL, end);
    assert_int_equal(bench.use[0].end, whole);
    /* Chunk 1 is complete first, and the sum of chunk 0 waits for it. */
    assert_int_equal(end[0], bench.gradients[1].end + 100 + 1);
}

/* A record of one run: when each pass of each place ended. */
struct record {
    const struct bench *bench;
    kerf_time forward[PLACES * 64], backward[PLACES * 64], free[STAGES];
    struct {
        struct kerf_action action;
        uint32_t stage;
        kerf_time begin, end;
    } entry[3 * PLACES * 64];
    size_t entries;
};

static size_t slot(const struct kerf_schedule *schedule, uint32_t path, uint32_t place, uint32_t micro_batch)
{
    return ((size_t)path * kerf_schedule_length(schedule) + place) * 64 + micro_batch;
}

static void note(void *context, uint32_t stage, const struct kerf_action *action, kerf_time begin,
                 kerf_time end)
{
    struct record *record = context;
    const struct kerf_schedule *schedule = &record->bench->schedule;
    struct kerf_position ahead = kerf_schedule_position(schedule, stage, action->chunk);
    struct kerf_position back = kerf_schedule_position(schedule, stage, action->back_chunk);
    if (action->kind == KERF_FORWARD || action->kind == KERF_FORWARD_BACKWARD)
        record->forward[slot(schedule, ahead.path, ahead.place, action->micro_batch)] = end;
    if (action->kind != KERF_FORWARD && action->kind != KERF_BACKWARD_WEIGHT)
        record->backward[slot(schedule, back.path, back.place, action->back_micro_batch)] = end;
    record->entry[record->entries].action = *action;
    record->entry[record->entries].stage = stage;
    record->entry[record->entries].begin = begin;
    record->entry[record->entries++].end = end;
}

static kerf_time later(kerf_time a, kerf_time b)
{
    return a > b ? a : b;
}

/* When what an action needs was there, by the record. */
static kerf_time needs(const struct record *record, uint32_t stage, const struct kerf_action *action)
{
    const struct bench *bench = record->bench;
    const struct kerf_schedule *schedule = &bench->schedule;
    uint32_t length = kerf_schedule_length(schedule);
    kerf_time time = 0;
    struct kerf_position at = kerf_schedule_position(schedule, stage, action->chunk);
    if ((action->kind == KERF_FORWARD || action->kind == KERF_FORWARD_BACKWARD) && at.place > 0) {
        struct kerf_position before = {at.path, at.place - 1};
        bool same = kerf_schedule_host(schedule, before).stage == stage;
        time = record->forward[slot(schedule, at.path, at.place - 1, action->micro_batch)] +
               (same ? 0 : bench->hop[at.path * length + at.place - 1]);
    }
    at = kerf_schedule_position(schedule, stage, action->back_chunk);
    if (action->kind == KERF_FORWARD || action->kind == KERF_BACKWARD_WEIGHT)
        return time;
    if (at.place + 1 == length)
        return later(time, record->forward[slot(schedule, at.path, at.place, action->back_micro_batch)]);
    struct kerf_position behind = {at.path, at.place + 1};
    bool same = kerf_schedule_host(schedule, behind).stage == stage;
    return later(time, record->backward[slot(schedule, at.path, at.place + 1, action->back_micro_batch)] +
                           (same ? 0 : bench->hop[at.path * length + at.place]));
}

/* Whatever the times: every action begins when its stage is free and what it needs is there, and not later.
 * Along an order in which everything can be done only one set of times is like that. */
static void test_every_action_begins_as_soon_as_it_can(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t stages, micro_batches, chunks;
    } cases[] = {{"gpipe", 5, 9, 1}, {"1f1b", 7, 20, 1}, {"interleaved", 4, 12, 3}, {"zb-h1", 6, 17, 1},
                 {"zbv", 5, 14, 2},  {"zbv", 6, 3, 2},   {"dualpipe", 6, 20, 2}};
    struct record *record = malloc(sizeof *record);
    for (uint64_t seed = 1; seed <= 70; seed++) {
        struct bench bench;
        size_t k = seed % (sizeof cases / sizeof cases[0]);
        uint64_t draw = seed;
        set_up(&bench, cases[k].name, cases[k].stages, cases[k].micro_batches, cases[k].chunks, 0, 0, 0);
        for (uint32_t i = 0; i < cases[k].stages * cases[k].chunks; i++) {
            bench.chunk[i].forward = (kerf_time)(draw_mix(seed, draw++) % 50);
            bench.chunk[i].backward_input = (kerf_time)(draw_mix(seed, draw++) % 50);
            bench.chunk[i].backward_weight = (kerf_time)(draw_mix(seed, draw++) % 50);
            bench.chunk[i].pair = (kerf_time)(draw_mix(seed, draw++) % 120);
            bench.hop[i] = (kerf_time)(draw_mix(seed, draw++) % 20);
        }
        memset(record, 0, sizeof *record);
        record->bench = &bench;
        bench.result.visit = note;
        bench.result.context = record;
        kerf_time longest = 0, whole = span(&bench);
        for (size_t i = 0; i < record->entries; i++) {
            uint32_t stage = record->entry[i].stage;
            kerf_time begin = later(record->free[stage], needs(record, stage, &record->entry[i].action));
            assert_int_equal(record->entry[i].begin, begin);
            assert_int_equal(record->entry[i].end,
                             begin +
                                 kerf_pipeline_action_time(&bench.pipeline, stage, &record->entry[i].action));
            record->free[stage] = record->entry[i].end;
            longest = later(longest, record->entry[i].end);
        }
        assert_int_equal(whole, longest);
    }
    free(record);
}

static void waits_for_itself(uint32_t stages, const char *const *line, const char *words)
{
    struct bench bench;
    struct kerf_custom_schedule custom = {0};
    struct kerf_error error;
    set_up(&bench, "custom", stages, 2, 1, 1, 1, 1);
    assert_int_equal(kerf_custom_schedule_read(&bench.schedule, line, &custom, &error), KERF_OK);
    bench.schedule.custom = &custom;
    assert_int_equal(kerf_pipeline_span(&bench.pipeline, &bench.result, &error), KERF_ERR_USAGE);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    kerf_custom_schedule_free(&custom);
}

static void test_a_schedule_that_waits_for_itself_is_explained(void **state)
{
    (void)state;
    waits_for_itself(2, (const char *const[]){"F0 B0 F1 B1", "F0 F1 B0 B1"},
                     "stage 0's action 1 (backward of micro-batch 0) waits for stage 1; "
                     "stage 1's action 1 (forward of micro-batch 1) waits for stage 0");
    waits_for_itself(2, (const char *const[]){"F0 F1 B0 B1", "F0 B1 F1 B0"},
                     "stage 1's action 1 (backward of micro-batch 1) needs a later action of its own");
    /* Stage 0 waits too, but is not on the circle. */
    waits_for_itself(3, (const char *const[]){"F0 F1 B0 B1", "F0 B0 F1 B1", "F0 F1 B0 B1"},
                     "itself: stage 1's action 1 (backward of micro-batch 0) waits for stage 2; "
                     "stage 2's action 1 (forward of micro-batch 1) waits for stage 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpipe_and_1f1b_have_their_closed_form),
        cmocka_unit_test(test_interleaved_divides_the_bubble_by_its_chunks),
        cmocka_unit_test(test_zb_h1_has_its_closed_form),
        cmocka_unit_test(test_zbv_has_no_bubble_between_equal_passes),
        cmocka_unit_test(test_dualpipe_has_its_closed_form),
        cmocka_unit_test(test_the_table_of_bubbles_is_that_of_the_simulation),
        cmocka_unit_test(test_1f1b_pays_a_round_trip_per_round),
        cmocka_unit_test(test_blocking_messages_lengthen_the_passes),
        cmocka_unit_test(test_uneven_stages_wait_for_the_slowest),
        cmocka_unit_test(test_embedding_and_head_set_the_pace),
        cmocka_unit_test(test_schedules_hold_as_many_activations_as_published),
        cmocka_unit_test(test_deferred_weights_hold_less),
        cmocka_unit_test(test_gradients_are_complete_when_the_last_weight_is),
        cmocka_unit_test(test_sums_of_gradients_go_on_beside_the_last_backward),
        cmocka_unit_test(test_chunks_are_summed_in_the_order_of_their_last_backward),
        cmocka_unit_test(test_every_action_begins_as_soon_as_it_can),
        cmocka_unit_test(test_a_schedule_that_waits_for_itself_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
