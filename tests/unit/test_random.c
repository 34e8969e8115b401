/* A random draw is a pure function of seed, stream and counter, with the distribution it claims. */
#include "sim/engine/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 200000 };

/* The known answers of Random123 (Salmon et al., SC'11; file kat_vectors, philox4x32 with 10 rounds). */
static void draws_are_philox(void **unused)
{
    (void)unused;
    const uint64_t zeros = 0x6627e8d5e169c58du, ones = 0x408f276d41c83b0eu;
    assert_true(kerf_random_uniform(0, 0, 0) == ((double)(zeros >> 11) + 0.5) * 0x1.0p-53);
    assert_true(kerf_random_uniform(UINT64_MAX, UINT64_MAX, UINT64_MAX) ==
                ((double)(ones >> 11) + 0.5) * 0x1.0p-53);
}

/* The same place gives the same value in any order; each part of the place changes it. */
static void a_draw_is_a_pure_function(void **unused)
{
    (void)unused;
    double forward[100];
    for (uint64_t i = 0; i < 100; i++)
        forward[i] = kerf_random_uniform(1, 2, i);
    for (uint64_t i = 100; i-- > 0;)
        assert_true(kerf_random_uniform(1, 2, i) == forward[i]);
    for (uint64_t i = 0; i < 100; i++) {
        assert_true(kerf_random_uniform(2, 2, i) != forward[i]);
        assert_true(kerf_random_uniform(1, 3, i) != forward[i]);
        assert_true(kerf_random_uniform(1, 2, i + 1) != forward[i]);
        assert_true(kerf_random_uniform(1, 2, i + (1ull << 32)) != forward[i]);
        assert_true(kerf_random_uniform(1, 2 + (1ull << 32), i) != forward[i]);
        assert_true(kerf_random_uniform(1 + (1ull << 32), 2, i) != forward[i]);
    }
}

/* Uniform draws lie inside (0, 1) with mean 1/2 and variance 1/12, within five standard errors. */
static void uniform_draws_are_uniform(void **unused)
{
    (void)unused;
    double sum = 0.0, squares = 0.0;
    int bin[20] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = kerf_random_uniform(42, 7, i);
        assert_true(u > 0.0 && u < 1.0);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        bin[(int)(20.0 * u)]++;
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 5.0 * sqrt(1.0 / 12.0 / DRAWS));
    assert_true(fabs(squares / DRAWS - 1.0 / 12.0) < 5.0 * sqrt((1.0 / 80.0 - 1.0 / 144.0) / DRAWS));
    double chi2 = 0.0, expected = DRAWS / 20.0;
    for (int i = 0; i < 20; i++)
        chi2 += (bin[i] - expected) * (bin[i] - expected) / expected;
    assert_true(chi2 < 43.8); /* 99.9 % of chi-square with 19 degrees of freedom */
}

/* Neighbouring streams and counters are uncorrelated, within five standard errors. */
static void streams_are_independent(void **unused)
{
    (void)unused;
    double streams = 0.0, counters = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = kerf_random_uniform(42, 7, i) - 0.5;
        streams += u * (kerf_random_uniform(42, 8, i) - 0.5);
        counters += u * (kerf_random_uniform(42, 7, i + 1) - 0.5);
    }
    double standard_error = sqrt((double)DRAWS) / 12.0;
    assert_true(fabs(streams) < 5.0 * standard_error);
    assert_true(fabs(counters) < 5.0 * standard_error);
}

/* Exponential draws have the given mean, variance mean^2, and no memory: P(x > t) = exp(-t / mean). */
static void exponential_draws_are_exponential(void **unused)
{
    (void)unused;
    const double mean = 0.25;
    double sum = 0.0, squares = 0.0;
    int beyond[4] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double x = kerf_random_exponential(1, 5, i, mean);
        assert_true(x > 0.0 && isfinite(x));
        sum += x;
        squares += (x - mean) * (x - mean);
        for (int k = 0; k < 4; k++)
            beyond[k] += x > (k + 1) * mean;
    }
    assert_true(fabs(sum / DRAWS - mean) < 5.0 * mean / sqrt((double)DRAWS));
    assert_true(fabs(squares / DRAWS - mean * mean) < 5.0 * mean * mean * sqrt(8.0 / DRAWS));
    for (int k = 0; k < 4; k++) {
        double p = exp(-(k + 1));
        assert_true(fabs((double)beyond[k] / DRAWS - p) < 5.0 * sqrt(p * (1.0 - p) / DRAWS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_philox),
        cmocka_unit_test(a_draw_is_a_pure_function),
        cmocka_unit_test(uniform_draws_are_uniform),
        cmocka_unit_test(streams_are_independent),
        cmocka_unit_test(exponential_draws_are_exponential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
