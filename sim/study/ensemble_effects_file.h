/* Indices and tornado tables in the file of an ensemble: one dataset for each figure, and one for the ratio
 * of speeds. The group's scale `system` is there already. */
#ifndef KERF_STUDY_ENSEMBLE_EFFECTS_FILE_H
#define KERF_STUDY_ENSEMBLE_EFFECTS_FILE_H

#include "sim/io/result_columns.h"
#include "sim/study/ensemble.h"

enum kerf_status kerf_ensemble_write_indices(const struct kerf_result_writer *w,
                                             const struct kerf_ensemble *ensemble, struct kerf_error *error);
enum kerf_status kerf_ensemble_write_tornado(const struct kerf_result_writer *w,
                                             const struct kerf_ensemble *ensemble, struct kerf_error *error);

#endif
