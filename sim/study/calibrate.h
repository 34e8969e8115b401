/* Fits the leaves of a GPU to a table of measured kernels.
 *
 * Residuals are log(predicted / measured), so that 10 % too long weighs the same at 3 us and at 3 ms. Leaves
 * are fitted as logarithms, from the values of a catalog entry, within the legal range of the leaf table. */
#ifndef KERF_STUDY_CALIBRATE_H
#define KERF_STUDY_CALIBRATE_H

#include "models/device/gpu.h"
#include "sim/io/catalog.h"
#include "sim/study/kernel_predict.h"

#include <stdio.h>

struct kerf_fitted_leaf {
    int index; /* in kerf_gpu_leaves */
    double start, value, low, high;
    bool at_bound;
};

/* Errors (predicted / measured - 1) of the rows of a format that were put to one use. */
struct kerf_residuals {
    int rows;
    double mean_absolute, median_absolute, bias;
};

struct kerf_calibration {
    struct kerf_leaf_set *leaves; /* owned: of the entry that the fit started from */
    int fitted;
    struct kerf_fitted_leaf leaf[KERF_FITTED_LEAVES_MAX];
    int evaluations;
    bool smooth;
    struct kerf_residuals residuals[KERF_FORMAT_COUNT][KERF_KERNEL_USES]; /* with the leaves as fitted */
    struct kerf_residuals all[KERF_KERNEL_USES];
};

/* Fits to the rows marked KERF_KERNEL_FITTED the leaves that they feel; with `fit` false only the residuals
 * of the entry as it is are worked out. Low and high are three standard errors off, from the Gauss-Newton
 * covariance with rows of one family as clusters (the sandwich of Liang and Zeger, Biometrika 73, 1986): rows
 * of a family err together, and independent rows would make the interval far too narrow. Collective on
 * MPI_COMM_WORLD. The caller frees. */
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
