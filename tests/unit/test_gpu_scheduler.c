/* The scheduler of GPUs does what vLLM V1's does: one token budget for answers, guesses and prompts, a cache
 * that grows block by block, preemption of those who entered last, and a host that works behind the devices
 * or not. */
#include "tests/support/serving_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t preemptions_of(const struct trial *trial)
{
    uint64_t sum = 0;
    for (int i = 0; i < trial->sent; i++)
        sum += trial->record[i].preemptions;
    return sum;
}

/* Neither answers with guesses nor prompts beside them ever make a step larger than its budget, whatever the
 * budget is, and the budget is used up when there is enough to do. */
static void no_step_exceeds_the_budget(void **unused)
{
    (void)unused;
    static const int budgets[] = {1, 7, 16, 33, 128};
    for (size_t k = 0; k < sizeof budgets / sizeof budgets[0]; k++)
        for (int guesses = 0; guesses <= 5; guesses += 5) {
            struct trial trial = gpu_trial();
            trial.workload.users = 12;
            trial.workload.requests = 24;
            trial.workload.prompt_tokens = 150;
            trial.workload.length_ratio_least = 0.5;
            trial.policy.token_budget = trial.policy.prefill_chunk = budgets[k];
            trial.policy.draft_tokens = guesses;
            trial.policy.acceptance = 0.7;
            run(&trial);
            assert_all_answered(&trial);
            assert_int_equal(trial.most_tokens, budgets[k]);
            free(trial.record);
        }
}

/* Blocks held by one request alone: those of its prompt and of all tokens but the last, which is never read
 * again. */
static void the_cache_grows_by_blocks(void **unused)
{
    (void)unused;
    static const int outputs[] = {1, 2, 5, 6, 7, 22, 23};
    for (size_t k = 0; k < sizeof outputs / sizeof outputs[0]; k++) {
        struct trial trial = gpu_trial();
        trial.workload.requests = 1;
        trial.workload.prompt_tokens = 27;
        trial.workload.answer_tokens = outputs[k];
        trial.policy.block_tokens = 16;
        trial.policy.reserved_output = 0.0;
        run(&trial);
        assert_all_answered(&trial);
        double blocks = ceil((27.0 + outputs[k] - 1.0) / 16.0);
        assert_true(trial.scheduler[0].kv_tokens_most == 16.0 * blocks);
        free(trial.record);
    }
}

/* A cache for 12 blocks of 4 and three requests of 14 tokens, 4 blocks each, that grow to 20 tokens, 5
 * blocks: all three enter. After the 16th token each wants a fifth block; the newest loses its four to the
 * others, which then end undisturbed, and begins anew with its prompt and what it had generated. */
static void the_newest_is_preempted_and_recomputes(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.users = trial.workload.requests = 3;
    trial.workload.prompt_tokens = 14;
    trial.workload.answer_tokens = 7;
    trial.policy.block_tokens = 4;
    trial.policy.reserved_output = 0.0;
    trial.backend.kv_tokens = 48;
    run(&trial);
    assert_all_answered(&trial);
    assert_int_equal(trial.scheduler[0].preemptions, 1);
    assert_int_equal(trial.record[0].preemptions, 0);
    assert_int_equal(trial.record[1].preemptions, 0);
    assert_int_equal(trial.record[2].preemptions, 1);
    /* Step 1: prompts and first tokens. Steps 2 and 3: the cache of tokens 15 and 16. Before step 4, with
     * three tokens out, the third loses its place: 14 + 3 tokens are recomputed when the others have left,
     * which is after the step of their seventh token, and that step yields its fourth. */
    assert_int_equal(trial.prefill_tokens, 3 * 14 + 17);
    assert_int_equal(trial.decode_tokens, 2 * 6 + 2 + 3);
    assert_true(trial.record[0].finish_s < trial.record[2].finish_s);
    assert_int_equal(trial.passes, 7 + 4);
    assert_true(trial.scheduler[0].kv_tokens_most <= 48);
    free(trial.record);
}

/* Under a cache far too small for all, everything is answered; each token comes out once; the cache is never
 * overdrawn; first tokens come in order of arrival; setting all aside preempts nobody. */
static void a_small_cache_costs_time_and_no_tokens(void **unused)
{
    (void)unused;
    static const double shares[] = {0.0, 0.4, 1.0};
    for (size_t k = 0; k < 3; k++)
        for (int guesses = 0; guesses <= 3; guesses += 3) {
            struct trial trial = gpu_trial();
            uint64_t outputs = 0, rounds = 0;
            trial.workload.users = 40;
            trial.workload.requests = 150;
            trial.workload.prompt_tokens = 50;
            trial.workload.answer_tokens = 80;
            trial.workload.length_ratio_least = 0.3;
            trial.policy.block_tokens = 8;
            trial.policy.reserved_output = shares[k];
            trial.policy.draft_tokens = guesses;
            trial.policy.acceptance = 0.6;
            trial.backend.kv_tokens = 600;
            run(&trial);
            assert_all_answered(&trial);
            for (int i = 0; i < trial.sent; i++) {
                outputs += trial.record[i].output_tokens;
                rounds += trial.record[i].rounds;
                assert_true(i == 0 || trial.record[i].first_token_s >= trial.record[i - 1].first_token_s);
            }
            assert_int_equal(trial.scheduler[0].output_tokens, outputs);
            assert_int_equal(trial.scheduler[0].rounds, rounds);
            assert_int_equal(trial.scheduler[0].preemptions, preemptions_of(&trial));
            assert_true(trial.scheduler[0].kv_tokens_most <= 600);
            assert_true(shares[k] == 1.0 ? preemptions_of(&trial) == 0 : preemptions_of(&trial) > 0);
            free(trial.record);
        }
}

/* Answers that are counted together end when those that are stepped one by one do, to the picosecond, also
 * when the cache is too small for all of them. A replica that may have more in service than a step has room
 * for steps them one by one. */
static void answers_together_are_as_answers_one_by_one(void **unused)
{
    (void)unused;
    static const double caches[] = {1e9, 900, 450};
    for (size_t k = 0; k < 3; k++)
        for (int poisson = 0; poisson <= 1; poisson++) {
            struct trial trials[2];
            for (int alone = 0; alone <= 1; alone++) {
                struct trial *trial = &trials[alone];
                *trial = gpu_trial();
                trial->workload = (struct kerf_workload){.arrivals = poisson ? KERF_ARRIVALS_POISSON
                                                                             : KERF_ARRIVALS_CLOSED_LOOP,
                                                         .users = 25,
                                                         .rate_per_s = 60,
                                                         .requests = 200,
                                                         .prompt_tokens = 60,
                                                         .answer_tokens = 70,
                                                         .length_ratio_least = 0.2,
                                                         .seed = 5};
                trial->policy.token_budget = trial->policy.prefill_chunk = 256;
                trial->policy.max_sequences = 256 + alone;
                trial->policy.block_tokens = 8;
                trial->policy.reserved_output = 0.1 * (double)k;
                trial->backend.kv_tokens = caches[k];
                run(trial);
                assert_all_answered(trial);
            }
            assert_int_equal(trials[0].passes, trials[1].passes);
            assert_true(trials[0].scheduler[0].kv_tokens_most == trials[1].scheduler[0].kv_tokens_most);
            assert_int_equal(preemptions_of(&trials[0]), preemptions_of(&trials[1]));
            assert_true((preemptions_of(&trials[0]) > 0) == (k > 0));
            for (int i = 0; i < trials[0].sent; i++) {
                const struct kerf_request_record *a = &trials[0].record[i], *b = &trials[1].record[i];
                assert_true(a->first_token_s == b->first_token_s && a->finish_s == b->finish_s);
                assert_int_equal(a->rounds, b->rounds);
                for (int part = 0; part < KERF_TIME_PARTS; part++)
                    assert_true(fabs(a->decode_part_s[part] - b->decode_part_s[part]) <=
                                1e-5 * (a->finish_s - a->arrival_s));
            }
            free(trials[0].record);
            free(trials[1].record);
        }
}

/* A margin of free blocks keeps newcomers out, so that those in service grow without preemption. */
static void a_watermark_leaves_room_to_grow(void **unused)
{
    (void)unused;
    uint64_t without = 0;
    for (int k = 0; k < 2; k++) {
        struct trial trial = gpu_trial();
        trial.workload.users = 20;
        trial.workload.requests = 60;
        trial.workload.prompt_tokens = 40;
        trial.workload.answer_tokens = 40;
        trial.policy.block_tokens = 4;
        trial.policy.reserved_output = 0.0;
        trial.policy.watermark = k ? 0.5 : 0.0;
        trial.backend.kv_tokens = 400;
        run(&trial);
        assert_all_answered(&trial);
        if (k == 0)
            without = preemptions_of(&trial);
        else
            assert_true(preemptions_of(&trial) < without);
        free(trial.record);
    }
    assert_true(without > 0);
}

/* Prompts that must go whole wait for a step with room; a prompt longer than any step is cut all the same. */
static void whole_prompts_wait_for_room(void **unused)
{
    (void)unused;
    for (int whole = 0; whole <= 1; whole++) {
        struct trial trial = gpu_trial();
        trial.workload.users = trial.workload.requests = 4;
        trial.workload.prompt_tokens = 60;
        trial.workload.answer_tokens = 1;
        trial.policy.token_budget = trial.policy.prefill_chunk = 100;
        trial.policy.whole_prompts = whole;
        run(&trial);
        assert_all_answered(&trial);
        assert_int_equal(trial.passes, whole ? 4 : 3); /* 60 each, or 100 + 100 + 40 */
        free(trial.record);
        trial.workload.prompt_tokens = 250;
        run(&trial);
        assert_all_answered(&trial);
        assert_int_equal(trial.most_tokens, 100);
        free(trial.record);
    }
}

/* One stream on a host that works behind the devices: a step takes the longer of the two, and what the host
 * cannot hide comes on top. */
static void a_host_behind_the_devices_costs_nothing_until_it_is_slower(void **unused)
{
    (void)unused;
    static const double periods[] = {0.0, 2e-3, 4e-3, 9e-3};
    for (size_t k = 0; k < sizeof periods / sizeof periods[0]; k++) {
        struct trial trial = gpu_trial();
        double exposed_s = trial.backend.host_step_s;
        trial.backend.host_step_s = fmax(periods[k], exposed_s);
        trial.backend.host_overlap = 1.0 - exposed_s / trial.backend.host_step_s;
        run(&trial);
        assert_all_answered(&trial);
        kerf_time alone = ps(exposed_s) + ps(trial.backend.to_device_s) + ps(trial.service_s);
        kerf_time step = alone > ps(periods[k]) ? alone : ps(periods[k]);
        for (int i = 0; i < trial.sent; i++)
            assert_true(decode_ps(&trial.record[i]) == 19 * step);
        free(trial.record);
    }
}

/* What the host does for each sequence comes on top, for all in service and in every step. */
static void every_sequence_costs_the_host_its_share(void **unused)
{
    (void)unused;
    for (int users = 1; users <= 7; users += 3) {
        struct trial trial = gpu_trial();
        trial.workload.users = trial.workload.requests = users;
        trial.backend.host_sequence_s = 40e-6;
        run(&trial);
        assert_all_answered(&trial);
        kerf_time host = ps(trial.backend.host_step_s + users * trial.backend.host_sequence_s);
        kerf_time step = host + ps(trial.backend.to_device_s) + ps(trial.service_s);
        for (int i = 0; i < trial.sent; i++)
            assert_true(decode_ps(&trial.record[i]) == 19 * step);
        free(trial.record);
    }
}

/* The longest time to first token of two users who answer to each other's steps. */
static double first_token_of_two_s(struct trial trial)
{
    double longest_s = 0.0;
    trial.workload.users = 2;
    trial.workload.requests = 40;
    trial.workload.length_ratio_least = 0.5;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 0; i < trial.sent; i++)
        longest_s = fmax(longest_s, trial.record[i].first_token_s - trial.record[i].arrival_s);
    free(trial.record);
    return longest_s;
}

/* A request that comes while a step runs enters with the next one; with the one after where the next is put
 * together already; and a number of steps later where it waits for others, but not when few are enough. */
static void a_new_request_waits_for_the_steps_that_it_must(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    double step_s = trial.backend.host_step_s + trial.backend.to_device_s + trial.service_s;
    double next_s = first_token_of_two_s(trial);
    trial.backend.plans_ahead = true;
    double ahead_s = first_token_of_two_s(trial);
    trial.policy.wait_steps = 3;
    trial.policy.wait_share = 0.9;
    double waiting_s = first_token_of_two_s(trial);
    trial.policy.wait_share = 0.001;
    double enough_s = first_token_of_two_s(trial);
    assert_true(fabs(ahead_s - next_s - step_s) < 1e-9);
    assert_true(fabs(waiting_s - ahead_s - 3.0 * step_s) < 1e-9);
    assert_true(fabs(enough_s - ahead_s) < 1e-9);
}

/* A queue of 40,000 requests is served in order, and in a time that does not grow with the square of it: the
 * test would take minutes if it did. */
static void long_queues_are_not_searched(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.users = trial.workload.requests = 40000;
    trial.workload.answer_tokens = 3;
    trial.policy.block_tokens = 16;
    trial.policy.reserved_output = 0.0;
    trial.backend.kv_tokens = 1600;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 1; i < trial.sent; i++)
        assert_true(trial.record[i].first_token_s >= trial.record[i - 1].first_token_s);
    free(trial.record);
}

static int a_third(void *plan, int under_way, double overhead_s)
{
    (void)plan, (void)overhead_s;
    return (under_way + 2) / 3;
}

/* With three passes under way at a time answers are dealt evenly to them, and under a cache far too small
 * nobody is preempted whom a pass holds: each token still comes out once. */
static void pipelines_preempt_nobody_under_way(void **unused)
{
    (void)unused;
    for (int small = 0; small <= 1; small++) {
        struct trial trial = gpu_trial();
        uint64_t outputs = 0;
        trial.backend.passes_most = 3;
        trial.backend.decode_batch = a_third;
        trial.workload.users = trial.workload.requests = 30;
        trial.workload.prompt_tokens = 50;
        trial.workload.answer_tokens = 80;
        trial.policy.block_tokens = 8;
        trial.policy.reserved_output = 0.0;
        trial.backend.kv_tokens = small ? 600 : 1e6;
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 0; i < trial.sent; i++)
            outputs += trial.record[i].output_tokens;
        assert_int_equal(trial.scheduler[0].output_tokens, outputs);
        assert_int_equal(trial.scheduler[0].preemptions, preemptions_of(&trial));
        assert_true(small ? preemptions_of(&trial) > 0 : preemptions_of(&trial) == 0);
        /* No work is thrown away: a token comes from a pass of its own or from the end of a prompt, but for
         * those who are preempted between two chunks of one. */
        assert_in_range(trial.decode_tokens + 30 + preemptions_of(&trial), outputs, outputs + 3);
        assert_true(trial.overlaps > trial.passes / 2);
        free(trial.record);
    }
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_step_exceeds_the_budget),
        cmocka_unit_test(the_cache_grows_by_blocks),
        cmocka_unit_test(the_newest_is_preempted_and_recomputes),
        cmocka_unit_test(a_small_cache_costs_time_and_no_tokens),
        cmocka_unit_test(answers_together_are_as_answers_one_by_one),
        cmocka_unit_test(a_watermark_leaves_room_to_grow),
        cmocka_unit_test(whole_prompts_wait_for_room),
        cmocka_unit_test(a_host_behind_the_devices_costs_nothing_until_it_is_slower),
        cmocka_unit_test(every_sequence_costs_the_host_its_share),
        cmocka_unit_test(a_new_request_waits_for_the_steps_that_it_must),
        cmocka_unit_test(long_queues_are_not_searched),
        cmocka_unit_test(pipelines_preempt_nobody_under_way),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
