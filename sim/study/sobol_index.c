/* The study room: estimators of Sobol indices. */
#include "sim/study/sobol_index.h"

#include "sim/engine/random.h"
#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 200 };
static const double level = 0.90;

/* One estimate from the pairs pick[0 .. count - 1], or from all in order where pick is NULL. */
static void estimate(const double *a, const double *b, const double *mixed, const int *pick, int count,
                     double *first, double *total)
{
    double sum = 0.0, squares = 0.0, change = 0.0, with_b = 0.0, from_a = 0.0;
    double origin = a[0]; /* keeps digits where answers differ little */
    for (int i = 0; i < count; i++) {
        int n = pick ? pick[i] : i;
        double x = a[n] - origin, y = b[n] - origin, m = mixed[n] - origin;
        sum += x + y;
        squares += x * x + y * y;
        change += m - x;
        with_b += y * (m - x);
        from_a += (x - m) * (x - m);
    }
    double mean = sum / (2.0 * count), variance = squares / (2.0 * count) - mean * mean;
    bool varies = variance > 1e-24 * (mean + origin) * (mean + origin);
    *first = varies ? (with_b - mean * change) / (count * variance) : 0.0;
    *total = varies ? from_a / (2.0 * count * variance) : 0.0;
}

bool kerf_sobol_index_find(const double *a, const double *b, const double *mixed, int count, uint64_t seed,
                           struct kerf_sobol_index *index)
{
    double first[RESAMPLES], total[RESAMPLES];
    *index = (struct kerf_sobol_index){NAN, NAN, NAN, NAN, NAN, NAN};
    if (count < 2)
        return true;
    int *pick = malloc((size_t)count * sizeof *pick);
    if (!pick)
        return false;
    estimate(a, b, mixed, NULL, count, &index->first, &index->total);
    for (int r = 0; r < RESAMPLES; r++) {
        for (int i = 0; i < count; i++)
            pick[i] = (int)(kerf_random_uniform(seed, (uint64_t)r, (uint64_t)i) * count);
        estimate(a, b, mixed, pick, count, &first[r], &total[r]);
    }
    index->first_low = kerf_quantile(first, RESAMPLES, 0.5 * (1.0 - level));
    index->first_high = kerf_quantile(first, RESAMPLES, 0.5 * (1.0 + level));
    index->total_low = kerf_quantile(total, RESAMPLES, 0.5 * (1.0 - level));
    index->total_high = kerf_quantile(total, RESAMPLES, 0.5 * (1.0 + level));
    free(pick);
    return true;
}
