/* The study room: joules and dollars of a run. */
#include "sim/study/energy.h"

#include "models/device/gpu_energy.h"

#include <math.h>
#include <stdint.h>

struct kerf_supply kerf_energy_supply(const struct kerf_serving *serving)
{
    if (serving->on_wafers) {
        const struct kerf_wafer_params *wafer = &serving->wafer.wafer;
        return (struct kerf_supply){.base_W = wafer->idle_fraction * wafer->system_W,
                                    .limit_W = wafer->system_W,
                                    .facility_power_factor = wafer->facility_power_factor,
                                    .owner_USD_per_s = wafer->owner_USD_per_s};
    }
    const struct kerf_gpu_params *gpu = &serving->gpu.gpu;
    return (struct kerf_supply){.base_W = kerf_gpu_has_energy(gpu) ? gpu->active_W : 0.0,
                                .limit_W = gpu->tdp_W,
                                .host_W = kerf_gpu_host_W(gpu),
                                .facility_power_factor = gpu->facility_power_factor,
                                .owner_USD_per_s = gpu->owner_USD_per_s};
}

/* Dynamic energy of all accelerators in nJ: whole numbers, so that the order of the sum over ranks is no
 * matter. */
static double dynamic_J(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *serving)
{
    int64_t here_nJ = 0, all_nJ;
    for (int k = 0; k < serving->replicas * serving->accelerators; k++) {
        const void *state = kerf_engine_state(engine, serving->device[k]);
        if (state)
            here_nJ += llround(
                1e9 * (serving->on_wafers ? kerf_wafer_record(state) : kerf_gpu_record(state))->dynamic_J);
    }
    MPI_Allreduce(&here_nJ, &all_nJ, 1, MPI_INT64_T, MPI_SUM, comm);
    return 1e-9 * (double)all_nJ;
}

static double or_missing(bool known, double value)
{
    return known ? value : NAN;
}

/* What one pool takes over a span. */
struct taken {
    double energy_J, facility_J, owner_USD; /* 0 where the catalog is silent */
};

static struct taken taken_by(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *pool,
                             double accelerator_s)
{
    const struct kerf_supply supply = kerf_energy_supply(pool);
    double busy_J = accelerator_s * supply.base_W + dynamic_J(comm, engine, pool);
    double energy_J = fmin(busy_J, accelerator_s * supply.limit_W);
    bool known = supply.base_W > 0.0;
    return (struct taken){
        .energy_J = known ? energy_J : 0.0,
        .facility_J = known ? (energy_J + accelerator_s * supply.host_W) * supply.facility_power_factor : 0.0,
        .owner_USD = accelerator_s * supply.owner_USD_per_s};
}

/* Seconds for which all replicas of an autoscaled pool together were running. */
static double scaled_s(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *pool)
{
    const void *router = kerf_engine_state(engine, pool->router_lp);
    double paid_s = router ? kerf_router_record(router).paid_s : 0.0;
    MPI_Bcast(&paid_s, 1, MPI_DOUBLE, kerf_engine_rank_of(engine, pool->router_lp), comm);
    return paid_s;
}

void kerf_energy_summarise(MPI_Comm comm, const struct kerf_engine *engine,
                           const struct kerf_serving *serving, double span_s, struct kerf_summary *summary)
{
    struct taken all = {0};
    bool known = true, paid = true, owned = true;
    for (const struct kerf_serving *pool = serving; pool; pool = pool->decode) {
        double replica_s =
            pool->is_routed && pool->router.scales ? scaled_s(comm, engine, pool) : pool->replicas * span_s;
        const struct taken taken = taken_by(comm, engine, pool, pool->accelerators * replica_s);
        summary->accelerator_time_s += pool->accelerators * replica_s;
        known = known && taken.energy_J > 0.0;
        paid = paid && taken.facility_J > 0.0;
        owned = owned && taken.owner_USD > 0.0;
        all.energy_J += taken.energy_J;
        all.facility_J += taken.facility_J;
        all.owner_USD += taken.owner_USD;
    }
    summary->accelerator_energy_J = or_missing(known, all.energy_J);
    summary->facility_energy_J = or_missing(paid, all.facility_J);
    summary->accelerator_power_W = or_missing(known, all.energy_J / summary->accelerator_time_s);
    summary->energy_per_output_token_J = or_missing(known, all.energy_J / summary->output_tokens);
    summary->facility_energy_per_output_token_J = or_missing(paid, all.facility_J / summary->output_tokens);
    summary->owner_cost_USD_per_output_token = or_missing(owned, all.owner_USD / summary->output_tokens);
}
