/* Collectives take what was measured, also on GPUs, rank counts and clusters that nothing was fitted on;
 * forced algorithms, limits and closed forms agree with the events.
 *
 * Oracles: NCCL 2.29 times from AIConfigurator (ai-dynamo/aiconfigurator @ 095f58a, Apache-2.0); bus
 * bandwidths of coreweave/nccl-tests (README) and stas00/ml-engineering; DeepEP (README: H800 with 400 Gb/s
 * NICs). */
#include "models/fabric/collective_library.h"
#include "models/fabric/traffic.h"
#include "tests/unit/test_gpu_params.h"

#include <math.h>
#include <string.h>

static struct kerf_collective_params library(const char *name)
{
    struct kerf_collective_params params;
    struct kerf_leaf_set *set = malloc(sizeof *set);
    assert_non_null(set);
    read_leaves("collectives", name, &kerf_collective_leaves, set);
    kerf_leaf_set_fill(set, KERF_COLUMN_NOMINAL, &params);
    free(set);
    return params;
}

static struct kerf_cluster cluster_of(const char *gpu)
{
    struct kerf_gpu_params params = read_gpu(gpu, KERF_COLUMN_NOMINAL);
    return kerf_gpu_cluster(&params);
}

static double time_of(const struct kerf_collective_params *p, const struct kerf_cluster *c,
                      const struct kerf_collective_call *call, const char *forced)
{
    double time_s;
    struct kerf_error error = {0};
    if (kerf_collective_s(p, c, call, forced, &time_s, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return time_s;
}

struct series {
    const char *library, *gpu;
    enum kerf_collective_op op;
    double ranks, time_us[6];
    double most; /* mean absolute error that is allowed */
};

static const double series_bytes[6] = {512, 8192, 65536, 1048576, 16777216, 268435456};

static double error_of(const struct series *series)
{
    struct kerf_collective_params p = library(series->library);
    struct kerf_cluster c = cluster_of(series->gpu);
    double sum = 0.0;
    for (int i = 0; i < 6; i++) {
        struct kerf_collective_call call = {series->op, series->ranks, series_bytes[i], false};
        sum += fabs(time_of(&p, &c, &call, NULL) * 1e6 / series->time_us[i] - 1.0) / 6;
    }
    return sum;
}

/* GPUs that were fitted, at ranks that were (8), and GPUs and ranks that were not. The goal is 12 % over all;
 * six sizes of one operation may be further off. */
static void nccl_takes_what_was_measured(void **unused)
{
    (void)unused;
    static const struct series all[] = {
        {"hopper-nccl",
         "h100-sxm",
         KERF_COLLECTIVE_ALL_REDUCE,
         8,
         {15.6, 16.0, 18.7, 25.4, 121.9, 1092.1},
         0.12},
        {"hopper-nccl",
         "h200-sxm",
         KERF_COLLECTIVE_ALL_REDUCE,
         8,
         {16.0, 16.7, 19.9, 26.1, 121.7, 1052.6},
         0.12},
        {"blackwell-nccl",
         "b200-hgx",
         KERF_COLLECTIVE_ALL_REDUCE,
         8,
         {25.1, 26.0, 29.0, 30.1, 99.1, 715.4},
         0.12},
        {"blackwell-nccl",
         "b300-hgx",
         KERF_COLLECTIVE_ALL_REDUCE,
         8,
         {24.6, 25.8, 27.5, 28.5, 97.5, 715.2},
         0.12},
        {"blackwell-nccl",
         "gb200-nvl72",
         KERF_COLLECTIVE_ALL_REDUCE,
         4,
         {15.6, 16.2, 17.2, 19.7, 100.2, 662.9},
         0.12},
        {"blackwell-nccl",
         "gb300-nvl72",
         KERF_COLLECTIVE_ALL_REDUCE,
         4,
         {15.1, 15.6, 16.8, 19.1, 98.3, 656.7},
         0.12},
        {"ampere-nccl",
         "a100-80gb-sxm",
         KERF_COLLECTIVE_ALL_REDUCE,
         8,
         {22.6, 21.3, 28.1, 38.9, 216.5, 2182.5},
         0.12},
        {"hopper-nccl", "h100-sxm", KERF_COLLECTIVE_ALL_TO_ALL, 8, {7.4, 7.5, 8.7, 15.6, 75.7, 763.9}, 0.15},
        {"blackwell-nccl",
         "b200-hgx",
         KERF_COLLECTIVE_ALL_TO_ALL,
         8,
         {10.7, 11.0, 13.4, 18.8, 50.1, 437.7},
         0.15},
        {"blackwell-nccl",
         "b300-hgx",
         KERF_COLLECTIVE_ALL_TO_ALL,
         8,
         {11.2, 11.2, 12.6, 19.0, 48.9, 423.2},
         0.15},
        {"blackwell-nccl",
         "gb200-nvl72",
         KERF_COLLECTIVE_ALL_TO_ALL,
         4,
         {10.7, 10.8, 13.3, 17.9, 46.7, 428.0},
         0.15},
        {"ampere-nccl",
         "a100-80gb-sxm",
         KERF_COLLECTIVE_ALL_TO_ALL,
         8,
         {15.8, 15.9, 14.2, 25.8, 114.3, 1197.9},
         0.15},
        {"hopper-nccl",
         "h100-sxm",
         KERF_COLLECTIVE_ALL_GATHER,
         8,
         {10.1, 10.6, 13.1, 17.1, 68.9, 728.8},
         0.12},
        {"blackwell-nccl",
         "b200-hgx",
         KERF_COLLECTIVE_ALL_GATHER,
         8,
         {16.1, 16.6, 19.5, 18.7, 103.9, 393.1},
         0.12},
    };
    double sum = 0.0, count = sizeof all / sizeof all[0];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        double error = error_of(&all[i]);
        print_message("%-12s op %d, %g ranks: mean error %.1f %%\n", all[i].gpu, (int)all[i].op, all[i].ranks,
                      100.0 * error);
        sum += error;
        if (error > all[i].most)
            fail_msg("%s, op %d: mean error %.1f %%", all[i].gpu, (int)all[i].op, 100.0 * error);
    }
    print_message("all: mean error %.1f %%\n", 100.0 * sum / count);
    assert_true(sum / count <= 0.12);
}

/* Bus bandwidths of whole racks and of clusters, GB/s; all but the one of 1,440 ranks at 16 GiB, which sets
 * ring_nics, enter no fit. The goal is 15 %; the row of 32 ranks got more from its NICs than nic_share says.
 */
static void racks_and_clusters_reach_the_published_bus_bandwidth(void **unused)
{
    (void)unused;
    static const struct {
        const char *gpu;
        double ranks, MiB, bus_GBps, most;
    } all[] = {{"gb200-nvl72", 72, 512, 586, 0.15},   {"gb200-nvl72", 72, 8192, 834, 0.15},
               {"gb200-nvl72", 144, 512, 494, 0.15},  {"gb200-nvl72", 144, 16384, 810, 0.15},
               {"gb200-nvl72", 1440, 512, 151, 0.15}, {"gb200-nvl72", 1440, 16384, 406, 0.15},
               {"b200-hgx", 32, 16384, 381.8, 0.20}};
    struct kerf_collective_params p = library("blackwell-nccl");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct kerf_cluster c = cluster_of(all[i].gpu);
        struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_REDUCE, all[i].ranks, all[i].MiB * 1048576.0,
                                            false};
        double time_s;
        const char *taken;
        assert_int_equal(kerf_collective_s(&p, &c, &call, NULL, &time_s, &taken, NULL), KERF_OK);
        double bus_GBps = kerf_bus_Bps(&call, time_s) * 1e-9, error = bus_GBps / all[i].bus_GBps - 1.0;
        print_message("%4g ranks, %5g MiB: %.0f GB/s by %s, published %.0f: %+.1f %%\n", all[i].ranks,
                      all[i].MiB, bus_GBps, taken, all[i].bus_GBps, 100.0 * error);
        if (!(fabs(error) <= all[i].most))
            fail_msg("%g ranks, %g MiB: %.0f GB/s", all[i].ranks, all[i].MiB, bus_GBps);
    }
}

/* DeepEP on H800: 128 tokens per rank, hidden 7168, top 8 of 256 experts, fp8 out and bf16 back; nothing of
 * it enters a fit. 8 ranks are one node. */
static void expert_exchange_over_nics_takes_what_deepep_measured(void **unused)
{
    (void)unused;
    static const double ranks[6] = {8, 16, 32, 64, 128, 256}, dispatch_us[6] = {77, 118, 155, 173, 192, 194},
                        combine_us[6] = {114, 195, 273, 314, 369, 360};
    struct kerf_collective_params p = library("hopper-nccl");
    struct kerf_cluster c = cluster_of("h800");
    double sum = 0.0;
    for (int i = 0; i < 6; i++) {
        struct kerf_expert_exchange out = {ranks[i], 128, 8, 256, 7168 * (1.0 + 4.0 / 128.0)}, back = out;
        back.bytes_per_copy = 7168 * 2.0;
        double there = kerf_expert_dispatch_s(&p, &c, &out) * 1e6 / dispatch_us[i] - 1.0;
        double home = kerf_expert_combine_s(&p, &c, &back) * 1e6 / combine_us[i] - 1.0;
        print_message("%3g ranks: dispatch %+.1f %%, combine %+.1f %%\n", ranks[i], 100.0 * there,
                      100.0 * home);
        if (i > 0)
            sum += (fabs(there) + fabs(home)) / 10.0;
    }
    print_message("several nodes: mean %.1f %%\n", 100.0 * sum);
    assert_true(sum <= 0.12);
}

/* The closed form of the two-level all-reduce is that of the plan, which the events of traffic.h agree with.
 */
static void the_hierarchical_allreduce_is_the_two_level_plan(void **unused)
{
    (void)unused;
    struct kerf_collective_params p = library("hopper-nccl");
    struct kerf_cluster c = {.domain_Bps = 450e9, .nic_Bps = 50e9, .domain = 8};
    struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_REDUCE, 128, 1e9, false};
    struct kerf_plan plan = {.kind = &kerf_plan_two_level_allreduce, .ranks = 128, .group = 8, .bytes = 1e9};
    struct kerf_plain_network plain = {p.hop_s, 450e9 * p.simple_share, p.nic_hop_s, 50e9 * p.nic_share, 0.0};
    double expected_s = p.simple_floor_s + kerf_plan_closed_s(&plan, &plain);
    assert_true(fabs(time_of(&p, &c, &call, "hierarchical") / expected_s - 1.0) < 1e-9);
}

/* Few bytes take the fewest steps, many the least traffic, and the fastest is what each forced one is at
 * most. */
static void the_fastest_algorithm_that_applies_is_taken(void **unused)
{
    (void)unused;
    struct kerf_collective_params p = library("hopper-nccl");
    struct kerf_cluster c = cluster_of("h100-sxm");
    static const struct {
        double bytes;
        bool in_graph;
        const char *name;
    } all[] = {{1e3, false, "ring-ll"},
               {1e3, true, "one-shot"},
               {1e6, false, "ring-ll128"},
               {1e9, false, "in-switch"},
               {1e9, true, "in-switch"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_REDUCE, 8, all[i].bytes, all[i].in_graph};
        double best_s, forced_s;
        const char *taken;
        assert_int_equal(kerf_collective_s(&p, &c, &call, NULL, &best_s, &taken, NULL), KERF_OK);
        assert_string_equal(taken, all[i].name);
        for (uint32_t a = 0; a < kerf_collective_algorithm_count; a++)
            if (kerf_collective_s(&p, &c, &call, kerf_collective_algorithms[a].name, &forced_s, NULL, NULL) ==
                KERF_OK)
                assert_true(forced_s >= best_s);
    }
}

/* More bytes and more ranks never take less time with one algorithm; one rank takes none. */
static void time_grows_with_bytes_and_ranks(void **unused)
{
    (void)unused;
    struct kerf_collective_params p = library("blackwell-nccl");
    struct kerf_cluster c = cluster_of("b200-hgx");
    for (int op = 0; op < KERF_COLLECTIVE_COUNT; op++) {
        struct kerf_collective_call call = {(enum kerf_collective_op)op, 1, 1e6, false};
        assert_true(time_of(&p, &c, &call, NULL) == 0.0);
        for (call.ranks = 2; call.ranks <= 1024; call.ranks *= 2) {
            double before_s = 0.0;
            for (call.bytes = 1.0; call.bytes < 1e12; call.bytes *= 4.0) {
                double this_s = time_of(&p, &c, &call, NULL);
                assert_true(this_s >= before_s && isfinite(this_s));
                before_s = this_s;
            }
        }
    }
    struct kerf_collective_call ring = {KERF_COLLECTIVE_ALL_REDUCE, 2, 1e6, false};
    double two_s = time_of(&p, &c, &ring, "ring-ll");
    ring.ranks = 8;
    assert_true(time_of(&p, &c, &ring, "ring-ll") > two_s);
}

static void what_does_not_fit_is_refused_in_words(void **unused)
{
    (void)unused;
    struct kerf_collective_params p = library("ampere-nccl");
    struct kerf_cluster c = cluster_of("a100-80gb-sxm");
    struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_REDUCE, 8, 1e6, true};
    struct kerf_error error = {0};
    double time_s;
    assert_int_equal(kerf_collective_s(&p, &c, &call, "in-switch", &time_s, NULL, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "'in-switch' does not fit")); /* A100's switch does not reduce */
    assert_non_null(strstr(error.message, "here fit: ring-ll, ring-ll128, ring-simple"));
    assert_int_equal(kerf_collective_s(&p, &c, &call, "rign", &time_s, NULL, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "'rign' is unknown"));
    call.ranks = 12;
    assert_int_equal(kerf_collective_s(&p, &c, &call, NULL, &time_s, NULL, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "12 ranks do not fill whole domains of 8"));
}

/* nccl-tests, doc/PERFORMANCE.md: 8 ranks, 1 GB in 10 ms. */
static void bus_bandwidth_is_that_of_nccl_tests(void **unused)
{
    (void)unused;
    struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_REDUCE, 8, 1e9, false};
    assert_true(fabs(kerf_bus_Bps(&call, 0.01) - 175e9) < 1.0);
    call.op = KERF_COLLECTIVE_ALL_TO_ALL;
    assert_true(fabs(kerf_bus_Bps(&call, 0.01) - 87.5e9) < 1.0);
    call.op = KERF_COLLECTIVE_BROADCAST;
    assert_true(fabs(kerf_bus_Bps(&call, 0.01) - 100e9) < 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nccl_takes_what_was_measured),
        cmocka_unit_test(racks_and_clusters_reach_the_published_bus_bandwidth),
        cmocka_unit_test(expert_exchange_over_nics_takes_what_deepep_measured),
        cmocka_unit_test(the_hierarchical_allreduce_is_the_two_level_plan),
        cmocka_unit_test(the_fastest_algorithm_that_applies_is_taken),
        cmocka_unit_test(time_grows_with_bytes_and_ranks),
        cmocka_unit_test(what_does_not_fit_is_refused_in_words),
        cmocka_unit_test(bus_bandwidth_is_that_of_nccl_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
