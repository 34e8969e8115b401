/* The study room: steady states and batch means. */
#include "sim/study/steady.h"

#include "sim/study/statistics.h"

#include <math.h>
#include <string.h>

enum { MSER_BATCH = 5, MSER_LEAST = 50, BATCHES_LEAST = 10, BATCHES_MOST = 30, MEAN_BATCH = 20 };

/* 97.5 % points of Student's t with 9 to 29 degrees of freedom. */
static const double student_t[] = {2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                   2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074,
                                   2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045};

static double batch_of_five(const double *values, int batch)
{
    double sum = 0.0;
    for (int i = 0; i < MSER_BATCH; i++)
        sum += values[batch * MSER_BATCH + i];
    return sum / MSER_BATCH;
}

int kerf_mser5(const double *values, int count, bool *steady)
{
    const int batches = count / MSER_BATCH;
    int best = 0;
    double sum = 0.0, squares = 0.0, least = INFINITY;
    *steady = true;
    if (count < MSER_LEAST)
        return 0;
    /* From the end on, so that sums over what is kept grow by one batch at a time. */
    const double about = batch_of_five(values, batches - 1); /* keeps the squares small */
    for (int first = batches - 1; first >= 0; first--) {
        double value = batch_of_five(values, first) - about, kept = batches - first;
        sum += value;
        squares += value * value;
        double error = (squares - sum * sum / kept) / (kept * kept);
        if (first <= batches / 2 && error <= least) {
            least = error;
            best = first;
        }
    }
    *steady = best < batches / 2;
    return best * MSER_BATCH;
}

static struct kerf_interval no_interval(double value)
{
    return (struct kerf_interval){.value = value, .low = NAN, .high = NAN};
}

/* The interval around `value` from one estimate of each batch. */
static struct kerf_interval interval_of(double value, const double *estimate, int batches)
{
    double mean = 0.0, squares = 0.0;
    for (int i = 0; i < batches; i++)
        mean += estimate[i] / batches;
    for (int i = 0; i < batches; i++)
        squares += (estimate[i] - mean) * (estimate[i] - mean);
    double half = student_t[batches - BATCHES_LEAST] * sqrt(squares / (batches - 1) / batches);
    return (struct kerf_interval){value, value - half, value + half, batches};
}

static int batches_of(int count, int values_each)
{
    int batches = count / values_each;
    return batches > BATCHES_MOST ? BATCHES_MOST : batches;
}

struct kerf_interval kerf_batch_mean(const double *values, int count)
{
    double estimate[BATCHES_MOST] = {0}, sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    double mean = count > 0 ? sum / count : (double)NAN;
    int batches = batches_of(count, MEAN_BATCH);
    if (batches < BATCHES_LEAST)
        return no_interval(mean);
    for (int b = 0, each = count / batches; b < batches; b++)
        for (int i = 0; i < each; i++)
            estimate[b] += values[b * each + i] / each;
    return interval_of(mean, estimate, batches);
}

struct kerf_interval kerf_batch_quantile(const double *values, int count, double p, double *room)
{
    double estimate[BATCHES_MOST];
    if (count == 0)
        return no_interval(NAN);
    memcpy(room, values, (size_t)count * sizeof *room);
    double value = kerf_quantile(room, count, p);
    int batches = batches_of(count, (int)ceil(5.0 / fmin(p, 1.0 - p)));
    if (batches < BATCHES_LEAST)
        return no_interval(value);
    for (int b = 0, each = count / batches; b < batches; b++) {
        memcpy(room, values + b * each, (size_t)each * sizeof *room);
        estimate[b] = kerf_quantile(room, each, p);
    }
    return interval_of(value, estimate, batches);
}
