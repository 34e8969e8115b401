/* Simulated time: integer picoseconds in 64 bits (106 days). Costs are doubles in seconds and become time
 * here only. */
#ifndef KERF_ENGINE_TIME_H
#define KERF_ENGINE_TIME_H

#include <math.h>
#include <stdint.h>

typedef int64_t kerf_time;

#define KERF_TIME_NEVER INT64_MAX

/* Seconds to the nearest picosecond; `seconds` must be finite and below 9e6. */
static inline kerf_time kerf_time_from_s(double seconds)
{
    return (kerf_time)llround(seconds * 1e12);
}

static inline double kerf_time_to_s(kerf_time time)
{
    return (double)time * 1e-12;
}

/* a + b, where either may be KERF_TIME_NEVER and neither is negative. */
static inline kerf_time kerf_time_add(kerf_time a, kerf_time b)
{
    return a > KERF_TIME_NEVER - b ? KERF_TIME_NEVER : a + b;
}

/* a x times, KERF_TIME_NEVER at most; neither is negative. */
static inline kerf_time kerf_time_times(kerf_time a, int64_t times)
{
    return a > 0 && times > KERF_TIME_NEVER / a ? KERF_TIME_NEVER : a * times;
}

#endif
