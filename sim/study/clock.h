/* Clocks that follow temperature and power: the highest at which an accelerator stays inside its limits. */
#ifndef KERF_STUDY_CLOCK_H
#define KERF_STUDY_CLOCK_H

#include "sim/study/compare.h"

#include <stdio.h>

/* Whether a system of the scenario has `thermal: {clock: follows}`. */
bool kerf_clock_follows(const struct kerf_scenario *scenario);

/* Simulates at nominal clocks, works out heat from what the busiest accelerator drew, halves the interval of
 * clocks until the highest is found that keeps silicon, memory and power inside their limits, and leaves the
 * comparison planned there, not run. The heat is solved on rank 0 alone and told to the others: the clocks
 * are the same for any number of ranks. KERF_ERR_USAGE when no clock is low enough. Collective. */
enum kerf_status kerf_clock_settle(struct kerf_comparison *comparison, struct kerf_error *error);

/* Prints a line for each system whose clock follows. */
void kerf_clock_print(FILE *out, const struct kerf_comparison *comparison);

#endif
