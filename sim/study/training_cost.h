/* One system of a training scenario, costed in every column: a step on GPUs or on wafers, watts and dollars.
 */
#ifndef KERF_STUDY_TRAINING_COST_H
#define KERF_STUDY_TRAINING_COST_H

#include "models/training/streamed_step.h"
#include "sim/io/catalog.h"
#include "sim/io/training_scenario.h"
#include "sim/study/training_course.h"
#include "sim/study/training_machine.h"

/* What a system comes to in one column. */
struct kerf_training_outcome {
    struct kerf_training_step step;
    struct kerf_streaming_step streamed; /* on wafers; else zero */
    struct kerf_bill bill;
    struct kerf_training_course course;
};

/* One system: its job, and what it comes to. */
struct kerf_training_case {
    struct kerf_training_job job;
    bool on_wafers;
    double domain;             /* GPUs in a domain of fast links */
    double streamed_over_used; /* on wafers: bytes of weights that come in over those that a token uses */
    struct kerf_training_outcome
        outcome[KERF_COLUMN_COUNT]; /* low, nominal, high; all alike if only nominal */
};

/* Whether a system's hardware is a wafer. Collective on the catalog's communicator. */
enum kerf_status kerf_training_on_wafers(struct kerf_catalog *catalog,
                                         const struct kerf_training_system_spec *spec, bool *on_wafers,
                                         struct kerf_error *error);

/* The catalog entries of a system; those of its kind are filled. */
struct kerf_training_cost_entries {
    struct kerf_training_entries gpu;
    struct kerf_leaf_set wafer, streaming;
};

/* Reads them. Collective on the catalog's communicator. */
enum kerf_status kerf_training_cost_read(struct kerf_catalog *catalog,
                                         const struct kerf_training_system_spec *spec,
                                         struct kerf_training_cost_entries *entries, bool *on_wafers,
                                         struct kerf_error *error);

/* Costs one->job, with one->on_wafers set, by the entries in one column. */
enum kerf_status kerf_training_cost_column(const struct kerf_training_system_spec *spec,
                                           const struct kerf_training_cost_entries *entries,
                                           enum kerf_column column, struct kerf_training_case *one,
                                           struct kerf_training_outcome *outcome, struct kerf_error *error);

/* Costs one->job as `spec` asks. KERF_ERR_USAGE: the layout cannot run, or `parallel` is given for wafers.
 * Collective on the catalog's communicator. */
enum kerf_status kerf_training_cost(struct kerf_catalog *catalog,
                                    const struct kerf_training_system_spec *spec, bool nominal_only,
                                    struct kerf_training_case *one, struct kerf_error *error);

/* What limits a step: the name of its longest part among compute, host, communication, bubble and so on; on
 * wafers `weights` says why they are waited for. Static storage. */
const char *kerf_training_limit(const struct kerf_training_case *one, enum kerf_column column);

#endif
