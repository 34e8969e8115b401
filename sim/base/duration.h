/* Durations as people and Slurm write them. */
#ifndef KERF_BASE_DURATION_H
#define KERF_BASE_DURATION_H

#include "sim/base/error.h"

/* Reads seconds ("90", "0.5"), "MM:SS", "HH:MM:SS" or "D-HH:MM:SS" into *seconds > 0. `what` is named in the
 * message of a failure (KERF_ERR_USAGE). */
enum kerf_status kerf_duration_read(const char *text, const char *what, double *seconds,
                                    struct kerf_error *error);

#endif
