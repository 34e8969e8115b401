/* The points of a sweep: which there are, and what their scenarios have. */
#ifndef KERF_STUDY_SWEEP_POINTS_H
#define KERF_STUDY_SWEEP_POINTS_H

#include "sim/study/sweep.h"

/* Fills `value` with what keys get at indices `index` (KERF_SWEEP_AXES_MAX, -1: not swept) for a system, or
 * for all where system < 0; returns their number. The texts live in the sweep. */
int kerf_sweep_values(const struct kerf_sweep *sweep, int system, const int *index,
                      struct kerf_scenario_value value[KERF_SWEEP_KEYS_MAX]);

#endif
