/* Distributions that an uncertain value may have: a table of quantile functions over what a person can say,
 * a least, a likeliest and a largest value. */
#ifndef KERF_BASE_DISTRIBUTION_H
#define KERF_BASE_DISTRIBUTION_H

#include <stdbool.h>

enum kerf_distribution {
    KERF_DISTRIBUTION_DEFAULT, /* log-triangular where low is above 0, else triangular */
    KERF_DISTRIBUTION_TRIANGULAR,
    KERF_DISTRIBUTION_LOG_TRIANGULAR,
    KERF_DISTRIBUTION_UNIFORM,
    KERF_DISTRIBUTION_LOG_UNIFORM,
    KERF_DISTRIBUTION_NORMAL,
    KERF_DISTRIBUTION_LOGNORMAL,
    KERF_DISTRIBUTION_BETA,
    KERF_DISTRIBUTION_COUNT
};

/* Their names in the order above, NULL-terminated. */
extern const char *const kerf_distribution_names[];

/* Whether all three numbers must be above 0. */
bool kerf_distribution_is_positive(enum kerf_distribution distribution);

/* Whether low and high are bounds; else they are where a tenth of the mass lies beyond. */
bool kerf_distribution_is_bounded(enum kerf_distribution distribution);

/* Value at probability `p` in (0, 1); low <= value <= high and low < high, all in one unit.
 *   triangular, log-triangular: bounds low and high, mode `value` (of the logarithm);
 *   uniform, log-uniform:       bounds low and high; `value` is not looked at;
 *   normal, lognormal:          median `value`, a tenth of the mass below low and a tenth above high: halves
 * of two normal distributions where the two are not equally far (split normal); beta: bounds low and high,
 * mode `value`, as PERT has it: alpha = 1 + 4 (value - low) / (high - low), beta = 1 + 4 (high - value) /
 * (high - low) (Malcolm et al., Operations Research 7(5), 1959). */
double kerf_distribution_quantile(enum kerf_distribution distribution, double low, double value, double high,
                                  double p);

/* Distribution function of the standard normal, and its inverse for p in (0, 1). */
double kerf_normal_probability(double x);
double kerf_normal_quantile(double p);

#endif
