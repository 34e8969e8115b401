/* The io room: names that reports and files share. */
#include "sim/io/report.h"

#include <stdlib.h>

const char *const kerf_column_names[] = {[KERF_COLUMN_LOW] = "low",
                                         [KERF_COLUMN_NOMINAL] = "nominal",
                                         [KERF_COLUMN_HIGH] = "high",
                                         [KERF_COLUMN_COUNT] = NULL};

const char *const kerf_time_part_names[] = {
    [KERF_TIME_COMPUTE] = "compute",   [KERF_TIME_MEMORY] = "memory",
    [KERF_TIME_FABRIC] = "fabric",     [KERF_TIME_INTERCONNECT] = "interconnect",
    [KERF_TIME_SOFTWARE] = "software", [KERF_TIME_WAITING] = "waiting",
    [KERF_TIME_PARTS] = NULL};

void kerf_report_free(struct kerf_report *report)
{
    free(report->system);
    free(report->leaf);
    *report = (struct kerf_report){0};
}
