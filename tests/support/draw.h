/* For tests: draws that follow from numbers, the same everywhere. */
#ifndef KERF_TESTS_DRAW_H
#define KERF_TESTS_DRAW_H

#include <math.h>
#include <stdint.h>

/* 64 bits that follow from two numbers. */
static inline uint64_t draw_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 31) * 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 29;
}

/* 1 .. most, all magnitudes alike. */
static inline int64_t draw_magnitude(uint64_t draw, int64_t most)
{
    double value = exp((double)(draw >> 11) * 0x1.0p-53 * log((double)most));
    return value < 1.0 ? 1 : value >= (double)most ? most : (int64_t)value;
}

#endif
