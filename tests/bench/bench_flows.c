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
#include <time.h>

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t word = *state += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

static enum kerf_status start_random(struct kerf_fluid *fluid, uint32_t k, uint64_t *state, kerf_time now,
                                     struct kerf_error *error)
{
    uint32_t path[FAT_TREE_HOPS], id, hosts = fat_tree_hosts(k);
    uint64_t ends = draw(state), hash = draw(state);
    uint32_t from = (uint32_t)ends % hosts, to = (uint32_t)(ends >> 32) % (hosts - 1);
    to += to >= from;
    struct kerf_fluid_flow flow = {.path = path};
    flow.hops = fat_tree_path(k, from, to, (uint32_t)hash % (k / 2), (uint32_t)(hash >> 32) % (k / 2), path);
    flow.bytes = -1e6 * log(((double)(draw(state) >> 11) + 0.5) * 0x1.0p-53);
    return kerf_fluid_start(fluid, now, &flow, &id, error);
}

static enum kerf_status churn(struct kerf_fluid *fluid, uint32_t k, uint64_t under_way, uint64_t in_all,
                              struct kerf_error *error)
{
    uint64_t state = 1, started = 0;
    while (started < under_way) {
        KERF_TRY(start_random(fluid, k, &state, 0, error));
        started++;
    }
    for (kerf_time now; (now = kerf_fluid_next(fluid)) < KERF_TIME_NEVER;) {
        uint32_t id;
        while (kerf_fluid_finish(fluid, now, &id, NULL))
            if (started < in_all) {
                KERF_TRY(start_random(fluid, k, &state, now, error));
                started++;
            }
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

int main(int count, char **arguments)
{
    uint64_t under_way = count > 1 ? strtoull(arguments[1], NULL, 10) : 1024;
    uint64_t in_all = count > 2 ? strtoull(arguments[2], NULL, 10) : 2000000;
    uint32_t k = count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 16;
    uint32_t links = fat_tree_links(k);
    double *capacity_Bps = malloc(links * sizeof *capacity_Bps);
    if (!capacity_Bps)
        return 1;
    for (uint32_t l = 0; l < links; l++)
        capacity_Bps[l] = 50e9;
    struct kerf_fluid *fluid = NULL;
    struct kerf_error error;
    enum kerf_status status = kerf_fluid_create(capacity_Bps, links, FAT_TREE_HOPS, &fluid, &error);
    double begin_s = core_s();
    if (status == KERF_OK)
        status = churn(fluid, k, under_way, in_all, &error);
    double spent_s = core_s() - begin_s;
    if (status == KERF_OK) {
        struct kerf_fluid_stats stats = kerf_fluid_stats(fluid);
        printf(
            "%.0f flows/s (%llu flows, %llu under way, %u hosts, %.2f s; per solve %.1f flows, %.1f links)\n",
            (double)in_all / spent_s, (unsigned long long)in_all, (unsigned long long)under_way,
            fat_tree_hosts(k), spent_s, (double)stats.flows_rated / (double)stats.solves,
            (double)stats.links_seen / (double)stats.solves);
    } else {
        fprintf(stderr, "bench_flows: %s\n", error.message);
    }
    kerf_fluid_free(fluid);
    free(capacity_Bps);
    return (int)status;
}
