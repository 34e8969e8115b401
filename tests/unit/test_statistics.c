/* Statistics of lists: medians, quantiles, residuals. */
#include "sim/study/statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-12);
}

static void quantiles_lie_between_order_statistics(void **unused)
{
    (void)unused;
    double values[] = {40, 10, 30, 20, 50};
    assert_near(kerf_quantile(values, 5, 0.0), 10);
    assert_near(kerf_quantile(values, 5, 0.5), 30);
    assert_near(kerf_quantile(values, 5, 0.9), 46);
    assert_near(kerf_quantile(values, 5, 1.0), 50);
    assert_near(kerf_quantile((double[]){7}, 1, 0.3), 7);
    assert_true(isnan(kerf_quantile((double[]){7, NAN}, 2, 0.3)));
}

static void residuals_are_means_and_a_median(void **unused)
{
    (void)unused;
    double absolute[4];
    struct kerf_residuals sum = {0};
    kerf_residuals_finish(&sum, absolute);
    assert_int_equal(sum.rows, 0);
    assert_near(sum.median_absolute, 0.0);
    for (int i = 0; i < 4; i++)
        kerf_residuals_add(&sum, absolute, (double[]){0.1, -0.3, 0.2, -0.8}[i]);
    kerf_residuals_finish(&sum, absolute);
    assert_int_equal(sum.rows, 4);
    assert_near(sum.mean_absolute, 0.35);
    assert_near(sum.median_absolute, 0.25);
    assert_near(sum.bias, -0.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_lie_between_order_statistics),
        cmocka_unit_test(residuals_are_means_and_a_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
