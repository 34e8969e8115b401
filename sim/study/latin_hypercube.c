/* The study room: points that fill a space evenly along every axis. */
#include "sim/study/latin_hypercube.h"

#include "sim/engine/random.h"

void kerf_latin_hypercube_axis(uint64_t seed, uint64_t axis, int count, double *coordinate)
{
    /* Slices in a random order (Fisher and Yates), and a random place in each. */
    for (int i = 0; i < count; i++)
        coordinate[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int other = (int)(kerf_random_uniform(seed, axis, (uint64_t)i) * (i + 1));
        double kept = coordinate[i];
        coordinate[i] = coordinate[other];
        coordinate[other] = kept;
    }
    for (int i = 0; i < count; i++)
        coordinate[i] =
            (coordinate[i] + kerf_random_uniform(seed, axis, (uint64_t)count + (uint64_t)i)) / count;
}
