/* What a search asks: steps in closed form, prepared once for all layouts that share what layers cost. */
#ifndef KERF_TRAINING_SEARCH_COST_H
#define KERF_TRAINING_SEARCH_COST_H

#include "models/training/search.h"
#include "models/training/step.h"

struct kerf_search_steps {
    struct kerf_training_job job;            /* but for layout and recompute, which candidates say */
    struct kerf_training_prepared *prepared; /* owned */
};

/* Readies *steps; machine and what `job` points to must outlive it. KERF_ERR_USAGE: no decoder. */
enum kerf_status kerf_search_steps_make(struct kerf_search_steps *steps,
                                        const struct kerf_training_machine *machine,
                                        const struct kerf_training_job *job, struct kerf_error *error);
void kerf_search_steps_free(struct kerf_search_steps *steps);

/* The cost by it. */
struct kerf_search_cost kerf_search_steps_cost(struct kerf_search_steps *steps);

/* The job of a candidate. */
struct kerf_training_job kerf_search_steps_job(const struct kerf_search_steps *steps,
                                               const struct kerf_candidate *candidate);

#endif
