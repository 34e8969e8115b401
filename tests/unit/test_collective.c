/* Collectives inside a domain: latency for small messages, bus bandwidth for large ones. */
#include "models/fabric/collective.h"

#include "test_gpu_params.h"

static struct kerf_domain domain_of(const char *gpu_name)
{
    struct kerf_gpu_params gpu = read_gpu(gpu_name, KERF_COLUMN_NOMINAL);
    return kerf_gpu_domain(&gpu);
}

/* One rank has nothing to exchange. */
static void test_one_rank_is_free(void **state)
{
    (void)state;
    struct kerf_domain domain = domain_of("b200-hgx");
    assert_true(kerf_allreduce_s(&domain, 1.0, 1e9) == 0.0);
    assert_true(kerf_alltoall_s(&domain, 1.0, 1e9) == 0.0);
}

/* More bytes or more ranks never take less time. */
static void test_time_grows_with_bytes_and_ranks(void **state)
{
    (void)state;
    struct kerf_domain domain = domain_of("gb200-nvl72");
    for (double ranks = 2.0; ranks <= 64.0; ranks *= 2.0)
        for (double bytes = 256.0; bytes <= 1e10; bytes *= 2.0) {
            double allreduce_s = kerf_allreduce_s(&domain, ranks, bytes);
            double alltoall_s = kerf_alltoall_s(&domain, ranks, bytes);
            assert_true(allreduce_s > 0.0 && alltoall_s > 0.0);
            assert_true(kerf_allreduce_s(&domain, ranks, 2.0 * bytes) > allreduce_s);
            assert_true(kerf_allreduce_s(&domain, ranks + 1.0, bytes) > allreduce_s);
            assert_true(kerf_alltoall_s(&domain, ranks, 2.0 * bytes) > alltoall_s);
            assert_true(kerf_alltoall_s(&domain, ranks + 1.0, bytes) >= alltoall_s);
        }
}

/* At 256 MiB an all-reduce takes what NCCL 2.29 measured on 8 GPUs, or 4 of GB200 and GB300, within 15 %
 * (ai-dynamo/aiconfigurator @ 095f58a, systems/data). */
static void test_large_allreduce_reaches_the_bus_bandwidth(void **state)
{
    (void)state;
    static const struct {
        const char *gpu;
        double ranks, measured_s;
    } rows[] = {{"a100-80gb-sxm", 8, 2182.5e-6}, {"h100-sxm", 8, 1092.1e-6}, {"h200-sxm", 8, 1052.6e-6},
                {"b200-hgx", 8, 715.4e-6},       {"b300-hgx", 8, 715.2e-6},  {"gb200-nvl72", 4, 662.9e-6},
                {"gb300-nvl72", 4, 656.7e-6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kerf_domain domain = domain_of(rows[i].gpu);
        assert_close(kerf_allreduce_s(&domain, rows[i].ranks, 268435456.0), rows[i].measured_s, 0.15);
    }
}

/* A decode step's all-reduce takes what TensorRT-LLM's custom kernel measured inside a graph: 256 B on 8 GPUs
 * (4 of GB200 and GB300), within 10 % (same source). */
static void test_small_allreduce_is_its_floor(void **state)
{
    (void)state;
    static const struct {
        const char *gpu;
        double ranks, measured_s;
    } rows[] = {{"h100-sxm", 8, 3.1e-6}, {"h200-sxm", 8, 3.2e-6},    {"b200-hgx", 8, 5.0e-6},
                {"b300-hgx", 8, 4.9e-6}, {"gb200-nvl72", 4, 4.6e-6}, {"gb300-nvl72", 4, 4.9e-6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kerf_domain domain = domain_of(rows[i].gpu);
        assert_close(kerf_allreduce_s(&domain, rows[i].ranks, 256.0), rows[i].measured_s, 0.10);
    }
}

/* A slower link is never faster, and the floor at the measured ranks is the leaf itself. */
static void test_floor_and_link(void **state)
{
    (void)state;
    struct kerf_domain domain = domain_of("h100-sxm"), slow = domain_of("h800");
    for (double bytes = 1024.0; bytes <= 1e9; bytes *= 8.0)
        assert_true(kerf_allreduce_s(&slow, 8.0, bytes) > kerf_allreduce_s(&domain, 8.0, bytes));
    assert_close(kerf_allreduce_s(&domain, domain.measured_ranks, 0.0), domain.allreduce_floor_s, 1e-12);
    assert_close(kerf_allreduce_s(&domain, 2.0 * domain.measured_ranks, 0.0),
                 domain.allreduce_floor_s + domain.allreduce_floor_per_doubling_s, 1e-12);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_one_rank_is_free),
    cmocka_unit_test(test_time_grows_with_bytes_and_ranks),
    cmocka_unit_test(test_large_allreduce_reaches_the_bus_bandwidth),
    cmocka_unit_test(test_small_allreduce_is_its_floor),
    cmocka_unit_test(test_floor_and_link),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
