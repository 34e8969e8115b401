/* A GEMM on a GPU: roofs that it never beats, waves, split-K, and growth with its sides. */
#include "models/device/gpu_gemm.h"
#include "test_gpu_params.h"
#include "tests/support/draw.h"

#include <math.h>

static double time_s(const struct kerf_gpu_params *gpu, enum kerf_format format, double m, double n, double k)
{
    struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(gpu, format);
    const struct kerf_gemm gemm = {
        .m = m, .n = n, .k = k, .batch = 1.0, .weights = format, .activations = KERF_FORMAT_BF16};
    struct kerf_gemm_time time = kerf_gpu_gemm_time(gpu, &kernel, &gemm);
    return kerf_gemm_total_s(&time);
}

/* A side of 1 to 30000, all magnitudes alike. */
static double side_of(uint64_t seed, uint64_t number)
{
    return (double)draw_magnitude(draw_mix(seed, number), 30000);
}

/* A part of round numbers: 100 SMs of 10 TFLOP/s each, and 1 TB/s; no latencies unless a test sets them. */
static struct kerf_gpu_params plain_gpu(void)
{
    return (struct kerf_gpu_params){.peak_16bit_flops = 1e15,
                                    .sms = 100.0,
                                    .hbm_Bps = 1e12,
                                    .achieved_hbm = 1.0,
                                    .achieved_gemm_hbm = 1.0,
                                    .achieved_16bit = 1.0,
                                    .gemm_split_s = 1.0};
}

/* 100 tiles of 128 x 256 are one wave. One row more makes 110, two waves; by hand, 210 tiles of 64 x 256 in
 * three waves are faster, until starting a tile costs more than the half empty wave. A large tile is 2 x 128
 * x 256 x K FLOPs at 10 TFLOP/s, and memory is far below. */
static void test_a_wave_more_costs_a_whole_wave(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    gpu.hbm_Bps = 1e15;
    double k = 1e5, wave_s = 2.0 * 128.0 * 256.0 * k / 1e13;
    gpu.gemm_tile_s = 100e-6;
    assert_close(time_s(&gpu, KERF_FORMAT_BF16, 1280.0, 2560.0, k), wave_s + 100e-6, 1e-3);
    assert_close(time_s(&gpu, KERF_FORMAT_BF16, 1281.0, 2560.0, k), 3.0 * (wave_s / 2.0 + 100e-6), 1e-3);
    gpu.gemm_tile_s = 1e-3;
    assert_close(time_s(&gpu, KERF_FORMAT_BF16, 1281.0, 2560.0, k), 2.0 * (wave_s + 1e-3), 1e-3);
}

/* One tile cannot use more SMs than K has parts: 16 parts when summing up is free, one when it is dear. */
static void test_k_is_split_when_it_pays(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    gpu.hbm_Bps = 1e15;
    gpu.gemm_k_latency_16bit_s = 1e-9;
    double k = 16384.0;
    assert_close(time_s(&gpu, KERF_FORMAT_BF16, 1.0, 64.0, k), 1e-9 * k, 1e-2);
    gpu.gemm_split_s = 0.0;
    assert_close(time_s(&gpu, KERF_FORMAT_BF16, 1.0, 64.0, k), 1e-9 * k / 16.0, 1e-2);
}

/* Bytes over bandwidth and FLOPs over peak are never beaten. */
static void test_time_never_beats_a_roof(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    for (uint64_t i = 0; i < 2000; i++) {
        double m = side_of(11, 3 * i), n = side_of(11, 3 * i + 1), k = side_of(11, 3 * i + 2);
        double compute_s = 2.0 * m * n * k / gpu.peak_16bit_flops;
        double memory_s = 2.0 * (m * k + n * k + m * n) / gpu.hbm_Bps;
        double now_s = time_s(&gpu, KERF_FORMAT_BF16, m, n, k);
        assert_true(now_s >= fmax(compute_s, memory_s) * (1.0 - 1e-12));
    }
}

/* A larger product never takes less time, on any part and in any format that it has. */
static void test_time_never_falls_with_a_side(void **state)
{
    (void)state;
    static const enum kerf_format formats[] = {KERF_FORMAT_BF16, KERF_FORMAT_FP8, KERF_FORMAT_FP8_BLOCK,
                                               KERF_FORMAT_NVFP4, KERF_FORMAT_INT4};
    const struct kerf_gpu_params parts[] = {read_gpu("h100-sxm", KERF_COLUMN_NOMINAL),
                                            read_gpu("b200-hgx", KERF_COLUMN_NOMINAL),
                                            read_gpu("mi355x", KERF_COLUMN_NOMINAL)};
    for (uint64_t i = 0; i < 3000; i++) {
        const struct kerf_gpu_params *gpu = &parts[i % 3];
        enum kerf_format format = formats[i / 3 % 5];
        double side[3], wider[3];
        for (int s = 0; s < 3; s++)
            side[s] = wider[s] = side_of(12, 4 * i + (uint64_t)s);
        wider[i % 7 % 3] += side_of(12, 4 * i + 3);
        assert_true(time_s(gpu, format, wider[0], wider[1], wider[2]) >=
                    time_s(gpu, format, side[0], side[1], side[2]) * (1.0 - 1e-12));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_wave_more_costs_a_whole_wave),
    cmocka_unit_test(test_k_is_split_when_it_pays),
    cmocka_unit_test(test_time_never_beats_a_roof),
    cmocka_unit_test(test_time_never_falls_with_a_side),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
