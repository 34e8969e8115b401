/* Quantities: what can be read off an experiment, one row each. Claims are about these. */
#ifndef KERF_STUDY_QUANTITY_H
#define KERF_STUDY_QUANTITY_H

#include "sim/study/experiment.h"

enum { KERF_QUANTITIES_MAX = 64 };

struct kerf_quantity {
    const char *name, *unit, *meaning;
    const struct kerf_experiment_kind *kind; /* of experiments that have it */
    double (*value)(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity);
    size_t offset; /* of a double in the kind's own summary, where `value` wants one */
};

/* NULL: there is no quantity of that name. */
const struct kerf_quantity *kerf_quantity_find(const char *name);

/* All names, NULL-terminated. */
void kerf_quantity_names(const char *names[KERF_QUANTITIES_MAX + 1]);

/* Prints the table: name, unit, meaning. */
void kerf_quantities_print(FILE *out);

#endif
