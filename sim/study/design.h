/* The design of an ensemble: which values its members have, and what is to be learned from them. */
#ifndef KERF_STUDY_DESIGN_H
#define KERF_STUDY_DESIGN_H

#include "sim/study/uncertain.h"

enum kerf_design_kind {
    KERF_DESIGN_SAMPLE,  /* members drawn from the distributions */
    KERF_DESIGN_INDICES, /* two samples A and B, and A with the values of one group from B, for each group */
    KERF_DESIGN_TORNADO  /* all nominal; then each value at its low and at its high end, alone */
};
enum kerf_sampling { KERF_SAMPLING_LATIN_HYPERCUBE, KERF_SAMPLING_SOBOL, KERF_SAMPLING_RANDOM };

/* What moves together in the indices: each value; the leaves of an entry whose keys begin with the same word;
 * all leaves of an entry. */
enum kerf_grouping { KERF_GROUPING_ENTRY, KERF_GROUPING_FAMILY, KERF_GROUPING_LEAF };

/* Their names, in the orders above, NULL-terminated. */
extern const char *const kerf_design_names[], *const kerf_sampling_names[], *const kerf_grouping_names[];

struct kerf_design {
    enum kerf_design_kind kind;
    enum kerf_sampling sampling;
    enum kerf_grouping grouping;
    uint64_t seed;
    int draws;   /* of a sample; of A in the indices */
    int members; /* all */
    int leaves, groups;
    int *group; /* owned: of each value */
};

/* Takes kind, sampling, grouping, seed and draws from `wanted`, and draws: *value becomes members x leaves
 * numbers, owned by the caller. Draws of a Latin hypercube and random ones depend on the seed, the name of
 * the value and the number of draws only, so that another system in the scenario changes none; those of Sobol
 * points depend on the place in the list too. Values that are correlated are of one group. Refuses
 * correlations of what is not uncertain. Free with kerf_design_free, also after a failure. */
enum kerf_status kerf_design_make(const struct kerf_design *wanted, const struct kerf_uncertain *uncertain,
                                  const struct kerf_correlations *correlations, struct kerf_design *design,
                                  double **value, struct kerf_error *error);
void kerf_design_free(struct kerf_design *design);

/* Member of draw n of the indices: A and B, and A with group g from B. */
int kerf_design_member_a(const struct kerf_design *design, int n);
int kerf_design_member_b(const struct kerf_design *design, int n);
int kerf_design_member_mixed(const struct kerf_design *design, int n, int g);

/* Member of the tornado with a value at its low (0) or high (1) end; member 0 is the nominal one. */
int kerf_design_member_end(int leaf, int end);

/* "ENTRY", "ENTRY.WORD_*" or "ENTRY.KEY" of a group, and "+ N" for those that correlations add. */
void kerf_design_group_name(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                            int group, char name[KERF_UNCERTAIN_NAME_BYTES]);

#endif
