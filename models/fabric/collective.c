/* The fabric room: collectives inside one domain. Knows no operators and no schedule; contention with other
 * traffic is the simulator's. */
#include "models/fabric/collective.h"

#include <math.h>

struct kerf_domain kerf_gpu_domain(const struct kerf_gpu_params *gpu)
{
    return (struct kerf_domain){
        .link_Bps = gpu->nvlink_Bps,
        .measured_ranks = gpu->allreduce_measured_ranks,
        .allreduce_floor_s = gpu->allreduce_floor_s,
        .allreduce_floor_per_doubling_s = gpu->allreduce_floor_per_doubling_s,
        .achieved_one_shot = gpu->achieved_one_shot,
        .allreduce_two_shot_floor_s = gpu->allreduce_two_shot_floor_s,
        .achieved = gpu->achieved_nvlink,
        .alltoall_floor_s = gpu->alltoall_floor_s,
        .alltoall_floor_per_doubling_s = gpu->alltoall_floor_per_doubling_s,
        .achieved_alltoall = gpu->achieved_alltoall,
    };
}

static double floor_at(const struct kerf_domain *domain, double ranks, double floor_s, double per_doubling_s)
{
    return fmax(floor_s + per_doubling_s * log2(ranks / domain->measured_ranks), 0.0);
}

double kerf_allreduce_s(const struct kerf_domain *domain, double ranks, double bytes)
{
    if (ranks <= 1.0)
        return 0.0;
    double one_shot_s =
        floor_at(domain, ranks, domain->allreduce_floor_s, domain->allreduce_floor_per_doubling_s) +
        (ranks - 1.0) * bytes / (domain->link_Bps * domain->achieved_one_shot);
    double two_shots_s =
        floor_at(domain, ranks, domain->allreduce_two_shot_floor_s, domain->allreduce_floor_per_doubling_s) +
        2.0 * (ranks - 1.0) / ranks * bytes / (domain->link_Bps * domain->achieved);
    return fmin(one_shot_s, two_shots_s);
}

double kerf_alltoall_s(const struct kerf_domain *domain, double ranks, double bytes_per_rank)
{
    if (ranks <= 1.0)
        return 0.0;
    return floor_at(domain, ranks, domain->alltoall_floor_s, domain->alltoall_floor_per_doubling_s) +
           bytes_per_rank / (domain->link_Bps * domain->achieved_alltoall);
}
