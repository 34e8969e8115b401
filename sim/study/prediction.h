/* One measured row and what the simulator makes of it: the record that every kind of table is turned into. */
#ifndef KERF_STUDY_PREDICTION_H
#define KERF_STUDY_PREDICTION_H

#include "models/device/leaf.h"
#include "sim/base/error.h"

#include <stdbool.h>

enum { KERF_PREDICTION_TEXT_BYTES = 128 };

/* How somebody without a model would predict the row: rows of one `pool` are taken to share one constant, say
 * the FLOP/s that a GPU reaches, and `value` is what this row's measured figure makes of it. The figure goes
 * as the constant to the power of `power`: 1 for speeds, -1 for times, 0 where there is no such constant. */
struct kerf_naive {
    char pool[KERF_PREDICTION_TEXT_BYTES];
    double value;
    int power;
    double predicted; /* by kerf_naive_predict; NAN: there is none */
};

struct kerf_prediction {
    char id[192]; /* as the table has it, else FILE:LINE */
    char use[16]; /* "fit": a leaf was set with the help of this row; anything else: it was not */
    char metric[48];
    /* What the row is about, for groups; empty where it does not say. */
    char subject[KERF_PREDICTION_TEXT_BYTES]; /* network; operator and format of a kernel; collective */
    char hardware[KERF_PREDICTION_TEXT_BYTES];
    char software[KERF_PREDICTION_TEXT_BYTES]; /* serving engine, training stack, library */
    double measured; /* in the unit that the metric's name states; NAN: the row has no such value */
    double predicted[KERF_COLUMN_COUNT]; /* low, nominal, high column of the catalog */
    struct kerf_naive naive;
    char reason[192]; /* why there is no prediction; empty: there is one */
};

/* Says why the row cannot be predicted; of several reasons the first stays. */
void kerf_prediction_refuse(struct kerf_prediction *prediction, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool kerf_prediction_made(const struct kerf_prediction *prediction);

/* Least and largest value of the three columns: a time is longest in the low column, a speed lowest. */
void kerf_prediction_range(const struct kerf_prediction *prediction, double *low, double *high);

/* Error of the nominal prediction: predicted / measured - 1. */
double kerf_prediction_error(const struct kerf_prediction *prediction);

#endif
