/* Where claims turn: the number of an axis at which a check's outcome changes. */
#ifndef KERF_STUDY_CLAIM_FLIP_H
#define KERF_STUDY_CLAIM_FLIP_H

#include "sim/study/claims.h"

/* Finds the turns of all checks that name an axis, with every leaf nominal: along a few points from one end,
 * then by bisection between the two where the outcome first differs. Searches are dealt to the ranks.
 * Collective; the same on every rank. */
enum kerf_status kerf_claim_flips(MPI_Comm comm, const char *const *catalogs,
                                  const struct kerf_claims_options *options, struct kerf_claims *claims,
                                  struct kerf_error *error);

#endif
