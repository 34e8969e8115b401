/* The highest rate of requests at which a system keeps an SLO. */
#ifndef KERF_STUDY_MAX_RATE_H
#define KERF_STUDY_MAX_RATE_H

#include "sim/study/compare.h"

#include <stdio.h>

/* One system. Rates are those that were simulated: the search brackets the limit to within 1 %. */
struct kerf_max_rate {
    double rate_per_s;     /* highest below the first rate that fails; 0: even the lowest fails */
    double fails_per_s;    /* lowest that fails; 0: none does */
    double goodput_per_s;  /* at the highest rate, or at the lowest where that fails */
    double ttft_s, tpot_s; /* P99, likewise */
    int probes;
};

/* Looks for the rate of every system of a scenario with an open load and an SLO: eight rates over six
 * decades, then six between the neighbours, thrice. Rates of a round are dealt to the ranks; arrivals,
 * lengths and luck are those of the same seed at each, so that neighbours differ by their rate alone.
 * Collective; the same on any number of ranks. `row` has room for KERF_SYSTEMS_MAX. */
enum kerf_status kerf_max_rate_find(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, const struct kerf_scenario *scenario,
                                    struct kerf_max_rate *row, struct kerf_error *error);

void kerf_max_rate_print(FILE *out, const struct kerf_scenario *scenario, const struct kerf_max_rate *row);

#endif
