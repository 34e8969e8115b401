/* Dense matrices and attention on the mesh: local work, sums, and how they trade. */
#include "models/device/wafer_attention.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct kerf_wafer_params wafer = {.hop_cycles = 1.0,
                                               .ramp_cycles = 2.0,
                                               .axpy_call_cycles = 10.0,
                                               .gemm_call_fraction = 0.4,
                                               .simd_fp16_mac_per_cycle = 2.0,
                                               .sram_read_bytes_per_cycle = 16.0,
                                               .software_cache_bytes = 512.0,
                                               .cannon_step_cycles = 400.0,
                                               .dequantise_cycles_per_weight = 0.5};

static void assert_cycles(double expected, double actual)
{
    assert_true(fabs(expected - actual) < 1e-9 * (1.0 + fabs(expected)));
}

/* 10 inputs x 12 outputs in a PE: ten calls of 10 + 12/2 cycles. */
static void test_local_gemv_is_one_call_per_input(void **state)
{
    (void)state;
    struct kerf_cycles cost = kerf_gemv_local(&wafer, 1, 10, 12);
    assert_cycles(10 * (10 + 6), kerf_cycles_total(&cost));
}

/* 1000 tokens: 120 calls of 4 + 500 cycles beat 10000 calls of 16. */
static void test_many_tokens_run_along_the_tokens(void **state)
{
    (void)state;
    struct kerf_cycles cost = kerf_gemv_local(&wafer, 1000, 10, 12);
    assert_cycles(120 * (4 + 500.0), cost.compute);
    /* 1000 accumulators of 2 B exceed the cache: two operands, 4 B a MAC, 0.25 cycles < 0.5: still hidden */
    assert_cycles(0, cost.memory);
}

/* An 8-wide unit with accumulators beyond the cache needs 32 B a cycle; the SRAM gives 16. */
static void test_sram_binds_wide_units_with_long_accumulators(void **state)
{
    (void)state;
    struct kerf_wafer_params wide = wafer;
    wide.simd_fp16_mac_per_cycle = 8.0;
    struct kerf_cycles fits = kerf_axpy(&wide, 1, 256, 0), spills = kerf_axpy(&wide, 1, 512, 0);
    assert_cycles(0, fits.memory);
    assert_cycles(512 / 4.0, kerf_cycles_total(&spills));
}

/* A larger square does less in each PE and sends further: the trade that makes more cores slower. */
static void test_more_PEs_compute_less_and_talk_longer(void **state)
{
    (void)state;
    for (double P = 64; P < 700; P *= 2) {
        struct kerf_cycles few = kerf_gemv(&wafer, (struct kerf_rectangle){P, P}, 1, 8192, 8192, 0);
        struct kerf_cycles many = kerf_gemv(&wafer, (struct kerf_rectangle){2 * P, 2 * P}, 1, 8192, 8192, 0);
        assert_true(many.compute < few.compute);
    }
    struct kerf_cycles few = kerf_gemv(&wafer, (struct kerf_rectangle){400, 400}, 1, 8192, 8192, 0);
    struct kerf_cycles many = kerf_gemv(&wafer, (struct kerf_rectangle){700, 700}, 1, 8192, 8192, 0);
    assert_true(many.fabric > few.fabric);
}

/* A fused matrix saves the latency of its own sum, and nothing of its work. */
static void test_riders_pay_payload_only(void **state)
{
    (void)state;
    struct kerf_rectangle square = {400, 400};
    struct kerf_cycles alone = kerf_gemv(&wafer, square, 1, 4096, 4096, 0);
    struct kerf_cycles rider = kerf_gemv(&wafer, square, 1, 4096, 4096, 1);
    assert_cycles(alone.compute, rider.compute);
    assert_true(rider.fabric > 0 && rider.fabric < alone.fabric / 4);
}

/* 100 x 100 PEs, 10 x 10 x 10 tiles: 100 steps of 100 (4 + 10/2) + 400 cycles, and P/2 first shifts. */
static void test_cannon_step_is_compute_plus_software(void **state)
{
    (void)state;
    struct kerf_cycles cost = kerf_meshgemm(&wafer, (struct kerf_rectangle){100, 100}, 1000, 1000, 1000);
    assert_cycles(100 * 900, cost.compute);
    assert_cycles(100 * 400, cost.software);
    assert_cycles(50 * (100 + 2 + 5), cost.fabric); /* both tiles through one ramp */
}

/* 16-bit weights are multiplied as they are; narrower ones are unpacked once. */
static void test_only_narrow_weights_are_unpacked(void **state)
{
    (void)state;
    struct kerf_cycles none = kerf_dequantise(&wafer, 1000, 2.0),
                       some = kerf_dequantise(&wafer, 1000, 0.5625);
    assert_cycles(0, kerf_cycles_total(&none));
    assert_cycles(500, kerf_cycles_total(&some));
}

/* A longer context never takes less, for grouped heads and for one latent. */
static void test_attention_grows_with_context(void **state)
{
    (void)state;
    const struct kerf_attention_shape shapes[] = {{8, 8, 128, 128}, {1, 64, 576, 512}, {64, 1, 64, 64}};
    for (int i = 0; i < 3; i++) {
        double last = 0;
        for (double context = 1; context < 1e6; context *= 1.5) {
            struct kerf_cycles cost = kerf_attention_decode(&wafer, (struct kerf_rectangle){500, 520},
                                                            &shapes[i], 1, floor(context), 8);
            assert_true(kerf_cycles_total(&cost) >= last - 1e-9);
            last = kerf_cycles_total(&cost);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_gemv_is_one_call_per_input),
        cmocka_unit_test(test_many_tokens_run_along_the_tokens),
        cmocka_unit_test(test_sram_binds_wide_units_with_long_accumulators),
        cmocka_unit_test(test_more_PEs_compute_less_and_talk_longer),
        cmocka_unit_test(test_riders_pay_payload_only),
        cmocka_unit_test(test_cannon_step_is_compute_plus_software),
        cmocka_unit_test(test_only_narrow_weights_are_unpacked),
        cmocka_unit_test(test_attention_grows_with_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
