/* Fits leaves of a catalog entry to measurements.
 *
 * Residuals are log(predicted / measured), so that 10 % too long weighs the same at 3 us and at 3 ms. Leaves
 * are fitted as logarithms, from the values of the entry, within the legal range of the leaf table. */
#ifndef KERF_STUDY_LEAF_FIT_H
#define KERF_STUDY_LEAF_FIT_H

#include "sim/io/catalog.h"

enum { KERF_FITTED_LEAVES_MAX = 24 };

struct kerf_fitted_leaf {
    int index; /* in the leaf table */
    double start, value, low, high;
    bool at_bound;
};

struct kerf_fitted {
    int count;
    struct kerf_fitted_leaf leaf[KERF_FITTED_LEAVES_MAX];
    int evaluations;
};

struct kerf_leaf_fit {
    const char *what; /* for messages: the table */
    const struct kerf_leaf_set *start;
    const char *const *key; /* of the leaves that may move; ends with NULL */
    double most;            /* of leaves in unit 1, if that is less than their table's */
    bool smooth;            /* the prediction, in those leaves */
    int rows, families;     /* rows of a family err together */
    const void *context;
    /* log(predicted / measured) of a row with the struct of parameters; its family, from 0. */
    double (*log_error)(const void *context, int row, const void *params);
    int (*family)(const void *context, int row);
};

/* Fits the leaves that any row feels, and puts the answer into `params`, the struct of parameters of the leaf
 * table. Low and high are three standard errors off, from the Gauss-Newton covariance with families as
 * clusters (the sandwich of Liang and Zeger, Biometrika 73, 1986): rows of a family err together, and
 * independent rows would make the interval far too narrow, which is its least all the same where few families
 * feel a leaf. KERF_ERR_USAGE: too few rows. Collective on
 * MPI_COMM_WORLD. */
enum kerf_status kerf_leaf_fit_solve(const struct kerf_leaf_fit *fit, void *params,
                                     struct kerf_fitted *fitted, struct kerf_error *error);

#endif
