/* The device room: mixture of experts on the wafer's mesh. Knows expert shapes, no networks. */
#include "models/device/wafer_moe.h"

#include "models/network/operator.h"

#include <math.h>

/* Cuts that are tried: groups = side x side. */
static const double group_sides[] = {1.0, 2.0, 4.0, 8.0};

/* Experts on the busiest group, tokens through each, and whole jobs. */
struct group_load {
    double jobs, experts, tokens_each;
};

static struct group_load busiest(const struct kerf_experts_shape *shape, double M, double groups)
{
    double jobs = M * shape->top_k;
    const struct kerf_expert_group *group =
        shape->skew ? kerf_expert_skew_busiest(shape->skew, (int)groups) : NULL;
    if (group) { /* as if every group had the busiest one's share */
        double rows = fmin(jobs, kerf_expected_maximum_load(jobs * group->share * groups, groups));
        double on_it = fmin(rows, fmax(1.0, kerf_expert_group_touched(group, M, rows)));
        return (struct group_load){.jobs = rows, .experts = on_it, .tokens_each = rows / on_it};
    }
    double touched = kerf_experts_touched(shape->experts, shape->top_k, M);
    double each = fmax(1.0, jobs / touched);
    struct group_load load = {.jobs = kerf_expected_maximum_load(jobs, groups), .tokens_each = each};
    load.experts = load.jobs / each;
    return load;
}

/* The expert's two products on one group, as shapes of weights. */
struct product {
    double K, N;
};

static struct kerf_cycles product_local(const struct kerf_wafer_params *wafer, struct kerf_rectangle group,
                                        const struct group_load *load, struct product product, double bytes)
{
    double kt = ceil(product.K / group.rows), nt = ceil(product.N / group.columns);
    struct kerf_cycles cost = kerf_gemv_local(wafer, load->tokens_each, kt, nt);
    struct kerf_cycles unpack = kerf_dequantise(wafer, kt * nt, bytes);
    kerf_cycles_add(&cost, &unpack);
    return kerf_cycles_times(cost, load->experts);
}

/* Results of the jobs of a group are summed by one all-reduce: they do not depend on each other. */
static struct kerf_cycles by_tokens(const struct kerf_wafer_params *wafer, struct kerf_rectangle group,
                                    const struct kerf_experts_shape *shape, const struct group_load *load,
                                    double M)
{
    struct product in = {shape->d_model, (shape->matrices - 1.0) * shape->d_ff};
    struct product out = {shape->d_ff, shape->d_model};
    struct kerf_rectangle turned = {group.columns, group.rows}; /* axes alternate: no transpose */
    struct kerf_cycles cost = product_local(wafer, group, load, in, shape->bytes_per_weight);
    struct kerf_cycles second = product_local(wafer, turned, load, out, shape->bytes_per_weight);
    double B_in = load->jobs * ceil(in.N / group.columns) / 2.0;
    /* experts of one token add up before the sum over PEs */
    double B_out = fmin(load->jobs, M) * ceil(out.N / turned.columns) / 2.0;
    struct kerf_cycles sum_in = kerf_mesh_allreduce_cycles(wafer, group.rows, group.columns, B_in);
    struct kerf_cycles sum_out = kerf_mesh_allreduce_cycles(wafer, turned.rows, turned.columns, B_out);
    kerf_cycles_add(&cost, &second);
    kerf_cycles_add(&cost, &sum_in);
    kerf_cycles_add(&cost, &sum_out);
    return cost;
}

/* Many tokens per expert: the group's experts one after the other with Cannon's algorithm. */
static struct kerf_cycles by_tiles(const struct kerf_wafer_params *wafer, struct kerf_rectangle group,
                                   const struct kerf_experts_shape *shape, const struct group_load *load)
{
    double inner = (shape->matrices - 1.0) * shape->d_ff;
    struct kerf_cycles cost = kerf_meshgemm(wafer, group, load->tokens_each, shape->d_model, inner);
    struct kerf_cycles second = kerf_meshgemm(wafer, group, load->tokens_each, shape->d_ff, shape->d_model);
    double weights = shape->matrices * shape->d_model * shape->d_ff / (group.rows * group.columns);
    struct kerf_cycles unpack = kerf_dequantise(wafer, ceil(weights), shape->bytes_per_weight);
    kerf_cycles_add(&cost, &second);
    kerf_cycles_add(&cost, &unpack);
    return kerf_cycles_times(cost, load->experts);
}

/* To the groups and back: twice the length of the rectangle, the tokens' vectors over a group's rows, and a
 * sum over the groups on the way (closed form of the design). */
static struct kerf_cycles exchange(const struct kerf_wafer_params *wafer, double P, double group_rows,
                                   double side, double M, double d_model)
{
    if (side <= 1.0)
        return (struct kerf_cycles){0}; /* every PE has the input already, and the sum is the result */
    double ramps = 2.0 * wafer->ramp_cycles + 1.0;
    return (struct kerf_cycles){.fabric = 2.0 * (wafer->hop_cycles * P + ramps) + M * d_model / group_rows +
                                          ramps * side,
                                .wavelets = M * d_model * side * side};
}

static struct kerf_cycles with_groups(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                                      const struct kerf_experts_shape *shape, double M, double side,
                                      double activation_passes)
{
    struct kerf_rectangle group = {fmax(1.0, floor(rectangle.rows / side)),
                                   fmax(1.0, floor(rectangle.columns / side))};
    struct group_load load = busiest(shape, M, side * side);
    struct kerf_cycles tokens = by_tokens(wafer, group, shape, &load, M);
    struct kerf_cycles tiles = by_tiles(wafer, group, shape, &load);
    struct kerf_cycles cost = kerf_cycles_less(&tokens, &tiles);
    struct kerf_cycles activation = kerf_axpy(
        wafer, activation_passes, load.jobs * ceil(shape->d_ff / group.columns), wafer->axpy_call_cycles);
    struct kerf_cycles around = exchange(wafer, rectangle.rows, group.rows, side, M, shape->d_model);
    double busy = cost.wavelets * side * side;
    kerf_cycles_add(&cost, &activation);
    kerf_cycles_add(&cost, &around);
    cost.wavelets = busy + around.wavelets;
    return cost;
}

struct kerf_cycles kerf_experts(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                                const struct kerf_experts_shape *shape, double M, double activation_passes)
{
    struct kerf_cycles best = with_groups(wafer, rectangle, shape, M, group_sides[0], activation_passes);
    for (int i = 1; i < (int)(sizeof group_sides / sizeof group_sides[0]); i++) {
        struct kerf_cycles cost = with_groups(wafer, rectangle, shape, M, group_sides[i], activation_passes);
        best = kerf_cycles_less(&best, &cost);
    }
    return best;
}

struct kerf_cycles kerf_router(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                               double M, double d_model, double experts, double top_k)
{
    struct kerf_cycles cost = kerf_gemv(wafer, rectangle, M, d_model, experts, 0);
    /* each PE of a row's end sees all scores once they are summed: top_k sweeps, then the choice to all */
    struct kerf_cycles pick =
        kerf_axpy(wafer, M * top_k, ceil(experts / rectangle.columns), wafer->axpy_call_cycles);
    struct kerf_cycles tell = {
        .fabric = kerf_mesh_broadcast_2d(wafer, rectangle.rows, rectangle.columns, M * top_k),
        .wavelets = M * top_k};
    kerf_cycles_add(&cost, &pick);
    kerf_cycles_add(&cost, &tell);
    return cost;
}
