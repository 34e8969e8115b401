/* Fits the leaves of a GPU to a table of measured kernels. */
#ifndef KERF_STUDY_CALIBRATE_H
#define KERF_STUDY_CALIBRATE_H

#include "models/device/gpu.h"
#include "sim/io/catalog.h"
#include "sim/study/kernel_predict.h"
#include "sim/study/leaf_fit.h"
#include "sim/study/statistics.h"

#include <stdio.h>

struct kerf_calibration {
    struct kerf_leaf_set *leaves; /* owned: of the entry that the fit started from */
    struct kerf_fitted fitted;    /* no leaves if nothing was fitted */
    bool smooth;
    struct kerf_residuals residuals[KERF_FORMAT_COUNT]
                                   [KERF_KERNEL_USES]; /* of a format, with the leaves as fitted */
    struct kerf_residuals all[KERF_KERNEL_USES];
};

/* Fits to the rows marked KERF_KERNEL_FITTED the leaves that they feel (kerf_leaf_fit_solve); with `fit`
 * false only the residuals of the entry as it is are worked out. Collective on MPI_COMM_WORLD. The caller
 * frees. */
enum kerf_status kerf_calibrate(const struct kerf_yaml *hardware, const struct kerf_kernel_table *table,
                                bool fit, struct kerf_calibration *calibration, struct kerf_error *error);
void kerf_calibration_free(struct kerf_calibration *calibration);

/* Tables of leaves and residuals. */
void kerf_calibration_print(FILE *out, const struct kerf_calibration *calibration,
                            const struct kerf_kernel_table *table);

/* A catalog entry with the leaves as fitted and the others of `hardware`, under `name`; the residuals stand
 * in it as comments. */
void kerf_calibration_write(FILE *out, const struct kerf_calibration *calibration,
                            const struct kerf_kernel_table *table, const struct kerf_yaml *hardware,
                            const char *name);

#endif
