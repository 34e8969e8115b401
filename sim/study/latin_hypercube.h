/* Latin hypercube points: of `count` points every axis has one in each of `count` equal slices of (0, 1). */
#ifndef KERF_STUDY_LATIN_HYPERCUBE_H
#define KERF_STUDY_LATIN_HYPERCUBE_H

#include <stdint.h>

/* Fills coordinate[i] of every point i on the axis `axis`. An axis is a number of its own, not a place in a
 * list: leaves that come or go do not change the draws of the others. Pure. Source: McKay, Beckman and
 * Conover, Technometrics 21(2), 1979. */
void kerf_latin_hypercube_axis(uint64_t seed, uint64_t axis, int count, double *coordinate);

#endif
