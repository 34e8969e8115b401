/* The study room: the kinds of experiments. */
#include "sim/study/experiment.h"

#include <stdlib.h>
#include <string.h>

/* The last one takes what no other wants. */
static const struct kerf_experiment_kind *const kinds[] = {&kerf_training_experiment,
                                                           &kerf_serving_experiment};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

enum kerf_status kerf_experiment_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                      const char *const *catalogs, struct kerf_experiment *e,
                                      struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    char *text;
    int kind = 0;
    *e = (struct kerf_experiment){.comm = comm};
    enum kerf_status status = kerf_scenario_parse(comm, source, &text, &yaml, error);
    free(text);
    KERF_TRY(status);
    while (kind < KINDS - 1 && !kinds[kind]->is(yaml))
        kind++;
    kerf_yaml_free(yaml);
    e->kind = kinds[kind];
    return e->kind->open(e, source, catalogs, error);
}

void kerf_experiment_free(struct kerf_experiment *e)
{
    if (e->kind && e->state)
        e->kind->free(e);
    *e = (struct kerf_experiment){0};
}

int kerf_experiment_system(const struct kerf_experiment *e, const char *name)
{
    const char *known;
    for (int i = 0; (known = e->kind->system_name(e, i)); i++)
        if (strcmp(known, name) == 0)
            return i;
    return -1;
}
