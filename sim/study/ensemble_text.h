/* An ensemble as text. */
#ifndef KERF_STUDY_ENSEMBLE_TEXT_H
#define KERF_STUDY_ENSEMBLE_TEXT_H

#include "sim/study/ensemble.h"

#include <stdio.h>

/* Prints medians with 80 % intervals, ratios to the baseline, and what the speeds depend on. */
void kerf_ensemble_print(FILE *out, const struct kerf_ensemble *ensemble);

/* Prints for each system what its answers depend on: of an ensemble of the design of indices, of a tornado.
 */
enum kerf_status kerf_ensemble_print_indices(FILE *out, const struct kerf_ensemble *ensemble,
                                             struct kerf_error *error);
enum kerf_status kerf_ensemble_print_tornado(FILE *out, const struct kerf_ensemble *ensemble,
                                             struct kerf_error *error);

#endif
