/* What a user's speed hangs on: every leaf of a system of wafers moved alone, by a little and over its range.
 *
 * The speed is that of one user alone in the middle of an answer, from the closed forms without a simulation:
 * a token through the empty pipeline and the host, or a round of guesses (docs/model.md, sections 4 to 7). */
#ifndef KERF_STUDY_SENSITIVITY_H
#define KERF_STUDY_SENSITIVITY_H

#include "sim/study/system.h"

#include <stdio.h>

struct kerf_leaf_effect {
    const char *set, *key, *unit; /* of the catalog entry that `system` holds */
    double value, low, high;
    double elasticity;      /* d ln speed / d ln value; NAN where a per cent changes nothing, as for counts */
    double at_low, at_high; /* speed at the ends of the range; NAN: the network does not fit there */
};

struct kerf_sensitivity {
    double speed;       /* tokens/s */
    double least, most; /* 80 % interval: every range taken as one of 80 %, all independent */
    int effects;
    struct kerf_leaf_effect effect[KERF_SYSTEM_LEAF_SETS * KERF_LEAVES_MAX]; /* largest first */
};

/* KERF_ERR_USAGE for a system of GPUs, and what planning refuses. Errors name the system. */
enum kerf_status kerf_sensitivity_find(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                       struct kerf_sensitivity *sensitivity, struct kerf_error *error);

/* The leaves that move the speed by more than a thousandth per per cent or over their range. */
void kerf_sensitivity_print(FILE *out, const struct kerf_system *system,
                            const struct kerf_sensitivity *sensitivity);

#endif
