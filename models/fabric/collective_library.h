/* Collectives as a library runs them: a table of algorithms, each with a closed form; the fastest that
 * applies is taken, or the one that is asked for.
 *
 * For accelerators in NVLink (or xGMI) domains that are joined by NICs, and for links that nobody else uses;
 * what sharing does to them is traffic.h's. The parameters are the leaves of `kind: collectives` in the
 * catalog. */
#ifndef KERF_FABRIC_COLLECTIVE_LIBRARY_H
#define KERF_FABRIC_COLLECTIVE_LIBRARY_H

#include "models/device/gpu.h"
#include "models/device/leaf.h"
#include "sim/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What the library and its kernels cost. Times in s, shares of the link's nominal bandwidth. */
struct kerf_collective_params {
    /* Ring and in-switch kernels of NCCL: protocols LL, LL128, Simple. */
    double launch_s, hop_s;
    double ll_share, ll128_extra_s, ll128_share;
    double simple_floor_s, simple_hop_s, simple_share, fill_steps;
    double nvls_rank_s, nvls_share, nvls_ranks_least, nvls_domains_most;
    /* All-to-all by grouped sends. */
    double alltoall_launch_s, alltoall_rank_s, alltoall_peer_share;
    double alltoall_simple_floor_s, alltoall_simple_rank_s, alltoall_share, alltoall_fill_steps;
    double send_share; /* of one pair */
    /* Kernels of inference engines in a captured graph. */
    double one_shot_floor_s, one_shot_rank_s, one_shot_share;
    double two_shot_floor_s, two_shot_rank_s, two_shot_share;
    /* Low-latency expert dispatch and combine. */
    double dispatch_floor_s, dispatch_rank_s, dispatch_expert_s, dispatch_share, dispatch_expert_Bps;
    double combine_floor_s, combine_rank_s, combine_expert_s, combine_share, combine_own_copies;
    /* Between domains. */
    double nic_hop_s, nic_share, ring_nics;
};

extern const struct kerf_leaf_table kerf_collective_leaves;

/* Accelerators as a collective sees them. Ranks fill domains one after the other. */
struct kerf_cluster {
    double domain_Bps;    /* per accelerator and direction, inside its domain */
    double nic_Bps;       /* per accelerator and direction, between domains */
    double domain;        /* accelerators in a domain */
    double nic_further_s; /* latency between domains beyond that of one switch; mostly 0 */
};

/* KERF_ERR_USAGE unless `ranks` >= 1 ranks lie in one domain or fill whole ones. */
enum kerf_status kerf_cluster_holds(const struct kerf_cluster *cluster, double ranks,
                                    struct kerf_error *error);

/* GPUs of one kind: their NVLink domains and NICs. */
struct kerf_cluster kerf_gpu_cluster(const struct kerf_gpu_params *gpu);

enum kerf_collective_op {
    KERF_COLLECTIVE_ALL_REDUCE,
    KERF_COLLECTIVE_ALL_GATHER,
    KERF_COLLECTIVE_REDUCE_SCATTER,
    KERF_COLLECTIVE_ALL_TO_ALL,
    KERF_COLLECTIVE_BROADCAST,
    KERF_COLLECTIVE_SEND,
    KERF_COLLECTIVE_COUNT
};

/* `bytes`: the buffer of a rank before (reduce-scatter, all-to-all, broadcast, send, all-reduce) or after
 * (all-gather) the operation, the larger of both, as nccl-tests count. */
struct kerf_collective_call {
    enum kerf_collective_op op;
    double ranks, bytes;
    bool in_graph; /* of an inference engine, whose own all-reduce kernels may be taken */
};

struct kerf_collective_algorithm {
    const char *name;
    bool on_request; /* libraries do not have it: it is taken only if asked for */
    uint32_t ops;    /* bit per kerf_collective_op */
    bool (*applies)(const struct kerf_collective_params *params, const struct kerf_cluster *cluster,
                    const struct kerf_collective_call *call);
    double (*time_s)(const struct kerf_collective_params *params, const struct kerf_cluster *cluster,
                     const struct kerf_collective_call *call);
};

/* The table, and its length. */
extern const struct kerf_collective_algorithm kerf_collective_algorithms[];
extern const uint32_t kerf_collective_algorithm_count;

/* Seconds of a collective; 0 for one rank. `forced`: the name of an algorithm, or NULL for the fastest;
 * *taken (may be NULL): its name. KERF_ERR_USAGE: no such algorithm (the message lists them), it does not fit
 * the call, or the number of ranks does not fill whole domains. */
enum kerf_status kerf_collective_s(const struct kerf_collective_params *params,
                                   const struct kerf_cluster *cluster,
                                   const struct kerf_collective_call *call, const char *forced,
                                   double *time_s, const char **taken, struct kerf_error *error);

/* GB/s-style "bus bandwidth" of nccl-tests (doc/PERFORMANCE.md), in B/s: what a link carries in an algorithm
 * whose traffic is the least without reduction in switches. */
double kerf_bus_Bps(const struct kerf_collective_call *call, double time_s);

/* Expert parallelism, low latency: each rank has `tokens`, each of which goes to `top_k` of `experts` experts
 * that are spread over all ranks; a copy is `bytes_per_copy` with its scales. */
struct kerf_expert_exchange {
    double ranks, tokens, top_k, experts, bytes_per_copy;
};

/* Seconds of the kernel that sends copies out, and of the one that brings results back. */
double kerf_expert_dispatch_s(const struct kerf_collective_params *params, const struct kerf_cluster *cluster,
                              const struct kerf_expert_exchange *exchange);
double kerf_expert_combine_s(const struct kerf_collective_params *params, const struct kerf_cluster *cluster,
                             const struct kerf_expert_exchange *exchange);

#endif
