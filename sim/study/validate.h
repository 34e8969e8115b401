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

struct kerf_validation_request {
    int files;
    const char *const *file;
    const char *const *catalogs; /* NULL-terminated: where a catalog may be */
    const char *hardware;        /* entry for tables that do not say what was measured; may be NULL */
    const struct kerf_engine_calls *calls;
};

/* Reads tables and predicts their rows. What kind of table a file is, its columns say. Collective. Free with
 * kerf_validation_free, also after a failure. */
enum kerf_status kerf_validate(MPI_Comm comm, const struct kerf_validation_request *request,
                               struct kerf_validation *validation, struct kerf_error *error);
void kerf_validation_free(struct kerf_validation *validation);

/* Prints every predicted row. */
void kerf_validation_print_rows(FILE *out, const struct kerf_validation *validation);

/* Prints scores by group and metric, rows that a fit saw apart from the others, and how many rows were not
 * predicted for which reason. */
enum kerf_status kerf_validation_print(FILE *out, const struct kerf_validation *validation,
                                       struct kerf_error *error);

/* Writes id,metric,measured,predicted,low,high,error,reason of a struct kerf_validation. */
void kerf_validation_write(FILE *out, const void *validation);

/* Writes the rows into an HDF5 file (docs/results.md). `version` and `command` go into it. Collective. */
enum kerf_status kerf_validation_save(MPI_Comm comm, const char *path,
                                      const struct kerf_validation *validation, const char *version,
                                      const char *command, struct kerf_error *error);

#endif
