/* Collectives among the accelerators of one domain: closed forms for what a decode or prefill step needs. */
#ifndef KERF_FABRIC_COLLECTIVE_H
#define KERF_FABRIC_COLLECTIVE_H

/* What a domain of directly connected accelerators (NVLink with switches) can do. Filled by models/node from a
 * device's leaves. */
struct kerf_domain {
    double link_Bps;      /* per accelerator and direction */
    double achieved;      /* share of it that large messages reach */
    double allreduce_floor_s;              /* smallest all-reduce at measured_ranks */
    double allreduce_floor_per_doubling_s; /* added per doubling of the ranks beyond that */
    double alltoall_floor_s, alltoall_floor_per_doubling_s;
    double measured_ranks;
};

/* Seconds of an all-reduce of `bytes` per rank over `ranks` accelerators of the domain; 0 for one rank. */
double kerf_allreduce_s(const struct kerf_domain *domain, double ranks, double bytes);

/* Seconds of an all-to-all in which each rank sends `bytes_per_rank` in all, spread over the others. */
double kerf_alltoall_s(const struct kerf_domain *domain, double ranks, double bytes_per_rank);

#endif
