/* bench_flows: flows per second of the fluid network. A fixed number is under way on a fat tree; one starts
 * when one ends. Ends are random hosts, or each host sends to the one half the tree away; paths are one of
 * (k/2)^2 by hash, sizes exponential, links 50 GB/s. */
#include "models/fabric/fluid.h"
#include "tests/bench/bench.h"
#include "tests/support/fat_tree.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t word = *state += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

struct bench {
    struct kerf_fluid *fluid;
    uint32_t k;
    bool is_random;
    uint64_t under_way, in_all, started, state;
    uint32_t *host; /* that sends, by flow */
};

/* Starts a flow from host `from`, or from any. */
static enum kerf_status start_flow(struct bench *bench, uint32_t from, kerf_time now,
                                   struct kerf_error *error)
{
    uint32_t path[FAT_TREE_HOPS], id, half = bench->k / 2, hosts = fat_tree_hosts(bench->k);
    uint64_t ends = draw(&bench->state), hash = draw(&bench->state);
    uint32_t to = (from + hosts / 2) % hosts;
    if (bench->is_random) {
        from = (uint32_t)ends % hosts;
        to = (uint32_t)(ends >> 32) % (hosts - 1);
        to += to >= from;
    }
    struct kerf_fluid_flow flow = {.path = path};
    flow.hops = fat_tree_path(bench->k, from, to, (uint32_t)hash % half, (uint32_t)(hash >> 32) % half, path);
    flow.bytes = -1e6 * log(((double)(draw(&bench->state) >> 11) + 0.5) * 0x1.0p-53);
    KERF_TRY(kerf_fluid_start(bench->fluid, now, &flow, &id, error));
    bench->host[id] = from;
    bench->started++;
    return KERF_OK;
}

static enum kerf_status churn(struct bench *bench, struct kerf_error *error)
{
    while (bench->started < bench->under_way)
        KERF_TRY(start_flow(bench, (uint32_t)bench->started % fat_tree_hosts(bench->k), 0, error));
    for (kerf_time now; (now = kerf_fluid_next(bench->fluid)) < KERF_TIME_NEVER;) {
        uint32_t id;
        while (kerf_fluid_finish(bench->fluid, now, &id, NULL))
            if (bench->started < bench->in_all)
                KERF_TRY(start_flow(bench, bench->host[id], now, error));
    }
    return KERF_OK;
}

static enum kerf_status create(struct bench *bench, struct kerf_error *error)
{
    uint32_t links = fat_tree_links(bench->k);
    double *capacity_Bps = malloc(links * sizeof *capacity_Bps);
    bench->host = malloc(bench->under_way * sizeof *bench->host);
    KERF_CHECK(capacity_Bps && bench->host, KERF_ERR_FAILURE, "out of memory");
    for (uint32_t l = 0; l < links; l++)
        capacity_Bps[l] = 50e9;
    enum kerf_status status = kerf_fluid_create(capacity_Bps, links, FAT_TREE_HOPS, &bench->fluid, error);
    free(capacity_Bps);
    return status;
}

static void print_line(const struct bench *bench, struct bench_clock spent)
{
    struct kerf_fluid_stats stats = kerf_fluid_stats(bench->fluid);
    double flows = (double)bench->in_all, solves = (double)stats.solves, share = spent.cpu_s / spent.wall_s;
    printf("bench=flows ranks=1 pattern=%s hosts=%u under_way=%" PRIu64 " events=%" PRIu64 " run_s=%.6f "
           "cpu_s=%.6f events_per_s=%.4g events_per_cpu_s=%.4g rss_max_MB=%.2f rss_sum_MB=%.2f "
           "flows_per_solve=%.1f links_per_solve=%.1f cpu_share=%.3f%s\n",
           bench->is_random ? "random" : "shift", fat_tree_hosts(bench->k), bench->under_way, bench->in_all,
           spent.wall_s, spent.cpu_s, flows / spent.wall_s, flows / spent.cpu_s, bench_peak_bytes() / 1e6,
           bench_peak_bytes() / 1e6, (double)stats.flows_rated / solves, (double)stats.links_seen / solves,
           share, bench_was_busy(share) ? " note='busy machine'" : "");
}

static int run(struct bench *bench)
{
    struct kerf_error error = {0};
    enum kerf_status status = create(bench, &error);
    struct bench_clock start = bench_now();
    if (status == KERF_OK)
        status = churn(bench, &error);
    if (status == KERF_OK)
        print_line(bench, bench_since(MPI_COMM_SELF, start));
    else
        fprintf(stderr, "bench_flows: %s\n", error.message);
    kerf_fluid_free(bench->fluid);
    free(bench->host);
    return (int)status;
}

int main(int argc, char **argv)
{
    const char *pattern = "shift";
    uint64_t k = 16;
    struct bench bench = {.under_way = 1024, .in_all = 2000000, .state = 1};
    const struct bench_option options[] = {
        {"pattern", .text = &pattern, .help = "shift (to the host half the tree away) or random (shift)"},
        {"flows", .count = &bench.under_way, .help = "under way at a time (1024)"},
        {"total", .count = &bench.in_all, .help = "in all (2M)"},
        {"k", .count = &k, .help = "ports of a switch: k^3 / 4 hosts (16)"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    bench.is_random = strcmp(pattern, "random") == 0;
    bench.k = (uint32_t)k;
    if ((!bench.is_random && strcmp(pattern, "shift") != 0) || k < 2 || k > 128 || k % 2 != 0 ||
        bench.under_way == 0 || bench.in_all < bench.under_way) {
        fprintf(stderr, "bench_flows: a setting is out of range\n");
        return bench_finish(2);
    }
    return bench_finish(run(&bench));
}
