/* Nonlinear least squares with bounds, by PETSc TAO. */
#ifndef KERF_STUDY_LEAST_SQUARES_H
#define KERF_STUDY_LEAST_SQUARES_H

#include "sim/base/error.h"

#include <stdbool.h>

/* Find x in [lower, upper] that minimises the sum of the squares of residual(x). */
struct kerf_least_squares {
    int parameters, residuals;
    const double *lower, *upper;
    /* Smooth residuals: Gauss-Newton with differences for derivatives (TAO BRGN). Else models of the
     * residuals in a trust region (TAO POUNDERS; Wild, Solving derivative-free nonlinear least squares
     * problems with POUNDERS, 2017), which bears kinks. */
    bool smooth;
    int evaluations_most;
    void (*residual)(const void *context, const double *x, double *residual);
    const void *context;
};

/* `x` holds the start and then the answer; parameters should be of order one. *evaluations counts calls of
 * the residual. Collective on MPI_COMM_WORLD; every process solves the same problem. */
enum kerf_status kerf_least_squares_solve(const struct kerf_least_squares *problem, double *x,
                                          int *evaluations, struct kerf_error *error);

#endif
