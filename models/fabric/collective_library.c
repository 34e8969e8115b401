/* The fabric room: algorithms of collectives as closed forms, and the choice among them.
 *
 * n ranks, d of them in a domain, m = n / d domains, b bytes, link bandwidth L. Ring traffic: Patarasuk and
 * Yuan, JPDC 69(2), 2009; trees: Sanders, Speck and Traeff, Parallel Computing 35(12), 2009; protocols: NCCL,
 * src/graph/ tuning.cc; reduction in switches: Klenk et al., ISCA 2020. */
#include "models/fabric/collective_library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct kerf_collective_params params_t;
typedef struct kerf_cluster cluster_t;
typedef struct kerf_collective_call call_t;

#define OP(name) (UINT32_C(1) << KERF_COLLECTIVE_##name)

struct kerf_cluster kerf_gpu_cluster(const struct kerf_gpu_params *gpu)
{
    return (struct kerf_cluster){
        .domain_Bps = gpu->nvlink_Bps, .nic_Bps = gpu->nic_Bps, .domain = gpu->nvlink_domain};
}

enum kerf_status kerf_cluster_holds(const struct kerf_cluster *cluster, double ranks,
                                    struct kerf_error *error)
{
    KERF_CHECK(ranks >= 1.0 && cluster->domain >= 1.0 &&
                   (ranks <= cluster->domain || fmod(ranks, cluster->domain) == 0.0),
               KERF_ERR_USAGE, "%g ranks do not fill whole domains of %g", ranks, cluster->domain);
    return KERF_OK;
}

static double ranks_in_domain(const cluster_t *cluster, const call_t *call)
{
    return fmin(call->ranks, cluster->domain);
}

static double domains(const cluster_t *cluster, const call_t *call)
{
    return call->ranks / ranks_in_domain(cluster, call);
}

/* A small message from one domain to another. */
static double nic_hop_s(const params_t *p, const cluster_t *c)
{
    return p->nic_hop_s + c->nic_further_s;
}

static bool in_one_domain(const params_t *p, const cluster_t *cluster, const call_t *call)
{
    (void)p;
    return call->ranks <= cluster->domain;
}

static bool in_several_domains(const params_t *p, const cluster_t *cluster, const call_t *call)
{
    return !in_one_domain(p, cluster, call);
}

/* Steps of a ring over n ranks: 2 (n - 1) for an all-reduce, which goes round twice. */
static double ring_steps(enum kerf_collective_op op, double ranks)
{
    return (op == KERF_COLLECTIVE_ALL_REDUCE ? 2.0 : 1.0) * (ranks - 1.0);
}

static double ring_ll_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double steps = ring_steps(call->op, call->ranks), piece = call->bytes / call->ranks;
    return p->launch_s + steps * (p->hop_s + piece / (c->domain_Bps * p->ll_share));
}

static double ring_ll128_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double steps = ring_steps(call->op, call->ranks), piece = call->bytes / call->ranks;
    return p->launch_s + p->ll128_extra_s + steps * (p->hop_s + piece / (c->domain_Bps * p->ll128_share));
}

/* Start and transfer overlap in part: their squares are added, which fits and is not derived. */
static double ring_simple_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double steps = ring_steps(call->op, call->ranks), piece = call->bytes / call->ranks;
    return hypot(p->simple_floor_s + steps * p->simple_hop_s,
                 (steps + p->fill_steps) * piece / (c->domain_Bps * p->simple_share));
}

static bool switch_reduces(const params_t *p, const cluster_t *c, const call_t *call)
{
    return p->nvls_share > 0.0 && ranks_in_domain(c, call) >= p->nvls_ranks_least &&
           domains(c, call) <= p->nvls_domains_most;
}

static bool nvls_applies(const params_t *p, const cluster_t *c, const call_t *call)
{
    return switch_reduces(p, c, call) && in_one_domain(p, c, call);
}

/* Each rank draws the sum of its n-th part through the switch and sends it back to all: b (1 + 1/n) through
 * every port in each direction. */
static double nvls_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double n = ranks_in_domain(c, call);
    return p->nvls_rank_s * n + call->bytes * (1.0 + 1.0 / n) / (c->domain_Bps * p->nvls_share);
}

static bool nvls_tree_applies(const params_t *p, const cluster_t *c, const call_t *call)
{
    return switch_reduces(p, c, call) && in_several_domains(p, c, call);
}

/* The d NICs of a domain carry a part each. Two domains exchange b; more make double binary trees, in which a
 * domain receives b upwards and b downwards. All levels run at once. */
static double nvls_tree_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), m = domains(c, call), rounds = m > 2.0 ? 2.0 : 1.0;
    double in_s = call->bytes * (1.0 + 1.0 / d) / (c->domain_Bps * p->nvls_share);
    double across_s = rounds * call->bytes / (d * c->nic_Bps * p->nic_share);
    return p->nvls_rank_s * d + 2.0 * ceil(log2(m)) * nic_hop_s(p, c) + fmax(in_s, across_s);
}

static bool in_network_applies(const params_t *p, const cluster_t *c, const call_t *call)
{
    return p->nvls_share > 0.0 && in_several_domains(p, c, call);
}

/* The network's switches add up (SHARP: Graham et al., COMHPC 2016): what the switch of a domain has summed
 * goes up once, a part on each of its NICs, and comes down once, through as many levels as switches of 32
 * ports down make. */
static double in_network_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), levels = 1.0 + ceil(log2(domains(c, call)) / log2(32.0));
    double in_s = call->bytes * (1.0 + 1.0 / d) / (c->domain_Bps * p->nvls_share);
    double across_s = call->bytes / (d * c->nic_Bps * p->nic_share);
    return p->launch_s + p->nvls_rank_s * d + levels * p->nic_hop_s + fmax(in_s, across_s);
}

/* Rings through all ranks: they enter and leave every domain through ring_nics of its NICs. */
static double flat_ring_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double n = call->ranks, m = domains(c, call), steps = ring_steps(call->op, n);
    double ring_Bps = fmin(c->domain_Bps * p->simple_share,
                           fmin(p->ring_nics, ranks_in_domain(c, call)) * c->nic_Bps * p->nic_share);
    double hops_s = steps / n * ((n - m) * p->hop_s + m * nic_hop_s(p, c));
    return p->launch_s + hops_s + steps * call->bytes / n / ring_Bps;
}

/* Reduce-scatter in the domain, ring on each rail, all-gather in the domain: one after the other, as
 * kerf_plan_two_level_allreduce. On a torus: 2-D. */
static double hierarchical_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), m = domains(c, call), steps = ring_steps(call->op, d);
    double rail = ring_steps(call->op, m);
    double in_s = steps * (p->hop_s + call->bytes / d / (c->domain_Bps * p->simple_share));
    double across_s = rail * (nic_hop_s(p, c) + call->bytes / d / m / (c->nic_Bps * p->nic_share));
    return p->simple_floor_s + in_s + across_s;
}

/* Up and down a binary tree of the domains, along chains inside them, by protocol LL: for few bytes. */
static double tree_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), m = domains(c, call);
    double hops_s = 2.0 * ((d - 1.0) * p->hop_s + ceil(log2(m)) * nic_hop_s(p, c));
    return p->launch_s + hops_s + 2.0 * call->bytes / (c->domain_Bps * p->ll_share);
}

static bool one_shot_applies(const params_t *p, const cluster_t *c, const call_t *call)
{
    return call->in_graph && p->one_shot_share > 0.0 && in_one_domain(p, c, call);
}

static double one_shot_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    return p->one_shot_floor_s + p->one_shot_rank_s * call->ranks +
           (call->ranks - 1.0) * call->bytes / (c->domain_Bps * p->one_shot_share);
}

static bool two_shot_applies(const params_t *p, const cluster_t *c, const call_t *call)
{
    return call->in_graph && p->two_shot_share > 0.0 && in_one_domain(p, c, call);
}

static double two_shot_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double n = call->ranks;
    return p->two_shot_floor_s + p->two_shot_rank_s * n +
           2.0 * (n - 1.0) / n * call->bytes / (c->domain_Bps * p->two_shot_share);
}

static double alltoall_ll_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    return p->alltoall_launch_s + p->alltoall_rank_s * (call->ranks - 1.0) +
           call->bytes / call->ranks / (c->domain_Bps * p->alltoall_peer_share);
}

static double alltoall_simple_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double others = call->ranks - 1.0;
    return hypot(p->alltoall_simple_floor_s + p->alltoall_simple_rank_s * others,
                 (others + p->alltoall_fill_steps) * call->bytes / call->ranks /
                     (c->domain_Bps * p->alltoall_share));
}

/* Every pair for itself: what is meant for other domains goes out through the rank's own NIC. */
static double alltoall_flat_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double n = call->ranks, away = (n - ranks_in_domain(c, call)) / n;
    return p->alltoall_launch_s + p->alltoall_rank_s * (n - 1.0) + nic_hop_s(p, c) +
           away * call->bytes / (c->nic_Bps * p->nic_share);
}

/* In the domain to the rank on the right rail, then on the rails (PXN). */
static double alltoall_by_rail_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), m = domains(c, call);
    double in_s = (d - 1.0) / d * call->bytes / (c->domain_Bps * p->alltoall_share);
    double across_s = (m - 1.0) / m * call->bytes / (c->nic_Bps * p->nic_share);
    return p->alltoall_simple_floor_s + p->alltoall_rank_s * (d - 1.0 + m - 1.0) + nic_hop_s(p, c) + in_s +
           across_s;
}

/* A message handed on from rank to rank in small pieces. */
static double broadcast_chain_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double n = call->ranks, m = domains(c, call);
    double link_Bps = c->domain_Bps * p->simple_share;
    if (m > 1.0)
        link_Bps = fmin(link_Bps, fmin(p->ring_nics, c->domain) * c->nic_Bps * p->nic_share);
    return p->launch_s + (n - m) * p->hop_s + (m - 1.0) * nic_hop_s(p, c) + call->bytes / link_Bps;
}

static double broadcast_tree_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    double d = ranks_in_domain(c, call), m = domains(c, call);
    double in_s = ceil(log2(d)) * (p->hop_s + call->bytes / (c->domain_Bps * p->ll128_share));
    return p->launch_s + in_s + ceil(log2(m)) * (nic_hop_s(p, c) + call->bytes / (c->nic_Bps * p->nic_share));
}

/* The switch copies. */
static double broadcast_switch_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    return p->launch_s + p->hop_s + call->bytes / (c->domain_Bps * p->nvls_share);
}

static double send_s(const params_t *p, const cluster_t *c, const call_t *call)
{
    if (in_several_domains(p, c, call))
        return p->launch_s + nic_hop_s(p, c) + call->bytes / (c->nic_Bps * p->nic_share);
    return p->launch_s + p->hop_s + call->bytes / (c->domain_Bps * p->send_share);
}

static bool always(const params_t *p, const cluster_t *c, const call_t *call)
{
    (void)p, (void)c, (void)call;
    return true;
}

#define RING_OPS (OP(ALL_REDUCE) | OP(ALL_GATHER) | OP(REDUCE_SCATTER))

const struct kerf_collective_algorithm kerf_collective_algorithms[] = {
    {"ring-ll", false, RING_OPS, in_one_domain, ring_ll_s},
    {"ring-ll128", false, RING_OPS, in_one_domain, ring_ll128_s},
    {"ring-simple", false, RING_OPS, in_one_domain, ring_simple_s},
    {"in-switch", false, OP(ALL_REDUCE), nvls_applies, nvls_s},
    {"one-shot", false, OP(ALL_REDUCE), one_shot_applies, one_shot_s},
    {"two-shot", false, OP(ALL_REDUCE), two_shot_applies, two_shot_s},
    {"in-switch-tree", false, OP(ALL_REDUCE), nvls_tree_applies, nvls_tree_s},
    {"in-network", true, OP(ALL_REDUCE), in_network_applies, in_network_s},
    {"tree", false, OP(ALL_REDUCE), in_several_domains, tree_s},
    {"flat-ring", false, RING_OPS, in_several_domains, flat_ring_s},
    {"hierarchical", true, RING_OPS, in_several_domains, hierarchical_s},
    {"all-to-all-ll", false, OP(ALL_TO_ALL), in_one_domain, alltoall_ll_s},
    {"all-to-all-simple", false, OP(ALL_TO_ALL), in_one_domain, alltoall_simple_s},
    {"all-to-all-flat", false, OP(ALL_TO_ALL), in_several_domains, alltoall_flat_s},
    {"all-to-all-by-rail", false, OP(ALL_TO_ALL), in_several_domains, alltoall_by_rail_s},
    {"broadcast-chain", false, OP(BROADCAST), always, broadcast_chain_s},
    {"broadcast-tree", false, OP(BROADCAST), always, broadcast_tree_s},
    {"broadcast-in-switch", false, OP(BROADCAST), nvls_applies, broadcast_switch_s},
    {"send", false, OP(SEND), always, send_s},
};
const uint32_t kerf_collective_algorithm_count =
    sizeof kerf_collective_algorithms / sizeof kerf_collective_algorithms[0];

static bool fits(const struct kerf_collective_algorithm *algorithm, const params_t *p, const cluster_t *c,
                 const call_t *call)
{
    return (algorithm->ops >> call->op & 1) && algorithm->applies(p, c, call);
}

/* Says what a name that was asked for is not, and which names there are. */
static enum kerf_status refuse(const char *forced, const params_t *p, const cluster_t *c, const call_t *call,
                               struct kerf_error *error)
{
    char names[512] = "";
    size_t length = 0;
    bool known = false;
    for (uint32_t a = 0; a < kerf_collective_algorithm_count; a++) {
        const struct kerf_collective_algorithm *algorithm = &kerf_collective_algorithms[a];
        known = known || strcmp(algorithm->name, forced) == 0;
        if (fits(algorithm, p, c, call))
            length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", length ? ", " : "",
                                       algorithm->name);
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "collective algorithm '%s' %s; here fit: %s", forced,
                          known ? "does not fit this operation on these ranks" : "is unknown", names);
}

enum kerf_status kerf_collective_s(const params_t *params, const cluster_t *cluster, const call_t *call,
                                   const char *forced, double *time_s, const char **taken,
                                   struct kerf_error *error)
{
    KERF_TRY(kerf_cluster_holds(cluster, call->ranks, error));
    const struct kerf_collective_algorithm *best = NULL;
    *time_s = call->ranks == 1.0 ? 0.0 : INFINITY;
    for (uint32_t a = 0; a < kerf_collective_algorithm_count; a++) {
        const struct kerf_collective_algorithm *algorithm = &kerf_collective_algorithms[a];
        if (!fits(algorithm, params, cluster, call) ||
            (forced ? strcmp(forced, algorithm->name) != 0 : algorithm->on_request))
            continue;
        double this_s = algorithm->time_s(params, cluster, call);
        if (best && this_s >= *time_s)
            continue;
        best = algorithm;
        *time_s = call->ranks == 1.0 ? 0.0 : this_s;
    }
    if (!best)
        return refuse(forced, params, cluster, call, error);
    if (taken)
        *taken = best->name;
    return KERF_OK;
}

double kerf_bus_Bps(const struct kerf_collective_call *call, double time_s)
{
    double n = call->ranks, others = (n - 1.0) / n;
    switch (call->op) {
    case KERF_COLLECTIVE_ALL_REDUCE:
        return 2.0 * others * call->bytes / time_s;
    case KERF_COLLECTIVE_ALL_GATHER:
    case KERF_COLLECTIVE_REDUCE_SCATTER:
    case KERF_COLLECTIVE_ALL_TO_ALL:
        return others * call->bytes / time_s;
    default:
        return call->bytes / time_s;
    }
}

/* Copies that leave the rank, over NVLink and over the NIC at the same time. */
static double copies_s(const params_t *p, const cluster_t *c, const struct kerf_expert_exchange *x,
                       double share, double bytes)
{
    double in = fmin(x->ranks, c->domain), near = (in - 1.0) / x->ranks, away = (x->ranks - in) / x->ranks;
    double near_s = near * bytes / (c->domain_Bps * share);
    return away > 0.0 ? fmax(near_s, nic_hop_s(p, c) + away * bytes / (c->nic_Bps * p->nic_share)) : near_s;
}

double kerf_expert_dispatch_s(const params_t *p, const cluster_t *cluster,
                              const struct kerf_expert_exchange *x)
{
    double bytes = x->tokens * x->top_k * x->bytes_per_copy, in = fmin(x->ranks, cluster->domain);
    return p->dispatch_floor_s + p->dispatch_rank_s * in + p->dispatch_expert_s * x->experts +
           bytes / (x->experts * p->dispatch_expert_Bps) + copies_s(p, cluster, x, p->dispatch_share, bytes);
}

double kerf_expert_combine_s(const params_t *p, const cluster_t *cluster,
                             const struct kerf_expert_exchange *x)
{
    double token_bytes = x->tokens * x->bytes_per_copy, in = fmin(x->ranks, cluster->domain);
    return p->combine_floor_s + p->combine_rank_s * in + p->combine_expert_s * x->experts +
           p->combine_own_copies * token_bytes / (cluster->domain_Bps * p->combine_share) +
           copies_s(p, cluster, x, p->combine_share, token_bytes * x->top_k);
}
