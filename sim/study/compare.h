/* The comparison: every system of a scenario in every column, all in one run of the engine. */
#ifndef KERF_STUDY_COMPARE_H
#define KERF_STUDY_COMPARE_H

#include "sim/study/scenario_source.h"
#include "sim/study/summary.h"
#include "sim/study/system.h"

/* One system in one column, simulated. */
struct kerf_case {
    int system;
    enum kerf_column column;
    struct kerf_serving serving;
    struct kerf_summary summary; /* the same on every rank */
};

struct kerf_comparison {
    MPI_Comm comm;
    struct kerf_scenario scenario;
    char *scenario_text;     /* owned: the file as given */
    char *scenario_resolved; /* owned: with every default and override, without the file's name */
    char *overrides;         /* owned: one KEY=VALUE per line */
    struct kerf_catalog catalog;
    struct kerf_network network;
    struct kerf_system system[KERF_SYSTEMS_MAX];
    struct kerf_case *cases; /* owned: systems x columns, column fastest */
    int columns;             /* 1 or 3 */
    enum kerf_column column[KERF_COLUMN_COUNT];
    struct kerf_engine_options options; /* the caller may change them before the run */
    struct kerf_engine *engine;         /* owned */
    struct kerf_engine_stats stats;
    double wall_s;
    char restarted_from[1024]; /* checkpoint that the run went on from, or empty */
    int restarts;
};

/* Opens a scenario: reads it and every catalog entry that it names, and plans every system in every column.
 * Collective. Free with kerf_comparison_free, also after a failure. */
enum kerf_status kerf_comparison_open_source(MPI_Comm comm, const struct kerf_scenario_source *source,
                                             const char *const *catalogs, struct kerf_comparison **comparison,
                                             struct kerf_error *error);

/* The same for a file. */
enum kerf_status kerf_comparison_open(MPI_Comm comm, const char *path, const char *const *sets, int set_count,
                                      const char *const *catalogs, struct kerf_comparison **comparison,
                                      struct kerf_error *error);

/* Builds the engine and its logical processes; kerf_comparison_run does it itself. Collective. */
enum kerf_status kerf_comparison_assemble(struct kerf_comparison *comparison, struct kerf_error *error);

/* Simulates; where clocks follow heat, it first finds them by runs of their own (sim/study/clock.h). *stopped
 * tells the wish that ended the run before it was over (then there is no result). Collective. A run that ends
 * with unanswered requests is a failure that says who waits for what. */
enum kerf_status kerf_comparison_run(struct kerf_comparison *comparison,
                                     const struct kerf_engine_calls *calls, enum kerf_wish *stopped,
                                     struct kerf_error *error);

/* The same as kerf_comparison_run at the clocks that the systems have now, whatever the scenario says of
 * them; nothing can end it early. */
enum kerf_status kerf_comparison_run_planned(struct kerf_comparison *comparison, struct kerf_error *error);

/* Plans every case anew, after leaves of its systems have changed, and forgets the run before. */
enum kerf_status kerf_comparison_replan(struct kerf_comparison *comparison, struct kerf_error *error);

/* Takes other settings of the same scenario: counts, workloads, schedulers. Catalog entries stay with the
 * changes that were made to them, so settings that name entries must not differ. Plans nothing. Collective.
 */
enum kerf_status kerf_comparison_configure(struct kerf_comparison *comparison,
                                           const struct kerf_scenario_source *source,
                                           struct kerf_error *error);

void kerf_comparison_free(struct kerf_comparison *comparison);

const struct kerf_case *kerf_comparison_case(const struct kerf_comparison *comparison, int system,
                                             int column);

/* Index of the baseline among the systems. */
int kerf_comparison_baseline(const struct kerf_comparison *comparison);

/* Requests answered so far by the clients of this rank, and those they are to answer. */
void kerf_comparison_progress(const struct kerf_comparison *comparison, double *answered, double *expected);

#endif
