/* The engine room: counter-based random streams. */
#include "sim/engine/random.h"

#include <Random123/philox.h>
#include <math.h>

double kerf_random_uniform(uint64_t seed, uint64_t stream, uint64_t counter)
{
    philox4x32_ctr_t place = {
        {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t bits = philox4x32(place, key);
    uint64_t word = (uint64_t)bits.v[0] << 32 | bits.v[1];
    return ((double)(word >> 11) + 0.5) * 0x1.0p-53;
}

double kerf_random_exponential(uint64_t seed, uint64_t stream, uint64_t counter, double mean)
{
    return -mean * log(kerf_random_uniform(seed, stream, counter));
}
