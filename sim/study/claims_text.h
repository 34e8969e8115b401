/* Claims as text and as CSV. */
#ifndef KERF_STUDY_CLAIMS_TEXT_H
#define KERF_STUDY_CLAIMS_TEXT_H

#include "sim/study/claims.h"

#include <stdio.h>

/* For every statement its checks: published figure, prediction, probability, what it goes with, where it
 * turns; or why it is not tested. */
void kerf_claims_print(FILE *out, const struct kerf_claims *claims);

/* One line for each check, with a header. `claims` is a struct kerf_claims. */
void kerf_claims_write_csv(FILE *out, const void *claims);

/* Where a check turns, in words: "holds up to 37 users, not at 38". Empty if nobody asked. */
void kerf_flip_text(const struct kerf_statement_flip *flip, const struct kerf_flip *found, char *text,
                    size_t bytes);

#endif
