/* When requests of an open load come: at a rate, whatever is still being answered. */
#ifndef KERF_WORKLOAD_ARRIVALS_H
#define KERF_WORKLOAD_ARRIVALS_H

#include "models/workload/request.h"

#include <stdbool.h>

/* Seconds from the arrival before request `number` (from the start for 0) to its own, of an open load. Pure:
 * it follows from seed and number. The mean is 1 / rate; the coefficient of variation 1 for Poisson,
 * shape^-1/2 for gamma, and for Weibull that of its shape. */
double kerf_arrival_gap_s(const struct kerf_workload *workload, uint64_t number);

bool kerf_arrivals_are_open(enum kerf_arrivals arrivals);

#endif
