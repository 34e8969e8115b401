/* The io room: how columns of a result file are written. */
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows that rank 0 writes for all. */
struct kerf_rows kerf_rows_of_first(MPI_Comm comm, const hsize_t *zero, const hsize_t *total)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    return (struct kerf_rows){.blocks = rank == 0, .offset = zero, .count = total, .total = *total};
}

/* Writes one column of cells that were computed as doubles; whole numbers are stored as such. `cells` is used
 * up. */
enum kerf_status kerf_write_cells(const struct kerf_result_writer *w, const struct kerf_cell_column *cell,
                                  const char *scale, const struct kerf_rows *rows, double *cells,
                                  size_t count, struct kerf_error *error)
{
    struct kerf_table_column column = {.name = cell->name,
                                       .units = cell->units,
                                       .long_name = cell->long_name,
                                       .type = cell->type,
                                       .scale = {scale}};
    for (size_t i = 0; i < count && cell->type == KERF_COLUMN_I64; i++) {
        long long whole = (long long)cells[i];
        memcpy(&cells[i], &whole, sizeof whole);
    }
    return kerf_table_write(w->group, &column, rows, cells, error);
}

/* A column that every rank knows whole; rank 0 writes it. */
enum kerf_status kerf_write_known(const struct kerf_result_writer *w, struct kerf_table_column column,
                                  hsize_t total, const void *data, struct kerf_error *error)
{
    const hsize_t zero = 0;
    struct kerf_rows rows = kerf_rows_of_first(w->comm, &zero, &total);
    return kerf_table_write(w->group, &column, &rows, data, error);
}

/* Text cells of one field of an array of structs. */
static char *text_cells(const void *first, size_t stride, size_t count, size_t bytes)
{
    char *cells = calloc(count + 1, bytes);
    for (size_t i = 0; cells && i < count; i++)
        snprintf(cells + i * bytes, bytes, "%s", (const char *)first + i * stride);
    return cells;
}

enum kerf_status kerf_write_known_text(const struct kerf_result_writer *w, const char *name,
                                       const char *long_name, const char *scale, const void *first,
                                       size_t stride, size_t count, struct kerf_error *error)
{
    char *cells = text_cells(first, stride, count, KERF_TEXT_CELL_BYTES);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for %s", name);
    struct kerf_table_column column = {.name = name,
                                       .units = "1",
                                       .long_name = long_name,
                                       .type = KERF_COLUMN_TEXT,
                                       .text_bytes = KERF_TEXT_CELL_BYTES,
                                       .scale = {scale}};
    enum kerf_status status = kerf_write_known(w, column, count, cells, error);
    free(cells);
    return status;
}

/* A scale that numbers the rows of a table, so that every dimension has a name. */
enum kerf_status kerf_write_row_numbers(const struct kerf_result_writer *w, const char *name,
                                        const char *long_name, hsize_t count, struct kerf_error *error)
{
    long long *number = malloc((count + 1) * sizeof *number);
    KERF_CHECK(number, KERF_ERR_FAILURE, "out of memory for %s", name);
    for (hsize_t i = 0; i < count; i++)
        number[i] = (long long)i;
    struct kerf_table_column column = {
        .name = name, .units = "1", .long_name = long_name, .type = KERF_COLUMN_I64};
    enum kerf_status status = kerf_write_known(w, column, count, number, error);
    free(number);
    return status;
}

enum kerf_status kerf_write_name_scale(const struct kerf_result_writer *w, const char *name,
                                       const char *long_name, const char *const *names, size_t count,
                                       struct kerf_error *error)
{
    char cells[16][KERF_TEXT_CELL_BYTES] = {{0}};
    for (size_t i = 0; i < count; i++)
        snprintf(cells[i], sizeof cells[i], "%s", names[i]);
    return kerf_write_known_text(w, name, long_name, NULL, cells, sizeof cells[0], count, error);
}
