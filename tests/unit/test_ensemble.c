/* Draws of an ensemble: one per slice on every axis, and a triangular distribution. */
#include "sim/study/latin_hypercube.h"
#include "sim/study/uncertain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 1000 };

static void every_slice_has_one_point(void **unused)
{
    (void)unused;
    for (uint64_t axis = 0; axis < 20; axis++) {
        double point[COUNT];
        int seen[COUNT] = {0}, in_place = 0;
        kerf_latin_hypercube_axis(7, axis, COUNT, point);
        for (int i = 0; i < COUNT; i++) {
            assert_true(point[i] > 0.0 && point[i] < 1.0);
            seen[(int)(point[i] * COUNT)]++;
            in_place += (int)(point[i] * COUNT) == i;
        }
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen[i], 1);
        assert_in_range(in_place, 0, 10); /* shuffled */
    }
}

static void axes_are_independent(void **unused)
{
    (void)unused;
    double a[COUNT], b[COUNT], sum = 0.0;
    kerf_latin_hypercube_axis(7, 1, COUNT, a);
    kerf_latin_hypercube_axis(7, 2, COUNT, b);
    for (int i = 0; i < COUNT; i++)
        sum += (a[i] - 0.5) * (b[i] - 0.5);
    assert_true(fabs(sum / COUNT * 12.0) < 4.0 / sqrt(COUNT)); /* correlation of uniforms */
}

static void values_are_triangular(void **unused)
{
    (void)unused;
    const struct kerf_uncertain_leaf plain = {.most = 1e9, .low = 0.0, .nominal = 1.0, .high = 4.0};
    const struct kerf_uncertain_leaf logarithmic = {.most = 1e9, .low = 1.0, .nominal = 10.0, .high = 100.0};
    double mean = 0.0;
    for (int i = 0; i < COUNT; i++)
        mean += kerf_uncertain_value(&plain, (i + 0.5) / COUNT) / COUNT;
    assert_true(fabs(mean - (0.0 + 1.0 + 4.0) / 3.0) < 1e-3);
    assert_true(fabs(kerf_uncertain_value(&plain, 0.25) - 1.0) < 1e-12); /* the mode: (1 - 0) / (4 - 0) */
    assert_true(fabs(kerf_uncertain_value(&logarithmic, 0.5) - 10.0) < 1e-9);
    assert_true(kerf_uncertain_value(&logarithmic, 1e-9) >= 1.0);
    assert_true(kerf_uncertain_value(&logarithmic, 1.0 - 1e-9) <= 100.0);
}

/* A nominal value at an end of its range is a right triangle, not a division by nothing. */
static void a_mode_at_an_end_is_fine(void **unused)
{
    (void)unused;
    const struct kerf_uncertain_leaf low = {.most = 1e9, .low = 2.0, .nominal = 2.0, .high = 4.0};
    const struct kerf_uncertain_leaf high = {.most = 1e9, .low = 2.0, .nominal = 4.0, .high = 4.0};
    for (int i = 1; i < COUNT; i++) {
        double p = (double)i / COUNT, a = kerf_uncertain_value(&low, p), b = kerf_uncertain_value(&high, p);
        assert_true(a >= 2.0 && a <= 4.0 && b >= 2.0 && b <= 4.0 && a <= b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slice_has_one_point),
        cmocka_unit_test(axes_are_independent),
        cmocka_unit_test(values_are_triangular),
        cmocka_unit_test(a_mode_at_an_end_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
