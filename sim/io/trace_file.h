/* Request traces from files, read as they were published. */
#ifndef KERF_IO_TRACE_FILE_H
#define KERF_IO_TRACE_FILE_H

#include "models/workload/trace.h"
#include "sim/io/trace_format.h"

#include <mpi.h>

struct kerf_trace_options {
    enum kerf_trace_format format;
    double rate_scale;   /* gaps are divided by it */
    int limit;           /* requests to read; 0: all */
    bool skip_bad_lines; /* count them instead of failing at the first */
};

/* Reads a trace: rank 0 reads line by line, and every rank gets the same requests or the same error, which
 * names file and line. Requests that failed (no output) are left out. Bad are lines that cannot be read, and
 * those whose time is before that of the line before. A file in which no line is good is refused. Collective;
 * with MPI_COMM_NULL it reads here only.
 * Free with kerf_trace_free, also after a failure. */
enum kerf_status kerf_trace_read(MPI_Comm comm, const char *path, const struct kerf_trace_options *options,
                                 struct kerf_trace *trace, struct kerf_error *error);

#endif
