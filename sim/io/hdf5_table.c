/* The io room: columns of tables in parallel HDF5. */
#include "sim/io/hdf5_table.h"

#include <hdf5_hl.h>
#include <string.h>

static hid_t text_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes > 0 ? bytes : 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

enum kerf_status kerf_attribute_text(hid_t object, const char *name, const char *text,
                                     struct kerf_error *error)
{
    hid_t type = text_type(strlen(text)), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t written = attribute < 0 ? -1 : H5Awrite(attribute, type, text);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    KERF_CHECK(written >= 0, KERF_ERR_FAILURE, "cannot write attribute %s", name);
    return KERF_OK;
}

enum kerf_status kerf_attribute_integer(hid_t object, const char *name, long long value,
                                        struct kerf_error *error)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t written = attribute < 0 ? -1 : H5Awrite(attribute, H5T_NATIVE_LLONG, &value);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    KERF_CHECK(written >= 0, KERF_ERR_FAILURE, "cannot write attribute %s", name);
    return KERF_OK;
}

static int dimensions_of(const struct kerf_table_column *column, hsize_t total, hsize_t dimension[3])
{
    int rank = 1;
    dimension[0] = total;
    for (int i = 0; i < 2 && column->width[i] > 0; i++)
        dimension[rank++] = column->width[i];
    return rank;
}

/* Selects this rank's rows in the file, or nothing. */
static void select_rows(hid_t space, int rank, const hsize_t dimension[3], const struct kerf_rows *rows)
{
    H5Sselect_none(space);
    for (int b = 0; b < rows->blocks; b++) {
        hsize_t start[3] = {rows->offset[b], 0, 0}, count[3] = {rows->count[b], dimension[1], dimension[2]};
        if (rows->count[b] > 0 && rank > 0)
            H5Sselect_hyperslab(space, H5S_SELECT_OR, start, NULL, count, NULL);
    }
}

static herr_t attach_scales(hid_t group, hid_t dataset, int rank, const struct kerf_table_column *column)
{
    if (!column->scale[0])
        return H5DSset_scale(dataset, column->name);
    for (int i = 0; i < rank; i++) {
        hid_t scale = column->scale[i] ? H5Dopen2(group, column->scale[i], H5P_DEFAULT) : -1;
        herr_t attached = scale < 0 ? -1 : H5DSattach_scale(dataset, scale, (unsigned)i);
        if (scale >= 0)
            H5Dclose(scale);
        if (attached < 0)
            return -1;
    }
    return 0;
}

static herr_t write_rows(hid_t dataset, hid_t type, int rank, const hsize_t dimension[3],
                         const struct kerf_rows *rows, const void *data)
{
    hsize_t here = 0;
    for (int b = 0; b < rows->blocks; b++)
        here += rows->count[b];
    hsize_t memory_dimension[3] = {here > 0 ? here : 1, dimension[1], dimension[2]};
    hid_t file_space = H5Dget_space(dataset), memory = H5Screate_simple(rank, memory_dimension, NULL);
    hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
    select_rows(file_space, rank, dimension, rows);
    if (here == 0)
        H5Sselect_none(memory);
    char nothing = 0;
    herr_t written = H5Dwrite(dataset, type, memory, file_space, transfer, here > 0 ? data : &nothing);
    H5Pclose(transfer);
    H5Sclose(memory);
    H5Sclose(file_space);
    return written;
}

enum kerf_status kerf_table_write(hid_t group, const struct kerf_table_column *column,
                                  const struct kerf_rows *rows, const void *data, struct kerf_error *error)
{
    hsize_t dimension[3] = {0};
    int rank = dimensions_of(column, rows->total, dimension);
    hid_t memory_type = column->type == KERF_COLUMN_F64   ? H5Tcopy(H5T_NATIVE_DOUBLE)
                        : column->type == KERF_COLUMN_I64 ? H5Tcopy(H5T_NATIVE_LLONG)
                                                          : text_type(column->text_bytes);
    hid_t file_type = column->type == KERF_COLUMN_F64   ? H5Tcopy(H5T_IEEE_F64LE)
                      : column->type == KERF_COLUMN_I64 ? H5Tcopy(H5T_STD_I64LE)
                                                        : text_type(column->text_bytes);
    hid_t space = H5Screate_simple(rank, dimension, NULL), make = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(make, 0); /* time stamps would differ between equal runs */
    hid_t dataset = H5Dcreate2(group, column->name, file_type, space, H5P_DEFAULT, make, H5P_DEFAULT);
    herr_t written = dataset < 0 ? -1 : 0;
    if (written >= 0 && rows->total > 0)
        written = write_rows(dataset, memory_type, rank, dimension, rows, data);
    if (written >= 0)
        written = attach_scales(group, dataset, rank, column);
    enum kerf_status status = KERF_OK;
    if (written >= 0)
        status = kerf_attribute_text(dataset, "units", column->units, error);
    if (written >= 0 && status == KERF_OK)
        status = kerf_attribute_text(dataset, "long_name", column->long_name, error);
    if (written >= 0 && status == KERF_OK && column->type == KERF_COLUMN_TEXT)
        status = kerf_attribute_text(dataset, "_Encoding", "utf-8", error); /* xarray decodes by it */
    if (dataset >= 0 && H5Dclose(dataset) < 0)
        written = -1;
    H5Pclose(make);
    H5Sclose(space);
    H5Tclose(file_type);
    H5Tclose(memory_type);
    KERF_CHECK(written >= 0, KERF_ERR_FAILURE, "cannot write %s", column->name);
    return status;
}

enum kerf_status kerf_table_text(hid_t group, const char *name, const char *long_name, const char *text,
                                 struct kerf_error *error)
{
    hid_t type = text_type(strlen(text)), space = H5Screate(H5S_SCALAR), make = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(make, 0);
    hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
    hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, make, H5P_DEFAULT);
    herr_t written = dataset < 0 ? -1 : H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, transfer, text);
    enum kerf_status status = KERF_OK;
    if (written >= 0)
        status = kerf_attribute_text(dataset, "long_name", long_name, error);
    if (dataset >= 0 && H5Dclose(dataset) < 0)
        written = -1;
    H5Pclose(transfer);
    H5Pclose(make);
    H5Sclose(space);
    H5Tclose(type);
    KERF_CHECK(written >= 0, KERF_ERR_FAILURE, "cannot write %s", name);
    return status;
}
