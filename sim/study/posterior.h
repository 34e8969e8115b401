/* What measurements say about values that nobody states: the members of ensembles weighed by how well they
 * agree with the measurements (importance sampling with the prior as its proposal). */
#ifndef KERF_STUDY_POSTERIOR_H
#define KERF_STUDY_POSTERIOR_H

#include "sim/study/ensemble.h"

enum { KERF_POSTERIOR_ENSEMBLES_MAX = 8 };

/* A measurement, resolved. */
struct kerf_posterior_row {
    int ensemble, system, figure;
    char id[64];
    double measured, error;
};

/* A value that any of the ensembles draws. */
struct kerf_posterior_value {
    char name[KERF_UNCERTAIN_NAME_BYTES];
    const struct kerf_uncertain_leaf *leaf; /* in the first ensemble that has it */
    int ensemble, place;
};

struct kerf_posterior {
    int ensembles, members;
    struct kerf_ensemble ensemble[KERF_POSTERIOR_ENSEMBLES_MAX]; /* owned */
    int rows;
    struct kerf_posterior_row *row; /* owned */
    int values;
    struct kerf_posterior_value *value; /* owned */
    double *prior, *weight;             /* owned: members; each sums to 1; prior: possible members alike */
    double effective; /* sample size: 1 / sum of squared weights (Kish, Survey Sampling, 1965) */
};

/* Reads whole ensembles and the measurements that their scenarios name, and weighs the members. The
 * likelihood of a member: ln(measured / predicted) is normal with the error of the row, plus an error of the
 * model that the rows of a system share. Several files are of one design, and a value that they share is
 * drawn alike. Refuses rows that are not of the scenario's network and hardware, other metrics than speeds
 * and times of one user, and networks that a claim of the catalog is about: claims are never fitted.
 * Collective. Free with kerf_posterior_free, also after a failure. */
enum kerf_status kerf_posterior_find(MPI_Comm comm, const char *const *file, int files,
                                     const char *const *catalogs, struct kerf_posterior *posterior,
                                     struct kerf_error *error);
void kerf_posterior_free(struct kerf_posterior *posterior);

/* ln likelihood of `count` measurements of one answer, up to a constant: residual[i] = ln(measured_i /
 * predicted) with standard deviation error[i], and a shared one of `model_error`. */
double kerf_posterior_likelihood(const double *residual, const double *error, int count, double model_error);

double kerf_posterior_drawn(const struct kerf_posterior *posterior, int value, int member);

/* Correlation of two columns of `count` numbers under weights that sum to 1; 0 where one does not vary. */
double kerf_weighted_correlation(const double *x, const double *y, const double *weight, int count);

/* Quantile of `count` values under weights that sum to 1: the least with as much weight at or below it. NAN
 * without memory. */
double kerf_weighted_quantile(const double *values, const double *weight, int count, double p);

#endif
