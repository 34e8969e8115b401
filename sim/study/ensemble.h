/* An ensemble: one scenario simulated many times, each time with every uncertain leaf drawn from its range.
 *
 * Members are spread over groups of ranks and are the same for any number of ranks. */
#ifndef KERF_STUDY_ENSEMBLE_H
#define KERF_STUDY_ENSEMBLE_H

#include "sim/study/compare.h"
#include "sim/study/design.h"

struct kerf_ensemble_options {
    struct kerf_design design; /* kind, sampling, grouping, seed, draws */
    int ranks_per_member;
    int part, parts;          /* only members of this part, from 0, are simulated; parts 0: all */
    const char *kept;         /* file of finished members to go on from and to add to; NULL: none */
    double every_s;           /* between two writes of that file */
    bool (*stop_asked)(void); /* may be NULL */
    void (*progress)(int done, int members); /* on rank 0, may be NULL */
};

/* What became of a member. Its figures are NAN unless it ran. */
enum kerf_member {
    KERF_MEMBER_OPEN,
    KERF_MEMBER_RAN,
    KERF_MEMBER_IMPOSSIBLE /* what was drawn is refused: a network that does not fit, say */
};

struct kerf_ensemble {
    struct kerf_comparison *comparison; /* owned; nominal column */
    struct kerf_scenario_source source; /* of it */
    const char **set;                   /* owned */
    char *kept_scenario, *kept_sets;    /* owned: texts of a file that `source` points into; NULL else */
    struct kerf_uncertain uncertain;
    struct kerf_design design;
    int members, systems, figures; /* figures: scalar rows of kerf_summary_fields */
    double *value;                 /* owned: members x leaves, what was drawn, SI */
    double *figure;                /* owned: members x systems x figures */
    double *done;                  /* owned: members; enum kerf_member */
    bool stopped;                  /* by a signal, before all members were done */
    double wall_s;
    int simulated; /* members that this run simulated */
};

/* Draws, simulates and gathers. Collective; every rank has all figures at the end. Free with
 * kerf_ensemble_free, also after a failure. */
enum kerf_status kerf_ensemble_run(MPI_Comm comm, const struct kerf_scenario_source *source,
                                   const char *const *catalogs, const struct kerf_ensemble_options *options,
                                   struct kerf_ensemble *ensemble, struct kerf_error *error);

/* Opens the scenario and draws, without a simulation. Collective. Free with kerf_ensemble_free, also after a
 * failure. */
enum kerf_status kerf_ensemble_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, const struct kerf_design *design,
                                    struct kerf_ensemble *ensemble, struct kerf_error *error);

void kerf_ensemble_free(struct kerf_ensemble *ensemble);

double kerf_ensemble_value(const struct kerf_ensemble *ensemble, int member, int system, int figure);

/* Members that are in a state. */
int kerf_ensemble_count(const struct kerf_ensemble *ensemble, enum kerf_member state);

/* Members that ran into what is impossible. */
int kerf_ensemble_impossible(const struct kerf_ensemble *ensemble);

/* Fills `values` (room for all members) with the figure of a system, or with its ratio to that of `base`
 * where base >= 0: member by member, so that what both share cancels. Returns their number: of members that
 * ran, in their order. */
int kerf_ensemble_values(const struct kerf_ensemble *ensemble, int system, int figure, int base,
                         double *values);

/* Share of the variance of ln `values` that goes with each uncertain leaf: the square of its correlation with
 * the logarithm (or value) of the leaf, signed as the slope is. A first-order Sobol index where the answer is
 * nearly additive in what was drawn. Only leaves of the systems in the mask are looked at, and only shares
 * above kerf_ensemble_noise; the others are 0. share: leaves of them. */
void kerf_ensemble_shares(const struct kerf_ensemble *ensemble, const double *values, uint32_t systems,
                          double *share);

/* Share that chance alone seldom exceeds (1 in 20 leaves): 4 / members that ran. */
double kerf_ensemble_noise(const struct kerf_ensemble *ensemble);

#endif
