/* Rows of training tables about vision and diffusion networks: what a row states, and its prediction. */
#ifndef KERF_STUDY_IMAGE_ROW_H
#define KERF_STUDY_IMAGE_ROW_H

#include "sim/study/row_source.h"

/* Whether a row's `model` is a vision or diffusion network that this reader answers for, if only with a
 * reason. */
bool kerf_image_row_is(const char *model);

/* Fills the prediction of row `row`, or its reason. Errors are those of the catalog. Collective on its
 * communicator. */
enum kerf_status kerf_image_row_predict(const struct kerf_row_table *table, int row,
                                        struct kerf_prediction *prediction, struct kerf_error *error);

#endif
