/* The engine room: counter-based random streams. */
#include "sim/engine/random.h"

#include <math.h>

double kerf_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
    struct kerf_random_words bits = kerf_random_words(seed, stream, counter);
    uint64_t word = (uint64_t)bits.word[0] << 32 | bits.word[1];
    return ((double)(word >> 11) + 0.5) * 0x1.0p-53;
}

double kerf_random_exponential(uint64_t seed, uint64_t stream, uint64_t counter, double mean)
{
    return -mean * log(kerf_random_uniform(seed, stream, counter));
}
