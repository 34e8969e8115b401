/* Counter-based random numbers (Philox4x32-10 of Random123): a draw is a pure function of seed, stream and
 * counter, so it does not depend on ranks, on the order of events, or on what other streams drew. */
#ifndef KERF_ENGINE_RANDOM_H
#define KERF_ENGINE_RANDOM_H

#include <Random123/philox.h>
#include <stdint.h>

/* One block: four independent words of 32 bits, for models that take several draws per event. */
struct kerf_random_words {
    uint32_t word[4];
};

static inline struct kerf_random_words kerf_random_words(uint64_t seed, uint64_t stream, uint64_t counter)
{
    philox4x32_ctr_t place = {
        {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t bits = philox4x32(place, key);
    return (struct kerf_random_words){{bits.v[0], bits.v[1], bits.v[2], bits.v[3]}};
}

/* Uniform in (0, 1), 53 bits. */
double kerf_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter);

/* Exponential with the given mean. */
double kerf_random_exponential(uint64_t seed, uint64_t stream, uint64_t counter, double mean);

#endif
