/* The study room: experiments on training steps, in closed form. */
#include "sim/study/experiment.h"
#include "sim/study/training_study.h"

#include <stdlib.h>

struct state {
    const char *const *catalogs;
    struct kerf_training_study *study;                                     /* owned */
    struct kerf_training_cost_entries *entries[KERF_TRAINING_SYSTEMS_MAX]; /* owned */
};

const struct kerf_training_outcome *kerf_training_experiment_outcome(const struct kerf_experiment *e,
                                                                     int system)
{
    const struct state *state = e->state;
    return &state->study->cases[system].outcome[KERF_COLUMN_NOMINAL];
}

const struct kerf_training_job *kerf_training_experiment_job(const struct kerf_experiment *e, int system)
{
    const struct state *state = e->state;
    return &state->study->cases[system].job;
}

static bool is_training(const struct kerf_yaml *yaml)
{
    return kerf_yaml_get(kerf_yaml_root(yaml), "training") != NULL;
}

static enum kerf_status read_entries(struct kerf_experiment *e, struct state *state, struct kerf_error *error)
{
    struct kerf_catalog catalog;
    KERF_TRY(kerf_catalog_open(&catalog, e->comm, state->catalogs, error));
    for (int i = 0; i < state->study->scenario.systems; i++) {
        state->entries[i] = calloc(1, sizeof *state->entries[i]);
        KERF_CHECK(state->entries[i], KERF_ERR_FAILURE, "out of memory for catalog entries");
        KERF_TRY(kerf_training_cost_read(&catalog, &state->study->scenario.system[i], state->entries[i],
                                         &state->study->cases[i].on_wafers, error));
    }
    return KERF_OK;
}

static enum kerf_status open(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                             const char *const *catalogs, struct kerf_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    KERF_CHECK(state, KERF_ERR_FAILURE, "%s: out of memory", source->path);
    e->state = state;
    state->catalogs = catalogs;
    KERF_TRY(kerf_training_study_open(e->comm, source, catalogs, &state->study, error));
    return read_entries(e, state, error);
}

/* Counts that follow from equal power are found with nominal leaves, as `kerf run` does. */
static enum kerf_status configure(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                                  struct kerf_error *error)
{
    struct state *state = e->state;
    struct kerf_training_study *fresh = NULL;
    enum kerf_status status = kerf_training_study_open(e->comm, source, state->catalogs, &fresh, error);
    if (status == KERF_OK && fresh->scenario.systems != state->study->scenario.systems)
        status =
            kerf_error_set(error, KERF_ERR_USAGE, "%s: the number of systems cannot be moved", source->path);
    if (status == KERF_OK) {
        struct kerf_training_study *old = state->study;
        state->study = fresh;
        fresh = old;
    }
    kerf_training_study_free(fresh);
    return status;
}

static enum kerf_status work(struct kerf_experiment *e, struct kerf_error *error)
{
    struct state *state = e->state;
    for (int i = 0; i < state->study->scenario.systems; i++) {
        struct kerf_training_case *one = &state->study->cases[i];
        KERF_TRY(kerf_training_cost_column(&state->study->scenario.system[i], state->entries[i],
                                           KERF_COLUMN_NOMINAL, one, &one->outcome[KERF_COLUMN_NOMINAL],
                                           error));
    }
    return KERF_OK;
}

static int sets(struct kerf_experiment *e, int system, struct kerf_leaf_set *found[KERF_EXPERIMENT_SETS])
{
    struct state *state = e->state;
    struct kerf_training_cost_entries *entries = state->entries[system];
    int count = 0;
    if (state->study->cases[system].on_wafers) {
        found[count++] = &entries->wafer;
        found[count++] = &entries->streaming;
        return count;
    }
    found[count++] = &entries->gpu.hardware;
    found[count++] = &entries->gpu.collectives;
    found[count++] = &entries->gpu.training;
    return count;
}

static const char *system_name(const struct kerf_experiment *e, int system)
{
    const struct kerf_training_scenario *scenario = &((const struct state *)e->state)->study->scenario;
    return system < scenario->systems ? scenario->system[system].name : NULL;
}

static void free_state(struct kerf_experiment *e)
{
    struct state *state = e->state;
    for (int i = 0; i < KERF_TRAINING_SYSTEMS_MAX; i++)
        free(state->entries[i]);
    kerf_training_study_free(state->study);
    free(state);
}

const struct kerf_experiment_kind kerf_training_experiment = {.name = "training",
                                                              .is = is_training,
                                                              .open = open,
                                                              .configure = configure,
                                                              .work = work,
                                                              .sets = sets,
                                                              .system_name = system_name,
                                                              .free = free_state};
