/* Serving against theory: queues whose waits have a formula, laws that every queue obeys, and limits that a
 * cache sets. */
#include "models/workload/arrivals.h"
#include "sim/engine/random.h"
#include "tests/support/serving_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BATCHES = 20, WARM_UP = 1000 };

/* Mean of values after the warm-up and its standard error by batch means. */
static double mean_of(const double *value, int count, double *standard_error)
{
    double batch[BATCHES] = {0}, mean = 0.0, variance = 0.0;
    int each = (count - WARM_UP) / BATCHES;
    for (int i = WARM_UP; i < WARM_UP + BATCHES * each; i++)
        batch[(i - WARM_UP) / each] += value[i] / each;
    for (int i = 0; i < BATCHES; i++)
        mean += batch[i] / BATCHES;
    for (int i = 0; i < BATCHES; i++)
        variance += (batch[i] - mean) * (batch[i] - mean) / (BATCHES - 1);
    *standard_error = sqrt(variance / BATCHES);
    return mean;
}

/* Gaps of open loads have the mean and the variation of their distributions: gamma 1/k; Weibull
 * Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1. */
static void gaps_have_their_distribution(void **unused)
{
    (void)unused;
    static const double shapes[] = {0.6, 1.0, 4.0};
    enum { GAPS = 100000 };
    for (int weibull = 0; weibull <= 1; weibull++)
        for (size_t k = 0; k < 3; k++) {
            struct kerf_workload workload = {.arrivals =
                                                 weibull ? KERF_ARRIVALS_WEIBULL : KERF_ARRIVALS_GAMMA,
                                             .rate_per_s = 7.0,
                                             .burst_shape = shapes[k],
                                             .seed = 9};
            double sum = 0.0, squares = 0.0, shape = shapes[k];
            for (int i = 0; i < GAPS; i++) {
                double gap = kerf_arrival_gap_s(&workload, (uint64_t)i) * 7.0;
                assert_true(gap >= 0.0);
                sum += gap;
                squares += gap * gap;
            }
            double mean = sum / GAPS, variance = squares / GAPS - mean * mean, g = tgamma(1.0 + 1.0 / shape);
            double theory = weibull ? tgamma(1.0 + 2.0 / shape) / (g * g) - 1.0 : 1.0 / shape;
            if (fabs(mean - 1.0) > 5.0 * sqrt(theory / GAPS) || fabs(variance / theory - 1.0) > 0.12)
                fail_msg("weibull %d, shape %g: mean %g, variance %g (%g)", weibull, shape, mean, variance,
                         theory);
        }
}

/* Service times: exponential, and 0.2 or 3.4 times the mean with odds of 3 to 1. */
static const double mean_service_s = 5e-3;

static double exponential_service(const struct trial *trial, const struct kerf_pass_message *pass,
                                  uint64_t number)
{
    (void)pass;
    return trial->service_s + kerf_random_exponential(77, 5, number, mean_service_s);
}

static double two_kinds_of_service(const struct trial *trial, const struct kerf_pass_message *pass,
                                   uint64_t number)
{
    (void)pass;
    return trial->service_s + mean_service_s * (kerf_random_uniform(77, 6, number) < 0.75 ? 0.2 : 3.4);
}

/* Requests of one pass each, one in service: mean waits are those of M/M/1 and M/G/1, lambda E[S^2] / (2 (1 -
 * rho)) (Pollaczek 1930, Khinchine 1932). */
static void single_servers_wait_as_theory_says(void **unused)
{
    (void)unused;
    static const struct {
        double (*pass_s)(const struct trial *, const struct kerf_pass_message *, uint64_t);
        double second_moment; /* over the squared mean */
    } kinds[] = {{exponential_service, 2.0}, {two_kinds_of_service, 0.75 * 0.04 + 0.25 * 3.4 * 3.4}};
    for (int k = 0; k < 2; k++) {
        struct trial trial = gpu_trial();
        trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                                .rate_per_s = 120,
                                                .requests = 41000,
                                                .prompt_tokens = 1,
                                                .answer_tokens = 1,
                                                .length_ratio_least = 1,
                                                .seed = 21};
        trial.policy.max_sequences = 1;
        trial.backend.host_step_s = 0.0;
        trial.backend.to_device_s = 1e-9;
        trial.service_s = 1e-9; /* the least */
        trial.pass_s = kinds[k].pass_s;
        run(&trial);
        assert_all_answered(&trial);
        double *sojourn = calloc((size_t)trial.sent, sizeof *sojourn), error;
        for (int i = 0; i < trial.sent; i++)
            sojourn[i] = trial.record[i].finish_s - trial.record[i].arrival_s - 2.0 * trial.link_s;
        double rho = 120 * mean_service_s, mean = mean_of(sojourn, trial.sent, &error);
        double theory = mean_service_s +
                        120 * kinds[k].second_moment * mean_service_s * mean_service_s / (2.0 * (1.0 - rho));
        if (fabs(mean - theory) > 4.0 * error)
            fail_msg("kind %d: %g s, theory %g s, standard error %g s", k, mean, theory, error);
        free(sojourn);
        free(trial.record);
    }
}

/* A server that takes all who wait at once, for a constant time D (bulk service): a batch is as many as came
 * in D, or one if nobody did, so its mean is a + exp(-a) with a = lambda D. */
static void batches_are_those_of_bulk_service(void **unused)
{
    (void)unused;
    static const double rates[] = {60, 300, 1500};
    for (size_t k = 0; k < 3; k++) {
        struct trial trial = gpu_trial();
        trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                                .rate_per_s = rates[k],
                                                .requests = 30000,
                                                .prompt_tokens = 1,
                                                .answer_tokens = 1,
                                                .length_ratio_least = 1,
                                                .seed = 8};
        trial.backend.host_step_s = 0.0;
        run(&trial);
        assert_all_answered(&trial);
        double a = rates[k] * (trial.service_s + trial.backend.to_device_s);
        double batch = (double)trial.sent / (double)trial.passes, theory = a + exp(-a);
        assert_true(fabs(batch / theory - 1.0) < 5.0 * sqrt(a) / theory / sqrt((double)trial.passes));
        free(trial.record);
    }
}

/* No schedule answers more requests than the cache allows: each holds its tokens of cache for the time of its
 * steps. Setting all aside comes close to the limit of its own, and growing exceeds that. */
static void the_cache_limits_throughput(void **unused)
{
    (void)unused;
    enum { PROMPT = 40, OUTPUT = 60, CACHE = 4000, REQUESTS = 2000 };
    double speed[2];
    for (int whole = 0; whole <= 1; whole++) {
        struct trial trial = gpu_trial();
        trial.workload.arrivals = KERF_ARRIVALS_BATCH;
        trial.workload.requests = REQUESTS;
        trial.workload.prompt_tokens = PROMPT;
        trial.workload.answer_tokens = OUTPUT;
        trial.policy.token_budget = trial.policy.prefill_chunk = 100000;
        trial.policy.reserved_output = whole;
        trial.policy.watermark = whole ? 0.0 : 0.3;
        trial.backend.kv_tokens = CACHE;
        trial.backend.host_step_s = 0.0;
        run(&trial);
        assert_all_answered(&trial);
        double step_s = trial.service_s + trial.backend.to_device_s, last_s = 0.0;
        for (int i = 0; i < trial.sent; i++)
            last_s = fmax(last_s, trial.record[i].finish_s);
        speed[whole] = REQUESTS / last_s;
        double token_steps = OUTPUT * PROMPT + OUTPUT * (OUTPUT - 1) / 2.0;
        assert_true(speed[whole] <= CACHE / (token_steps * step_s));
        if (whole)
            assert_true(speed[1] > 0.97 * CACHE / ((PROMPT + OUTPUT) * OUTPUT * step_s));
        free(trial.record);
    }
    assert_true(speed[0] > speed[1]);
}

/* Little's law in a closed loop: users = throughput x time in the system, but for both ends of the run. */
static void littles_law_holds(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    double sum_s = 0.0, last_s = 0.0;
    trial.workload.users = 16;
    trial.workload.requests = 16 * 200;
    trial.workload.length_ratio_least = 0.3;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 0; i < trial.sent; i++) {
        sum_s += trial.record[i].finish_s - trial.record[i].arrival_s;
        last_s = fmax(last_s, trial.record[i].finish_s);
    }
    assert_true(fabs(sum_s / last_s / 16.0 - 1.0) < 0.01);
    free(trial.record);
}

/* The device is never idle while anybody waits or is in service. */
static void work_is_conserved(void **unused)
{
    (void)unused;
    struct trial trial = gpu_trial();
    kerf_time last = 0;
    trial.workload.arrivals = KERF_ARRIVALS_BATCH;
    trial.workload.requests = 300;
    trial.workload.length_ratio_least = 0.1;
    trial.policy.max_sequences = 20;
    trial.policy.block_tokens = 4;
    trial.policy.reserved_output = 0.0;
    trial.backend.kv_tokens = 300;
    trial.backend.host_step_s = 0.0;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 0; i < trial.sent; i++)
        last = ps(trial.record[i].finish_s) > last ? ps(trial.record[i].finish_s) : last;
    kerf_time step = ps(trial.service_s) + ps(trial.backend.to_device_s);
    assert_true(last == (kerf_time)trial.passes * step + 2 * ps(trial.link_s));
    free(trial.record);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_e2e_s(const struct trial *trial)
{
    double *value = calloc((size_t)trial->sent, sizeof *value);
    for (int i = 0; i < trial->sent; i++)
        value[i] = trial->record[i].finish_s - trial->record[i].arrival_s;
    qsort(value, (size_t)trial->sent, sizeof *value, compare);
    double median = value[trial->sent / 2];
    free(value);
    return median;
}

/* A faster device never lengthens the median, whatever the load, also with a cache that is too small. */
static void faster_devices_are_faster(void **unused)
{
    (void)unused;
    for (int arrivals = 0; arrivals < KERF_ARRIVALS_TRACE; arrivals++) {
        double before_s = INFINITY;
        for (double service_s = 16e-3; service_s > 0.9e-3; service_s *= 0.5) {
            struct trial trial = gpu_trial();
            trial.workload.arrivals = (enum kerf_arrivals)arrivals;
            trial.workload.users = 12;
            trial.workload.rate_per_s = 40;
            trial.workload.burst_shape = 0.5;
            trial.workload.requests = 400;
            trial.workload.length_ratio_least = 0.2;
            trial.policy.reserved_output = 0.0;
            trial.policy.block_tokens = 4;
            trial.backend.kv_tokens = 200;
            trial.service_s = service_s;
            run(&trial);
            assert_all_answered(&trial);
            double median_s = median_e2e_s(&trial);
            assert_true(median_s <= before_s);
            before_s = median_s;
            free(trial.record);
        }
    }
}

/* Copies of a replica with as many users each are as the replica alone. */
static void copies_are_as_one(void **unused)
{
    (void)unused;
    struct trial one = gpu_trial(), three = gpu_trial();
    one.workload.users = 4;
    one.workload.requests = 80;
    three.replicas = 3;
    three.workload.users = 12;
    three.workload.requests = 240;
    run(&one);
    run(&three);
    assert_all_answered(&one);
    assert_all_answered(&three);
    for (int i = 0; i < three.sent; i++) {
        const struct kerf_request_record *a = &one.record[i / 3], *b = &three.record[i];
        assert_true(a->first_token_s == b->first_token_s && a->finish_s == b->finish_s);
    }
    free(one.record);
    free(three.record);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_have_their_distribution),
        cmocka_unit_test(single_servers_wait_as_theory_says),
        cmocka_unit_test(batches_are_those_of_bulk_service),
        cmocka_unit_test(the_cache_limits_throughput),
        cmocka_unit_test(littles_law_holds),
        cmocka_unit_test(work_is_conserved),
        cmocka_unit_test(faster_devices_are_faster),
        cmocka_unit_test(copies_are_as_one),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
