/* A training job over weeks: failures, checkpoints, input, and what a budget of tokens takes. */
#ifndef KERF_STUDY_TRAINING_COURSE_H
#define KERF_STUDY_TRAINING_COURSE_H

#include "models/training/failures.h"
#include "models/training/step.h"
#include "sim/io/training_scenario.h"
#include "sim/study/bill.h"

/* Of a system in one column. Numbers that were not asked for are 0. */
struct kerf_training_course {
    struct kerf_goodput goodput; /* without `failures` all time is effective */
    double mfu;                  /* of the job's time: of the step, times effective time */
    double steps, train_s;       /* of the budget */
    double energy_J, USD;        /* of the budget, at the meter of the building; NAN: not known */
};

/* What the catalog says of the parts that fail. */
struct kerf_training_parts {
    double accelerators, hosts;
    double mtbf_s;                        /* of an accelerator with its share of all else */
    double checkpoint_bytes, storage_Bps; /* where the scenario does not say */
};

/* Lengthens a step to what its input takes, and its rates with it; `samples` of a step. */
void kerf_training_wait_for_input(struct kerf_training_step *step, double samples, double samples_per_s);

/* KERF_ERR_USAGE as kerf_goodput_of, and where the catalog's failures, which count everything, are to be
 * added to those of single parts. */
enum kerf_status kerf_training_course_of(const struct kerf_training_system_spec *spec,
                                         const struct kerf_training_parts *parts,
                                         const struct kerf_training_step *step, const struct kerf_bill *bill,
                                         struct kerf_training_course *course, struct kerf_error *error);

#endif
