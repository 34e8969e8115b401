/* A whole comparison on one rank: every feature together, every request answered, every sum right. */
#include "sim/study/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const catalogs[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
static const char small[] = KERF_SOURCE_DIR "/tests/support/small.yaml";

static struct kerf_comparison *finished(const char *const *sets, int count)
{
    struct kerf_comparison *comparison = NULL;
    struct kerf_error error = {0};
    enum kerf_wish stopped;
    if (kerf_comparison_open(MPI_COMM_SELF, small, sets, count, catalogs, &comparison, &error) != KERF_OK ||
        kerf_comparison_run(comparison, NULL, &stopped, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return comparison;
}

static const struct kerf_request_record *requests_of(const struct kerf_comparison *comparison,
                                                     const struct kerf_case *one, int *answered)
{
    int sent;
    const struct kerf_request_record *records =
        kerf_client_records(kerf_engine_state(comparison->engine, one->serving.client), &sent, answered);
    assert_int_equal(sent, one->serving.workload.requests);
    return records;
}

/* Every request of every system and column is answered, and its parts sum to its times. */
static void every_request_is_answered_and_explained(void **unused)
{
    (void)unused;
    struct kerf_comparison *c = finished(NULL, 0);
    for (int i = 0; i < c->scenario.systems * c->columns; i++) {
        int answered;
        const struct kerf_request_record *records = requests_of(c, &c->cases[i], &answered);
        assert_int_equal(answered, c->cases[i].serving.workload.requests);
        for (int k = 0; k < answered; k++) {
            const struct kerf_request_record *r = &records[k];
            double first = -(r->first_token_s - r->arrival_s), decode = -(r->finish_s - r->first_token_s);
            for (int part = 0; part < KERF_TIME_PARTS; part++) {
                first += r->first_part_s[part];
                decode += r->decode_part_s[part];
            }
            assert_true(fabs(first) <= 1e-6 * (r->first_token_s - r->arrival_s));
            assert_true(fabs(decode) <= 1e-6 * (r->finish_s - r->first_token_s));
            assert_true(r->rounds >= 1 && r->rounds < r->output_tokens);
        }
    }
    kerf_comparison_free(c);
}

/* Schedulers keep exactly the tokens that were asked for, and never more cache than there is. */
static void schedulers_keep_tokens_and_cache(void **unused)
{
    (void)unused;
    struct kerf_comparison *c = finished(NULL, 0);
    for (int i = 0; i < c->scenario.systems * c->columns; i++) {
        const struct kerf_serving *serving = &c->cases[i].serving;
        int answered;
        const struct kerf_request_record *records = requests_of(c, &c->cases[i], &answered);
        uint64_t outputs = 0, prompts = 0, rounds = 0;
        struct kerf_scheduler_record sum = {0};
        for (int k = 0; k < answered; k++) {
            outputs += records[k].output_tokens;
            prompts += records[k].prompt_tokens;
            rounds += records[k].rounds;
        }
        for (int r = 0; r < serving->replicas; r++) {
            struct kerf_scheduler_record one =
                kerf_scheduler_record(kerf_engine_state(c->engine, serving->scheduler[r]));
            assert_true(one.kv_tokens_most <= serving->backend.kv_tokens);
            assert_int_equal(one.unfinished, 0);
            sum.output_tokens += one.output_tokens;
            sum.prefill_tokens += one.prefill_tokens;
            sum.decode_tokens += one.decode_tokens;
            sum.rounds += one.rounds;
        }
        assert_int_equal(sum.output_tokens, outputs);
        assert_int_equal(sum.prefill_tokens, prompts);
        assert_int_equal(sum.rounds, rounds);
        assert_true(sum.decode_tokens >= rounds);
        assert_true(sum.decode_tokens <= rounds * (1 + (uint64_t)serving->policy.draft_tokens));
        if (serving->policy.draft_tokens == 0)
            assert_int_equal(sum.decode_tokens, outputs - (uint64_t)answered);
    }
    kerf_comparison_free(c);
}

/* Accelerators handle every token that their scheduler gives out: each GPU of a replica, and each wafer. */
static void accelerators_handle_what_schedulers_give(void **unused)
{
    (void)unused;
    struct kerf_comparison *c = finished(NULL, 0);
    for (int i = 0; i < c->scenario.systems * c->columns; i++) {
        const struct kerf_serving *serving = &c->cases[i].serving;
        for (int k = 0; k < serving->replicas * serving->accelerators; k++) {
            const void *state = kerf_engine_state(c->engine, serving->device[k]);
            const struct kerf_accelerator_record *record =
                serving->on_wafers ? kerf_wafer_record(state) : kerf_gpu_record(state);
            struct kerf_scheduler_record scheduler = kerf_scheduler_record(
                kerf_engine_state(c->engine, serving->scheduler[k / serving->accelerators]));
            bool last = k % serving->accelerators == serving->accelerators - 1;
            assert_int_equal(record->passes, scheduler.passes);
            assert_int_equal(record->tokens, scheduler.prefill_tokens + scheduler.decode_tokens);
            assert_int_equal(record->tokens_sent_on, serving->on_wafers && !last ? record->tokens : 0);
        }
    }
    kerf_comparison_free(c);
}

/* The same scenario gives the same digest; another seed, or another load, gives another one. */
static void the_digest_tells_runs_apart(void **unused)
{
    (void)unused;
    static const char *const seed[] = {"seed=8"}, *const load[] = {"workload.prompt_tokens=301"};
    struct kerf_comparison *first = finished(NULL, 0), *again = finished(NULL, 0);
    struct kerf_comparison *other = finished(seed, 1), *longer = finished(load, 1);
    assert_true(first->stats.digest == again->stats.digest);
    assert_true(first->stats.digest != other->stats.digest);
    assert_true(first->stats.digest != longer->stats.digest);
    kerf_comparison_free(first);
    kerf_comparison_free(again);
    kerf_comparison_free(other);
    kerf_comparison_free(longer);
}

/* A comparison that cannot be opened can be freed, whatever was wrong. */
static void a_failed_comparison_can_be_freed(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {
        "network=nothing",         "systems.gpus.hardware=nothing",
        "systems.wafers.count=1",  "systems.gpus.count=3",
        "systems.gpus.kv=nothing", "systems.wafers.speculation.drafter=nothing",
        "workload.users=0",        "no equals sign"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kerf_comparison *comparison = NULL;
        struct kerf_error error = {0};
        assert_int_equal(
            kerf_comparison_open(MPI_COMM_SELF, small, &wrong[i], 1, catalogs, &comparison, &error),
            KERF_ERR_USAGE);
        assert_true(error.message[0]);
        kerf_comparison_free(comparison);
    }
    struct kerf_comparison *comparison = NULL;
    struct kerf_error error = {0};
    assert_int_equal(
        kerf_comparison_open(MPI_COMM_SELF, "/no/such/file", NULL, 0, catalogs, &comparison, &error),
        KERF_ERR_FAILURE);
    kerf_comparison_free(comparison);
    kerf_comparison_free(NULL);
}

/* A stop asked for beforehand ends the comparison, which can then be freed. */
static enum kerf_wish stop_at_once(void *unused)
{
    (void)unused;
    return KERF_WISH_STOP;
}

static void a_stopped_comparison_can_be_freed(void **unused)
{
    (void)unused;
    const struct kerf_engine_calls calls = {.wish = stop_at_once};
    enum kerf_wish stopped;
    struct kerf_comparison *comparison = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_comparison_open(MPI_COMM_SELF, small, NULL, 0, catalogs, &comparison, &error),
                     KERF_OK);
    assert_int_equal(kerf_comparison_run(comparison, &calls, &stopped, &error), KERF_OK);
    assert_int_equal(stopped, KERF_WISH_STOP);
    kerf_comparison_free(comparison);
}

int main(int argc, char **argv)
{
    unsetenv("KERF_CATALOG");
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered_and_explained),
        cmocka_unit_test(schedulers_keep_tokens_and_cache),
        cmocka_unit_test(accelerators_handle_what_schedulers_give),
        cmocka_unit_test(the_digest_tells_runs_apart),
        cmocka_unit_test(a_failed_comparison_can_be_freed),
        cmocka_unit_test(a_stopped_comparison_can_be_freed),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
