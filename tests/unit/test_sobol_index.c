/* Sobol indices against functions whose indices are known. */
#include "sim/study/sobol.h"
#include "sim/study/sobol_index.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DRAWS = 4096, INPUTS_MOST = 6 };

typedef double (*function)(const double *u);

static void index_of(function f, int inputs, int input, struct kerf_sobol_index *index)
{
    double *axis[2 * INPUTS_MOST], *a = calloc(3 * DRAWS, sizeof *a), *b = a + DRAWS, *mixed = b + DRAWS;
    assert_non_null(a);
    for (int d = 0; d < 2 * inputs; d++) {
        axis[d] = calloc(DRAWS, sizeof *axis[d]);
        assert_true(axis[d] && kerf_sobol_axis(1, d, DRAWS, axis[d]));
    }
    for (int n = 0; n < DRAWS; n++) {
        double of_a[INPUTS_MOST], of_b[INPUTS_MOST], of_both[INPUTS_MOST];
        for (int d = 0; d < inputs; d++) {
            of_a[d] = axis[d][n];
            of_b[d] = axis[inputs + d][n];
            of_both[d] = d == input ? of_b[d] : of_a[d];
        }
        a[n] = f(of_a);
        b[n] = f(of_b);
        mixed[n] = f(of_both);
    }
    assert_true(kerf_sobol_index_find(a, b, mixed, DRAWS, 1, index));
    for (int d = 0; d < 2 * inputs; d++)
        free(axis[d]);
    free(a);
}

static void check(function f, int inputs, const double *first, const double *total, double tolerance)
{
    for (int i = 0; i < inputs; i++) {
        struct kerf_sobol_index index;
        index_of(f, inputs, i, &index);
        if (!(fabs(index.first - first[i]) < tolerance && fabs(index.total - total[i]) < tolerance))
            fail_msg("input %d: %g (%g) and %g (%g)", i, index.first, first[i], index.total, total[i]);
        assert_true(index.first_low <= index.first && index.first <= index.first_high);
        assert_true(index.total_low <= index.total && index.total <= index.total_high);
        /* Random points would be that far off; Sobol points are nearer. */
        assert_true(index.first_low - 0.02 < first[i] && first[i] < index.first_high + 0.02);
    }
}

/* Shares of a sum are those of its variances: 1, 4 and 9 of 14. */
static double sum(const double *u)
{
    return 7.0 + u[0] + 2.0 * u[1] + 3.0 * u[2];
}

static void a_sum_has_no_interactions(void **unused)
{
    (void)unused;
    const double share[] = {1.0 / 14.0, 4.0 / 14.0, 9.0 / 14.0};
    check(sum, 3, share, share, 2e-3);
}

/* Ishigami and Homma, 1990; a = 7, b = 0.1: closed forms in Saltelli et al., Global Sensitivity Analysis. */
static double ishigami(const double *u)
{
    const double pi = 3.14159265358979323846;
    double x = pi * (2.0 * u[0] - 1.0), y = pi * (2.0 * u[1] - 1.0), z = pi * (2.0 * u[2] - 1.0);
    return sin(x) + 7.0 * sin(y) * sin(y) + 0.1 * pow(z, 4) * sin(x);
}

static void ishigami_has_its_indices(void **unused)
{
    (void)unused;
    const double first[] = {0.3139, 0.4424, 0.0}, total[] = {0.5576, 0.4424, 0.2437};
    check(ishigami, 3, first, total, 0.02);
}

/* Sobol's g-function with a = 0, 1, 4.5, 9, 99, 99: V_i = 1 / (3 (1 + a_i)^2), V = prod (1 + V_i) - 1. */
static const double g_a[] = {0.0, 1.0, 4.5, 9.0, 99.0, 99.0};

static double g_function(const double *u)
{
    double product = 1.0;
    for (int i = 0; i < 6; i++)
        product *= (fabs(4.0 * u[i] - 2.0) + g_a[i]) / (1.0 + g_a[i]);
    return product;
}

static void the_g_function_has_its_indices(void **unused)
{
    (void)unused;
    double part[6], all = 1.0, first[6], total[6];
    for (int i = 0; i < 6; i++) {
        part[i] = 1.0 / (3.0 * (1.0 + g_a[i]) * (1.0 + g_a[i]));
        all *= 1.0 + part[i];
    }
    for (int i = 0; i < 6; i++) {
        first[i] = part[i] / (all - 1.0);
        total[i] = part[i] * all / (1.0 + part[i]) / (all - 1.0);
    }
    check(g_function, 6, first, total, 0.02);
}

static double constant(const double *u)
{
    (void)u;
    return 42.0;
}

static void what_does_not_vary_has_no_indices(void **unused)
{
    (void)unused;
    struct kerf_sobol_index index;
    index_of(constant, 2, 0, &index);
    assert_true(index.first == 0.0 && index.total == 0.0 && index.total_high == 0.0);
    assert_true(kerf_sobol_index_find(&(double){1}, &(double){1}, &(double){1}, 1, 1, &index));
    assert_true(isnan(index.first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_has_no_interactions),
        cmocka_unit_test(ishigami_has_its_indices),
        cmocka_unit_test(the_g_function_has_its_indices),
        cmocka_unit_test(what_does_not_vary_has_no_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
