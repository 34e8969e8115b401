/* Errors among ranks: one rank's failure becomes every rank's, with the same message. */
#ifndef KERF_ENGINE_AGREE_H
#define KERF_ENGINE_AGREE_H

#include "sim/base/error.h"

#include <mpi.h>

/* Broadcasts a status and its message from rank `root`; every rank returns the same. Collective. */
enum kerf_status kerf_error_share(MPI_Comm comm, int root, enum kerf_status status, struct kerf_error *error);

/* Agrees on the first failing rank's status and message. Collective. */
enum kerf_status kerf_error_agree(MPI_Comm comm, enum kerf_status status, struct kerf_error *error);

#endif
