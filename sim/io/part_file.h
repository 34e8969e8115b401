/* Files that are there whole or not at all: NAME.part is filled, made durable, and only then gets its name.
 *
 * Every function is collective over the file's communicator and gives every rank the same status. */
#ifndef KERF_IO_PART_FILE_H
#define KERF_IO_PART_FILE_H

#include "sim/base/error.h"

#include <hdf5.h>
#include <mpi.h>
#include <stdbool.h>

struct kerf_part_file {
    MPI_Comm comm;
    const char *what;    /* for messages, and the option that names it: "output" */
    const char *example; /* a name that would do */
    const char *path;
};

/* Checks that the path can become a file, and makes an empty PATH.part. */
enum kerf_status kerf_part_reserve(const struct kerf_part_file *part, struct kerf_error *error);

/* Removes PATH.part, if it is there. */
void kerf_part_discard(const struct kerf_part_file *part);

/* Makes sure that the disk has `bytes` for PATH.part. MPI-IO and HDF5 cannot be asked afterwards: on a disk
 * that fills up, Open MPI's collective writes drop the error on several ranks, and HDF5 does not survive a
 * close that failed. */
enum kerf_status kerf_part_find_room(const struct kerf_part_file *part, long long bytes,
                                     struct kerf_error *error);

/* Finds room for `bytes` and creates PATH.part as an HDF5 file that all ranks write, with `user_block` bytes
 * in front (0, or a power of 2 from 512). */
enum kerf_status kerf_part_create(const struct kerf_part_file *part, long long bytes, hsize_t user_block,
                                  hid_t *file, struct kerf_error *error);

/* Closes what kerf_part_create opened; `status` is what this rank made of it. Agrees. */
enum kerf_status kerf_part_close(const struct kerf_part_file *part, hid_t file, enum kerf_status status,
                                 struct kerf_error *error);

/* Makes PATH.part durable and gives it its name. With `keeps_previous` a file that has the name stays as
 * PATH.previous. A failure at any moment leaves PATH, or at the worst PATH.previous, as it was. */
enum kerf_status kerf_part_publish(const struct kerf_part_file *part, bool keeps_previous,
                                   struct kerf_error *error);

#endif
