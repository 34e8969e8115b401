/* What a long training job loses: failures, checkpoints, spare parts, stragglers, input and planned stops;
 * and how long it takes for all its steps.
 *
 * Failures come at random (exponential times between them, per part), so the job's rate is the sum of those
 * of its parts. What is lost is worked out in closed form; tests hold it to a simulation of the same rules.
 */
#ifndef KERF_TRAINING_FAILURES_H
#define KERF_TRAINING_FAILURES_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A kind of part that takes the job down when one of them fails. */
struct kerf_failing_part {
    const char *name;
    double count;
    double mtbf_s; /* of one */
    bool
        needs_repair; /* the unit leaves for repair_s and a spare takes its place; otherwise a restart does */
};

/* Writing a checkpoint. */
struct kerf_checkpoint_io {
    double bytes;        /* of the whole job */
    double snapshot_Bps; /* of all together into host memory, while training stands; 0: written directly */
    double storage_Bps;  /* of all together into storage */
};

struct kerf_reliability {
    const struct kerf_failing_part *part;
    size_t parts;
    double detection_s; /* from a failure until it is known and the job is stopped */
    double restart_s;   /* from there until training goes on: processes, weights; may fail in turn */
    double repair_s;    /* until a unit is back; */
    double spares;      /* whole number; without a free one the job waits */
    struct kerf_checkpoint_io checkpoint;
    double interval_s;                 /* of training between checkpoints; 0: the best one */
    double planned_every_s, planned_s; /* stops that are announced: a checkpoint is at hand; 0: none */
    /* An accelerator becomes slow about every straggler_mtbf_s of its own and is found and replaced after
     * straggler_found_s; meanwhile the job takes straggler_factor times as long. 0: none. */
    double accelerators, straggler_mtbf_s, straggler_found_s, straggler_factor;
};

/* Shares of the job's time; they sum to 1. */
struct kerf_job_shares {
    double effective;                                               /* steps that count, at full speed */
    double straggling, checkpoints, rework, down, waiting, planned; /* waiting: for a spare */
};

struct kerf_goodput {
    double mtbf_s;  /* of the job, while it trains */
    double stall_s; /* what a checkpoint costs */
    double write_s; /* until it can be used */
    double young_s; /* sqrt(2 C MTBF), J. W. Young, CACM 17(9), 1974 */
    double daly_s;  /* J. T. Daly, FGCS 22(3), 2006, eq. 37 */
    double best_s;  /* of the model here */
    double interval_s;
    double failures_per_s; /* of the job's time */
    struct kerf_job_shares share;
};

/* Fills *goodput. KERF_ERR_USAGE: something is negative or missing, checkpoints are asked for faster than
 * they can be written, or failures come so fast that nothing is ever done. */
enum kerf_status kerf_goodput_of(const struct kerf_reliability *reliability, struct kerf_goodput *goodput,
                                 struct kerf_error *error);

/* The feeding of a job: what the hosts read and prepare. A step cannot be shorter than its input takes; what
 * is prepared while a step runs is there for the next. */
double kerf_step_with_input_s(double step_s, double samples_per_step, double hosts,
                              double samples_per_s_and_host);

/* Time for `tokens` at `tokens_per_step`, the last step whole. */
double kerf_time_to_train_s(const struct kerf_goodput *goodput, double tokens, double tokens_per_step,
                            double step_s);

#endif
