/* Whole text files, read once and given to every rank. */
#ifndef KERF_IO_TEXT_FILE_H
#define KERF_IO_TEXT_FILE_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdio.h>

/* Reads `path` as one string that the caller frees. With a communicator it is collective: rank 0 reads and
 * broadcasts, so that every rank sees the same bytes or the same error. MPI_COMM_NULL reads here only. */
enum kerf_status kerf_text_file_read(MPI_Comm comm, const char *path, char **text, struct kerf_error *error);

/* Writes a file under a temporary name (PATH.part) and then gives it its own, so that a file of that name is
 * whole; `write` writes `content`. On this process alone. */
enum kerf_status kerf_text_file_write(const char *path, void (*write)(FILE *out, const void *content),
                                      const void *content, struct kerf_error *error);

#endif
