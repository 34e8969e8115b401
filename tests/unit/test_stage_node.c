/* A training step as events: it ends when the closed form says, replicas fold into one, noise delays as order
 * statistics say, and all of it on any number of ranks. Also run under mpirun; every verdict is agreed among
 * the ranks. */
#include "models/node/stage_node.h"
#include "models/training/schedule_custom.h"
#include "tests/support/draw.h"
#include "tests/support/everywhere.h"
#include "tests/support/halves.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int world_rank;

enum { STAGES = 8, CHUNKS = 3, LPS_MOST = 200 };

/* A step, and what is known of it. */
struct step {
    struct kerf_schedule schedule;
    struct kerf_chunk_times chunk[STAGES * CHUNKS];
    kerf_time hop[2 * STAGES * CHUNKS], after[STAGES];
    struct kerf_reduction reduction[STAGES * CHUNKS];
    struct kerf_pipeline pipeline;
    struct kerf_training_run run;
};

static void set_up(struct step *step, const char *name, uint32_t stages, uint32_t micro_batches,
                   uint32_t chunks, uint32_t replicas)
{
    memset(step, 0, sizeof *step);
    step->schedule = (struct kerf_schedule){
        .kind = kerf_schedule_find(name), .stages = stages, .micro_batches = micro_batches, .chunks = chunks};
    step->pipeline =
        (struct kerf_pipeline){.schedule = &step->schedule, .chunk = step->chunk, .hop = step->hop};
    step->run = (struct kerf_training_run){.pipeline = &step->pipeline,
                                           .replicas = replicas,
                                           .reduction = step->reduction,
                                           .after = step->after};
    assert_int_equal(kerf_schedule_check(&step->schedule, 1000, NULL), KERF_OK);
    for (uint32_t i = 0; i < stages * chunks; i++) {
        step->chunk[i] = (struct kerf_chunk_times){
            .forward = 1000, .backward_input = 1000, .backward_weight = 1000, .pair = 3000};
        step->reduction[i] = (struct kerf_reduction){.buckets = 1, .bucket = 1};
    }
}

static kerf_time draw_time(uint64_t *draw, kerf_time most)
{
    *draw = draw_mix(*draw, 77);
    return 1 + (kerf_time)(*draw % (uint64_t)most);
}

static void make_uneven(struct step *step, uint64_t seed)
{
    uint64_t draw = seed;
    for (uint32_t i = 0; i < step->schedule.stages * step->schedule.chunks; i++) {
        step->chunk[i] = (struct kerf_chunk_times){.forward = draw_time(&draw, 1000),
                                                   .backward_input = draw_time(&draw, 1000),
                                                   .backward_weight = draw_time(&draw, 1000),
                                                   .pair = draw_time(&draw, 3000)};
        step->reduction[i].buckets = (uint32_t)draw_time(&draw, 7);
        step->reduction[i].bucket = draw_time(&draw, 900);
        step->hop[i] = draw_time(&draw, 300);
        step->after[i / step->schedule.chunks] = draw_time(&draw, 5000);
    }
    step->pipeline.blocking = seed % 2;
}

struct outcome {
    enum kerf_status status;
    struct kerf_error error;
    kerf_time end;
    struct kerf_stage_record record[LPS_MOST]; /* of all stages, on every rank */
    struct kerf_engine_stats stats;
};

static void note(struct step *step, const struct kerf_engine *engine, MPI_Comm comm, struct outcome *outcome)
{
    uint32_t stages = step->schedule.stages;
    enum { WORDS = sizeof(struct kerf_stage_record) / sizeof(kerf_time) };
    outcome->end = kerf_training_run_end(&step->run, engine);
    MPI_Allreduce(MPI_IN_PLACE, &outcome->end, 1, MPI_INT64_T, MPI_MAX, comm);
    for (uint32_t i = 0; i < stages * step->run.replicas; i++) {
        const struct kerf_stage_record *record =
            kerf_training_run_record(&step->run, engine, i / stages, i % stages);
        if (record)
            outcome->record[i] = *record;
    }
    MPI_Allreduce(MPI_IN_PLACE, outcome->record, (int)(stages * step->run.replicas * WORDS), MPI_INT64_T,
                  MPI_MAX, comm);
    outcome->stats = kerf_engine_stats(engine);
}

static void simulate(struct step *step, MPI_Comm comm, const struct kerf_engine_options *options,
                     const struct kerf_engine_calls *calls, struct outcome *outcome)
{
    struct kerf_engine *engine = NULL;
    enum kerf_wish stopped;
    memset(outcome, 0, sizeof *outcome);
    kerf_engine_create(comm, options, &engine, NULL);
    outcome->status = kerf_training_run_add(&step->run, engine, &outcome->error);
    if (outcome->status == KERF_OK)
        outcome->status = kerf_engine_run(engine, calls, &stopped, &outcome->error);
    if (outcome->status == KERF_OK)
        note(step, engine, comm, outcome);
    kerf_engine_free(engine);
    kerf_training_run_free(&step->run);
}

static kerf_time closed_form(struct step *step, struct kerf_stage_use *use, kerf_time *stage_end)
{
    struct kerf_interval gradients[STAGES * CHUNKS];
    struct kerf_pipeline_result result = {.use = use, .gradients = gradients};
    assert_int_equal(kerf_pipeline_span(&step->pipeline, &result, NULL), KERF_OK);
    return kerf_pipeline_step_end(&step->pipeline, &result, step->run.replicas > 1 ? step->reduction : NULL,
                                  step->after, stage_end);
}

static const struct {
    const char *name;
    uint32_t stages, micro_batches, chunks;
} cases[] = {{"gpipe", 5, 9, 1},        {"1f1b", 7, 20, 1},       {"1f1b", 1, 3, 1},
             {"interleaved", 4, 12, 3}, {"interleaved", 2, 6, 2}, {"zb-h1", 6, 17, 1},
             {"zbv", 5, 14, 2},         {"zbv", 1, 4, 2},         {"zbv", 6, 3, 2},
             {"dualpipe", 6, 20, 2},    {"dualpipe", 2, 4, 2}};
enum { CASES = sizeof cases / sizeof cases[0] };

/* Every stage of every replica, and the step. */
static bool is_as_computed(struct step *step, const struct outcome *outcome)
{
    struct kerf_stage_use use[STAGES];
    kerf_time stage_end[STAGES], end = closed_form(step, use, stage_end);
    bool same = outcome->status == KERF_OK && outcome->end == end;
    for (uint32_t i = 0; same && i < step->schedule.stages * step->run.replicas; i++) {
        uint32_t s = i % step->schedule.stages;
        const struct kerf_stage_record *record = &outcome->record[i];
        same = record->begin == use[s].begin && record->end == use[s].end && record->busy == use[s].busy &&
               record->sending == use[s].sending && record->step_end == stage_end[s];
    }
    if (!same && world_rank == 0)
        fprintf(stderr, "%s, %u stages: step of %lld ps, computed %lld; %s\n", step->schedule.kind->name,
                step->schedule.stages, (long long)outcome->end, (long long)end, outcome->error.message);
    return same;
}

static void a_step_ends_when_the_closed_form_says(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    for (uint64_t seed = 1; seed <= 2 * CASES; seed++) {
        size_t k = seed % CASES;
        set_up(&step, cases[k].name, cases[k].stages, cases[k].micro_batches, cases[k].chunks, 1 + seed % 3);
        make_uneven(&step, seed);
        simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
        ASSERT_EVERYWHERE(is_as_computed(&step, &outcome));
    }
}

/* To the picosecond, and no more than one replica and one sum per stage is simulated. */
static void replicas_fold_into_one(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    for (size_t k = 0; k < CASES; k++) {
        set_up(&step, cases[k].name, cases[k].stages, cases[k].micro_batches, cases[k].chunks, 20);
        make_uneven(&step, k);
        simulate(&step, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, NULL, &outcome);
        ASSERT_EVERYWHERE(is_as_computed(&step, &outcome));
        ASSERT_EVERYWHERE(outcome.stats.lps == 21 * cases[k].stages);
        ASSERT_EVERYWHERE(outcome.stats.lps_simulated == 2 * cases[k].stages);
    }
}

static void a_straggler_splits_off_its_replica_only(void **state)
{
    (void)state;
    static struct outcome full, folded;
    struct step step;
    const struct kerf_straggler slow = {.replica = 3, .stage = 2, .factor = 1.25};
    set_up(&step, "1f1b", 4, 12, 1, 9);
    make_uneven(&step, 5);
    step.run.straggler = &slow;
    step.run.stragglers = 1;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &full);
    simulate(&step, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, NULL, &folded);
    ASSERT_EVERYWHERE(full.status == KERF_OK && folded.status == KERF_OK);
    ASSERT_EVERYWHERE(memcmp(full.record, folded.record, sizeof full.record) == 0);
    ASSERT_EVERYWHERE(full.end == folded.end && folded.stats.lps_simulated == 3 * 4);
    /* Its passes are as in a pipeline whose stage takes a quarter longer. */
    struct kerf_stage_use use[STAGES];
    kerf_time *const times[] = {&step.chunk[2].forward, &step.chunk[2].backward_input};
    step.chunk[2].backward_input += step.chunk[2].backward_weight;
    step.chunk[2].backward_weight = 0;
    for (int i = 0; i < 2; i++)
        *times[i] = (kerf_time)llround(1.25 * (double)*times[i]);
    closed_form(&step, use, NULL);
    ASSERT_EVERYWHERE(full.record[3 * 4 + 2].end == use[2].end && full.record[3 * 4].end == use[0].end);
}

/* One stage and no waiting but for each other: of t accelerators that meet after exponential delays of mean
 * d, the last is H_t d late, where H_t = 1 + 1/2 + ... + 1/t. */
static void accelerators_wait_for_the_last(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    double harmonic = 0.0;
    for (uint32_t t = 1; t <= 8; t++) {
        harmonic += 1.0 / t;
        set_up(&step, "1f1b", 1, 400, 1, 1);
        step.chunk[0] = (struct kerf_chunk_times){.forward = 1000000, .backward_input = 1000000};
        step.run.noise = (struct kerf_noise){.seed = t, .delay = 0.1, .accelerators = t, .meetings = 20};
        simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
        /* 16,000 maxima; the deviation of one is at most that of an exponential, d sqrt(pi^2 / 6). */
        double late = (double)outcome.end / 800e6 - 1.0, deviation = 0.1 * 1.2826 / sqrt(16000.0);
        ASSERT_EVERYWHERE(fabs(late - 0.1 * harmonic) < 4.0 * deviation);
    }
}

/* Speeds persist: each stage is as slow as its slowest accelerator, in every pass. */
static void slow_accelerators_stay_slow(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    double sum = 0.0;
    set_up(&step, "gpipe", 8, 2, 1, 25);
    for (uint32_t s = 0; s < 8; s++)
        step.chunk[s] = (struct kerf_chunk_times){.forward = 1000000, .backward_input = 1000000};
    step.run.noise = (struct kerf_noise){.seed = 3, .speed_sigma = 0.05, .accelerators = 4, .meetings = 7};
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    for (uint32_t i = 0; i < 200; i++) {
        ASSERT_EVERYWHERE(outcome.record[i].busy % 4 == 0);
        sum += (double)outcome.record[i].busy / 4e6 - 1.0;
    }
    /* The expected largest of 4 normal deviates is 1.0294 deviations (D. Teichroew, Ann. Math. Statist. 27,
     * 1956), its own deviation 0.7. */
    ASSERT_EVERYWHERE(fabs(sum / 200.0 - 1.0294 * 0.05) < 4.0 * 0.7 * 0.05 / sqrt(200.0));
}

static void noise_is_the_same_on_any_number_of_ranks(void **state)
{
    (void)state;
    static struct outcome alone, together, other;
    struct step step;
    set_up(&step, "interleaved", 4, 12, 3, 11);
    make_uneven(&step, 8);
    step.run.noise =
        (struct kerf_noise){.seed = 1, .delay = 0.05, .speed_sigma = 0.02, .accelerators = 3, .meetings = 5};
    simulate(&step, MPI_COMM_SELF, &(struct kerf_engine_options){.reference = true}, NULL, &alone);
    simulate(&step, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, NULL, &together);
    ASSERT_EVERYWHERE(alone.status == KERF_OK && together.status == KERF_OK);
    ASSERT_EVERYWHERE(together.stats.lps_simulated == together.stats.lps);
    ASSERT_EVERYWHERE(alone.stats.digest == together.stats.digest && alone.end == together.end);
    ASSERT_EVERYWHERE(memcmp(alone.record, together.record, sizeof alone.record) == 0);
    step.run.noise.seed = 2;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &other);
    ASSERT_EVERYWHERE(other.end != together.end);
}

static void a_schedule_that_waits_for_itself_ends_with_a_report(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    struct kerf_custom_schedule custom;
    const char *const line[] = {"F0 B0 F1 B1", "F0 F1 B0 B1"};
    set_up(&step, "custom", 2, 2, 1, 1);
    assert_int_equal(kerf_custom_schedule_read(&step.schedule, line, &custom, NULL), KERF_OK);
    step.schedule.custom = &custom;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    ASSERT_EVERYWHERE(outcome.status == KERF_ERR_FAILURE);
    ASSERT_EVERYWHERE(strstr(outcome.error.message,
                             "stage 0 of replica 0 waits with backward of micro-batch 0 for stage 1") !=
                      NULL);
    kerf_custom_schedule_free(&custom);
}

static void what_takes_no_time_is_refused(void **state)
{
    (void)state;
    static struct outcome outcome;
    struct step step;
    set_up(&step, "1f1b", 2, 4, 1, 2);
    step.chunk[0].forward = 0;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    ASSERT_EVERYWHERE(outcome.status == KERF_ERR_USAGE &&
                      strstr(outcome.error.message, "a forward pass of stage 0"));
    set_up(&step, "1f1b", 2, 4, 1, 2);
    step.reduction[1].bucket = 0;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    ASSERT_EVERYWHERE(outcome.status == KERF_ERR_USAGE &&
                      strstr(outcome.error.message, "gradients of stage 1"));
    set_up(&step, "1f1b", 2, 4, 1, 2);
    step.run.noise = (struct kerf_noise){.delay = 0.1};
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    ASSERT_EVERYWHERE(outcome.status == KERF_ERR_USAGE &&
                      strstr(outcome.error.message, "accelerators that meet"));
    set_up(&step, "1f1b", 2, 4, 1, 2);
    step.run.straggler = &(struct kerf_straggler){.replica = 2, .factor = 1.5};
    step.run.stragglers = 1;
    simulate(&step, MPI_COMM_WORLD, NULL, NULL, &outcome);
    ASSERT_EVERYWHERE(outcome.status == KERF_ERR_USAGE && strstr(outcome.error.message, "straggler 0"));
}

static void a_step_goes_on_from_a_checkpoint(void **state)
{
    (void)state;
    static struct outcome whole, half, rest;
    static struct halves halves = {.stops_at = 5};
    struct step step;
    const struct kerf_engine_options narrow = {.widest_window_ps = 500};
    const struct kerf_engine_calls first = {.context = &halves, .wish = halves_wish, .save = halves_save};
    const struct kerf_engine_calls second = {.context = &halves, .load = halves_load};
    set_up(&step, "zbv", 4, 12, 2, 5);
    make_uneven(&step, 4);
    step.run.noise = (struct kerf_noise){.seed = 9, .delay = 0.05, .accelerators = 2, .meetings = 3};
    simulate(&step, MPI_COMM_SELF, &narrow, NULL, &whole);
    simulate(&step, MPI_COMM_SELF, &narrow, &first, &half);
    simulate(&step, MPI_COMM_SELF, &narrow, &second, &rest);
    ASSERT_EVERYWHERE(half.status == KERF_OK && halves.time > 0 && halves.time < whole.end / 2);
    ASSERT_EVERYWHERE(rest.status == KERF_OK && rest.stats.digest == whole.stats.digest &&
                      memcmp(rest.record, whole.record, sizeof whole.record) == 0);
    halves_free(&halves);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_ends_when_the_closed_form_says),
        cmocka_unit_test(replicas_fold_into_one),
        cmocka_unit_test(a_straggler_splits_off_its_replica_only),
        cmocka_unit_test(accelerators_wait_for_the_last),
        cmocka_unit_test(slow_accelerators_stay_slow),
        cmocka_unit_test(noise_is_the_same_on_any_number_of_ranks),
        cmocka_unit_test(a_schedule_that_waits_for_itself_ends_with_a_report),
        cmocka_unit_test(what_takes_no_time_is_refused),
        cmocka_unit_test(a_step_goes_on_from_a_checkpoint),
    };
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (world_rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
