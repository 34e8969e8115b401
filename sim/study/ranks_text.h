/* How a comparison would be shared among ranks. */
#ifndef KERF_STUDY_RANKS_TEXT_H
#define KERF_STUDY_RANKS_TEXT_H

#include "sim/study/compare.h"

#include <stdio.h>

/* Prints (if `out` is not NULL) which rank of `ranks` would simulate what. Nothing is simulated, and the
 * comparison can only be freed afterwards. Collective. */
enum kerf_status kerf_ranks_print(FILE *out, struct kerf_comparison *comparison, int ranks,
                                  struct kerf_error *error);

#endif
