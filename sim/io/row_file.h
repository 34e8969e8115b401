/* A table of rows as an HDF5 file: one group whose datasets are columns, and where it comes from. */
#ifndef KERF_IO_ROW_FILE_H
#define KERF_IO_ROW_FILE_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stddef.h>

/* One column: doubles or texts, `stride` bytes from row to row; the other pointer is NULL. */
struct kerf_row_column {
    const char *name, *units, *long_name;
    const double *number;
    const char *text;
    size_t stride;
};

/* The same on every rank; `group` is the name of the group, `row` that of its dimension. */
struct kerf_row_file {
    const char *title, *version, *command, *group, *row;
    size_t rows;
    int columns;
    const struct kerf_row_column *column;
};

/* Writes PATH.part and renames it to PATH; on failure nothing is left under either name. Collective. */
enum kerf_status kerf_row_file_write(MPI_Comm comm, const char *path, const struct kerf_row_file *file,
                                     struct kerf_error *error);

#endif
