/* The device room: collectives of the wafer's mesh. Knows PEs and wavelets, no operators. */
#include "models/device/wafer_mesh.h"

#include <math.h>

/* Passes of the payload over a link in a two-level tree: two directions into a group's root, two into the
 * middle, two out again (WaferLLM, OSDI'25, the kernel's calls one after the other). */
enum { KTREE_PASSES = 6 };

double kerf_cycles_total(const struct kerf_cycles *cycles)
{
    return cycles->compute + cycles->memory + cycles->fabric + cycles->software;
}

void kerf_cycles_add(struct kerf_cycles *sum, const struct kerf_cycles *cycles)
{
    sum->compute += cycles->compute;
    sum->memory += cycles->memory;
    sum->fabric += cycles->fabric;
    sum->software += cycles->software;
    sum->wavelets += cycles->wavelets;
}

struct kerf_cycles kerf_cycles_times(struct kerf_cycles cycles, double count)
{
    cycles.compute *= count;
    cycles.memory *= count;
    cycles.fabric *= count;
    cycles.software *= count;
    cycles.wavelets *= count;
    return cycles;
}

struct kerf_cycles kerf_cycles_less(const struct kerf_cycles *a, const struct kerf_cycles *b)
{
    return kerf_cycles_total(b) < kerf_cycles_total(a) ? *b : *a;
}

/* Down the ramp, one addition, up again: what each dependent PE adds (HPDC'24: 2 T_R + 1). */
static double depth_cycles(const struct kerf_wafer_params *wafer)
{
    return 2.0 * wafer->ramp_cycles + 1.0;
}

static int nothing_to_do(double P, double B)
{
    return P < 2.0 || B <= 0.0;
}

double kerf_mesh_broadcast(const struct kerf_wafer_params *wafer, double P, double B)
{
    if (nothing_to_do(P, B))
        return 0.0;
    return B + wafer->hop_cycles * (P - 1.0) + depth_cycles(wafer);
}

double kerf_mesh_broadcast_2d(const struct kerf_wafer_params *wafer, double P, double Q, double B)
{
    if (nothing_to_do(P * Q, B))
        return 0.0;
    return B + wafer->hop_cycles * (P + Q - 2.0) + depth_cycles(wafer);
}

double kerf_mesh_chain(const struct kerf_wafer_params *wafer, double P, double B)
{
    if (nothing_to_do(P, B))
        return 0.0;
    return B + (depth_cycles(wafer) + wafer->hop_cycles) * (P - 1.0);
}

double kerf_mesh_star(const struct kerf_wafer_params *wafer, double P, double B)
{
    if (nothing_to_do(P, B))
        return 0.0;
    /* wavelets reach the root back to back, so that the distance hides behind them unless hops are slow */
    return fmax(B, wafer->hop_cycles) * (P - 1.0) + depth_cycles(wafer) + 1.0;
}

double kerf_mesh_tree(const struct kerf_wafer_params *wafer, double P, double B)
{
    if (nothing_to_do(P, B))
        return 0.0;
    double D = ceil(log2(P));
    double contention = fmax(B * D, B * P * D / (2.0 * (P - 1.0)));
    return contention + wafer->hop_cycles * (P - 1.0) + depth_cycles(wafer) * D;
}

double kerf_mesh_two_phase(const struct kerf_wafer_params *wafer, double P, double B, double S)
{
    if (nothing_to_do(P, B))
        return 0.0;
    double depth = (S - 1.0) + (ceil(P / S) - 1.0);
    return 2.0 * B + wafer->hop_cycles * (P - 1.0) + depth_cycles(wafer) * depth;
}

double kerf_mesh_two_phase_best(const struct kerf_wafer_params *wafer, double P, double B)
{
    double S = fmax(1.0, floor(sqrt(P)));
    return fmin(kerf_mesh_two_phase(wafer, P, B, S), kerf_mesh_two_phase(wafer, P, B, S + 1.0));
}

double kerf_mesh_reduce(const struct kerf_wafer_params *wafer, double P, double B)
{
    double one_level = fmin(kerf_mesh_chain(wafer, P, B), kerf_mesh_star(wafer, P, B));
    return fmin(one_level, fmin(kerf_mesh_tree(wafer, P, B), kerf_mesh_two_phase_best(wafer, P, B)));
}

double kerf_mesh_reduce_2d(const struct kerf_wafer_params *wafer, double P, double Q, double B)
{
    return kerf_mesh_reduce(wafer, P, B) + kerf_mesh_reduce(wafer, Q, B);
}

double kerf_mesh_ktree(const struct kerf_wafer_params *wafer, double P, double B, double G)
{
    if (nothing_to_do(P, B))
        return 0.0;
    double in_group = P / G / 2.0, over_groups = (G - 1.0) / 2.0; /* PEs that add, one after the other */
    return wafer->hop_cycles * P + depth_cycles(wafer) * (in_group + over_groups + 1.0) + KTREE_PASSES * B;
}

double kerf_mesh_ktree_best(const struct kerf_wafer_params *wafer, double P, double B)
{
    /* where the slope in G vanishes; any real G is allowed, groups of unequal size round it */
    return kerf_mesh_ktree(wafer, P, B, sqrt(P));
}

double kerf_mesh_allreduce(const struct kerf_wafer_params *wafer, double P, double B)
{
    double tree = kerf_mesh_ktree_best(wafer, P, B), out = kerf_mesh_broadcast(wafer, P, B);
    /* no reduce is faster than a broadcast the other way: spares most calls the other forms */
    if (tree <= 2.0 * out)
        return tree;
    return fmin(tree, kerf_mesh_reduce(wafer, P, B) + out);
}

double kerf_mesh_transfer(const struct kerf_wafer_params *wafer, double P, double elements)
{
    if (elements <= 0.0)
        return 0.0;
    return wafer->hop_cycles * P + elements / (2.0 * P) + depth_cycles(wafer);
}

struct kerf_cycles kerf_mesh_allreduce_cycles(const struct kerf_wafer_params *wafer, double P, double lines,
                                              double B)
{
    return (struct kerf_cycles){.fabric = kerf_mesh_allreduce(wafer, P, B), .wavelets = P * lines * B};
}
