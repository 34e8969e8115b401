/* An experiment: a scenario of any kind whose leaves and settings can be moved and which then is worked out
 * again, as often as somebody wants. Served systems are simulated; training and images are closed forms.
 *
 * Every kind is a row of a table. Leaves are changed in place: what stands in kerf_leaf_value.value when
 * kerf_experiment_work is called is what counts. */
#ifndef KERF_STUDY_EXPERIMENT_H
#define KERF_STUDY_EXPERIMENT_H

#include "sim/io/catalog.h"
#include "sim/study/scenario_source.h"
#include "sim/study/system.h"
#include "sim/study/training_cost.h"

enum { KERF_EXPERIMENT_SETS = KERF_SYSTEM_LEAF_SETS };

struct kerf_experiment;

struct kerf_experiment_kind {
    const char *name;
    bool (*is)(const struct kerf_yaml *yaml);
    enum kerf_status (*open)(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                             const char *const *catalogs, struct kerf_error *error);
    /* The same scenario with other settings; the catalog entries stay. */
    enum kerf_status (*configure)(struct kerf_experiment *e, const struct kerf_scenario_source *source,
                                  struct kerf_error *error);
    enum kerf_status (*work)(struct kerf_experiment *e, struct kerf_error *error);
    int (*sets)(struct kerf_experiment *e, int system, struct kerf_leaf_set *sets[KERF_EXPERIMENT_SETS]);
    const char *(*system_name)(const struct kerf_experiment *e, int system); /* NULL: there are no more */
    void (*free)(struct kerf_experiment *e);
};

extern const struct kerf_experiment_kind kerf_serving_experiment, kerf_training_experiment;

struct kerf_experiment {
    const struct kerf_experiment_kind *kind;
    MPI_Comm comm;
    void *state; /* owned; the kind's */
};

/* Opens the scenario with the kind that it is of. Collective on `comm`. Free with kerf_experiment_free, also
 * after a failure. */
enum kerf_status kerf_experiment_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                      const char *const *catalogs, struct kerf_experiment *experiment,
                                      struct kerf_error *error);
void kerf_experiment_free(struct kerf_experiment *experiment);

/* Of an experiment on training, worked out: what a system came to, and its job. */
const struct kerf_training_outcome *kerf_training_experiment_outcome(const struct kerf_experiment *experiment,
                                                                     int system);
const struct kerf_training_job *kerf_training_experiment_job(const struct kerf_experiment *experiment,
                                                             int system);

/* Number of the system with that name; -1: none. */
int kerf_experiment_system(const struct kerf_experiment *experiment, const char *name);

#endif
