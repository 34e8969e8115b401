/* Energy of a GPU: what it is a sum of, and that published power is met where both of its ends are known. */
#include "models/device/gpu_energy.h"
#include "models/device/gpu_gemm.h"
#include "test_gpu_params.h"

#include <math.h>

static void test_energy_is_arithmetic_and_bytes(void **state)
{
    (void)state;
    const struct kerf_gpu_params gpu = {.peak_16bit_flops = 1e15,
                                        .peak_fp8_flops = 2e15,
                                        .active_W = 100.0,
                                        .flop_16bit_J = 1e-12,
                                        .memory_J_per_byte = 50e-12,
                                        .dynamic_power_scale = 2.0};
    const struct kerf_cost cost = {.flops = 3e12, .bytes = 1e10};
    assert_close(kerf_gpu_dynamic_J(&gpu, &cost, KERF_FORMAT_BF16), 2.0 * (3.0 + 0.5), 1e-12);
    assert_close(kerf_gpu_dynamic_J(&gpu, &cost, KERF_FORMAT_FP8), 2.0 * (1.5 + 0.5), 1e-12);
    /* Without an fp4 unit, weights are unpacked to 16 bit. */
    assert_close(kerf_gpu_dynamic_J(&gpu, &cost, KERF_FORMAT_NVFP4), 2.0 * (3.0 + 0.5), 1e-12);
}

static void test_a_silent_catalog_gives_none(void **state)
{
    (void)state;
    const struct kerf_gpu_params gpu = {
        .peak_16bit_flops = 1e15, .flop_16bit_J = 1e-12, .memory_J_per_byte = 5e-11};
    const struct kerf_cost cost = {.flops = 1e12, .bytes = 1e9};
    assert_false(kerf_gpu_has_energy(&gpu));
    assert_true(kerf_gpu_dynamic_J(&gpu, &cost, KERF_FORMAT_BF16) == 0.0);
}

static void test_the_host_is_what_the_node_draws_beside_its_gpus(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = {.tdp_W = 700.0, .node_W = 10200.0, .node_gpus = 8.0};
    assert_close(kerf_gpu_host_W(&gpu), 575.0, 1e-12);
    gpu.node_gpus = 0.0;
    assert_true(kerf_gpu_host_W(&gpu) == 0.0);
}

/* Streaming weights at the full memory bandwidth draws more than idling and no more than the limit. */
static void test_decode_draws_between_idle_and_limit(void **state)
{
    (void)state;
    static const char *const parts[] = {"a100-80gb-sxm", "h100-sxm", "h200-sxm", "b200-hgx", "gb300-nvl72"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct kerf_gpu_params gpu = read_gpu(parts[i], KERF_COLUMN_NOMINAL);
        const struct kerf_cost second = {.flops = 16.0 * gpu.hbm_Bps * gpu.achieved_hbm,
                                         .bytes = gpu.hbm_Bps * gpu.achieved_hbm};
        double watts = gpu.active_W + kerf_gpu_dynamic_J(&gpu, &second, KERF_FORMAT_BF16);
        assert_true(kerf_gpu_has_energy(&gpu));
        assert_true(watts > 0.5 * gpu.tdp_W && watts < 1.6 * gpu.tdp_W);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_energy_is_arithmetic_and_bytes),
    cmocka_unit_test(test_a_silent_catalog_gives_none),
    cmocka_unit_test(test_the_host_is_what_the_node_draws_beside_its_gpus),
    cmocka_unit_test(test_decode_draws_between_idle_and_limit),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
