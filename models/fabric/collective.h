/* Collectives among the accelerators of one domain: closed forms for what a decode or prefill step needs.
 *
 * Small messages are latency, large ones bandwidth, and libraries switch between algorithms by size; here the
 * fastest algorithm wins, as a tuned library's table would have it. */
#ifndef KERF_FABRIC_COLLECTIVE_H
#define KERF_FABRIC_COLLECTIVE_H

#include "models/device/gpu.h"

/* What a domain of directly connected accelerators (NVLink with switches) can do. */
struct kerf_domain {
    double link_Bps;                                          /* per accelerator and direction */
    double measured_ranks;                                    /* that the floors hold at */
    double allreduce_floor_s, allreduce_floor_per_doubling_s; /* one shot; change per doubling of ranks */
    double achieved_one_shot;                                 /* share of link_Bps */
    double allreduce_two_shot_floor_s, achieved;              /* two shots; share of link_Bps, large */
    double alltoall_floor_s, alltoall_floor_per_doubling_s, achieved_alltoall;
};

/* The domain of a GPU's NVLink (or xGMI). */
struct kerf_domain kerf_gpu_domain(const struct kerf_gpu_params *gpu);

/* Seconds of an all-reduce of `bytes` per rank over n = `ranks` accelerators of the domain; 0 for one rank.
 * The faster of one shot:  floor(n) + (n - 1) bytes / (link achieved_one_shot): each rank reads all others'
 * buffers; two shots: two_shot_floor(n) + 2 (n - 1)/n bytes / (link achieved): reduce-scatter and all-gather,
 * the traffic of a ring (Patarasuk and Yuan, JPDC 69(2), 2009), by which bus bandwidth is defined. floor(n) =
 * floor + floor_per_doubling log2(n / measured_ranks), not below 0. */
double kerf_allreduce_s(const struct kerf_domain *domain, double ranks, double bytes);

/* Seconds of an all-to-all in which each rank sends `bytes_per_rank` in all, spread over the others:
 * floor(n) + bytes_per_rank / (link achieved_alltoall); 0 for one rank. */
double kerf_alltoall_s(const struct kerf_domain *domain, double ranks, double bytes_per_rank);

#endif
