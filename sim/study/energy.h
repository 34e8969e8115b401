/* Energy and owner's cost of a served system over a run. */
#ifndef KERF_STUDY_ENERGY_H
#define KERF_STUDY_ENERGY_H

#include "models/workload/serving.h"
#include "sim/io/report.h"

#include <mpi.h>

/* What one accelerator draws, by the leaves of its kind. The base flows all the time: the clocks of a GPU
 * stay up between steps, and a wafer idles near its full power. */
struct kerf_supply {
    double base_W;  /* in service, without work; 0 where the catalog is silent */
    double limit_W; /* mean power at most */
    double host_W;  /* of what goes with it */
    double facility_power_factor, owner_USD_per_s;
};

struct kerf_supply kerf_energy_supply(const struct kerf_serving *serving);

/* Adds energy, power and cost to a summary whose output tokens are known; `span_s` is the time from the first
 * arrival to the last answer. What the catalog does not say is NAN. Collective on `comm`. */
void kerf_energy_summarise(MPI_Comm comm, const struct kerf_engine *engine,
                           const struct kerf_serving *serving, double span_s, struct kerf_summary *summary);

#endif
