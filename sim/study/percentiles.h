/* From requests to percentiles. */
#ifndef KERF_STUDY_PERCENTILES_H
#define KERF_STUDY_PERCENTILES_H

#include "models/workload/request.h"
#include "sim/io/measure_spec.h"
#include "sim/io/percentiles.h"

/* Leaves the warm-up out and works the percentiles out; records in order of arrival. All NAN when memory runs
 * out. */
void kerf_percentiles_fill(const struct kerf_request_record *records, int requests,
                           const struct kerf_measure_spec *measure, struct kerf_percentiles *percentiles);

/* Nothing is known: all NAN. */
void kerf_percentiles_none(struct kerf_percentiles *percentiles);

#endif
