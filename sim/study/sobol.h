/* Sobol points: of the first 2^k points every axis has one in each of 2^k equal slices of (0, 1), and small
 * boxes of several axes get their share too.
 *
 * Not GSL's generator: it ends at 40 dimensions, and a scenario has more uncertain values. */
#ifndef KERF_STUDY_SOBOL_H
#define KERF_STUDY_SOBOL_H

#include <stdbool.h>
#include <stdint.h>

/* Fills coordinate[i] of points 0 .. count - 1 in a dimension. Every axis has a random digital shift by
 * `seed`. Beyond the 53 dimensions of the table the sequence starts anew with its points in a random order:
 * Latin supercube sampling (Owen, ACM Transactions on Modeling and Computer Simulation 8(1), 1998). False
 * without memory. */
bool kerf_sobol_axis(uint64_t seed, int dimension, int count, double *coordinate);

#endif
