/* Result files of scenarios that are worked out at once: training steps and passes of images
 * (docs/results.md). */
#ifndef KERF_STUDY_COSTED_RESULT_H
#define KERF_STUDY_COSTED_RESULT_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

enum { KERF_COSTED_NAME_BYTES = 128 };

/* One figure of every system and column. */
struct kerf_costed_field {
    const char *name, *units, *long_name;
    bool per_part;
};

/* What a file holds; the same on every rank. */
struct kerf_costed_result {
    const char *content; /* training or images: the group, and the file's attribute */
    const char *title, *network, *version;
    const char *scenario, *table; /* the text that was read, the table that was printed */
    int systems, columns, parts, fields;
    /* names of KERF_COSTED_NAME_BYTES each: of every system its key, title, catalog entry and what
     * limits it most; of every column and part */
    const char *system, *system_title, *hardware, *limit, *column, *part;
    const double *accelerators; /* of each system */
    const struct kerf_costed_field *field;
    /* field after field: [system][column], or [system][column][part] */
    const double *cells;
};

/* What `print` prints of `study`, or NULL: out of memory. The caller frees. */
char *kerf_costed_table(void (*print)(FILE *out, const void *study), const void *study);

/* Writes `path` as HDF5, whole or not at all. Collective. */
enum kerf_status kerf_costed_result_write(MPI_Comm comm, const char *path,
                                          const struct kerf_costed_result *result, struct kerf_error *error);

/* The table of a file that kerf_costed_result_write wrote, or NULL if it is none. This process alone; the
 * caller frees. */
char *kerf_costed_result_table(const char *path);

#endif
