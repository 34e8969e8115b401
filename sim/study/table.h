/* Tables for people: a report as text. */
#ifndef KERF_STUDY_TABLE_H
#define KERF_STUDY_TABLE_H

#include "sim/io/report.h"

#include <stdio.h>

/* The comparison as a buyer reads it: speeds, ratios to the baseline, where the time went, and what the low
 * and high columns moved. Ranges are printed as nominal [low column .. high column]. */
void kerf_report_print(FILE *out, const struct kerf_report *report);

#endif
