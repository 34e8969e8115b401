/* The io room: transfers of parts of a checkpoint's datasets. */
#include "sim/io/checkpoint_layout.h"

#include <stdbool.h>
#include <stddef.h>

hid_t kerf_checkpoint_row_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct kerf_checkpoint_row));
    H5Tinsert(type, "id", offsetof(struct kerf_checkpoint_row, id), H5T_NATIVE_UINT64);
    H5Tinsert(type, "offset", offsetof(struct kerf_checkpoint_row, offset), H5T_NATIVE_UINT64);
    H5Tinsert(type, "bytes", offsetof(struct kerf_checkpoint_row, bytes), H5T_NATIVE_UINT64);
    H5Tinsert(type, "checksum", offsetof(struct kerf_checkpoint_row, checksum), H5T_NATIVE_UINT64);
    return type;
}

/* The selected part of a dataset, the memory that it goes to or comes from, and how. */
struct transfer {
    hid_t file, memory, how;
};

static struct transfer begin(hid_t dataset, uint64_t offset, uint64_t count, bool alone)
{
    hsize_t start = offset, here = count, room = count > 0 ? count : 1;
    struct transfer t = {.file = H5Dget_space(dataset),
                         .memory = H5Screate_simple(1, &room, NULL),
                         .how = H5Pcreate(H5P_DATASET_XFER)};
    H5Pset_dxpl_mpio(t.how, alone ? H5FD_MPIO_INDEPENDENT : H5FD_MPIO_COLLECTIVE);
    if (count > 0) {
        H5Sselect_hyperslab(t.file, H5S_SELECT_SET, &start, NULL, &here, NULL);
    } else {
        H5Sselect_none(t.file);
        H5Sselect_none(t.memory);
    }
    return t;
}

static void end(struct transfer t)
{
    H5Pclose(t.how);
    H5Sclose(t.memory);
    H5Sclose(t.file);
}

herr_t kerf_checkpoint_write_slab(hid_t dataset, hid_t type, uint64_t offset, uint64_t count,
                                  const void *data)
{
    const char nothing = 0;
    struct transfer t = begin(dataset, offset, count, false);
    herr_t written = H5Dwrite(dataset, type, t.memory, t.file, t.how, count > 0 ? data : &nothing);
    end(t);
    return written;
}

static herr_t read_slab(hid_t dataset, hid_t type, uint64_t offset, uint64_t count, bool alone, void *data)
{
    char nothing;
    struct transfer t = begin(dataset, offset, count, alone);
    herr_t got = H5Dread(dataset, type, t.memory, t.file, t.how, count > 0 ? data : &nothing);
    end(t);
    return got;
}

herr_t kerf_checkpoint_read_slab(hid_t dataset, hid_t type, uint64_t offset, uint64_t count, void *data)
{
    return read_slab(dataset, type, offset, count, false, data);
}

herr_t kerf_checkpoint_read_slab_alone(hid_t dataset, hid_t type, uint64_t offset, uint64_t count, void *data)
{
    return read_slab(dataset, type, offset, count, true, data);
}
