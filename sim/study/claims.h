/* Claims put to the test: every check of every statement, predicted with all that is not known drawn.
 *
 * Statements that share a scenario, its settings and its undisclosed settings share one experiment, so that
 * each draw is simulated once and ratios are taken draw by draw. Members are dealt to the ranks; figures do
 * not depend on how many there are. */
#ifndef KERF_STUDY_CLAIMS_H
#define KERF_STUDY_CLAIMS_H

#include "sim/study/statement.h"

#include <mpi.h>

enum { KERF_CLAIM_LEAVES_SHOWN = 3 };

struct kerf_claims_options {
    int members;
    uint64_t seed;
    const char *const *ids; /* NULL or those wanted */
    int id_count;
    void (*progress)(const char *what, int done, int of); /* on rank 0, may be NULL */
};

/* What a check's answer goes with. */
struct kerf_claim_leaf {
    char name[2 * KERF_STATEMENT_NAME_BYTES];
    double share; /* of the variance, signed as the slope is; 0: no more leaves */
};

enum kerf_flip_outcome {
    KERF_FLIP_NOT_ASKED,
    KERF_FLIP_NEVER_HOLDS,  /* nowhere on the axis */
    KERF_FLIP_ALWAYS_HOLDS, /* everywhere */
    KERF_FLIP_TURNS,        /* between `below` and `above` */
};

/* Where a check turns along its axis, all leaves nominal. A scenario that does not fit fails its check. */
struct kerf_flip {
    enum kerf_flip_outcome outcome;
    bool holds_below;    /* at the start of the axis */
    bool fits_above;     /* the scenario can be at all beyond the turn */
    double below, above; /* neighbours between which it turns, SI */
};

struct kerf_claim_result {
    int statement, check;
    double nominal, median, low, high; /* SI; low .. high is the 80 % interval over members that fit */
    double probability;                /* that it holds */
    int fits;                          /* members whose scenario fits into the machines */
    struct kerf_claim_leaf leaf[KERF_CLAIM_LEAVES_SHOWN];
    struct kerf_flip flip;
    double *value; /* owned: members; NAN where it does not fit */
};

struct kerf_claims {
    int statements, results, members;
    uint64_t seed;
    struct kerf_statement *statement; /* owned, in order of id */
    struct kerf_claim_result *result; /* owned, in order of statement and check */
    double wall_s;
};

/* Reads the statements of the catalog, all or those with the ids. Collective on `comm`. Free with
 * kerf_claims_free, also after a failure. */
enum kerf_status kerf_claims_load(MPI_Comm comm, const char *const *catalogs,
                                  const struct kerf_claims_options *options, struct kerf_claims *claims,
                                  struct kerf_error *error);

/* The same, and puts them to the test. Collective; the same on every rank. */
enum kerf_status kerf_claims_run(MPI_Comm comm, const char *const *catalogs,
                                 const struct kerf_claims_options *options, struct kerf_claims *claims,
                                 struct kerf_error *error);
void kerf_claims_free(struct kerf_claims *claims);

#endif
