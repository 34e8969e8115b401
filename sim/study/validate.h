/* Validation: every row of a measurement table that can be predicted, predicted, and the error. */
#ifndef KERF_STUDY_VALIDATE_H
#define KERF_STUDY_VALIDATE_H

#include "sim/study/measurement.h"

#include <mpi.h>
#include <stdio.h>

struct kerf_validation {
    int rows;
    struct kerf_measurement *row; /* owned */
};

/* Reads `path` and predicts its rows: all simulations in one run of the engine, three columns each.
 * Collective. Free with kerf_validation_free, also after a failure. */
enum kerf_status kerf_validate(MPI_Comm comm, const char *path, const char *const *catalogs,
                               struct kerf_validation *validation, const struct kerf_engine_calls *calls,
                               struct kerf_error *error);
void kerf_validation_free(struct kerf_validation *validation);

/* Prints the predicted rows, then errors by metric and the number of rows not predicted by reason. */
void kerf_validation_print(FILE *out, const struct kerf_validation *validation);

/* Writes id,metric,measured,predicted,low,high,error,reason. */
void kerf_validation_write(FILE *out, const struct kerf_validation *validation);

#endif
