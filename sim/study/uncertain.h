/* The uncertain values of a comparison, each once: leaves of the catalog, which systems that share an entry
 * share, so that ratios between them are paired, and values of the scenario. */
#ifndef KERF_STUDY_UNCERTAIN_H
#define KERF_STUDY_UNCERTAIN_H

#include "sim/study/compare.h"

enum { KERF_UNCERTAIN_NAME_BYTES = 256 };

struct kerf_uncertain_leaf {
    const char *entry, *key,
        *unit;                 /* live as long as the comparison; entry "scenario": key is a path in it */
    double low, nominal, high; /* low < high; SI of a leaf, else in `unit` */
    double least, most;        /* what is legal */
    enum kerf_distribution distribution;
    bool whole;                     /* drawn as whole numbers */
    const struct kerf_range *range; /* of a value of the scenario; else NULL */
    int index;                      /* of a leaf, in its set */
    uint32_t systems;               /* that have it: bit i for system i */
};

struct kerf_uncertain {
    int count;
    struct kerf_uncertain_leaf *leaf; /* owned; in order of system, set and table, then of the scenario */
};

/* Finds them: leaves with a range, and values of the scenario with one. Free with kerf_uncertain_free. */
enum kerf_status kerf_uncertain_find(const struct kerf_comparison *comparison,
                                     struct kerf_uncertain *uncertain, struct kerf_error *error);
void kerf_uncertain_free(struct kerf_uncertain *uncertain);

/* "ENTRY.KEY", or the path of a value of the scenario. */
void kerf_uncertain_name(const struct kerf_uncertain_leaf *leaf, char name[KERF_UNCERTAIN_NAME_BYTES]);

/* Place in the list of what has that name; -1: none. */
int kerf_uncertain_place(const struct kerf_uncertain *uncertain, const char *name);

/* The value at probability `p` in (0, 1) of its distribution (sim/base/distribution.h), inside what is legal.
 * A range says how far a value may plausibly be off. Whole numbers have their ends as likely as the rest. */
double kerf_uncertain_value(const struct kerf_uncertain_leaf *leaf, double p);

/* Puts values (one for each of `uncertain`) into the comparison as its nominal ones: leaves into every system
 * that has them; where the scenario has ranges, it is read anew from `source`. What the comparison made of
 * the values before has to be planned anew. Collective. */
enum kerf_status kerf_uncertain_set(struct kerf_comparison *comparison,
                                    const struct kerf_scenario_source *source,
                                    const struct kerf_uncertain *uncertain, const double *value,
                                    struct kerf_error *error);

#endif
