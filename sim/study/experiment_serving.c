/* The study room: experiments on served systems, simulated. */
#include "sim/study/compare.h"
#include "sim/study/experiment.h"

#include <string.h>

enum { SETS_MOST = 80 };

static bool takes_the_rest(const struct kerf_yaml *yaml)
{
    (void)yaml;
    return true;
}

/* One column: leaves are moved by whoever experiments. */
static enum kerf_status one_column(const struct kerf_scenario_source *source, const char *set[SETS_MOST],
                                   struct kerf_scenario_source *nominal, struct kerf_error *error)
{
    *nominal = *source;
    KERF_CHECK(source->sets < SETS_MOST, KERF_ERR_USAGE, "%s: more than %d overrides", source->path,
               SETS_MOST - 1);
    for (int i = 0; i < source->sets; i++)
        set[i] = source->set[i];
    set[nominal->sets++] = "columns=nominal";
    nominal->set = set;
    return KERF_OK;
}

static enum kerf_status open(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                             const char *const *catalogs, struct kerf_error *error)
{
    const char *set[SETS_MOST];
    struct kerf_scenario_source nominal;
    struct kerf_comparison *comparison = NULL;
    KERF_TRY(one_column(source, set, &nominal, error));
    enum kerf_status status = kerf_comparison_open_source(e->comm, &nominal, catalogs, &comparison, error);
    e->state = comparison;
    return status;
}

static enum kerf_status configure(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                                  struct kerf_error *error)
{
    const char *set[SETS_MOST];
    struct kerf_scenario_source nominal;
    KERF_TRY(one_column(source, set, &nominal, error));
    return kerf_comparison_configure(e->state, &nominal, error);
}

static enum kerf_status work(struct kerf_experiment *e, struct kerf_error *error)
{
    const struct kerf_engine_calls calls = {0};
    enum kerf_wish stopped;
    KERF_TRY(kerf_comparison_replan(e->state, error));
    return kerf_comparison_run(e->state, &calls, &stopped, error);
}

static int sets(struct kerf_experiment *e, int system, struct kerf_leaf_set *found[KERF_EXPERIMENT_SETS])
{
    const struct kerf_leaf_set *listed[KERF_SYSTEM_LEAF_SETS];
    struct kerf_comparison *comparison = e->state;
    int count = kerf_system_leaf_sets(&comparison->system[system], listed);
    for (int i = 0; i < count; i++)
        found[i] = kerf_system_leaf_set(&comparison->system[system], i);
    return count;
}

static const char *system_name(const struct kerf_experiment *e, int system)
{
    const struct kerf_comparison *comparison = e->state;
    return system < comparison->scenario.systems ? comparison->scenario.system[system].name : NULL;
}

static void free_state(struct kerf_experiment *e)
{
    kerf_comparison_free(e->state);
}

const struct kerf_experiment_kind kerf_serving_experiment = {.name = "serving",
                                                             .is = takes_the_rest,
                                                             .open = open,
                                                             .configure = configure,
                                                             .work = work,
                                                             .sets = sets,
                                                             .system_name = system_name,
                                                             .free = free_state};
