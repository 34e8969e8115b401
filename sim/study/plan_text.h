/* Plans for people: how each system of a scenario holds its network. */
#ifndef KERF_STUDY_PLAN_TEXT_H
#define KERF_STUDY_PLAN_TEXT_H

#include "sim/study/compare.h"

#include <stdio.h>

/* Prints the nominal plan of every system, as comments of the YAML that kerf_scenario_print wrote. */
void kerf_plan_print(FILE *out, const struct kerf_comparison *comparison);

#endif
