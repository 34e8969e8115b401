/* Heat of a simulated system: the power of its busiest accelerator as a map, and temperatures and voltages
 * from it. */
#ifndef KERF_STUDY_HEAT_H
#define KERF_STUDY_HEAT_H

#include "models/thermal/floorplan.h"
#include "sim/study/compare.h"

/* What the accelerator that drew most drew, on the mean of a run. */
struct kerf_heat_load {
    int accelerator;               /* counted through all replicas */
    struct kerf_floor_power power; /* its stages are owned */
};

struct kerf_heat_study {
    int system;
    char cooling_name[KERF_CATALOG_NAME_BYTES];
    struct kerf_cooling cooling;
    struct kerf_heat_load load;
    struct kerf_floorplan plan;
    struct kerf_heat_field field;
    struct kerf_heat_figures figures;
    struct kerf_heat_effort effort;
};

/* The cooling entry of a system's hardware, with what the scenario says otherwise. `name` gets the entry's,
 * KERF_CATALOG_NAME_BYTES long. Collective on the catalog's communicator. */
enum kerf_status kerf_heat_cooling(struct kerf_comparison *comparison, int system, char *name,
                                   struct kerf_cooling *cooling, struct kerf_error *error);

/* What an accelerator of a system draws in service without work, and at most. KERF_ERR_USAGE where the
 * catalog does not say. */
enum kerf_status kerf_heat_supply(const struct kerf_comparison *comparison, int system, double *base_W,
                                  double *limit_W, struct kerf_error *error);

/* The load of a case after its run; the same on every rank. Collective. */
enum kerf_status kerf_heat_load_of(const struct kerf_comparison *comparison, const struct kerf_case *one,
                                   const struct kerf_cooling *cooling, struct kerf_heat_load *load,
                                   struct kerf_error *error);
void kerf_heat_load_free(struct kerf_heat_load *load);

/* Solves a system of a comparison that has run, in its nominal column, over the ranks of the run; `cells`
 * along the longer side. Free with kerf_heat_study_free, also after a failure. Collective. */
enum kerf_status kerf_heat_study_solve(struct kerf_comparison *comparison, int system, int cells,
                                       struct kerf_heat_study *study, struct kerf_error *error);
void kerf_heat_study_free(struct kerf_heat_study *study);

/* Prints a table, a column for each of the studies. */
void kerf_heat_print(FILE *out, const struct kerf_comparison *comparison, const struct kerf_heat_study *study,
                     int studies);

/* How the solves went: cells, iterations and seconds. */
void kerf_heat_print_effort(FILE *out, const struct kerf_comparison *comparison,
                            const struct kerf_heat_study *study, int studies);

#endif
