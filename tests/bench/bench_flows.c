/* Flows per second of the fluid network: a fixed number under way on a fat tree, one starts when one ends.
 *
 *     bench_flows [FLOWS UNDER WAY [FLOWS IN ALL [K]]]        default: 1024 2000000 16 (1024 hosts)
 *
 * Ends are random hosts, paths one of (k/2)^2 by hash, sizes exponential, links 50 GB/s. Seconds are CPU
 * time. */
#include "models/fabric/fluid.h"
#include "tests/support/fat_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* Of this process's core, so that neighbours on the machine count less. */
static double core_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
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

int main(int count, char **arguments)
{
    struct bench bench = {.is_random = count > 1 && strcmp(arguments[1], "random") == 0, .state = 1};
    bench.under_way = count > 2 ? strtoull(arguments[2], NULL, 10) : 1024;
    bench.in_all = count > 3 ? strtoull(arguments[3], NULL, 10) : 2000000;
    bench.k = count > 4 ? (uint32_t)strtoul(arguments[4], NULL, 10) : 16;
    struct kerf_error error;
    double begin_s = 0, spent_s = 0;
    enum kerf_status status = create(&bench, &error);
    if (status == KERF_OK) {
        begin_s = core_s();
        status = churn(&bench, &error);
        spent_s = core_s() - begin_s;
    }
    if (status == KERF_OK) {
        struct kerf_fluid_stats stats = kerf_fluid_stats(bench.fluid);
        printf("%s: %.0f flows/s (%llu flows, %llu under way, %u hosts, %.2f s; per solve %.1f flows, %.1f "
               "links)\n",
               bench.is_random ? "random" : "shift", (double)bench.in_all / spent_s,
               (unsigned long long)bench.in_all, (unsigned long long)bench.under_way, fat_tree_hosts(bench.k),
               spent_s, (double)stats.flows_rated / (double)stats.solves,
               (double)stats.links_seen / (double)stats.solves);
    } else {
        fprintf(stderr, "bench_flows: %s\n", error.message);
    }
    kerf_fluid_free(bench.fluid);
    free(bench.host);
    return (int)status;
}
