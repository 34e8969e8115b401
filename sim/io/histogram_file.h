/* Empirical distributions from files. */
#ifndef KERF_IO_HISTOGRAM_FILE_H
#define KERF_IO_HISTOGRAM_FILE_H

#include "models/workload/draws.h"

#include <mpi.h>

/* Reads a histogram: a file that ends in .yaml is a list of values or a map of values to weights; any other
 * is CSV with a column `value` and, where values differ in weight, a column `weight`. Messages carry file and
 * line. Collective. Free with kerf_histogram_free, also after a failure. */
enum kerf_status kerf_histogram_read(MPI_Comm comm, const char *path, struct kerf_histogram *histogram,
                                     struct kerf_error *error);

#endif
