/* Distributions that lengths and pauses are drawn from. A draw is a pure function of seed, stream and number,
 * so it does not depend on when, where or in what order it is made. */
#ifndef KERF_WORKLOAD_DRAWS_H
#define KERF_WORKLOAD_DRAWS_H

#include "sim/base/error.h"

#include <stdint.h>

enum kerf_draws_kind {
    KERF_DRAWS_NOMINAL,     /* none of its own: what uses it has a nominal value */
    KERF_DRAWS_CONSTANT,    /* always `centre` */
    KERF_DRAWS_UNIFORM,     /* from `least` to `most` */
    KERF_DRAWS_EXPONENTIAL, /* mean `centre` */
    KERF_DRAWS_LOG_NORMAL,  /* median `centre`, standard deviation `sigma` of the logarithm */
    KERF_DRAWS_EMPIRICAL,   /* values of `histogram`, each with its share */
    KERF_DRAWS_COUNT
};

/* Values with their cumulated shares; plain data of `bins` bins. */
struct kerf_histogram {
    int bins;
    double *value; /* owned */
    double *below; /* owned: share of the draws that are this value or one before it; the last is 1 */
};

struct kerf_draws {
    enum kerf_draws_kind kind;
    double centre, sigma;
    double least, most;                     /* draws outside are moved to the nearer end; most 0: no end */
    const struct kerf_histogram *histogram; /* not owned */
};

/* The `number`-th draw of a stream; not for NOMINAL. The unit is that of the parameters. */
double kerf_draws_value(const struct kerf_draws *distribution, uint64_t seed, uint64_t stream,
                        uint64_t number);

/* Sigma of the log-normal distribution with this median and 90th percentile. */
double kerf_log_normal_sigma(double median, double p90);

/* The same from the mean: KERF_ERR_USAGE where there is none, which is when p90 / mean exceeds exp(z^2 / 2) =
 * 2.27 or is below 1, z = 1.2816 being the 90th percentile of the normal distribution. The median is mean
 * exp(-sigma^2 / 2). */
enum kerf_status kerf_log_normal_from_mean(double mean, double p90, double *sigma, struct kerf_error *error);

/* A histogram of values with weights (NULL: all alike). KERF_ERR_USAGE when there is none, or a value or
 * weight that is negative or no number, or no weight at all. */
enum kerf_status kerf_histogram_make(struct kerf_histogram *histogram, const double *value,
                                     const double *weight, int bins, struct kerf_error *error);
void kerf_histogram_free(struct kerf_histogram *histogram);

#endif
