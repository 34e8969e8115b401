/* Statistics of a series that is not independent: where its steady state begins, and how sure its mean and
 * quantiles are. */
#ifndef KERF_STUDY_STEADY_H
#define KERF_STUDY_STEADY_H

#include <stdbool.h>

/* MSER-5: the number of first values to leave out so that the standard error of the mean of the rest is
 * least, over means of 5 neighbours, looking at the first half (White, Cobb and Spratt, "A comparison of five
 * steady-state truncation heuristics for simulation", WSC 2000). *steady is false where the least lies at the
 * end of what is looked at: the series may not have settled. Series of less than 50 values are left whole. */
int kerf_mser5(const double *values, int count, bool *steady);

/* An estimate with its 95 % confidence interval; low and high are NAN where there are too few values. */
struct kerf_interval {
    double value, low, high;
    int batches; /* that the interval rests on; 0: too few */
};

/* Mean of a series by batch means: 10 to 30 batches of at least 20 neighbours each, as independent as they
 * are long (Law, "Simulation Modeling and Analysis", 5th ed., section 9.5.3). */
struct kerf_interval kerf_batch_mean(const double *values, int count);

/* Quantile of a series: over all values, with an interval by the quantiles of 10 to 30 batches, each with at
 * least 5 values beyond it (Seila, "A batching approach to quantile estimation in regenerative simulations",
 * Management Science 28(5), 1982, for batches of fixed length). `room` has place for count values. */
struct kerf_interval kerf_batch_quantile(const double *values, int count, double p, double *room);

#endif
