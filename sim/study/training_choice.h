/* Layouts that a row leaves open: the fastest that fits into memory is taken, whatever was measured. */
#ifndef KERF_STUDY_TRAINING_CHOICE_H
#define KERF_STUDY_TRAINING_CHOICE_H

#include "sim/study/training_row.h"

/* Sets what the row leaves open in row->job, and costs the step on `machine`. Of the legal choices the
 * fastest that fits; if none fits, the one that is least too large. `slowest` (may be NULL): of the choices
 * that fit, the slowest within a quarter of the fastest. KERF_ERR_USAGE: no choice is legal. */
enum kerf_status kerf_training_choose(const struct kerf_training_machine *machine,
                                      struct kerf_training_row *row, struct kerf_training_step *step,
                                      struct kerf_error *error);

#endif
