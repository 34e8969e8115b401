/* The base room: quantile functions. */
#include "sim/base/distribution.h"

#include <math.h>
#include <stddef.h>

double kerf_normal_probability(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0));
}

/* Abramowitz and Stegun, formula 26.2.23, then Newton's method in the tail, where no digit is lost. */
double kerf_normal_quantile(double p)
{
    const double pi = 3.14159265358979323846;
    double tail = p < 0.5 ? p : 1.0 - p, t = sqrt(-2.0 * log(tail));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int step = 0; step < 3; step++)
        x += (0.5 * erfc(x / sqrt(2.0)) - tail) / (exp(-0.5 * x * x) / sqrt(2.0 * pi));
    return p < 0.5 ? -x : x;
}

static double triangular(double low, double mode, double high, double p)
{
    double split = (mode - low) / (high - low);
    return p < split ? low + sqrt(p * (high - low) * (mode - low))
                     : high - sqrt((1.0 - p) * (high - low) * (high - mode));
}

static double uniform(double low, double value, double high, double p)
{
    (void)value;
    return low + p * (high - low);
}

static double normal(double low, double median, double high, double p)
{
    const double tenth = 1.2815515655446004; /* kerf_normal_quantile(0.9) */
    return median + kerf_normal_quantile(p) / tenth * (p < 0.5 ? median - low : high - median);
}

/* Continued fraction of the incomplete beta function (NIST Digital Library of Mathematical Functions,
 * 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0), value;
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m <= 200; m++) {
        const double term[] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                               -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
        double change = 1.0;
        for (int i = 0; i < 2; i++) {
            d = 1.0 + term[i] * d;
            c = 1.0 + term[i] / c;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1.0) < 1e-15)
            break;
    }
    return value;
}

static double beta_probability(double a, double b, double x)
{
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(a, b, x) / a
                                         : 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

static double beta(double low, double mode, double high, double p)
{
    double a = 1.0 + 4.0 * (mode - low) / (high - low), b = 1.0 + 4.0 * (high - mode) / (high - low);
    double below = 0.0, above = 1.0;
    for (int step = 0; step < 60; step++) {
        double middle = 0.5 * (below + above);
        *(beta_probability(a, b, middle) < p ? &below : &above) = middle;
    }
    return low + 0.5 * (below + above) * (high - low);
}

const char *const kerf_distribution_names[] = {
    "default", "triangular", "log-triangular", "uniform", "log-uniform", "normal", "lognormal", "beta", NULL};

static const struct {
    double (*quantile)(double low, double value, double high, double p);
    bool of_logarithm;
} rows[KERF_DISTRIBUTION_COUNT] = {
    [KERF_DISTRIBUTION_TRIANGULAR] = {triangular, false},
    [KERF_DISTRIBUTION_LOG_TRIANGULAR] = {triangular, true},
    [KERF_DISTRIBUTION_UNIFORM] = {uniform, false},
    [KERF_DISTRIBUTION_LOG_UNIFORM] = {uniform, true},
    [KERF_DISTRIBUTION_NORMAL] = {normal, false},
    [KERF_DISTRIBUTION_LOGNORMAL] = {normal, true},
    [KERF_DISTRIBUTION_BETA] = {beta, false},
};

bool kerf_distribution_is_positive(enum kerf_distribution distribution)
{
    return rows[distribution].of_logarithm;
}

bool kerf_distribution_is_bounded(enum kerf_distribution distribution)
{
    return rows[distribution].quantile != normal;
}

double kerf_distribution_quantile(enum kerf_distribution distribution, double low, double value, double high,
                                  double p)
{
    if (distribution == KERF_DISTRIBUTION_DEFAULT)
        distribution = low > 0.0 ? KERF_DISTRIBUTION_LOG_TRIANGULAR : KERF_DISTRIBUTION_TRIANGULAR;
    if (rows[distribution].of_logarithm)
        return exp(rows[distribution].quantile(log(low), log(value), log(high), p));
    return rows[distribution].quantile(low, value, high, p);
}
