/* Quantile functions of the distributions of uncertain values: against closed forms and published tables. */
#include "sim/base/distribution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 2000 };

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* Abramowitz and Stegun, tables 26.1 and 26.2. */
static void the_normal_distribution_is_that_of_the_tables(void **unused)
{
    (void)unused;
    assert_near(kerf_normal_quantile(0.975), 1.959963984540054, 1e-14);
    assert_near(kerf_normal_quantile(0.9), 1.2815515655446004, 1e-14);
    assert_near(kerf_normal_quantile(1e-10), -6.361340902404056, 1e-12);
    assert_near(kerf_normal_quantile(0.5), 0.0, 1e-15);
    for (double x = -6.0; x < 6.0; x += 0.37)
        assert_near(kerf_normal_quantile(kerf_normal_probability(x)), x, 1e-7);
}

static double mean_of(enum kerf_distribution kind, double low, double value, double high)
{
    double mean = 0.0;
    for (int i = 0; i < COUNT; i++)
        mean += kerf_distribution_quantile(kind, low, value, high, (i + 0.5) / COUNT) / COUNT;
    return mean;
}

static void means_are_those_of_the_closed_forms(void **unused)
{
    (void)unused;
    assert_near(mean_of(KERF_DISTRIBUTION_TRIANGULAR, 0, 1, 4), 5.0 / 3.0, 1e-3);
    assert_near(mean_of(KERF_DISTRIBUTION_UNIFORM, 2, 3, 8), 5.0, 1e-9);
    assert_near(mean_of(KERF_DISTRIBUTION_LOG_UNIFORM, 1, 2, 10), 9.0 / log(10.0), 1e-3);
    assert_near(mean_of(KERF_DISTRIBUTION_NORMAL, -1, 0, 1), 0.0, 1e-9);
    assert_near(mean_of(KERF_DISTRIBUTION_BETA, 0, 1, 4), (0.0 + 4.0 * 1.0 + 4.0) / 6.0, 1e-3); /* PERT */
}

/* Every quantile function rises, and keeps what low and high promise. */
static void low_and_high_are_what_they_say(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < KERF_DISTRIBUTION_COUNT; kind++) {
        const double cases[][3] = {{1, 2, 5}, {1, 1, 5}, {1, 5, 5}};
        for (int c = 0; c < 3; c++) {
            const double low = cases[c][0], value = cases[c][1], high = cases[c][2];
            double before = -INFINITY;
            for (int i = 0; i < COUNT; i++) {
                double at = kerf_distribution_quantile(kind, low, value, high, (i + 0.5) / COUNT);
                assert_true(at >= before && isfinite(at));
                assert_true(!kerf_distribution_is_bounded(kind) || (at >= low - 1e-9 && at <= high + 1e-9));
                before = at;
            }
        }
        if (!kerf_distribution_is_bounded(kind)) {
            assert_near(kerf_distribution_quantile(kind, 1, 2, 5, 0.1), 1.0, 1e-12);
            assert_near(kerf_distribution_quantile(kind, 1, 2, 5, 0.5), 2.0, 1e-12);
            assert_near(kerf_distribution_quantile(kind, 1, 2, 5, 0.9), 5.0, 1e-12);
        }
        assert_non_null(kerf_distribution_names[kind]);
    }
    assert_null(kerf_distribution_names[KERF_DISTRIBUTION_COUNT]);
}

/* Beta with alpha 2, beta 4 (mode a quarter up): its distribution function is a polynomial. */
static void beta_inverts_its_polynomial(void **unused)
{
    (void)unused;
    for (double p = 0.05; p < 1.0; p += 0.05) {
        double x = kerf_distribution_quantile(KERF_DISTRIBUTION_BETA, 0, 0.25, 1, p);
        double function = 10 * x * x - 20 * pow(x, 3) + 15 * pow(x, 4) - 4 * pow(x, 5);
        assert_near(function, p, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_normal_distribution_is_that_of_the_tables),
        cmocka_unit_test(means_are_those_of_the_closed_forms),
        cmocka_unit_test(low_and_high_are_what_they_say),
        cmocka_unit_test(beta_inverts_its_polynomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
