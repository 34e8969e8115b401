/* The workload room: recorded loads. Knows nothing of files. */
#include "models/workload/trace.h"

#include <stdlib.h>

void kerf_trace_free(struct kerf_trace *trace)
{
    free(trace->request);
    free(trace->first_block);
    free(trace->block);
    *trace = (struct kerf_trace){0};
}
