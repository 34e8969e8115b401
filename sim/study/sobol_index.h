/* Sobol indices: which share of the variance of an answer a group of inputs explains. */
#ifndef KERF_STUDY_SOBOL_INDEX_H
#define KERF_STUDY_SOBOL_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct kerf_sobol_index {
    double first, first_low,
        first_high; /* of the group alone: the expected cut in variance if it were known */
    double total, total_low,
        total_high; /* with all interactions: what is left of the variance if all else were */
};

/* Indices of one group from answers at `count` pairs of points: a[n] and b[n] at the independent samples A
 * and B, mixed[n] at A with the inputs of the group taken from B. Estimators: of the first order that of
 * Saltelli et al. (Computer Physics Communications 181, 2010) with centred answers, which is exactly 0 for a
 * group that does nothing; of the total order that of Jansen (Computer Physics Communications 117, 1999).
 * Intervals hold 90 %, by bootstrap over the pairs. All 0 where the answer does not vary; NAN without 2
 * pairs. False without memory. */
bool kerf_sobol_index_find(const double *a, const double *b, const double *mixed, int count, uint64_t seed,
                           struct kerf_sobol_index *index);

#endif
