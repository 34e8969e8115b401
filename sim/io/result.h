/* Result files (docs/results.md): written whole or not at all, read back for `kerf show`. */
#ifndef KERF_IO_RESULT_H
#define KERF_IO_RESULT_H

#include "models/device/placement.h"
#include "models/node/accelerator_record.h"
#include "models/workload/request.h"
#include "sim/engine/engine.h"
#include "sim/io/report.h"

#include <mpi.h>

/* One accelerator's row. */
struct kerf_accelerator_row {
    int system, column, replica, index;
    uint64_t events;
    struct kerf_accelerator_record record;
};

/* Rows that this rank holds: per case one block of requests and one of accelerators, with their place in the
 * tables. */
struct kerf_result_case {
    int system, column;
    const struct kerf_request_record *requests; /* NULL on ranks without the client */
    int request_count;                          /* of the case, on every rank */
};

struct kerf_placed_stage {
    int system, index;
    struct kerf_stage stage;
};

struct kerf_provenance {
    char date[64], host[256], command[1024], scenario_path[1024], catalog[1024];
    char restarted_from[1024]; /* checkpoint, or empty */
    int ranks, restarts;
    double wall_s;
    struct kerf_engine_stats stats;
    const int *rank_of_accelerator; /* one per row of the accelerator table */
};

/* What a result file holds beside the report. */
struct kerf_result {
    const struct kerf_report *report;
    const char *version, *scenario_text, *scenario_resolved;
    int cases;
    const struct kerf_result_case *result_case;
    long long accelerators;                         /* rows in all */
    long long accelerators_here;                    /* rows on this rank */
    const struct kerf_accelerator_row *accelerator; /* this rank's rows, in rising order of place */
    const long long *accelerator_place;             /* their places in the table */
    int stages;
    const struct kerf_placed_stage *stage; /* the same on every rank */
    struct kerf_provenance provenance;
};

/* Checks that `path` can become a result file before any work is done, and reserves `path`.part. Collective.
 */
enum kerf_status kerf_result_prepare(MPI_Comm comm, const char *path, struct kerf_error *error);

/* Removes the reserved `path`.part after a failure. Collective. */
void kerf_result_discard(MPI_Comm comm, const char *path);

/* Writes `path`.part and renames it to `path`. On failure nothing is left under either name. Collective. */
enum kerf_status kerf_result_write(MPI_Comm comm, const char *path, const struct kerf_result *result,
                                   struct kerf_error *error);

/* Reads the report of a result file on this process alone. */
enum kerf_status kerf_result_read(const char *path, struct kerf_report *report, struct kerf_error *error);

#endif
