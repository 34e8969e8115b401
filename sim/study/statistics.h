/* Statistics of a list of numbers: what summaries, scores, fits and ensembles all need. */
#ifndef KERF_STUDY_STATISTICS_H
#define KERF_STUDY_STATISTICS_H

#include <stdbool.h>

/* For qsort and bsearch of doubles, ascending. */
int kerf_compare_doubles(const void *left, const void *right);

/* Median of `count` values; reorders them. NAN of none. */
double kerf_median(double *values, int count);

/* Quantile of `count` values, by linear interpolation between order statistics; reorders them. NAN if any is.
 */
double kerf_quantile(double *values, int count, double p);

/* Errors predicted / measured - 1 of a group of rows. */
struct kerf_residuals {
    int rows;
    double mean_absolute, median_absolute, bias;
};

/* Adds an error; `absolute` (room for all rows) keeps it for the median. */
void kerf_residuals_add(struct kerf_residuals *sum, double *absolute, double error);

/* Turns the sums into means and the median; reorders `absolute`. All 0 without rows. */
void kerf_residuals_finish(struct kerf_residuals *sum, double *absolute);

#endif
