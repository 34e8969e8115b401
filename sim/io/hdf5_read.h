/* Reads attributes and texts of HDF5 files back, as sim/io/hdf5_table.h wrote them. */
#ifndef KERF_IO_HDF5_READ_H
#define KERF_IO_HDF5_READ_H

#include "sim/base/error.h"

#include <hdf5.h>
#include <stddef.h>

/* An attribute of the file; a text is cut to fit. */
enum kerf_status kerf_hdf5_attribute_text(hid_t file, const char *name, char *text, size_t text_bytes,
                                          struct kerf_error *error);
enum kerf_status kerf_hdf5_attribute_integer(hid_t file, const char *name, long long *value,
                                             struct kerf_error *error);

/* Number of elements of a dataset, or -1 if there is none. */
long long kerf_hdf5_count(hid_t file, const char *name);

/* A dataset of `count` numbers. */
enum kerf_status kerf_hdf5_doubles(hid_t file, const char *name, long long count, double *values,
                                   struct kerf_error *error);

/* A scalar dataset of a fixed-length text. The caller frees *text. */
enum kerf_status kerf_hdf5_text(hid_t file, const char *name, char **text, struct kerf_error *error);

#endif
