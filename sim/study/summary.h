/* A run in a few numbers: what each system did in each column, as a buyer would read it. */
#ifndef KERF_STUDY_SUMMARY_H
#define KERF_STUDY_SUMMARY_H

#include "models/workload/request.h"
#include "sim/io/report.h"

/* Sums up finished requests. `records` must hold at least one. */
void kerf_summarise(const struct kerf_request_record *records, int requests, struct kerf_summary *summary);

#endif
