/* A posterior as text. */
#ifndef KERF_STUDY_POSTERIOR_TEXT_H
#define KERF_STUDY_POSTERIOR_TEXT_H

#include "sim/study/posterior.h"

#include <stdio.h>

/* Prints measurements, prior and posterior intervals, what stays undetermined, which values trade off against
 * each other, and what would cut the variance of the answers most if it were published. */
enum kerf_status kerf_posterior_print(FILE *out, const struct kerf_posterior *posterior,
                                      struct kerf_error *error);

#endif
