/* The file of an ensemble: what was drawn, what came out, member by member. It is the result and, while
 * members are missing, what the next run goes on from. */
#ifndef KERF_STUDY_ENSEMBLE_FILE_H
#define KERF_STUDY_ENSEMBLE_FILE_H

#include "sim/study/ensemble.h"

/* Checks that the path can become a file, and makes an empty PATH.part until it does. Collective. */
enum kerf_status kerf_ensemble_reserve(MPI_Comm comm, const char *path, struct kerf_error *error);
void kerf_ensemble_discard(MPI_Comm comm, const char *path);

/* Writes the file; docs/results.md describes it. Collective on `comm`. */
enum kerf_status kerf_ensemble_keep(MPI_Comm comm, const char *path, const struct kerf_ensemble *ensemble,
                                    struct kerf_error *error);

/* Takes the members that a file has, if there is one. Refuses a file that is not of this scenario, seed,
 * number of members and ranges. Collective on `comm`. */
enum kerf_status kerf_ensemble_go_on(MPI_Comm comm, const char *path, struct kerf_ensemble *ensemble,
                                     struct kerf_error *error);

#endif
