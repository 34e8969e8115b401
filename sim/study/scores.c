/* The study room: scores of predictions. */
#include "sim/study/scores.h"

#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>

static const double alpha = 0.2; /* 1 - the level of the interval */

double kerf_interval_score(double low, double high, double measured)
{
    double below = fmax(0.0, log(low / measured)), above = fmax(0.0, log(measured / high));
    return log(high / low) + 2.0 / alpha * (below + above);
}

/* Sums over rows, and the values whose medians are wanted. */
struct sums {
    double *error, *spread, *naive; /* owned */
};

static void add(const struct kerf_prediction *p, struct sums *sums, struct kerf_scores *scores)
{
    double low, high, error = kerf_prediction_error(p);
    kerf_prediction_range(p, &low, &high);
    sums->error[scores->rows] = fabs(error);
    sums->spread[scores->rows++] = high / low;
    scores->mean_absolute += fabs(error);
    scores->bias += error;
    scores->coverage += low <= p->measured && p->measured <= high;
    scores->interval_score += kerf_interval_score(low, high, p->measured);
    if (isnan(p->naive.predicted))
        return;
    double naive = fabs(p->naive.predicted / p->measured - 1.0);
    sums->naive[scores->naive_rows++] = naive;
    scores->naive_mean_absolute += naive;
}

enum kerf_status kerf_scores_of(const struct kerf_prediction *const *row, int count,
                                struct kerf_scores *scores, struct kerf_error *error)
{
    double *values = malloc(3 * (size_t)count * sizeof *values + 1);
    *scores = (struct kerf_scores){0};
    KERF_CHECK(values, KERF_ERR_FAILURE, "out of memory for the scores of %d rows", count);
    struct sums sums = {values, values + count, values + 2 * (size_t)count};
    for (int i = 0; i < count; i++)
        add(row[i], &sums, scores);
    if (count > 0) {
        scores->mean_absolute /= count;
        scores->bias /= count;
        scores->coverage /= count;
        scores->interval_score /= count;
        scores->median_absolute = kerf_median(sums.error, count);
        scores->median_spread = kerf_median(sums.spread, count);
    }
    if (scores->naive_rows > 0) {
        scores->naive_mean_absolute /= scores->naive_rows;
        scores->naive_median_absolute = kerf_median(sums.naive, scores->naive_rows);
    }
    free(values);
    return KERF_OK;
}
