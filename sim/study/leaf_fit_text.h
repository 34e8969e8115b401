/* Fitted leaves as text, and the catalog entry that has them. */
#ifndef KERF_STUDY_LEAF_FIT_TEXT_H
#define KERF_STUDY_LEAF_FIT_TEXT_H

#include "sim/study/leaf_fit.h"

#include <stdio.h>

/* A line per fitted leaf: value, interval, and where it started. */
void kerf_leaf_fit_print(FILE *out, const struct kerf_leaf_set *start, const struct kerf_fitted *fitted);

/* What an entry is written from. */
struct kerf_fitted_entry {
    const char *name;               /* its own */
    const struct kerf_yaml *origin; /* the entry that the fit started from */
    const struct kerf_leaf_set *start;
    const struct kerf_fitted *fitted;
    const char *what; /* operator or family of collectives */
    int tables;
    const char *const *table; /* files that were fitted to */
};

/* Writes the entry with the leaves as fitted and the others of the start. */
void kerf_fitted_entry_write(FILE *out, const struct kerf_fitted_entry *entry);

#endif
