/* Schedules: every stage does every pass once, in an order that can be carried out; what is no schedule is
 * refused with the reason. */
#include "models/training/schedule.h"
#include "models/training/schedule_custom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 4096 };

static struct kerf_schedule make(const char *name, uint32_t stages, uint32_t micro_batches, uint32_t chunks)
{
    return (struct kerf_schedule){
        .kind = kerf_schedule_find(name), .stages = stages, .micro_batches = micro_batches, .chunks = chunks};
}

static bool is_legal(const struct kerf_schedule *schedule)
{
    return kerf_schedule_check(schedule, LAYERS, NULL) == KERF_OK;
}

/* Counts what a stage does to each pass and complains about a repetition. */
static void check_stage(const struct kerf_schedule *schedule, uint32_t stage)
{
    size_t items = (size_t)schedule->chunks * schedule->micro_batches;
    unsigned char *forward = calloc(items, 1), *input = calloc(items, 1), *weight = calloc(items, 1);
    struct kerf_stage_program program;
    struct kerf_schedule_cursor cursor = {0};
    struct kerf_action action;
    kerf_stage_program_make(schedule, stage, &program);
    while (kerf_schedule_next(&program, &cursor, &action)) {
        size_t ahead = action.chunk * (size_t)schedule->micro_batches + action.micro_batch;
        size_t back = action.back_chunk * (size_t)schedule->micro_batches + action.back_micro_batch;
        assert_true(ahead < items && back < items);
        if (action.kind == KERF_FORWARD || action.kind == KERF_FORWARD_BACKWARD)
            assert_int_equal(forward[ahead]++, 0);
        if (action.kind == KERF_BACKWARD || action.kind == KERF_BACKWARD_INPUT ||
            action.kind == KERF_FORWARD_BACKWARD) {
            assert_int_equal(forward[back], 1);
            assert_int_equal(input[back]++, 0);
        }
        if (action.kind == KERF_BACKWARD || action.kind == KERF_BACKWARD_WEIGHT ||
            action.kind == KERF_FORWARD_BACKWARD) {
            assert_int_equal(input[back], 1);
            assert_int_equal(weight[back]++, 0);
        }
    }
    for (size_t i = 0; i < items; i++) {
        uint32_t micro_batch = (uint32_t)(i % schedule->micro_batches);
        uint32_t path = kerf_schedule_position(schedule, stage, (uint32_t)(i / schedule->micro_batches)).path;
        int wanted = kerf_schedule_path_of(schedule, micro_batch) == path;
        assert_int_equal(forward[i], wanted);
        assert_int_equal(input[i], wanted);
        assert_int_equal(weight[i], wanted);
    }
    free(forward);
    free(input);
    free(weight);
}

static void test_every_stage_does_every_pass_once(void **state)
{
    (void)state;
    int seen = 0;
    for (size_t k = 0; k < kerf_schedule_count; k++)
        for (uint32_t stages = 1; stages <= 9; stages++)
            for (uint32_t micro_batches = 1; micro_batches <= 24; micro_batches++)
                for (uint32_t chunks = 1; chunks <= 4; chunks++) {
                    struct kerf_schedule schedule =
                        make(kerf_schedules[k]->name, stages, micro_batches, chunks);
                    if (!schedule.kind->phases || !is_legal(&schedule))
                        continue;
                    for (uint32_t stage = 0; stage < stages; stage++)
                        check_stage(&schedule, stage);
                    seen++;
                }
    /* gpipe, 1f1b, zb-h1 and zbv take all 9 x 24; interleaved 3 x sum of 24 / p; dualpipe the even ones. */
    assert_int_equal(seen, 4 * 9 * 24 + 3 * (24 + 12 + 8 + 6 + 4 + 4 + 3 + 3 + 2) + 11 + 9 + 7 + 5);
}

static void test_places_and_stages_are_inverse(void **state)
{
    (void)state;
    static const char *const names[] = {"interleaved", "zbv", "dualpipe"};
    for (size_t k = 0; k < 3; k++) {
        struct kerf_schedule schedule = make(names[k], 6, 24, 2);
        assert_true(is_legal(&schedule));
        bool taken[2][12] = {{false}};
        for (uint32_t stage = 0; stage < 6; stage++)
            for (uint32_t chunk = 0; chunk < 2; chunk++) {
                struct kerf_position position = kerf_schedule_position(&schedule, stage, chunk);
                struct kerf_host host = kerf_schedule_host(&schedule, position);
                assert_true(position.path < kerf_schedule_paths(&schedule) &&
                            position.place < kerf_schedule_length(&schedule));
                assert_false(taken[position.path][position.place]);
                taken[position.path][position.place] = true;
                assert_int_equal(host.stage, stage);
                assert_int_equal(host.chunk, chunk);
            }
    }
}

/* What a stage does, as words. */
static void spell(const struct kerf_schedule *schedule, uint32_t stage, char *text)
{
    struct kerf_stage_program program;
    struct kerf_schedule_cursor cursor = {0};
    struct kerf_action action;
    kerf_stage_program_make(schedule, stage, &program);
    for (*text = '\0'; kerf_schedule_next(&program, &cursor, &action); text += strlen(text))
        sprintf(text, "%c%u.%u ", "FBIWP"[action.kind], action.micro_batch, action.chunk);
}

/* Figure 4 of arXiv 2104.04473: the first device of 4, 8 micro-batches, 2 chunks (counted there from 1). */
static void test_interleaved_order_is_the_published_one(void **state)
{
    (void)state;
    char text[1024];
    struct kerf_schedule schedule = make("interleaved", 4, 8, 2);
    spell(&schedule, 0, text);
    assert_memory_equal(text, "F0.0 F1.0 F2.0 F3.0 F0.1 F1.1 F2.1 F3.1 F4.0 F5.0 F6.0 B0.1 F7.0 B1.1",
                        14 * 5 - 1);
}

/* ZB-H1, figure 3 of arXiv 2401.10241: weights wait on the last stage until as many micro-batches are in
 * flight as on the first. */
static void test_zb_h1_weights_wait_longer_on_later_stages(void **state)
{
    (void)state;
    char text[1024];
    struct kerf_schedule schedule = make("zb-h1", 3, 4, 1);
    spell(&schedule, 0, text);
    assert_string_equal(text, "F0.0 F1.0 F2.0 I0.0 W0.0 F3.0 I1.0 W1.0 I2.0 W2.0 I3.0 W3.0 ");
    spell(&schedule, 2, text);
    assert_string_equal(text, "F0.0 I0.0 F1.0 I1.0 F2.0 I2.0 W0.0 F3.0 I3.0 W1.0 W2.0 W3.0 ");
}

static void refuses(struct kerf_schedule schedule, uint32_t layers, const char *words)
{
    struct kerf_error error;
    assert_int_equal(kerf_schedule_check(&schedule, layers, &error), KERF_ERR_USAGE);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void test_illegal_schedules_are_refused_with_the_reason(void **state)
{
    (void)state;
    refuses(make("1f1b", 0, 4, 1), 8, "at least 1 stage");
    refuses(make("1f1b", 4, 4, 2), 8, "has 1 chunk per stage (got 2)");
    refuses(make("1f1b", 9, 4, 1), 8, "deeper than its network");
    refuses(make("interleaved", 4, 8, 3), 8, "12 places, and it has 8 layers");
    refuses(make("interleaved", 4, 8, 1), 8, "at least 2 chunks");
    refuses(make("interleaved", 4, 6, 2), 8, "multiple of 4");
    refuses(make("dualpipe", 3, 8, 2), 8, "even number of stages (got 3)");
    refuses(make("dualpipe", 4, 6, 2), 8, "8 for 4 stages (got 6)");
    refuses(make("dualpipe", 4, 9, 2), 8, "even number of micro-batches");
    refuses(make("gpipe", 60000, 60000, 1), 60000, "too large");
}

static enum kerf_status read(uint32_t micro_batches, uint32_t chunks, const char *first, const char *second,
                             struct kerf_error *error)
{
    struct kerf_custom_schedule custom = {0};
    struct kerf_schedule schedule = make("custom", 2, micro_batches, chunks);
    const char *line[] = {first, second};
    enum kerf_status status = kerf_custom_schedule_read(&schedule, line, &custom, error);
    schedule.custom = &custom;
    if (status == KERF_OK)
        for (uint32_t stage = 0; stage < 2; stage++)
            check_stage(&schedule, stage);
    kerf_custom_schedule_free(&custom);
    return status;
}

static void refuses_list(const char *first, const char *second, const char *words)
{
    struct kerf_error error;
    assert_int_equal(read(2, 1, first, second, &error), KERF_ERR_USAGE);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

static void test_a_list_of_actions_is_read(void **state)
{
    (void)state;
    assert_int_equal(read(2, 1, "F0 F1 B0 B1", " F0 B0\tF1 I1  W1\n", NULL), KERF_OK);
    assert_int_equal(read(1, 2, "F0 F0.1 B0.1 B0", "F0.0 F0.1 B0.1 B0.0", NULL), KERF_OK);
}

static void test_a_wrong_list_is_refused_with_stage_and_word(void **state)
{
    (void)state;
    refuses_list("F0 F1 B0 B1", "F0 B0 F1 X1", "stage 1: \"X1\" is no action");
    refuses_list("F0 F B0 B1", "", "\"F\" is no action");
    refuses_list("F0 F1. B0 B1", "", "\"F1.\" is no action");
    refuses_list("F0 F1x B0 B1", "", "\"F1x\" is no action");
    refuses_list("F0 F99999999999 B0 B1", "", "is no action");
    refuses_list("F0 F2 B0 B1", "", "\"F2\": there are 2 micro-batches");
    refuses_list("F0 F1.1 B0 B1", "", "\"F1.1\": there are 2 micro-batches and 1 chunks");
    refuses_list("F0 F1 B0 B0", "", "\"B0\" was done before");
    refuses_list("F0 F1 B0 I0", "", "\"I0\" was done before");
    refuses_list("F0 F1 W0 I0", "", "\"W0\" comes before its input gradient");
    refuses_list("F0 F1 B0", "", "stage 0 never finishes micro-batch 1");
    refuses_list("F0 F1 B0 I1", "", "stage 0 never finishes micro-batch 1");
    refuses_list("F0 F1 B0 B1", "", "stage 1 never finishes micro-batch 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stage_does_every_pass_once),
        cmocka_unit_test(test_places_and_stages_are_inverse),
        cmocka_unit_test(test_interleaved_order_is_the_published_one),
        cmocka_unit_test(test_zb_h1_weights_wait_longer_on_later_stages),
        cmocka_unit_test(test_illegal_schedules_are_refused_with_the_reason),
        cmocka_unit_test(test_a_list_of_actions_is_read),
        cmocka_unit_test(test_a_wrong_list_is_refused_with_stage_and_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
