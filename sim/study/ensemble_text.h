/* An ensemble as text. */
#ifndef KERF_STUDY_ENSEMBLE_TEXT_H
#define KERF_STUDY_ENSEMBLE_TEXT_H

#include "sim/study/ensemble.h"

#include <stdio.h>

/* Prints medians with 80 % intervals, ratios to the baseline, and what the speeds depend on. */
void kerf_ensemble_print(FILE *out, const struct kerf_ensemble *ensemble);

#endif
