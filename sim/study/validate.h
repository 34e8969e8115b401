/* Validation: every row of measurement tables, predicted or with the reason why not, and the errors. */
#ifndef KERF_STUDY_VALIDATE_H
#define KERF_STUDY_VALIDATE_H

#include "sim/engine/engine.h"
#include "sim/study/prediction.h"

#include <mpi.h>
#include <stdio.h>

struct kerf_validation {
    int rows;
    struct kerf_prediction *row; /* owned: all tables, one after the other */
};

/* Reads `files` and predicts their rows. What kind of table a file is, its columns say. Collective. Free with
 * kerf_validation_free, also after a failure. */
enum kerf_status kerf_validate(MPI_Comm comm, int files, const char *const *file, const char *const *catalogs,
                               struct kerf_validation *validation, const struct kerf_engine_calls *calls,
                               struct kerf_error *error);
void kerf_validation_free(struct kerf_validation *validation);

/* Prints the predicted rows, then errors by metric and the number of rows not predicted by reason. */
void kerf_validation_print(FILE *out, const struct kerf_validation *validation);

/* Writes id,metric,measured,predicted,low,high,error,reason. */
void kerf_validation_write(FILE *out, const struct kerf_validation *validation);

#endif
