/* The io room: tables of numbers of HDF5 files, with the names of their places. */
#include "sim/io/hdf5_numbers.h"

#include "sim/io/hdf5_read.h"

#include <hdf5_hl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long long values_most = 1LL << 27; /* 1 GB */

static bool is_number(hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    H5T_class_t class = H5Tget_class(type);
    H5Tclose(type);
    return class == H5T_FLOAT || class == H5T_INTEGER;
}

static herr_t collect(hid_t root, const char *name, const H5L_info_t *info, void *context)
{
    struct kerf_dataset_names *names = context;
    (void)info;
    if (strncmp(name, "provenance", 10) == 0 || strlen(name) + 2 > KERF_NUMBERS_NAME_BYTES)
        return 0;
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    bool wanted = H5Iget_type(object) == H5I_DATASET && is_number(object) && H5DSis_scale(object) <= 0;
    H5Oclose(object);
    if (!wanted)
        return 0;
    void *grown = realloc(names->name, (size_t)(names->count + 1) * sizeof *names->name);
    if (!grown)
        return -1;
    names->name = grown;
    snprintf(names->name[names->count++], KERF_NUMBERS_NAME_BYTES, "/%s", name);
    return 0;
}

enum kerf_status kerf_numbers_list(hid_t file, struct kerf_dataset_names *names, struct kerf_error *error)
{
    *names = (struct kerf_dataset_names){0};
    KERF_CHECK(H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, names) >= 0, KERF_ERR_FAILURE,
               "the list of datasets is damaged");
    return KERF_OK;
}

void kerf_dataset_names_free(struct kerf_dataset_names *names)
{
    free(names->name);
    *names = (struct kerf_dataset_names){0};
}

/* Texts of a one-dimensional dataset, or NULL if it holds none. */
static char (*read_labels(hid_t dataset, hsize_t count))[KERF_NUMBERS_NAME_BYTES]
{
    hid_t stored = H5Dget_type(dataset), type = H5Tcopy(stored), space = H5Dget_space(dataset);
    bool texts = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                 H5Tget_size(type) < KERF_NUMBERS_NAME_BYTES &&
                 H5Sget_simple_extent_npoints(space) == (hssize_t)count;
    char(*label)[KERF_NUMBERS_NAME_BYTES] = texts ? calloc(count + 1, sizeof *label) : NULL;
    if (label) {
        H5Tset_size(type, KERF_NUMBERS_NAME_BYTES);
        if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, label) < 0) {
            free(label);
            label = NULL;
        }
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(stored);
    return label;
}

/* The first scale with texts of a dimension names its places. */
static herr_t take_scale(hid_t dataset, unsigned dimension, hid_t scale, void *context)
{
    struct kerf_numbers *numbers = context;
    (void)dataset;
    numbers->label[dimension] = read_labels(scale, numbers->extent[dimension]);
    return numbers->label[dimension] != NULL;
}

static bool read_values(hid_t dataset, struct kerf_numbers *numbers)
{
    hid_t space = H5Dget_space(dataset);
    numbers->rank = H5Sget_simple_extent_ndims(space);
    bool fits = numbers->rank >= 0 && numbers->rank <= KERF_NUMBERS_RANK_MAX;
    if (fits)
        H5Sget_simple_extent_dims(space, numbers->extent, NULL);
    numbers->count = (long long)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    fits = fits && numbers->count >= 0 && numbers->count <= values_most;
    numbers->value = fits ? calloc((size_t)numbers->count + 1, sizeof *numbers->value) : NULL;
    return numbers->value &&
           H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers->value) >= 0;
}

enum kerf_status kerf_numbers_read(hid_t file, const char *name, struct kerf_numbers *numbers,
                                   struct kerf_error *error)
{
    *numbers = (struct kerf_numbers){0};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    bool whole = dataset >= 0 && is_number(dataset) && read_values(dataset, numbers);
    struct kerf_error none;
    for (unsigned d = 0; whole && d < (unsigned)numbers->rank; d++)
        H5DSiterate_scales(dataset, d, NULL, take_scale, numbers);
    if (whole &&
        kerf_hdf5_attribute_text(dataset, "units", numbers->units, sizeof numbers->units, &none) != KERF_OK)
        numbers->units[0] = '\0';
    if (dataset >= 0)
        H5Dclose(dataset);
    KERF_CHECK(whole, KERF_ERR_FAILURE, "%s is missing or damaged", name);
    return KERF_OK;
}

void kerf_numbers_free(struct kerf_numbers *numbers)
{
    for (int d = 0; d < KERF_NUMBERS_RANK_MAX; d++)
        free(numbers->label[d]);
    free(numbers->value);
    *numbers = (struct kerf_numbers){0};
}

void kerf_numbers_place(const struct kerf_numbers *numbers, long long place, char *text, size_t text_bytes)
{
    long long rest = numbers->count;
    size_t length = 0;
    text[0] = '\0';
    for (int d = 0; d < numbers->rank && length < text_bytes; d++) {
        rest /= (long long)numbers->extent[d];
        long long at = place / rest;
        place %= rest;
        const char *comma = d > 0 ? ", " : "";
        int written = numbers->label[d]
                          ? snprintf(text + length, text_bytes - length, "%s%s", comma, numbers->label[d][at])
                          : snprintf(text + length, text_bytes - length, "%s%lld", comma, at);
        length += (size_t)(written > 0 ? written : 0);
    }
}
