/* Counter-based random numbers (Philox4x32-10 of Random123): a draw is a pure function of seed, stream and
 * counter, so it does not depend on ranks, on the order of events, or on what other streams drew. */
#ifndef KERF_ENGINE_RANDOM_H
#define KERF_ENGINE_RANDOM_H

#include <stdint.h>

/* Uniform in (0, 1), 53 bits. */
double kerf_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter);

/* Exponential with the given mean. */
double kerf_random_exponential(uint64_t seed, uint64_t stream, uint64_t counter, double mean);

#endif
