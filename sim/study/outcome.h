/* What a comparison hands on: the report that its tables print, and the file that keeps it. */
#ifndef KERF_STUDY_OUTCOME_H
#define KERF_STUDY_OUTCOME_H

#include "sim/io/report.h"
#include "sim/study/compare.h"

/* The report of a comparison that has run. Free with kerf_report_free. */
enum kerf_status kerf_comparison_report(const struct kerf_comparison *comparison, struct kerf_report *report,
                                        struct kerf_error *error);

/* Writes the result file. Collective. */
enum kerf_status kerf_comparison_write(const struct kerf_comparison *comparison,
                                       const struct kerf_report *report, const char *path,
                                       const char *version, const char *command, struct kerf_error *error);

#endif
