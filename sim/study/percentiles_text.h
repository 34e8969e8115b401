/* Percentiles as text. */
#ifndef KERF_STUDY_PERCENTILES_TEXT_H
#define KERF_STUDY_PERCENTILES_TEXT_H

#include "sim/io/report.h"

#include <stdio.h>

/* Prints the percentiles of the nominal column with their intervals, and what the SLO makes of them; nothing
 * where the scenario does not ask for them. */
void kerf_percentiles_print(FILE *out, const struct kerf_report *report, int width);

#endif
