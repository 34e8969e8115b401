/* The study room: statistics of a list of numbers. */
#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>

int kerf_compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double kerf_median(double *values, int count)
{
    if (count == 0)
        return NAN;
    qsort(values, (size_t)count, sizeof *values, kerf_compare_doubles);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

double kerf_quantile(double *values, int count, double p)
{
    for (int i = 0; i < count; i++)
        if (isnan(values[i]))
            return NAN;
    qsort(values, (size_t)count, sizeof *values, kerf_compare_doubles);
    double place = p * (count - 1);
    int below = (int)place;
    return below + 1 < count ? values[below] + (place - below) * (values[below + 1] - values[below])
                             : values[below];
}

void kerf_residuals_add(struct kerf_residuals *sum, double *absolute, double error)
{
    absolute[sum->rows++] = fabs(error);
    sum->mean_absolute += fabs(error);
    sum->bias += error;
}

void kerf_residuals_finish(struct kerf_residuals *sum, double *absolute)
{
    if (sum->rows == 0)
        return;
    sum->median_absolute = kerf_median(absolute, sum->rows);
    sum->mean_absolute /= sum->rows;
    sum->bias /= sum->rows;
}
