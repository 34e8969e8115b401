/* Tables in parallel HDF5: a group is a table, a dataset a column, and every column says its unit and what it
 * means.
 *
 * Every function is collective over the ranks that opened the file. Dimension scales make each group a
 * netCDF-like data set that xarray opens with named dimensions. */
#ifndef KERF_IO_HDF5_TABLE_H
#define KERF_IO_HDF5_TABLE_H

#include "sim/base/error.h"

#include <hdf5.h>
#include <stdbool.h>

/* Which rows of a table this rank writes: blocks in rising order, their data one after the other. */
struct kerf_rows {
    int blocks;
    const hsize_t *offset, *count;
    hsize_t total; /* rows of the whole table */
};

enum kerf_column_type { KERF_COLUMN_F64, KERF_COLUMN_I64, KERF_COLUMN_TEXT };

struct kerf_table_column {
    const char *name, *units, *long_name;
    enum kerf_column_type type;
    size_t text_bytes;    /* TEXT: bytes per cell, padded with zeros */
    hsize_t width[2];     /* further dimensions; 0: none */
    const char *scale[3]; /* names of the dimension scales in the same group, one per dimension; NULL: is a
                             scale itself */
};

/* Creates the dataset GROUP/name and writes this rank's rows of it. */
enum kerf_status kerf_table_write(hid_t group, const struct kerf_table_column *column,
                                  const struct kerf_rows *rows, const void *data, struct kerf_error *error);

/* A text attribute on a group, dataset or file; the same on all ranks. */
enum kerf_status kerf_attribute_text(hid_t object, const char *name, const char *text,
                                     struct kerf_error *error);
enum kerf_status kerf_attribute_integer(hid_t object, const char *name, long long value,
                                        struct kerf_error *error);

/* A whole text as a scalar dataset; the same on all ranks. */
enum kerf_status kerf_table_text(hid_t group, const char *name, const char *long_name, const char *text,
                                 struct kerf_error *error);

#endif
