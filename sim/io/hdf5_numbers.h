/* Any table of numbers of an HDF5 file, with the names of its rows and columns where dimension scales give
 * them. */
#ifndef KERF_IO_HDF5_NUMBERS_H
#define KERF_IO_HDF5_NUMBERS_H

#include "sim/base/error.h"

#include <hdf5.h>

enum { KERF_NUMBERS_RANK_MAX = 4, KERF_NUMBERS_NAME_BYTES = 192 };

struct kerf_numbers {
    char units[32]; /* empty where the file says none */
    int rank;
    hsize_t extent[KERF_NUMBERS_RANK_MAX];
    char (*label[KERF_NUMBERS_RANK_MAX])[KERF_NUMBERS_NAME_BYTES]; /* owned; NULL: places have no names */
    long long count;
    double *value; /* owned, row-major */
};

/* Full names of the datasets of a file, in the order of their names. */
struct kerf_dataset_names {
    int count;
    char (*name)[KERF_NUMBERS_NAME_BYTES]; /* owned */
};

/* Datasets outside /provenance that hold numbers and number nothing themselves. */
enum kerf_status kerf_numbers_list(hid_t file, struct kerf_dataset_names *names, struct kerf_error *error);
void kerf_dataset_names_free(struct kerf_dataset_names *names);

/* Reads one of them. KERF_ERR_FAILURE: there is none, or it is damaged. Free with kerf_numbers_free, also
 * after a failure. */
enum kerf_status kerf_numbers_read(hid_t file, const char *name, struct kerf_numbers *numbers,
                                   struct kerf_error *error);
void kerf_numbers_free(struct kerf_numbers *numbers);

/* "ROW, COLUMN": what stands at a place, by names where there are any. */
void kerf_numbers_place(const struct kerf_numbers *numbers, long long place, char *text, size_t text_bytes);

#endif
