/* What the engine did, in words for --stats. */
#ifndef KERF_STUDY_ENGINE_TEXT_H
#define KERF_STUDY_ENGINE_TEXT_H

#include "sim/engine/stats.h"

#include <stdio.h>

/* Prints the statistics of a run of `ranks` ranks that took `wall_s` in all. */
void kerf_engine_stats_print(FILE *out, const struct kerf_engine_stats *stats, int ranks, double wall_s);

#endif
