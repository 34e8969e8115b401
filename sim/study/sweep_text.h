/* A sweep as text. */
#ifndef KERF_STUDY_SWEEP_TEXT_H
#define KERF_STUDY_SWEEP_TEXT_H

#include "sim/study/sweep.h"

#include <stdio.h>

/* Prints each system's points that none of its own beats in any of the three yields (with `all`: every
 * point), who leads at which speed, and what was refused. */
void kerf_sweep_print(FILE *out, const struct kerf_sweep *sweep, bool all);

#endif
