/* The workload room: draws from distributions. Knows nothing of what is drawn. */
#include "models/workload/draws.h"

#include "sim/engine/random.h"

#include <math.h>
#include <stdlib.h>

/* 90th percentile of the standard normal distribution. */
static const double z90 = 1.2815515655446004;

/* Box and Muller, Ann. Math. Statist. 29(2), 1958: one block of random words holds both uniforms. */
static double normal(uint64_t seed, uint64_t stream, uint64_t number)
{
    const double to_unit = 1.0 / 4294967296.0;
    struct kerf_random_words words = kerf_random_words(seed, stream, number);
    double radius_of = ((double)words.word[0] + ((double)words.word[1] + 0.5) * to_unit) * to_unit;
    double angle_of = ((double)words.word[2] + ((double)words.word[3] + 0.5) * to_unit) * to_unit;
    return sqrt(-2.0 * log(radius_of)) * cos(2.0 * 3.14159265358979323846 * angle_of);
}

/* The first bin that `share` does not exceed. */
static double value_at(const struct kerf_histogram *histogram, double share)
{
    int low = 0, high = histogram->bins - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (share <= histogram->below[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return histogram->value[low];
}

static double raw_draw(const struct kerf_draws *distribution, uint64_t seed, uint64_t stream, uint64_t number)
{
    switch (distribution->kind) {
    case KERF_DRAWS_UNIFORM:
        return distribution->least +
               (distribution->most - distribution->least) * kerf_random_uniform(seed, stream, number);
    case KERF_DRAWS_EXPONENTIAL:
        return kerf_random_exponential(seed, stream, number, distribution->centre);
    case KERF_DRAWS_LOG_NORMAL:
        return distribution->centre * exp(distribution->sigma * normal(seed, stream, number));
    case KERF_DRAWS_EMPIRICAL:
        return value_at(distribution->histogram, kerf_random_uniform(seed, stream, number));
    default:
        return distribution->centre;
    }
}

double kerf_draws_value(const struct kerf_draws *distribution, uint64_t seed, uint64_t stream,
                        uint64_t number)
{
    double value = fmax(raw_draw(distribution, seed, stream, number), distribution->least);
    return distribution->most > 0.0 ? fmin(value, distribution->most) : value;
}

double kerf_log_normal_sigma(double median, double p90)
{
    return log(p90 / median) / z90;
}

enum kerf_status kerf_log_normal_from_mean(double mean, double p90, double *sigma, struct kerf_error *error)
{
    /* ln(p90 / mean) = z sigma - sigma^2 / 2; the smaller root is the one that grows with p90. */
    double root = z90 * z90 - 2.0 * log(p90 / mean);
    KERF_CHECK(p90 >= mean && root >= 0.0, KERF_ERR_USAGE,
               "no log-normal distribution has a mean of %g and a 90th percentile of %g; the percentile is "
               "between 1 and %.2f times the mean",
               mean, p90, exp(0.5 * z90 * z90));
    *sigma = z90 - sqrt(root);
    return KERF_OK;
}

enum kerf_status kerf_histogram_make(struct kerf_histogram *histogram, const double *value,
                                     const double *weight, int bins, struct kerf_error *error)
{
    double sum = 0.0, so_far = 0.0;
    *histogram = (struct kerf_histogram){0};
    KERF_CHECK(bins > 0, KERF_ERR_USAGE, "there is no value");
    for (int i = 0; i < bins; i++) {
        double one = weight ? weight[i] : 1.0;
        KERF_CHECK(isfinite(value[i]) && value[i] >= 0.0, KERF_ERR_USAGE, "value %d is %g", i + 1, value[i]);
        KERF_CHECK(isfinite(one) && one >= 0.0, KERF_ERR_USAGE, "weight %d is %g", i + 1, one);
        sum += one;
    }
    KERF_CHECK(sum > 0.0, KERF_ERR_USAGE, "all weights are 0");
    histogram->value = calloc((size_t)bins, sizeof *histogram->value);
    histogram->below = calloc((size_t)bins, sizeof *histogram->below);
    KERF_CHECK(histogram->value && histogram->below, KERF_ERR_FAILURE, "out of memory for %d values", bins);
    for (int i = 0; i < bins; i++) {
        so_far += weight ? weight[i] : 1.0;
        histogram->value[i] = value[i];
        histogram->below[i] = so_far / sum;
    }
    histogram->bins = bins;
    histogram->below[bins - 1] = 1.0;
    return KERF_OK;
}

void kerf_histogram_free(struct kerf_histogram *histogram)
{
    free(histogram->value);
    free(histogram->below);
    *histogram = (struct kerf_histogram){0};
}
