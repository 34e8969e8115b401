/* What the answers of an ensemble depend on: Sobol indices and tornado tables of every figure. */
#ifndef KERF_STUDY_ENSEMBLE_EFFECTS_H
#define KERF_STUDY_ENSEMBLE_EFFECTS_H

#include "sim/study/ensemble.h"
#include "sim/study/sobol_index.h"

/* Indices of every group (index: design.groups) for a figure of a system, or its ratio to that of `base`
 * where base >= 0. Pairs of which a member is impossible are left out; *pairs tells how many are not. */
enum kerf_status kerf_ensemble_indices(const struct kerf_ensemble *ensemble, int system, int figure, int base,
                                       struct kerf_sobol_index *index, int *pairs, struct kerf_error *error);

/* Answers of a tornado with value `leaf` at its low and at its high end; NAN where that is impossible. */
void kerf_ensemble_ends(const struct kerf_ensemble *ensemble, int leaf, int system, int figure, int base,
                        double *at_low, double *at_high);

#endif
