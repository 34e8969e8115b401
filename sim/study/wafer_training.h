/* Rows of training tables that were measured on wafers: weight streaming. */
#ifndef KERF_STUDY_WAFER_TRAINING_H
#define KERF_STUDY_WAFER_TRAINING_H

#include "sim/study/row_source.h"

/* Whether the row's hardware has an entry for weight streaming. Collective on the catalog's communicator. */
enum kerf_status kerf_wafer_training_knows(struct kerf_catalog *catalog, const char *hardware, bool *known,
                                           struct kerf_error *error);

/* Predicts one row, all three columns, or says why it cannot. What a row leaves open (length, batch,
 * vocabulary of a well-known example) is that of the published example. Collective. */
enum kerf_status kerf_wafer_training_predict(const struct kerf_row_table *table, int row,
                                             struct kerf_prediction *prediction, struct kerf_error *error);

#endif
