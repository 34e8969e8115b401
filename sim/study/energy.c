/* The study room: joules and dollars of a run. */
#include "sim/study/energy.h"

#include "models/device/gpu_energy.h"

#include <math.h>
#include <stdint.h>

/* What one accelerator draws, by the leaves of its kind. The base flows all the time: the clocks of a GPU
 * stay up between steps, and a wafer idles near its full power. */
struct supply {
    double base_W;  /* in service, without work */
    double limit_W; /* mean power at most */
    double host_W;  /* of what goes with it */
    double facility_power_factor, owner_USD_per_s;
};

static struct supply supply_of(const struct kerf_serving *serving)
{
    if (serving->on_wafers) {
        const struct kerf_wafer_params *wafer = &serving->wafer.wafer;
        return (struct supply){.base_W = wafer->idle_fraction * wafer->system_W,
                               .limit_W = wafer->system_W,
                               .facility_power_factor = wafer->facility_power_factor,
                               .owner_USD_per_s = wafer->owner_USD_per_s};
    }
    const struct kerf_gpu_params *gpu = &serving->gpu.gpu;
    return (struct supply){.base_W = kerf_gpu_has_energy(gpu) ? gpu->active_W : 0.0,
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

void kerf_energy_summarise(MPI_Comm comm, const struct kerf_engine *engine,
                           const struct kerf_serving *serving, double span_s, struct kerf_summary *summary)
{
    const struct supply supply = supply_of(serving);
    double accelerators = (double)serving->accelerators * serving->replicas;
    double busy_J = accelerators * supply.base_W * span_s + dynamic_J(comm, engine, serving);
    double energy_J = fmin(busy_J, accelerators * supply.limit_W * span_s);
    double facility_J = (energy_J + accelerators * supply.host_W * span_s) * supply.facility_power_factor;
    bool known = supply.base_W > 0.0, paid = known && supply.facility_power_factor > 0.0;
    summary->accelerator_energy_J = or_missing(known, energy_J);
    summary->facility_energy_J = or_missing(paid, facility_J);
    summary->accelerator_power_W = or_missing(known, energy_J / (accelerators * span_s));
    summary->energy_per_output_token_J = or_missing(known, energy_J / summary->output_tokens);
    summary->facility_energy_per_output_token_J = or_missing(paid, facility_J / summary->output_tokens);
    summary->owner_cost_USD_per_output_token =
        or_missing(supply.owner_USD_per_s > 0.0,
                   accelerators * supply.owner_USD_per_s * span_s / summary->output_tokens);
}
