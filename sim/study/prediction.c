/* The study room: the record of one prediction. */
#include "sim/study/prediction.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void kerf_prediction_refuse(struct kerf_prediction *prediction, const char *format, ...)
{
    va_list arguments;
    if (prediction->reason[0])
        return;
    va_start(arguments, format);
    vsnprintf(prediction->reason, sizeof prediction->reason, format, arguments);
    va_end(arguments);
}

bool kerf_prediction_made(const struct kerf_prediction *prediction)
{
    return !prediction->reason[0];
}

void kerf_prediction_range(const struct kerf_prediction *prediction, double *low, double *high)
{
    *low = *high = prediction->predicted[KERF_COLUMN_NOMINAL];
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        *low = fmin(*low, prediction->predicted[column]);
        *high = fmax(*high, prediction->predicted[column]);
    }
}

double kerf_prediction_error(const struct kerf_prediction *prediction)
{
    return prediction->predicted[KERF_COLUMN_NOMINAL] / prediction->measured - 1.0;
}
