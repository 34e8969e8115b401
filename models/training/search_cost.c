/* The training room: a search by closed forms. */
#include "models/training/search_cost.h"

enum kerf_status kerf_search_steps_make(struct kerf_search_steps *steps,
                                        const struct kerf_training_machine *machine,
                                        const struct kerf_training_job *job, struct kerf_error *error)
{
    *steps = (struct kerf_search_steps){.job = *job};
    KERF_CHECK(job->network->family == KERF_FAMILY_DECODER, KERF_ERR_USAGE,
               "network %s: only decoders have a training layout", job->network->name);
    steps->prepared = kerf_training_prepared_new(machine, job->network);
    KERF_CHECK(steps->prepared, KERF_ERR_FAILURE, "out of memory to cost layouts");
    return KERF_OK;
}

void kerf_search_steps_free(struct kerf_search_steps *steps)
{
    kerf_training_prepared_free(steps->prepared);
    steps->prepared = NULL;
}

struct kerf_training_job kerf_search_steps_job(const struct kerf_search_steps *steps,
                                               const struct kerf_candidate *candidate)
{
    struct kerf_training_job job = steps->job;
    job.layout = candidate->layout;
    job.recompute = candidate->recompute;
    job.recompute_layers = 0;
    return job;
}

static enum kerf_status prepare(void *context, const struct kerf_candidate *candidate,
                                struct kerf_error *error)
{
    struct kerf_search_steps *steps = context;
    struct kerf_training_job job = kerf_search_steps_job(steps, candidate);
    (void)error;
    kerf_training_prepare(steps->prepared, &job);
    return KERF_OK;
}

static bool cost(void *context, const struct kerf_candidate *candidate, struct kerf_search_point *point)
{
    struct kerf_search_steps *steps = context;
    struct kerf_training_job job = kerf_search_steps_job(steps, candidate);
    struct kerf_training_step step;
    if (kerf_training_prepared_step(steps->prepared, &job, &step, NULL) != KERF_OK)
        return false;
    point->step_s = step.step_s;
    point->used_bytes = step.memory.used_bytes;
    point->fits = step.memory.fits;
    return true;
}

struct kerf_search_cost kerf_search_steps_cost(struct kerf_search_steps *steps)
{
    return (struct kerf_search_cost){.context = steps, .prepare = prepare, .cost = cost};
}
