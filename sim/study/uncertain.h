/* The uncertain leaves of a comparison, each once: systems that share a catalog entry share its draws, so
 * that ratios between them are paired. */
#ifndef KERF_STUDY_UNCERTAIN_H
#define KERF_STUDY_UNCERTAIN_H

#include "sim/study/compare.h"

struct kerf_uncertain_leaf {
    const char *entry, *key, *unit; /* live as long as the comparison */
    double low, nominal, high;      /* SI, low < high */
    int index;                      /* in its leaf set */
    uint32_t systems;               /* that have it: bit i for system i */
};

struct kerf_uncertain {
    int count;
    struct kerf_uncertain_leaf *leaf; /* owned; in order of system, set and table */
};

/* Finds them: leaves with a range that some column moves. Free with kerf_uncertain_free. */
enum kerf_status kerf_uncertain_find(const struct kerf_comparison *comparison,
                                     struct kerf_uncertain *uncertain, struct kerf_error *error);
void kerf_uncertain_free(struct kerf_uncertain *uncertain);

/* The value of a leaf at probability `p` in (0, 1): triangular over low .. high with its mode at the nominal
 * value, of the logarithm where all three are positive. A range says how far a value may plausibly be off,
 * and values near the nominal one are likelier. */
double kerf_uncertain_value(const struct kerf_uncertain_leaf *leaf, double p);

/* Puts a value into every system of the comparison that has the leaf, as its nominal one. */
void kerf_uncertain_set(struct kerf_comparison *comparison, const struct kerf_uncertain_leaf *leaf,
                        double value);

#endif
