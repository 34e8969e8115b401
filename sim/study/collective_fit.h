/* Fits the leaves of a library of collectives to tables of measurements. */
#ifndef KERF_STUDY_COLLECTIVE_FIT_H
#define KERF_STUDY_COLLECTIVE_FIT_H

#include "sim/study/calibrate.h"
#include "sim/study/collective_set.h"

enum { KERF_COLLECTIVE_TABLES_MAX = 16, KERF_COLLECTIVE_METRICS_MAX = 8 };

/* Which rows residuals are of. */
enum { KERF_COLLECTIVE_FITTED, KERF_COLLECTIVE_HELD, KERF_COLLECTIVE_USES };

struct kerf_collective_fit_request {
    enum kerf_collective_family family;
    int files;
    const char *const *file;
    const char *hardware; /* GPU of tables that do not name it; may be NULL */
    int every;            /* for kerf_collective_hold_out */
    bool fit;             /* else only the residuals of the entry as it is are worked out */
};

struct kerf_collective_fit {
    struct kerf_collective_fit_request request;
    struct kerf_collective_set set[KERF_COLLECTIVE_TABLES_MAX]; /* owned */
    const struct kerf_collective_part *origin; /* whose library the fit starts from; that of all tables */
    struct kerf_collective_params params;      /* as fitted */
    struct kerf_fitted fitted;
    bool smooth;
    int metrics;
    struct {
        const char *metric;
        struct kerf_residuals residuals[KERF_COLLECTIVE_USES];
    } metric[KERF_COLLECTIVE_METRICS_MAX];
    struct kerf_residuals all[KERF_COLLECTIVE_USES];
};

/* Reads the tables and fits the family's leaves to the rows that are not held out. KERF_ERR_USAGE: a bad
 * table, GPUs with different libraries, no row of the family. What `request` points to must outlive the fit.
 * Collective on MPI_COMM_WORLD and the catalog's communicator. Free with kerf_collective_fit_free, also after
 * a failure. */
enum kerf_status kerf_collective_fit(MPI_Comm comm, struct kerf_catalog *catalog,
                                     const struct kerf_collective_fit_request *request,
                                     struct kerf_collective_fit *fit, struct kerf_error *error);
void kerf_collective_fit_free(struct kerf_collective_fit *fit);

/* Leaves and residuals as text; the catalog entry, under `name`, with the residuals as comments. */
void kerf_collective_fit_print(FILE *out, const struct kerf_collective_fit *fit);
void kerf_collective_fit_write(FILE *out, const struct kerf_collective_fit *fit, const char *name);

#endif
