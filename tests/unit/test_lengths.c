/* Lengths of requests follow their distributions, whatever order they are drawn in. */
#include "models/workload/lengths.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 100000 };

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Mean and sorted draws of a distribution. */
static double draws_of(const struct kerf_draws *distribution, double *value)
{
    double sum = 0.0;
    for (int i = 0; i < DRAWS; i++)
        sum += value[i] = kerf_draws_value(distribution, 3, 17, (uint64_t)i);
    qsort(value, DRAWS, sizeof *value, compare);
    return sum / DRAWS;
}

static void assert_near(double value, double wanted, double share)
{
    if (fabs(value / wanted - 1.0) > share)
        fail_msg("%g and not %g", value, wanted);
}

/* Log-normal: median, 90th percentile and mean exp(mu + sigma^2 / 2) are as asked for. */
static void log_normal_has_its_moments(void **unused)
{
    (void)unused;
    double *value = malloc(DRAWS * sizeof *value), sigma = kerf_log_normal_sigma(1020.0, 2735.0);
    struct kerf_draws distribution = {.kind = KERF_DRAWS_LOG_NORMAL, .centre = 1020.0, .sigma = sigma};
    assert_near(draws_of(&distribution, value), 1020.0 * exp(0.5 * sigma * sigma), 0.02);
    assert_near(value[DRAWS / 2], 1020.0, 0.02);
    assert_near(value[DRAWS / 10 * 9], 2735.0, 0.02);
    struct kerf_error error = {0};
    assert_int_equal(kerf_log_normal_from_mean(1154.7, 2300.0, &sigma, &error), KERF_OK);
    distribution = (struct kerf_draws){
        .kind = KERF_DRAWS_LOG_NORMAL, .centre = 1154.7 * exp(-0.5 * sigma * sigma), .sigma = sigma};
    assert_near(draws_of(&distribution, value), 1154.7, 0.02);
    assert_near(value[DRAWS / 10 * 9], 2300.0, 0.02);
    assert_int_equal(kerf_log_normal_from_mean(1000.0, 2400.0, &sigma, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_log_normal_from_mean(1000.0, 900.0, &sigma, &error), KERF_ERR_USAGE);
    free(value);
}

/* Uniform from end to end, exponential with its mean, constant; ends clip. */
static void others_have_their_moments(void **unused)
{
    (void)unused;
    double *value = malloc(DRAWS * sizeof *value);
    struct kerf_draws uniform = {.kind = KERF_DRAWS_UNIFORM, .least = 100.0, .most = 300.0};
    assert_near(draws_of(&uniform, value), 200.0, 0.01);
    assert_true(value[0] >= 100.0 && value[0] < 100.1 && value[DRAWS - 1] <= 300.0);
    struct kerf_draws exponential = {.kind = KERF_DRAWS_EXPONENTIAL, .centre = 7.0};
    assert_near(draws_of(&exponential, value), 7.0, 0.02);
    assert_near(value[DRAWS / 2], 7.0 * log(2.0), 0.02);
    exponential.least = 3.0;
    exponential.most = 9.0;
    draws_of(&exponential, value);
    assert_true(value[0] == 3.0 && value[DRAWS - 1] == 9.0);
    struct kerf_draws constant = {.kind = KERF_DRAWS_CONSTANT, .centre = 42.0};
    assert_true(draws_of(&constant, value) == 42.0);
    free(value);
}

/* Values of a histogram come as often as their weights say. */
static void histograms_have_their_shares(void **unused)
{
    (void)unused;
    static const double value[] = {10, 20, 400}, weight[] = {1, 0, 3};
    struct kerf_histogram histogram;
    struct kerf_error error = {0};
    int count[2] = {0};
    assert_int_equal(kerf_histogram_make(&histogram, value, weight, 3, &error), KERF_OK);
    struct kerf_draws empirical = {.kind = KERF_DRAWS_EMPIRICAL, .histogram = &histogram};
    for (int i = 0; i < DRAWS; i++) {
        double one = kerf_draws_value(&empirical, 3, 17, (uint64_t)i);
        assert_true(one == 10 || one == 400);
        count[one == 400]++;
    }
    assert_near(count[0], 0.25 * DRAWS, 0.03);
    kerf_histogram_free(&histogram);
    static const double none[] = {0, 0, 0}, negative[] = {1, -1, 1};
    assert_int_equal(kerf_histogram_make(&histogram, value, none, 3, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_histogram_make(&histogram, value, negative, 3, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_histogram_make(&histogram, negative, NULL, 3, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_histogram_make(&histogram, value, NULL, 0, &error), KERF_ERR_USAGE);
}

static struct kerf_workload chat(void)
{
    return (struct kerf_workload){.requests = 1000,
                                  .prompt_tokens = 300,
                                  .reasoning_tokens = 100,
                                  .answer_tokens = 60,
                                  .length_ratio_least = 0.5,
                                  .seed = 4};
}

/* Without distributions reasoning and answer keep their ratio, and their sum is the nominal one's. */
static void nominal_lengths_keep_their_ratio(void **unused)
{
    (void)unused;
    struct kerf_workload workload = chat();
    for (uint64_t i = 0; i < 1000; i++) {
        struct kerf_lengths one = kerf_lengths_of(&workload, i);
        assert_true(one.prompt >= 150 && one.prompt <= 300);
        assert_true(one.reasoning + one.answer >= 80 && one.reasoning + one.answer <= 160);
        assert_true(fabs(one.reasoning - (one.reasoning + one.answer) * 100.0 / 160.0) <= 1.0);
    }
    struct kerf_load_facts facts = kerf_load_measure(&workload);
    assert_true(facts.longest_tokens == 460 && facts.prompt_tokens == 300);
}

/* Reasoning is drawn apart from answers, and a load is measured over the requests that it has. */
static void reasoning_is_drawn_apart(void **unused)
{
    (void)unused;
    struct kerf_workload workload = chat();
    double reasoning = 0.0, longest = 0.0;
    int longest_request = 0;
    workload.reasoning_lengths =
        (struct kerf_draws){.kind = KERF_DRAWS_LOG_NORMAL, .centre = 500.0, .sigma = 1.0, .most = 4000.0};
    workload.answer_lengths = (struct kerf_draws){.kind = KERF_DRAWS_CONSTANT, .centre = 7.0};
    for (int i = 0; i < workload.requests; i++) {
        struct kerf_lengths one = kerf_lengths_of(&workload, (uint64_t)i);
        assert_int_equal(one.answer, 7);
        assert_true(one.reasoning <= 4000);
        reasoning += one.reasoning;
        if (one.prompt + one.reasoning + one.answer > longest) {
            longest = one.prompt + one.reasoning + one.answer;
            longest_request = i;
        }
    }
    struct kerf_load_facts facts = kerf_load_measure(&workload);
    assert_true(fabs(facts.reasoning_tokens - reasoning / workload.requests) < 1e-6);
    assert_true(facts.longest_tokens == longest && facts.longest_request == longest_request);
    assert_true(facts.answer_tokens == 7.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_normal_has_its_moments),   cmocka_unit_test(others_have_their_moments),
        cmocka_unit_test(histograms_have_their_shares), cmocka_unit_test(nominal_lengths_keep_their_ratio),
        cmocka_unit_test(reasoning_is_drawn_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
