/* The io room: attributes and texts of HDF5 files. */
#include "sim/io/hdf5_read.h"

#include <hdf5_hl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_fixed_text(hid_t type)
{
    return type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
}

enum kerf_status kerf_hdf5_attribute_text(hid_t file, const char *name, char *text, size_t text_bytes,
                                          struct kerf_error *error)
{
    char whole[4096] = "";
    hid_t attribute = H5Aopen(file, name, H5P_DEFAULT), type = attribute < 0 ? -1 : H5Aget_type(attribute);
    bool fits = is_fixed_text(type) && H5Tget_size(type) < sizeof whole;
    bool got = fits && H5Aread(attribute, type, whole) >= 0;
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    KERF_CHECK(got, KERF_ERR_FAILURE, "attribute %s is missing or damaged", name);
    snprintf(text, text_bytes, "%s", whole);
    return KERF_OK;
}

enum kerf_status kerf_hdf5_attribute_integer(hid_t file, const char *name, long long *value,
                                             struct kerf_error *error)
{
    KERF_CHECK(H5LTget_attribute_long_long(file, "/", name, value) >= 0, KERF_ERR_FAILURE,
               "attribute %s is missing", name);
    return KERF_OK;
}

long long kerf_hdf5_count(hid_t file, const char *name)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return -1;
    hid_t space = H5Dget_space(dataset);
    long long count = space < 0 ? -1 : (long long)H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Dclose(dataset);
    return count;
}

enum kerf_status kerf_hdf5_doubles(hid_t file, const char *name, long long count, double *values,
                                   struct kerf_error *error)
{
    KERF_CHECK(kerf_hdf5_count(file, name) == count && H5LTread_dataset_double(file, name, values) >= 0,
               KERF_ERR_FAILURE, "%s is missing or damaged", name);
    return KERF_OK;
}

enum kerf_status kerf_hdf5_text(hid_t file, const char *name, char **text, struct kerf_error *error)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), type = dataset < 0 ? -1 : H5Dget_type(dataset);
    hid_t space = dataset < 0 ? -1 : H5Dget_space(dataset);
    bool scalar = space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && is_fixed_text(type);
    char *whole = scalar ? calloc(H5Tget_size(type) + 1, 1) : NULL;
    bool got = whole && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, whole) >= 0;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (!got)
        free(whole);
    KERF_CHECK(got, KERF_ERR_FAILURE, "/%s is missing or damaged", name);
    *text = whole;
    return KERF_OK;
}
