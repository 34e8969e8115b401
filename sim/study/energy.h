/* Energy and owner's cost of a served system over a run. */
#ifndef KERF_STUDY_ENERGY_H
#define KERF_STUDY_ENERGY_H

#include "models/workload/serving.h"
#include "sim/io/report.h"

#include <mpi.h>

/* Adds energy, power and cost to a summary whose output tokens are known; `span_s` is the time from the first
 * arrival to the last answer. What the catalog does not say is NAN. Collective on `comm`. */
void kerf_energy_summarise(MPI_Comm comm, const struct kerf_engine *engine,
                           const struct kerf_serving *serving, double span_s, struct kerf_summary *summary);

#endif
