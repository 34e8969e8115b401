/* Steady states and confidence intervals: MSER-5 cuts a known transient, intervals by batches cover what they
 * should on series with known correlation, and an M/M/1 queue's waits lie in theirs. */
#include "sim/engine/random.h"
#include "sim/study/percentiles.h"
#include "sim/study/steady.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONG = 20000 };

static double uniform(uint64_t stream, int i)
{
    return kerf_random_uniform(99, stream, (uint64_t)i);
}

/* Box and Muller. */
static double normal(uint64_t stream, int i)
{
    return sqrt(-2.0 * log(uniform(stream, 2 * i) + 1e-300)) *
           cos(2.0 * acos(-1.0) * uniform(stream, 2 * i + 1));
}

/* A start 10 standard deviations off that decays with a time constant of 60 values. */
static void a_transient_is_cut(void **unused)
{
    (void)unused;
    enum { COUNT = 2000 };
    double value[COUNT];
    bool steady;
    for (int i = 0; i < COUNT; i++)
        value[i] = 5.0 + normal(1, i) + 10.0 * exp(-i / 60.0);
    int first = kerf_mser5(value, COUNT, &steady);
    assert_true(steady);
    assert_in_range(first, 100,
                    400); /* after 1.7 to 6.7 time constants: 1.9 to 0.01 standard deviations are left */
}

static void what_is_steady_is_left_nearly_whole(void **unused)
{
    (void)unused;
    enum { COUNT = 2000 };
    double value[COUNT];
    bool steady;
    for (int i = 0; i < COUNT; i++)
        value[i] = 5.0 + normal(2, i);
    assert_in_range(kerf_mser5(value, COUNT, &steady), 0, COUNT / 10);
    assert_true(steady);
    for (int i = 0; i < COUNT; i++)
        value[i] = i; /* grows for ever */
    kerf_mser5(value, COUNT, &steady);
    assert_false(steady);
    assert_int_equal(kerf_mser5(value, 49, &steady), 0);
    assert_true(steady);
}

/* AR(1) with a correlation of 0.5 from value to value and mean 3: a 95 % interval holds the mean 95 times in
 * 100; of 300 series the share is within 3 standard deviations of that, and somewhat less by what batches
 * still share. */
static void intervals_of_a_correlated_series_cover_its_mean(void **unused)
{
    (void)unused;
    enum { SERIES = 300, COUNT = 3000 };
    double *value = calloc(COUNT, sizeof *value), *room = calloc(COUNT, sizeof *room);
    int mean_held = 0, median_held = 0;
    for (int s = 0; s < SERIES; s++) {
        double last = normal(100 + (uint64_t)s, COUNT) / sqrt(0.75);
        for (int i = 0; i < COUNT; i++) {
            last = 0.5 * last + normal(100 + (uint64_t)s, i);
            value[i] = 3.0 + last;
        }
        struct kerf_interval mean = kerf_batch_mean(value, COUNT),
                             median = kerf_batch_quantile(value, COUNT, 0.5, room);
        assert_int_equal(mean.batches, 30);
        mean_held += mean.low <= 3.0 && 3.0 <= mean.high;
        median_held += median.low <= 3.0 && 3.0 <= median.high;
    }
    assert_in_range(mean_held, SERIES * 90 / 100, SERIES * 99 / 100);
    assert_in_range(median_held, SERIES * 90 / 100, SERIES * 99 / 100);
    free(value);
    free(room);
}

static void too_few_values_have_no_interval(void **unused)
{
    (void)unused;
    double value[1000], room[1000];
    for (int i = 0; i < 1000; i++)
        value[i] = i;
    assert_int_equal(kerf_batch_mean(value, 199).batches, 0);
    assert_true(isnan(kerf_batch_mean(value, 199).low));
    assert_int_equal(kerf_batch_mean(value, 200).batches, 10);
    assert_true(kerf_batch_quantile(value, 1000, 0.99, room).batches == 0); /* 5 of 500 lie beyond P99 */
    assert_true(fabs(kerf_batch_quantile(value, 1000, 0.99, room).value - 989.01) < 1e-9);
    assert_int_equal(kerf_batch_quantile(value, 1000, 0.95, room).batches, 10);
    assert_true(isnan(kerf_batch_mean(value, 0).value));
}

/* Requests of an M/M/1 queue with load 0.5, by Lindley's recursion: the time in the system is exponential
 * with rate mu - lambda (Kleinrock, "Queueing Systems", vol. 1, section 5.6). */
static struct kerf_request_record *queue(double lambda, double mu)
{
    struct kerf_request_record *record = calloc(LONG, sizeof *record);
    double arrival_s = 0.0, free_s = 0.0;
    for (int i = 0; i < LONG; i++) {
        arrival_s += -log(1.0 - uniform(7, i)) / lambda;
        double begin_s = fmax(arrival_s, free_s);
        free_s = begin_s - log(1.0 - uniform(8, i)) / mu;
        record[i] = (struct kerf_request_record){.arrival_s = arrival_s,
                                                 .first_token_s = free_s,
                                                 .finish_s = free_s + 1.0,
                                                 .output_tokens = 11,
                                                 .prefill_queue_s = begin_s - arrival_s};
    }
    return record;
}

static void percentiles_of_a_queue_lie_in_their_intervals(void **unused)
{
    (void)unused;
    struct kerf_request_record *record = queue(0.5, 1.0);
    struct kerf_percentiles p;
    double sum[LONG / 4];
    const struct kerf_measure_spec measure = {
        .warmup_requests = 200, .slo_ttft_s = 4.0, .slo_percentile = 85.0};
    kerf_percentiles_fill(record, LONG, &measure, &p);
    for (int k = 0; k < KERF_PERCENTILES; k++) {
        double wanted_s = -log(1.0 - kerf_percentile_p[k]) / 0.5;
        assert_true(p.low[KERF_WAIT_TTFT][k] <= wanted_s && wanted_s <= p.high[KERF_WAIT_TTFT][k]);
        assert_true(fabs(p.value[KERF_WAIT_TPOT][k] - 0.1) < 1e-9);
    }
    assert_true(p.warmup == 200.0 && p.measured == LONG - 200 && p.steady == 1.0);
    assert_true(fabs(p.slo_share - (1.0 - exp(-2.0))) < 0.02); /* P(T <= 4) */
    assert_true(p.slo_met == 1.0);
    for (int i = 0; i < LONG / 4; i++)
        sum[i] = record[i].first_token_s - record[i].arrival_s;
    struct kerf_interval mean = kerf_batch_mean(sum, LONG / 4);
    assert_true(mean.low <= 2.0 && 2.0 <= mean.high); /* 1 / (mu - lambda) */
    free(record);
}

static void the_slo_counts_each_request(void **unused)
{
    (void)unused;
    const struct kerf_request_record record[] = {
        {.first_token_s = 1.0, .finish_s = 3.0, .output_tokens = 3},                   /* 1 s, 1 s */
        {.first_token_s = 3.0, .finish_s = 3.2, .output_tokens = 3},                   /* 3 s, 0.1 s */
        {.arrival_s = 1.0, .first_token_s = 1.5, .finish_s = 1.9, .output_tokens = 3}, /* 0.5 s, 0.2 s */
        {.arrival_s = 2.0, .first_token_s = 4.0, .finish_s = 4.0, .output_tokens = 1}, /* 2 s, no tpot */
    };
    struct kerf_percentiles p;
    const struct kerf_measure_spec measure = {.slo_ttft_s = 2.0, .slo_tpot_s = 0.5, .slo_percentile = 50.0},
                                   late = {.slo_ttft_s = 2.0, .slo_percentile = 99.0, .warmup_s = 1.0},
                                   none = {0};
    kerf_percentiles_fill(record, 4, &measure, &p);
    assert_true(p.slo_share == 0.5 && p.slo_met == 1.0 && p.goodput_per_s == 0.5); /* 2 in 4 s */
    kerf_percentiles_fill(record, 4, &late, &p);
    assert_true(p.warmup == 2.0 && p.slo_share == 1.0 && p.slo_met == 1.0);
    kerf_percentiles_fill(record, 4, &none, &p);
    assert_true(isnan(p.slo_share) && isnan(p.goodput_per_s) && p.measured == 4.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transient_is_cut),
        cmocka_unit_test(what_is_steady_is_left_nearly_whole),
        cmocka_unit_test(intervals_of_a_correlated_series_cover_its_mean),
        cmocka_unit_test(too_few_values_have_no_interval),
        cmocka_unit_test(percentiles_of_a_queue_lie_in_their_intervals),
        cmocka_unit_test(the_slo_counts_each_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
