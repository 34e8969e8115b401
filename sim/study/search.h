/* The study room: a search for layouts, shared among the ranks; the best are simulated. */
#ifndef KERF_STUDY_SEARCH_H
#define KERF_STUDY_SEARCH_H

#include "models/training/search.h"
#include "models/training/step.h"
#include "sim/io/training_scenario.h"
#include "sim/study/scenario_source.h"

#include <mpi.h>
#include <stdio.h>

/* One of the best. */
struct kerf_found_layout {
    struct kerf_search_point point;
    struct kerf_training_step step; /* in closed form */
    double slow_s, fast_s;          /* step at the ends of what is not known of the hardware */
    double simulated_s;             /* the passes of the pipeline simulated event by event */
};

struct kerf_layout_search {
    struct kerf_training_scenario scenario;
    int system; /* of the scenario */
    struct kerf_network network;
    struct kerf_search_result result; /* the same on every rank */
    struct kerf_found_layout *found;  /* owned: result.best_count */
    double wall_s, cpu_s;             /* of the costing: the slowest rank; all ranks together */
    int ranks;
};

enum { KERF_LAYOUTS_SHOWN = 10 };

/* Searches for the best layouts of one system of the training scenario; what the scenario says of that
 * system's layout, micro-batch, recompute and schedule is not heeded. KERF_ERR_USAGE: the scenario is wrong,
 * or no layout is legal, or none fits: the message says what the leanest lacks. Collective. Free with
 * kerf_layout_search_free, also after a failure. */
enum kerf_status kerf_layout_search(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, int system,
                                    struct kerf_layout_search *search, struct kerf_error *error);
void kerf_layout_search_free(struct kerf_layout_search *search);

/* The table of the best with their reasons, and the Pareto set (search_text.c). */
void kerf_layout_search_print(FILE *out, const struct kerf_layout_search *search);

/* Layouts per second. */
void kerf_layout_search_print_speed(FILE *out, const struct kerf_layout_search *search);

/* "tensor 8, pipeline 16 x 2, ..." Returns `text`. */
const char *kerf_layout_text(const struct kerf_candidate *candidate, char *text, size_t text_bytes);

#endif
