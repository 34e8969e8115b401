/* How good a set of predictions is. */
#ifndef KERF_STUDY_SCORES_H
#define KERF_STUDY_SCORES_H

#include "sim/study/prediction.h"

/* Errors are predicted / measured - 1 of the nominal prediction. */
struct kerf_scores {
    int rows;
    double mean_absolute, median_absolute, bias;
    double coverage;       /* share of rows whose measured value lies in the range */
    double interval_score; /* mean of kerf_interval_score; 0 is best */
    double median_spread;  /* median of high / low: a wide range is no merit */
    int naive_rows;        /* that have a naive prediction; its errors, 0 without rows */
    double naive_mean_absolute, naive_median_absolute;
};

/* Interval score of a central 80 % interval (Gneiting and Raftery, JASA 102, 2007, eq. 43; Winkler, JASA 67,
 * 1972) of the logarithm of x, with alpha = 0.2:
 * S = ln(u/l) + (2 / alpha) ln(l/x) where x < l, + (2 / alpha) ln(x/u) where x > u.
 * It rewards narrow ranges and charges ten times what a measurement lies outside; all must be above 0. */
double kerf_interval_score(double low, double high, double measured);

/* Scores of `count` predicted rows. */
enum kerf_status kerf_scores_of(const struct kerf_prediction *const *row, int count,
                                struct kerf_scores *scores, struct kerf_error *error);

#endif
