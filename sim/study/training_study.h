/* Training scenarios, costed: `kerf run` and `kerf check` on a file with a `training` section. */
#ifndef KERF_STUDY_TRAINING_STUDY_H
#define KERF_STUDY_TRAINING_STUDY_H

#include "sim/study/scenario_source.h"
#include "sim/study/training_cost.h"

#include <mpi.h>
#include <stdio.h>

struct kerf_training_study {
    struct kerf_training_scenario scenario;
    struct kerf_network network;
    char *text; /* of the file, owned */
    struct kerf_training_case cases[KERF_TRAINING_SYSTEMS_MAX];
};

/* The job that a system of a scenario asks for. KERF_ERR_USAGE: a name is unknown. */
enum kerf_status kerf_training_study_job(const struct kerf_network *network,
                                         const struct kerf_training_system_spec *spec,
                                         struct kerf_training_job *job, struct kerf_error *error);

/* The scenario alone, and the text that it was read from. Collective; the caller frees *text, also after a
 * failure. */
enum kerf_status kerf_training_study_read(MPI_Comm comm, const struct kerf_scenario_source *source,
                                          char **text, struct kerf_training_scenario *scenario,
                                          struct kerf_error *error);

/* Reads, checks and costs. Collective; free with kerf_training_study_free, also after a failure. */
enum kerf_status kerf_training_study_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                          const char *const *catalogs, struct kerf_training_study **study,
                                          struct kerf_error *error);
void kerf_training_study_free(struct kerf_training_study *study);

/* What `kerf check` shows (training_plan_text.c): the scenario, and of each system the layout, where its
 * groups lie, and what lies in memory. */
void kerf_training_study_print_plan(FILE *out, const struct kerf_training_study *study);

/* Step times, rates, watts and dollars, and where the time goes. */
void kerf_training_study_print(FILE *out, const struct kerf_training_study *study);

/* Writes `path` as HDF5, whole or not at all (docs/training.md). Collective. */
enum kerf_status kerf_training_study_write(MPI_Comm comm, const struct kerf_training_study *study,
                                           const char *path, const char *version, struct kerf_error *error);

#endif
