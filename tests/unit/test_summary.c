/* A summary is the medians, means and rates of its requests, by definition. */
#include "sim/study/statistics.h"
#include "sim/study/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double actual, double expected)
{
    if (fabs(actual - expected) > 1e-12 * fabs(expected))
        fail_msg("%.17g is not %.17g", actual, expected);
}

/* The median is the middle value, or the mean of the two middle ones; of nothing it is NAN. */
static void the_median_is_in_the_middle(void **unused)
{
    (void)unused;
    assert_near(kerf_median((double[]){3}, 1), 3);
    assert_near(kerf_median((double[]){5, 1, 3}, 3), 3);
    assert_near(kerf_median((double[]){5, 1, 3, 100}, 4), 4);
    assert_near(kerf_median((double[]){-1, -1, 7, 7, 7}, 5), 7);
    assert_true(isnan(kerf_median(NULL, 0)));
}

static struct kerf_request_record request(double arrival_s, double first_s, double finish_s, uint32_t tokens)
{
    struct kerf_request_record record = {.arrival_s = arrival_s,
                                         .first_token_s = first_s,
                                         .finish_s = finish_s,
                                         .output_tokens = tokens,
                                         .rounds = tokens / 2};
    record.first_part_s[KERF_TIME_COMPUTE] = 0.25 * (first_s - arrival_s);
    record.first_part_s[KERF_TIME_WAITING] = 0.75 * (first_s - arrival_s);
    record.decode_part_s[KERF_TIME_MEMORY] = finish_s - first_s;
    return record;
}

/* Times, speeds and throughput of three requests by hand. */
static void metrics_follow_from_the_requests(void **unused)
{
    (void)unused;
    const struct kerf_request_record records[] = {request(1, 2, 12, 11), request(2, 5, 8, 4),
                                                  request(3, 5, 25, 5)};
    struct kerf_summary summary = {0};
    kerf_summarise(records, 3, &summary);
    assert_near(summary.metric[KERF_METRIC_TTFT], 2);           /* of 1, 3, 2 */
    assert_near(summary.metric[KERF_METRIC_TPOT], 1);           /* of 1, 1, 5 */
    assert_near(summary.metric[KERF_METRIC_SPEED_PER_USER], 1); /* of 1, 1, 0.2 */
    assert_near(summary.metric[KERF_METRIC_E2E], 11);           /* of 11, 6, 22 */
    assert_near(summary.metric[KERF_METRIC_THROUGHPUT],
                20.0 / 24.0); /* from the first arrival to the last end */
    assert_near(summary.mean_ttft_s, 2);
    assert_near(summary.mean_tpot_s, 7.0 / 3.0);
    assert_near(summary.last_ttft_s, 3);
    assert_near(summary.requests, 3);
    assert_near(summary.output_tokens, 20);
    assert_near(summary.rounds, 5 + 2 + 2);
}

/* Parts are means over requests, or over output tokens after the first, and sum to the mean times. */
static void parts_are_means(void **unused)
{
    (void)unused;
    const struct kerf_request_record records[] = {request(0, 2, 12, 11), request(0, 4, 7, 4)};
    struct kerf_summary summary = {0};
    kerf_summarise(records, 2, &summary);
    assert_near(summary.ttft_part_s[KERF_TIME_COMPUTE], 0.25 * 3);
    assert_near(summary.ttft_part_s[KERF_TIME_WAITING], 0.75 * 3);
    assert_near(summary.tpot_part_s[KERF_TIME_MEMORY], 13.0 / 13.0);
    assert_near(summary.e2e_part_s[KERF_TIME_MEMORY], 6.5);
    assert_near(summary.e2e_part_s[KERF_TIME_WAITING], 0.75 * 3);
    assert_true(summary.tpot_part_s[KERF_TIME_SOFTWARE] == 0.0);
}

/* Answers of one token have no time per token: they do not count there, and alone leave it undefined. */
static void answers_of_one_token_have_no_pace(void **unused)
{
    (void)unused;
    const struct kerf_request_record records[] = {request(0, 1, 1, 1), request(0, 2, 6, 3),
                                                  request(0, 3, 3, 1)};
    struct kerf_summary summary = {0}, single = {0};
    kerf_summarise(records, 3, &summary);
    kerf_summarise(records, 1, &single);
    assert_near(summary.metric[KERF_METRIC_TPOT], 2);
    assert_near(summary.metric[KERF_METRIC_TTFT], 2);
    assert_near(summary.tpot_part_s[KERF_TIME_MEMORY], 2);
    assert_near(summary.mean_tpot_s, 2);
    assert_true(isnan(single.mean_tpot_s));
    assert_true(isnan(single.metric[KERF_METRIC_TPOT]));
    assert_true(isnan(single.metric[KERF_METRIC_SPEED_PER_USER]));
    assert_near(single.metric[KERF_METRIC_E2E], 1);
    assert_true(single.tpot_part_s[KERF_TIME_MEMORY] == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_in_the_middle),
        cmocka_unit_test(metrics_follow_from_the_requests),
        cmocka_unit_test(parts_are_means),
        cmocka_unit_test(answers_of_one_token_have_no_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
