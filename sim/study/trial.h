/* A finished run of one served system: its summary, known on every rank. */
#ifndef KERF_STUDY_TRIAL_H
#define KERF_STUDY_TRIAL_H

#include "models/workload/serving.h"
#include "sim/study/summary.h"

/* Sums up the requests of `serving` after the engine has run; *answered may be less than the workload's
 * requests, and then the metrics are not set. Collective on `comm`. */
void kerf_trial_summary(MPI_Comm comm, const struct kerf_engine *engine, const struct kerf_serving *serving,
                        struct kerf_summary *summary, int *answered);

#endif
