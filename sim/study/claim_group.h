/* Checks that are worked out together: one experiment, the leaves and facts that they name, what is drawn. */
#ifndef KERF_STUDY_CLAIM_GROUP_H
#define KERF_STUDY_CLAIM_GROUP_H

#include "sim/study/claims.h"
#include "sim/study/experiment.h"
#include "sim/study/uncertain.h"

/* A number of a formula: where it stands, or itself. */
struct kerf_claim_factor {
    const double *place; /* NULL: `number` */
    double number;
};

struct kerf_claim_formula {
    const struct kerf_statement_check *check;
    const struct kerf_quantity *quantity; /* NULL: none */
    int of, over;                         /* systems; over -1: none */
    uint32_t systems;                     /* both, as bits */
    struct kerf_claim_factor time[KERF_STATEMENT_FACTORS], divisor[KERF_STATEMENT_FACTORS];
};

/* One uncertain number and everywhere it stands. */
struct kerf_claim_draw {
    char name[2 * KERF_STATEMENT_NAME_BYTES];
    struct kerf_uncertain_leaf range;
    const char *setting; /* key of the scenario, or NULL */
    int places;
    double *place[KERF_SYSTEMS_MAX + 1];
};

struct kerf_claim_group {
    MPI_Comm comm;
    const struct kerf_statement *lead; /* its scenario and settings are those of all */
    struct kerf_scenario_source source;
    const char **set; /* owned: of the source, with room for drawn settings */
    bool has_experiment;
    struct kerf_experiment experiment;
    struct kerf_catalog catalog;
    int extras;
    struct kerf_leaf_set **extra; /* owned: entries that formulas name and no system has */
    int facts;
    double *fact; /* owned */
    int formulas, draws;
    struct kerf_claim_formula *formula; /* owned, one for each check */
    struct kerf_claim_draw *draw;       /* owned */
};

/* A check and the statement that it is of. */
struct kerf_claim_item {
    const struct kerf_statement *statement;
    const struct kerf_statement_check *check;
};

/* Whether two statements have the same conditions. */
bool kerf_claim_same_conditions(const struct kerf_statement *a, const struct kerf_statement *b);

/* Opens the experiment of the items' scenario, with `more` settings over its own, and finds what their
 * formulas name. Collective on `comm`. Free with kerf_claim_group_free, also after a failure. */
enum kerf_status kerf_claim_group_open(MPI_Comm comm, const char *const *catalogs,
                                       const struct kerf_claim_item *item, int items, const char *const *more,
                                       int more_count, struct kerf_claim_group *group,
                                       struct kerf_error *error);
void kerf_claim_group_free(struct kerf_claim_group *group);

/* Puts a value for every draw, or the nominal ones (NULL), and works the experiment out. *fits: whether the
 * scenario fits into its machines; then kerf_claim_group_value is valid. */
enum kerf_status kerf_claim_group_work(struct kerf_claim_group *group, const double *drawn, bool *fits,
                                       struct kerf_error *error);

/* The value of formula number `formula`, SI. */
double kerf_claim_group_value(const struct kerf_claim_group *group, int formula);

/* The place of a leaf "entry.key", or NULL. */
double *kerf_claim_group_leaf(struct kerf_claim_group *group, const char *name);

#endif
