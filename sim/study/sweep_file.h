/* The file of a sweep: every point and what it came to. It is the result and, while points are open, what the
 * next run goes on from and what parts are merged from. */
#ifndef KERF_STUDY_SWEEP_FILE_H
#define KERF_STUDY_SWEEP_FILE_H

#include "sim/study/sweep.h"

/* Checks that the path can become a file, and makes an empty PATH.part until it does. Collective. */
enum kerf_status kerf_sweep_reserve(MPI_Comm comm, const char *path, struct kerf_error *error);
void kerf_sweep_discard(MPI_Comm comm, const char *path);

/* Writes the file; docs/results.md describes it. Collective on `comm`. */
enum kerf_status kerf_sweep_keep(MPI_Comm comm, const char *path, const struct kerf_sweep *sweep,
                                 struct kerf_error *error);

/* Takes the points that a file has; one that is not there is nothing, unless `must_be`. Refuses a file that
 * is not of this scenario. Collective on `comm`. */
enum kerf_status kerf_sweep_go_on(MPI_Comm comm, const char *path, bool must_be, struct kerf_sweep *sweep,
                                  struct kerf_error *error);

#endif
