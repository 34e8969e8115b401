/* Weights and weighted statistics of posteriors, against closed forms. */
#include "sim/engine/random.h"
#include "sim/study/posterior.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* Two residuals with covariance error^2 on the diagonal plus model^2 everywhere: -1/2 r^T C^-1 r by hand. */
static void rows_of_a_system_share_the_models_error(void **unused)
{
    (void)unused;
    const double r[] = {0.3, 0.1}, error[] = {0.05, 0.1}, model = 0.15;
    double a = error[0] * error[0] + model * model, b = model * model,
           d = error[1] * error[1] + model * model;
    double quadratic = (d * r[0] * r[0] - 2.0 * b * r[0] * r[1] + a * r[1] * r[1]) / (a * d - b * b);
    assert_near(kerf_posterior_likelihood(r, error, 2, model), -0.5 * quadratic, 1e-12);
    assert_near(kerf_posterior_likelihood(r, error, 1, model), -0.5 * r[0] * r[0] / a, 1e-12);
}

/* A normal prior and a normal measurement: the posterior's mean and variance are known. */
static void importance_sampling_finds_the_normal_posterior(void **unused)
{
    (void)unused;
    enum { DRAWS = 20000 };
    static double x[DRAWS], weight[DRAWS];
    const double measured = 1.0, error = 0.5;
    double sum = 0.0, mean = 0.0;
    for (int m = 0; m < DRAWS; m++) {
        x[m] = kerf_normal_quantile((m + 0.5) / DRAWS);
        weight[m] = exp(kerf_posterior_likelihood(&(double){measured - x[m]}, &(double){0.3}, 1, 0.4));
        sum += weight[m];
    }
    for (int m = 0; m < DRAWS; m++) {
        weight[m] /= sum;
        mean += weight[m] * x[m];
    }
    double precision = 1.0 + 1.0 / (error * error), deviation = 1.0 / sqrt(precision);
    assert_near(mean, measured / (error * error) / precision, 1e-6);
    assert_near(kerf_weighted_quantile(x, weight, DRAWS, 0.5), 0.8, 1e-3);
    assert_near(kerf_weighted_quantile(x, weight, DRAWS, 0.9), 0.8 + 1.2815515655 * deviation, 2e-3);
}

static void correlation_is_weighted(void **unused)
{
    (void)unused;
    const double x[] = {0, 1, 2, 50}, y[] = {1, 3, 5, -7}, flat[] = {2, 2, 2, 2},
                 weight[] = {0.2, 0.3, 0.5, 0};
    assert_near(kerf_weighted_correlation(x, y, weight, 4), 1.0, 1e-12);
    assert_near(kerf_weighted_correlation(x, flat, weight, 4), 0.0, 0.0);
    assert_near(kerf_weighted_quantile(x, weight, 4, 0.5), 1.0, 0.0);
    assert_near(kerf_weighted_quantile(x, weight, 4, 0.9), 2.0, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_system_share_the_models_error),
        cmocka_unit_test(importance_sampling_finds_the_normal_posterior),
        cmocka_unit_test(correlation_is_weighted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
