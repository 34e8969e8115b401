/* Kinds of measurement tables: each knows its columns and how to predict its rows.
 *
 * A new kind is one struct kerf_row_source and its name in the table of validate.c. */
#ifndef KERF_STUDY_ROW_SOURCE_H
#define KERF_STUDY_ROW_SOURCE_H

#include "sim/engine/engine.h"
#include "sim/io/catalog.h"
#include "sim/io/csv_table.h"
#include "sim/study/prediction.h"

/* What a source is given. Every rank has the same. */
struct kerf_row_table {
    MPI_Comm comm;
    const char *file;
    const struct kerf_csv *csv;
    struct kerf_catalog *catalog;
    const char *hardware; /* entry that tables without such a column were measured on; NULL: not said */
    int variant;          /* of the source */
    const struct kerf_engine_calls *calls; /* of the run of an engine, if there is one */
};

enum { KERF_ROW_COLUMNS_MAX = 16 };

struct kerf_row_source {
    const char *name;
    int variant; /* of kinds that share their functions */
    int answers; /* measurements in a row of the table */
    /* Columns without which a table is not of this kind, each with another name that would do or NULL; ends
     * with NULL. */
    const char *column[KERF_ROW_COLUMNS_MAX][2];
    /* Fills `answers` predictions per row of the table, in its order; they come zeroed. A row that cannot be
     * predicted gets a reason; only a damaged table or machine is an error. Collective. */
    enum kerf_status (*predict)(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error);
};

extern const struct kerf_row_source kerf_serving_rows, kerf_training_rows, kerf_nvlink_rows;

/* Tables of measured kernels and collectives: a source for each enum kerf_kernel and each enum
 * kerf_collective_layout. */
struct kerf_row_source kerf_kernel_rows(int kernel);
struct kerf_row_source kerf_collective_rows(int layout);

#endif
