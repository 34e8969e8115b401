/* Wall time, for statistics and politeness; no result depends on it. */
#ifndef KERF_ENGINE_CLOCK_H
#define KERF_ENGINE_CLOCK_H

#include <time.h>

/* Seconds since some moment in the past; never goes back. */
static inline double kerf_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
