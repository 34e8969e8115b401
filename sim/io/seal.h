/* A seal: a block at the start of a file that says how long the file is and what its checksum is, so that any
 * damage is found before anyone reads the rest. HDF5 leaves room for such a block in front of its own. */
#ifndef KERF_IO_SEAL_H
#define KERF_IO_SEAL_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdbool.h>

enum { KERF_SEAL_BYTES = 512, KERF_SEAL_LAYOUT = 1 };

/* Seals the file: its first KERF_SEAL_BYTES bytes are written, by what all that follow are. Every rank reads
 * its share of the file; the checksum does not depend on how many ranks there are. Collective. */
enum kerf_status kerf_seal_write(MPI_Comm comm, const char *path, struct kerf_error *error);

/* Fails, and says how, when the file is not sealed, is cut or is damaged. Collective. */
enum kerf_status kerf_seal_check(MPI_Comm comm, const char *path, struct kerf_error *error);

/* Whether the file begins as a sealed one does. This process alone. */
bool kerf_seal_is(const char *path);

#endif
