/* The file of tested claims: what was said, what came out, every draw. docs/claims.md describes it. */
#ifndef KERF_STUDY_CLAIMS_FILE_H
#define KERF_STUDY_CLAIMS_FILE_H

#include "sim/study/claims.h"

/* Checks that the path can become a file. Collective; kerf_claims_discard where the run then fails. */
enum kerf_status kerf_claims_reserve(MPI_Comm comm, const char *path, struct kerf_error *error);
void kerf_claims_discard(MPI_Comm comm, const char *path);

/* Writes `path` as HDF5, whole or not at all. Collective. */
enum kerf_status kerf_claims_write(MPI_Comm comm, const char *path, const struct kerf_claims *claims,
                                   struct kerf_error *error);

#endif
