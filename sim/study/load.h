/* From the workload of a scenario to the load of a simulation: distributions with all their parameters, and
 * the files that it names. */
#ifndef KERF_STUDY_LOAD_H
#define KERF_STUDY_LOAD_H

#include "models/workload/lengths.h"
#include "sim/io/scenario.h"

#include <mpi.h>

enum { KERF_LOAD_HISTOGRAMS = 9 };

struct kerf_load {
    struct kerf_workload workload; /* its means are those of the requests that will come */
    struct kerf_load_facts facts;
    struct kerf_trace trace;                               /* owned */
    struct kerf_histogram histogram[KERF_LOAD_HISTOGRAMS]; /* owned */
};

/* Reads what `spec` names, relative to the folder of the scenario's file, and measures the load. Collective.
 * *load must stay where it is until kerf_load_free, which is also called after a failure. */
enum kerf_status kerf_load_open(MPI_Comm comm, const char *scenario_file,
                                const struct kerf_workload_spec *spec, int seed, struct kerf_load *load,
                                struct kerf_error *error);

void kerf_load_free(struct kerf_load *load);

#endif
