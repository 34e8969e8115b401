/* What differs between two result files, of whatever kind: `kerf diff`. */
#ifndef KERF_STUDY_DIFFERENCE_H
#define KERF_STUDY_DIFFERENCE_H

#include "sim/base/error.h"

#include <stdio.h>

/* Prints what differs outside /provenance: keys of the scenarios, numbers of named rows one by one (rows are
 * matched by their names), other numbers in sum. KERF_ERR_FAILURE: a file cannot be
 * read. This process alone. */
enum kerf_status kerf_difference_print(FILE *out, const char *path_a, const char *path_b,
                                       struct kerf_error *error);

#endif
