/* Client and scheduler against queueing theory: the accelerator is a stand-in that answers every pass after a
 * constant time, so that every wait can be said beforehand. */
#include "tests/support/serving_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double exact_pass_s(const void *plan, const struct kerf_pass_message *pass)
{
    (void)pass;
    const struct trial *trial = plan;
    return trial->backend.to_device_s + trial->service_s;
}

/* What a scheduler promises its client holds also when no time is a whole number of picoseconds and passes
 * are short: the engine ends a run whose promise is broken. */
static void promises_hold_in_fractions_of_picoseconds(void **unused)
{
    (void)unused;
    for (int i = 0; i < 60; i++) {
        struct trial trial = gpu_trial();
        trial.backend.to_device_s = 1e-6 + 1.3e-13 * (i % 7);
        trial.link_s = 30e-6 + 2.9e-13 * (i % 5);
        trial.service_s = 40e-6 + 3.7e-13 * i;
        trial.backend.pass_s = exact_pass_s;
        trial.backend.plan = &trial;
        trial.backend.least_pass_s = 20e-6;
        trial.workload.answer_tokens = 3;
        run(&trial); /* fails if it does not run to the end */
        assert_int_equal(trial.answered, trial.workload.requests);
        free(trial.record);
    }
}

/* Waits of a first-come-first-served queue with constant service by Lindley's recursion (1952), W' = max(0, W
 * + S - gap): equal to the simulated ones to the picosecond; and their mean is that of M/D/1, rho S / (2 (1 -
 * rho)) (Pollaczek 1930, Khinchine 1932), within four standard errors of batch means. */
static void check_queue(struct trial *trial, kerf_time service, kerf_time beside)
{
    enum { BATCHES = 24, WARM_UP = 1000 };
    kerf_time wait = 0;
    double batch_mean[BATCHES] = {0}, mean = 0.0, variance = 0.0;
    run(trial);
    assert_all_answered(trial);
    int per_batch = (trial->sent - WARM_UP) / BATCHES;
    for (int i = 0; i < trial->sent; i++) {
        const struct kerf_request_record *record = &trial->record[i];
        if (i > 0) {
            kerf_time gap = ps(record->arrival_s) - ps(trial->record[i - 1].arrival_s);
            wait = wait + service > gap ? wait + service - gap : 0;
        }
        kerf_time ttft = ps(record->first_token_s) - ps(record->arrival_s);
        if (ttft != wait + beside)
            fail_msg("request %d took %lld ps, %lld are right", i, (long long)ttft,
                     (long long)(wait + beside));
        int batch = (i - WARM_UP) / per_batch;
        if (i >= WARM_UP && batch < BATCHES)
            batch_mean[batch] += kerf_time_to_s(wait) / per_batch;
    }
    for (int i = 0; i < BATCHES; i++)
        mean += batch_mean[i] / BATCHES;
    for (int i = 0; i < BATCHES; i++)
        variance += (batch_mean[i] - mean) * (batch_mean[i] - mean) / (BATCHES - 1);
    double rho = trial->workload.rate_per_s * kerf_time_to_s(service);
    double theory = rho * kerf_time_to_s(service) / (2.0 * (1.0 - rho));
    if (fabs(mean - theory) > 4.0 * sqrt(variance / BATCHES))
        fail_msg("mean wait %g s, theory %g s, standard error %g s", mean, theory, sqrt(variance / BATCHES));
    free(trial->record);
}

/* Requests of one pass each on a device that takes one at a time wait as in an M/D/1 queue. */
static void one_at_a_time_is_a_queue_with_constant_service(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                            .rate_per_s = 120,
                                            .requests = 25000,
                                            .prompt_tokens = 1,
                                            .answer_tokens = 1,
                                            .length_ratio_least = 1,
                                            .seed = 3};
    trial.policy.max_sequences = 1;
    trial.backend.host_step_s = 0.0;
    kerf_time service = ps(trial.service_s) + ps(trial.backend.to_device_s);
    check_queue(&trial, service, service + 2 * ps(trial.link_s));
}

/* Requests of one pass each wait for a pipeline as in an M/D/1 queue whose service is the spacing of passes.
 */
static void a_pipeline_is_a_queue_of_its_spacing(void **unused)
{
    (void)unused;
    struct trial trial = wafer_trial();
    trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                            .rate_per_s = 700,
                                            .requests = 25000,
                                            .prompt_tokens = 1,
                                            .answer_tokens = 1,
                                            .length_ratio_least = 1,
                                            .seed = 4};
    kerf_time beside = 2 * ps(trial.link_s) + ps(trial.backend.to_device_s) + ps(trial.service_s) +
                       ps(trial.backend.round_overhead_s);
    check_queue(&trial, ps(1e-3), beside);
}

/* Below saturation what comes in goes out; the gaps of arrivals are exponential with the given rate. */
static void arrivals_have_the_given_rate(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.arrivals = KERF_ARRIVALS_POISSON;
    trial.workload.rate_per_s = 100;
    trial.workload.requests = 10000;
    trial.workload.answer_tokens = 1;
    run(&trial);
    assert_all_answered(&trial);
    double span = trial.record[trial.sent - 1].arrival_s - trial.record[0].arrival_s;
    double gaps = trial.sent - 1;
    assert_true(fabs(span - gaps / 100.0) < 5.0 * sqrt(gaps) / 100.0);
    free(trial.record);
}

/* One user alone: every token after the first takes a step with its overheads, to the picosecond. */
static void one_user_meets_service_and_overheads_only(void **unused)
{
    (void)unused;
    struct trial trials[2] = {gpu_trial(), wafer_trial()};
    for (int t = 0; t < 2; t++) {
        struct trial *trial = &trials[t];
        const struct kerf_backend *backend = &trial->backend;
        kerf_time each = ps(backend->host_step_s) + ps(backend->to_device_s) + ps(trial->service_s) +
                         ps(backend->round_overhead_s);
        run(trial);
        assert_all_answered(trial);
        for (int i = 0; i < trial->sent; i++) {
            const struct kerf_request_record *record = &trial->record[i];
            assert_int_equal(record->output_tokens, 20);
            assert_int_equal(record->rounds, 19);
            assert_true(decode_ps(record) == 19 * each);
            assert_true(ps(record->first_token_s) - ps(record->arrival_s) == each + 2 * ps(trial->link_s));
            if (i > 0) /* asks again as soon as answered */
                assert_true(ps(record->arrival_s) == ps(trial->record[i - 1].finish_s));
        }
        free(trial->record);
    }
}

/* Rounds of an answer when guesses are always right (g + 1 tokens each) and when they never are (one). */
static void acceptance_one_and_zero_are_the_limits(void **unused)
{
    (void)unused;
    for (int guesses = 1; guesses <= 7; guesses += 2)
        for (int right = 0; right <= 1; right++)
            for (int t = 0; t < 2; t++) {
                struct trial trial = t ? wafer_trial() : gpu_trial();
                trial.policy.draft_tokens = guesses;
                trial.policy.acceptance = right;
                trial.workload.answer_tokens = 42;
                run(&trial);
                assert_all_answered(&trial);
                uint32_t rounds = right ? (uint32_t)ceil(41.0 / (guesses + 1)) : 41;
                for (int i = 0; i < trial.sent; i++)
                    assert_int_equal(trial.record[i].rounds, rounds);
                assert_int_equal(trial.scheduler[0].output_tokens, 42 * trial.sent);
                free(trial.record);
            }
}

/* One user on a pipeline with guesses: a round is drafting, the passes one spacing apart, and the host. */
static void a_round_of_guesses_takes_its_passes(void **unused)
{
    (void)unused;
    struct trial trial = wafer_trial();
    trial.policy.draft_tokens = 3;
    trial.policy.acceptance = 1.0;
    trial.workload.answer_tokens = 1 + 4 * 6 + 2; /* six full rounds and one of two tokens */
    run(&trial);
    assert_all_answered(&trial);
    const struct kerf_backend *backend = &trial.backend;
    kerf_time fixed = ps(backend->to_device_s) + ps(trial.service_s) + ps(backend->round_overhead_s);
    kerf_time full = ps(3 * backend->draft_s) + 3 * ps(1e-3) + fixed;
    kerf_time last = ps(backend->draft_s) + ps(1e-3) + fixed;
    for (int i = 0; i < trial.sent; i++)
        assert_true(decode_ps(&trial.record[i]) == 6 * full + last);
    free(trial.record);
}

/* Kept tokens per round follow (1 - a^(g+1)) / (1 - a) (Leviathan et al., ICML 2023), within five standard
 * errors, and answers have exactly the tokens asked for. */
static void kept_tokens_follow_the_acceptance(void **unused)
{
    (void)unused;
    static const double acceptances[] = {0.3, 0.6, 0.8};
    for (size_t k = 0; k < 3; k++) {
        enum { GUESSES = 4 };
        struct trial trial = gpu_trial();
        double a = acceptances[k], squares = 0.0, theory = (1 - pow(a, GUESSES + 1)) / (1 - a);
        trial.policy.draft_tokens = GUESSES;
        trial.policy.acceptance = a;
        trial.workload.answer_tokens = 20000;
        trial.workload.requests = 2;
        run(&trial);
        assert_all_answered(&trial);
        for (int n = 1; n <= GUESSES + 1; n++)
            squares += n * n * (n <= GUESSES ? pow(a, n - 1) * (1 - a) : pow(a, GUESSES));
        double rounds = (double)trial.scheduler[0].rounds;
        double mean = 2.0 * 19999.0 / rounds, deviation = sqrt(squares - theory * theory);
        assert_true(fabs(mean - theory) < 5.0 * deviation / sqrt(rounds));
        assert_int_equal(trial.scheduler[0].output_tokens, 40000);
        free(trial.record);
    }
}

/* Guesses are right or wrong by request and token, not by time: a slower device meets the same luck. */
static void luck_does_not_depend_on_time(void **unused)
{
    (void)unused;
    struct trial fast = gpu_trial(), slow = wafer_trial();
    fast.workload.users = slow.workload.users = 4;
    fast.workload.requests = slow.workload.requests = 40;
    fast.policy.draft_tokens = slow.policy.draft_tokens = 3;
    fast.policy.acceptance = slow.policy.acceptance = 0.6;
    slow.service_s = 77e-3;
    run(&fast);
    run(&slow);
    assert_all_answered(&fast);
    assert_all_answered(&slow);
    for (int i = 0; i < fast.sent; i++)
        assert_int_equal(fast.record[i].rounds, slow.record[i].rounds);
    free(fast.record);
    free(slow.record);
}

/* Where the time of a request went sums to its time, and no part is negative, under load with everything. */
static void parts_sum_to_the_time(void **unused)
{
    (void)unused;
    for (int t = 0; t < 4; t++) {
        struct trial trial = t % 2 ? wafer_trial() : gpu_trial();
        trial.workload =
            (struct kerf_workload){.arrivals = t < 2 ? KERF_ARRIVALS_POISSON : KERF_ARRIVALS_CLOSED_LOOP,
                                   .users = 12,
                                   .rate_per_s = 30,
                                   .requests = 300,
                                   .prompt_tokens = 900,
                                   .reasoning_tokens = 10,
                                   .answer_tokens = 30,
                                   .length_ratio_least = 0.1,
                                   .seed = 11};
        trial.policy = (struct kerf_scheduler_policy){.token_budget = 256,
                                                      .prefill_chunk = 200,
                                                      .max_sequences = 8,
                                                      .block_tokens = 16,
                                                      .draft_tokens = 2,
                                                      .acceptance = 0.5};
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 0; i < trial.sent; i++) {
            const struct kerf_request_record *r = &trial.record[i];
            double first = 0.0, decode = 0.0, ttft = r->first_token_s - r->arrival_s;
            for (int part = 0; part < KERF_TIME_PARTS; part++) {
                first += r->first_part_s[part];
                decode += r->decode_part_s[part];
                /* Parts travel as floats: what cancels is left at their accuracy. */
                if (r->first_part_s[part] < -1e-6 * ttft || r->decode_part_s[part] < -1e-6 * ttft)
                    fail_msg("trial %d, request %d, part %d: %g s of the first token, %g s of the answer", t,
                             i, part, r->first_part_s[part], r->decode_part_s[part]);
            }
            assert_true(fabs(first - ttft) <= 1e-6 * ttft);
            assert_true(fabs(decode - (r->finish_s - r->first_token_s)) <=
                        1e-6 * (r->finish_s - r->first_token_s));
        }
        free(trial.record);
    }
}

/* Every prompt token and every output token after the first goes through the device once. */
static void tokens_are_conserved(void **unused)
{
    (void)unused;
    for (int t = 0; t < 2; t++) {
        struct trial trial = t ? wafer_trial() : gpu_trial();
        uint64_t prompts = 0, later = 0, outputs = 0;
        trial.workload.users = 7;
        trial.workload.requests = 50;
        trial.workload.prompt_tokens = 700;
        trial.workload.length_ratio_least = 0.2;
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 0; i < trial.sent; i++) {
            assert_in_range(trial.record[i].prompt_tokens, 140, 700);
            assert_in_range(trial.record[i].output_tokens, 4, 20);
            prompts += trial.record[i].prompt_tokens;
            outputs += trial.record[i].output_tokens;
            later += trial.record[i].output_tokens - 1;
        }
        assert_int_equal(trial.prefill_tokens, prompts);
        assert_int_equal(trial.decode_tokens, later);
        assert_int_equal(trial.scheduler[0].prefill_tokens, prompts);
        assert_int_equal(trial.scheduler[0].decode_tokens, later);
        assert_int_equal(trial.scheduler[0].output_tokens, outputs);
        free(trial.record);
    }
}

/* Passes keep to the token budget and the chunk; a GPU never has two, a pipeline has many at once. */
static void passes_keep_to_the_policy(void **unused)
{
    (void)unused;
    for (int t = 0; t < 2; t++) {
        struct trial trial = t ? wafer_trial() : gpu_trial();
        trial.workload.users = 30;
        trial.workload.requests = 60;
        trial.workload.prompt_tokens = 1000;
        trial.policy.token_budget = 128;
        trial.policy.prefill_chunk = 50;
        run(&trial);
        assert_all_answered(&trial);
        assert_true(trial.most_tokens <= 128);
        assert_true(t ? trial.most_prefill == 50 : trial.most_prefill > 50); /* GPUs mix prompts */
        assert_true(t ? trial.overlaps > 0 : trial.overlaps == 0);
        free(trial.record);
    }
}

/* The cache reserved never exceeds the cache there is, and as much is used as fits; requests start in order.
 */
static void admission_keeps_to_the_cache(void **unused)
{
    (void)unused;
    for (int t = 0; t < 2; t++) {
        struct trial trial = t ? wafer_trial() : gpu_trial();
        trial.workload.users = 10;
        trial.workload.requests = 40;
        trial.workload.prompt_tokens = 60;
        trial.workload.answer_tokens = 20;
        trial.backend.kv_tokens = 250;
        run(&trial);
        assert_all_answered(&trial);
        assert_true(trial.scheduler[0].kv_tokens_most == 240); /* three of 80 */
        assert_true(trial.most_sequences <= 3);
        for (int i = 1; i < trial.sent; i++)
            assert_true(trial.record[i].first_token_s >= trial.record[i - 1].first_token_s);
        free(trial.record);
    }
}

/* Prompts are taken in order of arrival, and when the budget is too small for all that decode, the oldest go
 * first, though most of those who came before have left: first tokens come in order of arrival, and of
 * answers of one length the ends too. */
static void the_oldest_go_first(void **unused)
{
    (void)unused;
    for (int same_length = 0; same_length <= 1; same_length++) {
        struct trial trial = gpu_trial();
        trial.workload.users = 20;
        trial.workload.requests = 1500;
        trial.workload.prompt_tokens = same_length ? 1 : 40; /* short: more decode than fit a step */
        trial.workload.length_ratio_least = same_length ? 1.0 : 0.05;
        trial.policy = (struct kerf_scheduler_policy){.token_budget = 48,
                                                      .prefill_chunk = 48,
                                                      .max_sequences = 16,
                                                      .block_tokens = 1,
                                                      .draft_tokens = 7,
                                                      .acceptance = 1.0};
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 1; i < trial.sent; i++) {
            assert_true(trial.record[i].first_token_s >= trial.record[i - 1].first_token_s);
            assert_true(!same_length || trial.record[i].finish_s >= trial.record[i - 1].finish_s);
        }
        free(trial.record);
    }
}

/* With guesses each request also reserves the cache that they may fill. */
static void guesses_need_cache_too(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.users = 10;
    trial.workload.requests = 20;
    trial.workload.prompt_tokens = 60;
    trial.policy.draft_tokens = 5;
    trial.policy.acceptance = 0.5;
    trial.backend.kv_tokens = 254;
    run(&trial);
    assert_all_answered(&trial);
    assert_true(trial.scheduler[0].kv_tokens_most == 170); /* two of 85: three would need 255 */
    free(trial.record);
}

/* No more requests are in service than allowed. */
static void service_is_limited(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.users = 10;
    trial.workload.requests = 30;
    trial.policy.max_sequences = 2;
    run(&trial);
    assert_all_answered(&trial);
    assert_int_equal(trial.most_sequences, 2);
    free(trial.record);
}

/* A request that can never fit waits for ever: the run ends, and the record says so. */
static void what_never_fits_is_reported(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    trial.workload.users = 4;
    trial.backend.kv_tokens = 25;
    run(&trial);
    assert_int_equal(trial.answered, 0);
    assert_int_equal(trial.scheduler[0].unfinished, 4);
    assert_true(trial.scheduler[0].kv_tokens_most == 0);
    free(trial.record);
}

/* Requests go to the replica with the fewest unanswered, the first of equals. */
static void the_least_busy_replica_is_asked(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    int asked[REPLICAS_MOST] = {0};
    trial.replicas = 3;
    trial.workload.users = 5;
    trial.workload.requests = 60;
    trial.workload.length_ratio_least = 0.3;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 0; i < 5; i++)
        assert_int_equal(trial.record[i].replica, i % 3);
    for (int i = 0; i < trial.sent; i++) {
        int unanswered[REPLICAS_MOST] = {0};
        for (int k = 0; k < i; k++)
            unanswered[trial.record[k].replica] += trial.record[k].finish_s > trial.record[i].arrival_s;
        for (int r = 0; r < 3; r++)
            assert_true(unanswered[trial.record[i].replica] <= unanswered[r]);
        asked[trial.record[i].replica]++;
    }
    for (int r = 0; r < 3; r++)
        assert_true(asked[r] > 10);
    free(trial.record);
}

/* The same seed gives the same requests; another seed gives others of the same range. */
static void requests_follow_the_seed(void **unused)
{
    (void)unused;
    struct trial first = gpu_trial(), again = gpu_trial(), other = gpu_trial();
    first.workload.length_ratio_least = again.workload.length_ratio_least = 0.1;
    other.workload.length_ratio_least = 0.1;
    other.workload.seed = 2;
    run(&first);
    run(&again);
    run(&other);
    assert_memory_equal(first.record, again.record, (size_t)first.sent * sizeof *first.record);
    assert_memory_not_equal(first.record, other.record, (size_t)first.sent * sizeof *first.record);
    free(first.record);
    free(again.record);
    free(other.record);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_is_a_queue_with_constant_service),
        cmocka_unit_test(a_pipeline_is_a_queue_of_its_spacing),
        cmocka_unit_test(arrivals_have_the_given_rate),
        cmocka_unit_test(one_user_meets_service_and_overheads_only),
        cmocka_unit_test(acceptance_one_and_zero_are_the_limits),
        cmocka_unit_test(a_round_of_guesses_takes_its_passes),
        cmocka_unit_test(kept_tokens_follow_the_acceptance),
        cmocka_unit_test(luck_does_not_depend_on_time),
        cmocka_unit_test(parts_sum_to_the_time),
        cmocka_unit_test(tokens_are_conserved),
        cmocka_unit_test(passes_keep_to_the_policy),
        cmocka_unit_test(admission_keeps_to_the_cache),
        cmocka_unit_test(the_oldest_go_first),
        cmocka_unit_test(guesses_need_cache_too),
        cmocka_unit_test(service_is_limited),
        cmocka_unit_test(what_never_fits_is_reported),
        cmocka_unit_test(the_least_busy_replica_is_asked),
        cmocka_unit_test(requests_follow_the_seed),
        cmocka_unit_test(promises_hold_in_fractions_of_picoseconds),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
