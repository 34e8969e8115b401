/* The device room: the busiest of random groups. Knows numbers only. */
#include "models/device/maximum_load.h"

#include <math.h>

/* base^exponent for a whole exponent: pow() would be most of the cost of a layer. */
static double whole_power(double base, unsigned exponent)
{
    double power = 1.0;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1u)
            power *= base;
        base *= base;
    }
    return power;
}

/* P(load of one group <= m) when jobs fall independently: binomial, summed from pmf(0). */
double kerf_expected_maximum_load(double jobs, double groups)
{
    if (jobs <= 1.0 || groups <= 1.0)
        return jobs;
    const double negligible = 1e-4;
    double share = 1.0 / groups, mean = jobs * share;
    double least = ceil(mean); /* some group has this many for certain */
    /* the sum of P(maximum > m) from there on, groups taken as independent; the range below six standard
     * deviations adds nothing to the distribution function */
    double first = fmax(0.0, floor(mean - 6.0 * sqrt(mean * (1.0 - share))));
    double log_odds = log(share) - log1p(-share);
    double pmf = exp(lgamma(jobs + 1.0) - lgamma(first + 1.0) - lgamma(jobs - first + 1.0) +
                     first * log_odds + jobs * log1p(-share));
    double below = 0.0, expected = least;
    for (double m = first; m < jobs; m += 1.0) {
        below = fmin(1.0, below + pmf);
        if (m >= least) {
            double exceeded = 1.0 - whole_power(below, (unsigned)groups);
            expected += fmin(exceeded, jobs - m);
            if (exceeded < negligible)
                break;
        }
        pmf *= (jobs - m) / (m + 1.0) * share / (1.0 - share);
    }
    return fmin(expected, jobs);
}
