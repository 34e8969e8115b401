/* Every GPU and link of the catalog reads with its table, and its columns are in order. */
#include "models/device/gpu_gemm.h"
#include "models/fabric/collective_library.h"
#include "models/fabric/link.h"
#include "test_gpu_params.h"

#include <math.h>

static const char *const gpus[] = {"a100-80gb-sxm", "a100-40gb-sxm", "h100-sxm", "h100-96gb",   "h200-sxm",
                                   "h800",          "b200-hgx",      "b300-hgx", "gb200-nvl72", "gb300-nvl72",
                                   "mi300x",        "mi325x",        "mi355x",   "mi250x",      "v100"};
static const char *const links[] = {"infiniband-ndr", "infiniband-xdr", "roce-400g", "roce-800g",
                                    "ethernet-100g",  "slingshot-11",   "pcie5-x16", "nvlink-c2c"};
enum { GPUS = sizeof gpus / sizeof gpus[0], LINKS = sizeof links / sizeof links[0] };

/* What a format's GEMM needs is given wherever the part has the unit; the 16-bit floor may be the gap alone.
 */
static void check_units(const struct kerf_gpu_params *gpu)
{
    static const enum kerf_format formats[] = {KERF_FORMAT_BF16, KERF_FORMAT_FP8, KERF_FORMAT_FP8_BLOCK,
                                               KERF_FORMAT_NVFP4};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (!kerf_gpu_is_native(gpu, formats[i]))
            continue;
        struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(gpu, formats[i]);
        assert_true(kernel.peak_flops > 0.0 && kernel.achieved > 0.0 && kernel.k_latency_s > 0.0);
        assert_true(formats[i] == KERF_FORMAT_BF16 || kernel.floor_s > 0.0);
    }
}

/* All catalog GPUs read, in all columns, and can run every format that they have a unit for. */
static void test_every_gpu_reads(void **state)
{
    (void)state;
    for (int i = 0; i < GPUS; i++)
        for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
            struct kerf_gpu_params gpu = read_gpu(gpus[i], (enum kerf_column)column);
            check_units(&gpu);
        }
}

/* The low column is never faster than the nominal one, nor that than the high one. */
static void test_columns_are_in_order(void **state)
{
    (void)state;
    struct kerf_operator ops[] = {linear(KERF_FORMAT_FP8_BLOCK, 7168.0, 4096.0),
                                  linear(KERF_FORMAT_BF16, 7168.0, 4096.0),
                                  kimi_experts(KERF_FORMAT_NVFP4, 384.0, 8.0)};
    for (int i = 0; i < GPUS; i++)
        for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++)
            for (double tokens = 1.0; tokens <= 10000.0; tokens *= 100.0) {
                struct kerf_pass pass = decode_pass(tokens, 1.0);
                double previous = INFINITY;
                for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
                    struct kerf_gpu_params gpu = read_gpu(gpus[i], (enum kerf_column)column);
                    double now = gpu_cost(&gpu, &ops[o], &pass, whole()).latency_s;
                    assert_true(now <= previous);
                    previous = now;
                }
            }
}

/* Every library of collectives reads, and is slower in the low column than in the nominal one, and that than
 * in the high one. */
static void test_every_library_reads(void **state)
{
    (void)state;
    static const char *const libraries[] = {"ampere-nccl", "blackwell-nccl", "hopper-nccl", "volta-nccl",
                                            "cdna-rccl"};
    static struct kerf_leaf_set set;
    const struct kerf_cluster cluster = {.domain_Bps = 450e9, .nic_Bps = 50e9, .domain = 8};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        read_leaves("collectives", libraries[i], &kerf_collective_leaves, &set);
        for (int op = 0; op < KERF_COLLECTIVE_COUNT; op++)
            for (double bytes = 1e3; bytes < 1e10; bytes *= 1e3) {
                double previous = INFINITY;
                for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
                    struct kerf_collective_params params;
                    struct kerf_collective_call call = {(enum kerf_collective_op)op, 8, bytes, true};
                    double time_s;
                    kerf_leaf_set_fill(&set, (enum kerf_column)column, &params);
                    assert_int_equal(kerf_collective_s(&params, &cluster, &call, NULL, &time_s, NULL, NULL),
                                     KERF_OK);
                    assert_true(time_s > 0.0 && time_s <= previous);
                    previous = time_s;
                }
            }
    }
}

/* All catalog links read and carry data. */
static void test_every_link_reads(void **state)
{
    (void)state;
    static struct kerf_leaf_set set;
    for (int i = 0; i < LINKS; i++) {
        struct kerf_link_params link;
        read_leaves("links", links[i], &kerf_link_leaves, &set);
        kerf_leaf_set_fill(&set, KERF_COLUMN_NOMINAL, &link);
        assert_true(link.latency_s > 0.0 && link.bandwidth_Bps > 0.0 && link.achieved > 0.0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_gpu_reads),
    cmocka_unit_test(test_columns_are_in_order),
    cmocka_unit_test(test_every_library_reads),
    cmocka_unit_test(test_every_link_reads),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
