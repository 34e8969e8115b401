/* The file of an ensemble: what was drawn, what came out, member by member. It is the result and, while
 * members are missing, what the next run goes on from. */
#ifndef KERF_STUDY_ENSEMBLE_FILE_H
#define KERF_STUDY_ENSEMBLE_FILE_H

#include "sim/study/ensemble.h"

enum { KERF_ENSEMBLE_LAYOUT = 2 };

/* Checks that the path can become a file, and makes an empty PATH.part until it does. Collective. */
enum kerf_status kerf_ensemble_reserve(MPI_Comm comm, const char *path, struct kerf_error *error);
void kerf_ensemble_discard(MPI_Comm comm, const char *path);

/* Writes the file; docs/results.md describes it. Collective on `comm`. */
enum kerf_status kerf_ensemble_keep(MPI_Comm comm, const char *path, const struct kerf_ensemble *ensemble,
                                    struct kerf_error *error);

/* Takes the members that a file has on top of those that the ensemble has. Refuses a file that is not of this
 * scenario, design and ranges; `what` begins the message. Collective on `comm`. */
enum kerf_status kerf_ensemble_take(MPI_Comm comm, const char *path, const char *what,
                                    struct kerf_ensemble *ensemble, struct kerf_error *error);

/* The same for the output of a run that goes on; nothing happens where there is no file yet. */
enum kerf_status kerf_ensemble_go_on(MPI_Comm comm, const char *path, struct kerf_ensemble *ensemble,
                                     struct kerf_error *error);

/* Opens the scenario that a file is of, with its design, and takes the members of all `files`, whose order is
 * no matter. Refuses files that leave members open. Free with kerf_ensemble_free, also after a failure.
 * Collective. */
enum kerf_status kerf_ensemble_load(MPI_Comm comm, const char *const *file, int files,
                                    const char *const *catalogs, struct kerf_ensemble *ensemble,
                                    struct kerf_error *error);

#endif
