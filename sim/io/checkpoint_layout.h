/* How a checkpoint lies in its file: for checkpoint_*.c only. */
#ifndef KERF_IO_CHECKPOINT_LAYOUT_H
#define KERF_IO_CHECKPOINT_LAYOUT_H

#include <hdf5.h>
#include <stdint.h>

enum { KERF_SLAB_BYTES = 16 << 20 }; /* what a rank holds in memory at a time */

/* One row of /index: where in /data the bytes of an LP are. */
struct kerf_checkpoint_row {
    uint64_t id, offset, bytes;
    uint64_t checksum; /* XXH3 of the bytes */
};

/* The type of /index, in memory as in the file: a conversion would keep HDF5 from collective transfers. */
hid_t kerf_checkpoint_row_type(void);

/* Transfers `count` elements at `offset` of a dataset of one dimension. Collective unless `alone`; a rank
 * without elements takes part with none. */
herr_t kerf_checkpoint_write_slab(hid_t dataset, hid_t type, uint64_t offset, uint64_t count,
                                  const void *data);
herr_t kerf_checkpoint_read_slab(hid_t dataset, hid_t type, uint64_t offset, uint64_t count, void *data);
herr_t kerf_checkpoint_read_slab_alone(hid_t dataset, hid_t type, uint64_t offset, uint64_t count,
                                       void *data);

#endif
