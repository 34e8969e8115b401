/* bench_fabric: collectives of a cluster with contention (models/fabric/network_collective.h). Servers of 8
 * GPUs on rails; each rail is a fat tree of its own, on which its GPUs run a ring all-reduce or a pairwise
 * all-to-all of the pieces that are left after the servers' own NVLink phases. Without rails all GPUs share
 * one tree. */
#include "models/fabric/network_collective.h"
#include "models/fabric/topology_layers.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct kerf_network_collective collective;
    struct kerf_topology *topology;
    uint64_t gpus, rails, leaf, steps;
    double bytes, oversubscription;
    const char *operation;
    bool ecmp;
};

/* A plan cut short: the first steps of all-to-all; a ring has as many as it is told. */
static uint32_t few_phases(const struct kerf_plan *plan)
{
    return plan->shift < plan->group - 1 ? plan->shift : plan->group - 1;
}

static struct kerf_phase alltoall_phase(const struct kerf_plan *plan, uint32_t index)
{
    return kerf_plan_alltoall.phase(plan, index);
}

static const struct kerf_plan_kind first_shifts = {"all-to-all", few_phases, alltoall_phase};

static uint32_t one_phase(const struct kerf_plan *plan)
{
    return plan->ranks > 1;
}

static struct kerf_phase ring_phase(const struct kerf_plan *plan, uint32_t index)
{
    struct kerf_phase phase = kerf_plan_ring_allreduce.phase(plan, index);
    if (phase.repeats > plan->shift)
        phase.repeats = plan->shift;
    return phase;
}

static const struct kerf_plan_kind first_ring_steps = {"ring", one_phase, ring_phase};

static enum kerf_status make_plane(struct bench *b, struct kerf_error *error)
{
    uint32_t ranks = (uint32_t)(b->gpus / b->rails), down = (uint32_t)b->leaf;
    uint32_t up = (uint32_t)(down / b->oversubscription + 0.5);
    struct kerf_topology_layer tree = {.kind = KERF_TOPOLOGY_LAYER_FAT_TREE,
                                       .port = {50e9, 1e-6, KERF_LINK_NIC},
                                       .trunk = {50e9, 0.5e-6, KERF_LINK_TRUNK},
                                       .fat_tree = {.levels = 3,
                                                    .leaf_down = down,
                                                    .leaf_up = up,
                                                    .spines = up,
                                                    .pod_leaves = down,
                                                    .core_up = down}};
    KERF_TRY(kerf_topology_create("GPU", ranks, 1, &b->topology, error));
    KERF_TRY(kerf_topology_add_layer(b->topology, &tree, error));
    KERF_TRY(kerf_topology_finish(b->topology, error));
    b->collective = (struct kerf_network_collective){
        .topology = b->topology,
        .routes = {.choice = b->ecmp ? KERF_ROUTE_ECMP : KERF_ROUTE_DESTINATION},
        .traffic = {.achieved = {[KERF_LINK_NIC] = 0.8, [KERF_LINK_TRUNK] = 0.8}, .step_s = 5e-6},
        .plan = {.kind = strcmp(b->operation, "ring") == 0 ? &first_ring_steps : &first_shifts,
                 .ranks = ranks,
                 .group = ranks,
                 .bytes = strcmp(b->operation, "ring") == 0 ? b->bytes / (double)b->rails : b->bytes,
                 .shift = b->steps > 0 ? (uint32_t)b->steps : UINT32_MAX},
        .planes = (uint32_t)b->rails};
    return KERF_OK;
}

static enum kerf_status add(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct bench *b = context;
    KERF_TRY(make_plane(b, error));
    return kerf_network_collective_add(&b->collective, engine, error);
}

static enum kerf_status finish(void *context, struct kerf_engine *engine, char *text, size_t text_bytes,
                               struct kerf_error *error)
{
    const struct bench *b = context;
    const struct kerf_network_collective *c = &b->collective;
    kerf_time last = 0;
    (void)error;
    for (uint32_t plane = 0; plane < c->planes; plane++)
        for (uint32_t r = 0; r < c->plan.ranks; r++) {
            kerf_time done = kerf_network_collective_done(c, engine, plane, r);
            last = done < KERF_TIME_NEVER && done > last ? done : last;
        }
    MPI_Allreduce(MPI_IN_PLACE, &last, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    const struct kerf_plain_network plain = {.in_latency_s = 5e-6, .in_Bps = 0.8 * 50e9, .step_s = 5e-6};
    snprintf(
        text, text_bytes, " operation=%s gpus=%llu rails=%llu messages=%.0f completion_us=%.3f alone_us=%.3f",
        b->operation, (unsigned long long)b->gpus, (unsigned long long)b->rails,
        (double)c->steps * (double)b->gpus, 1e-6 * (double)last, 1e6 * kerf_plan_closed_s(&c->plan, &plain));
    return KERF_OK;
}

int main(int argc, char **argv)
{
    struct bench bench = {.gpus = 1024,
                          .rails = 8,
                          .leaf = 16,
                          .bytes = 64e6,
                          .oversubscription = 1.0,
                          .operation = "alltoall"};
    bool reference = false, fold = false;
    const struct bench_option options[] = {
        {"operation", .text = &bench.operation, .help = "alltoall or ring (alltoall)"},
        {"gpus", .count = &bench.gpus, .help = "in all (1024)"},
        {"rails", .count = &bench.rails,
         .help = "fat trees that share the GPUs out (8); 1: one tree for all"},
        {"leaf", .count = &bench.leaf, .help = "GPUs per leaf switch and leaves per pod (16)"},
        {"steps", .count = &bench.steps, .help = "at most (0: all)"},
        {"bytes", .number = &bench.bytes, .help = "of a GPU's buffer (64M)"},
        {"oversubscription", .number = &bench.oversubscription, .help = "at the leaves (1)"},
        {"ecmp", .flag = &bench.ecmp, .help = "routes by hash, not by destination"},
        {"fold", .flag = &fold, .help = "rails that are alike are simulated once"},
        {"reference", .flag = &reference, .help = "run on the plain heap"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    if (bench.gpus == 0 || bench.rails == 0 || bench.gpus % bench.rails != 0 || bench.leaf < 2 ||
        bench.leaf > 1024 || !(bench.oversubscription >= 1.0) || !(bench.bytes > 0.0) ||
        (strcmp(bench.operation, "alltoall") != 0 && strcmp(bench.operation, "ring") != 0)) {
        fprintf(stderr, "bench_fabric: a setting is out of range\n");
        return bench_finish(2);
    }
    const struct bench_run run = {.name = "fabric",
                                  .reference = reference,
                                  .fold = fold,
                                  .context = &bench,
                                  .add = add,
                                  .finish = finish};
    int status = bench_run_engine(&run);
    kerf_topology_free(bench.topology);
    return bench_finish(status);
}
