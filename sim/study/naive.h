/* The naive baseline: what somebody would predict who has the other rows and no model. */
#ifndef KERF_STUDY_NAIVE_H
#define KERF_STUDY_NAIVE_H

#include "sim/study/prediction.h"

/* Fills naive.predicted of each row: its constant is the median over the other rows of its pool
 * (leave-one-out). NAN where it has no pool, or is alone in it. */
enum kerf_status kerf_naive_predict(struct kerf_prediction *row, int rows, struct kerf_error *error);

#endif
