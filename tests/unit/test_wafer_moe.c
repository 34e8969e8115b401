/* Mixture of experts on the mesh: the busiest group, and experts in groups of PEs. */
#include "models/device/wafer_moe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { JOBS_MAX = 40 };

/* coefficients *= sum of x^i / i! for i <= m, cut at x^jobs */
static void multiply_by_group(double *coefficients, int jobs, int m)
{
    double next[JOBS_MAX + 1] = {0};
    for (int n = 0; n <= jobs; n++) {
        double term = 1.0;
        for (int i = 0; i <= m && n + i <= jobs; i++) {
            next[n + i] += coefficients[n] * term;
            term /= i + 1.0;
        }
    }
    memcpy(coefficients, next, sizeof next);
}

/* Exact: P(maximum <= m) = jobs!/groups^jobs times the coefficient of x^jobs in (sum_i<=m x^i/i!)^groups. */
static double exact_maximum(int jobs, int groups)
{
    double expected = 0;
    for (int m = 0; m < jobs; m++) {
        double coefficients[JOBS_MAX + 1] = {1.0};
        for (int g = 0; g < groups; g++)
            multiply_by_group(coefficients, jobs, m);
        double scale = exp(lgamma(jobs + 1.0) - jobs * log(groups));
        expected += 1.0 - coefficients[jobs] * scale;
    }
    return expected;
}

/* Within 12 % of the exact maximum of a multinomial. */
static void test_maximum_load_is_near_the_multinomial(void **state)
{
    (void)state;
    const int groups[] = {2, 4, 16, 64};
    double worst = 0;
    for (int i = 0; i < 4; i++) {
        for (int jobs = 1; jobs <= JOBS_MAX; jobs++) {
            double exact = exact_maximum(jobs, groups[i]);
            worst = fmax(worst, fabs(kerf_expected_maximum_load(jobs, groups[i]) / exact - 1));
        }
    }
    print_message("expected maximum load: worst error %.1f %%\n", 100 * worst);
    assert_true(worst < 0.12);
}

/* All jobs for one group; never below the even share nor above all; more jobs or fewer groups never less. */
static void test_maximum_load_has_its_bounds_and_order(void **state)
{
    (void)state;
    for (double jobs = 1; jobs < 20000; jobs = ceil(jobs * 1.3)) {
        assert_true(kerf_expected_maximum_load(jobs, 1) == jobs);
        double last = jobs;
        for (double groups = 2; groups <= 64; groups *= 2) {
            double load = kerf_expected_maximum_load(jobs, groups);
            assert_true(load >= ceil(jobs / groups) && load <= jobs && load <= last + 1e-9);
            assert_true(kerf_expected_maximum_load(jobs + 1, groups) >= load - 1e-6 * load);
            last = load;
        }
    }
}

static const struct kerf_wafer_params wafer = {.hop_cycles = 1.0,
                                               .ramp_cycles = 2.0,
                                               .axpy_call_cycles = 7.0,
                                               .gemm_call_fraction = 0.4,
                                               .simd_fp16_mac_per_cycle = 4.0,
                                               .sram_read_bytes_per_cycle = 16.0,
                                               .software_cache_bytes = 512.0,
                                               .cannon_step_cycles = 400.0,
                                               .dequantise_cycles_per_weight = 0.5};
static const struct kerf_experts_shape kimi = {384, 8, 7168, 2048, 3, 0.5625, NULL};

/* More tokens never take less, from one user to a long prompt. */
static void test_experts_grow_with_tokens(void **state)
{
    (void)state;
    double last = 0;
    for (double M = 1; M < 5000; M = ceil(M * 1.5)) {
        struct kerf_cycles cost = kerf_experts(&wafer, (struct kerf_rectangle){534, 534}, &kimi, M, 7);
        assert_true(kerf_cycles_total(&cost) >= last);
        last = kerf_cycles_total(&cost);
    }
}

/* Unpacking 4-bit weights is work that 16-bit weights do not have. */
static void test_experts_in_four_bits_take_longer_than_in_sixteen(void **state)
{
    (void)state;
    struct kerf_experts_shape wide = kimi;
    wide.bytes_per_weight = 2.0;
    struct kerf_rectangle square = {534, 534};
    struct kerf_cycles narrow = kerf_experts(&wafer, square, &kimi, 1, 7);
    struct kerf_cycles full = kerf_experts(&wafer, square, &wide, 1, 7);
    assert_true(kerf_cycles_total(&narrow) > kerf_cycles_total(&full));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maximum_load_is_near_the_multinomial),
        cmocka_unit_test(test_maximum_load_has_its_bounds_and_order),
        cmocka_unit_test(test_experts_grow_with_tokens),
        cmocka_unit_test(test_experts_in_four_bits_take_longer_than_in_sixteen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
