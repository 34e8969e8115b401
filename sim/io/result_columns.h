/* Columns of a result file: what its tables are made of. For the writers of result files only. */
#ifndef KERF_IO_RESULT_COLUMNS_H
#define KERF_IO_RESULT_COLUMNS_H

#include "sim/io/hdf5_table.h"
#include "sim/io/result.h"

enum { KERF_TEXT_CELL_BYTES = KERF_REPORT_TEXT_BYTES };

/* What every table writer needs: where it writes, and what of. */
struct kerf_result_writer {
    MPI_Comm comm;
    hid_t group;
    const struct kerf_result *result;
};

/* A column of a table that is filled cell by cell. */
struct kerf_cell_column {
    const char *name, *units, *long_name;
    enum kerf_column_type type; /* F64, or I64 for whole numbers */
};

/* Rows that rank 0 writes for all: `total` of them from `zero`, both of which must outlive the rows. */
struct kerf_rows kerf_rows_of_first(MPI_Comm comm, const hsize_t *zero, const hsize_t *total);

/* Writes one column of cells that were computed as doubles; whole numbers are stored as such. `cells` is used
 * up. */
enum kerf_status kerf_write_cells(const struct kerf_result_writer *w, const struct kerf_cell_column *cell,
                                  const char *scale, const struct kerf_rows *rows, double *cells,
                                  size_t count, struct kerf_error *error);

/* A column that every rank knows whole; rank 0 writes it. */
enum kerf_status kerf_write_known(const struct kerf_result_writer *w, struct kerf_table_column column,
                                  hsize_t total, const void *data, struct kerf_error *error);

/* The same for texts: `count` of them, `stride` bytes apart. */
enum kerf_status kerf_write_known_text(const struct kerf_result_writer *w, const char *name,
                                       const char *long_name, const char *scale, const void *first,
                                       size_t stride, size_t count, struct kerf_error *error);

/* A scale that numbers the rows of a table, so that every dimension has a name. */
enum kerf_status kerf_write_row_numbers(const struct kerf_result_writer *w, const char *name,
                                        const char *long_name, hsize_t count, struct kerf_error *error);

/* A scale of at most 16 names. */
enum kerf_status kerf_write_name_scale(const struct kerf_result_writer *w, const char *name,
                                       const char *long_name, const char *const *names, size_t count,
                                       struct kerf_error *error);

/* The tables, one group each. Collective. */
enum kerf_status kerf_result_write_summary(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_percentiles(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_requests(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_accelerators(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_placement(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_leaves(struct kerf_result_writer *w, struct kerf_error *error);
enum kerf_status kerf_result_write_provenance(struct kerf_result_writer *w, struct kerf_error *error);

#endif
