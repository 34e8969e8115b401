/* One training step in closed form: what a job takes, where the time goes, what lies in memory.
 *
 * The parts: work_time.h (a micro-batch through a layer on one GPU), traffic.h (what groups send), pipeline
 * (how stages wait for each other), memory.h. All ranks are alike but for their stage: the first also embeds,
 * the last also computes the loss. */
#ifndef KERF_TRAINING_STEP_H
#define KERF_TRAINING_STEP_H

#include "models/training/job.h"
#include "models/training/memory.h"
#include "models/training/span.h"

/* Where the time of a step goes on the busiest stage, or on a wafer; the parts add up to step_s. */
enum kerf_step_part {
    KERF_STEP_MATRIX,      /* products of matrices, forward and backward */
    KERF_STEP_ATTENTION,   /* scores, softmax, values */
    KERF_STEP_ELEMENTWISE, /* norms, activations, casts, permutation of experts' rows, loss */
    KERF_STEP_RECOMPUTE,   /* of layers whose activations were dropped */
    KERF_STEP_HOST,        /* the GPU waits for the host to launch kernels */
    KERF_STEP_TENSOR,      /* exposed communication, by group */
    KERF_STEP_CONTEXT,
    KERF_STEP_EXPERT,
    KERF_STEP_PIPELINE,
    KERF_STEP_DATA,
    KERF_STEP_OVERLAP, /* compute that is slower because communication runs beside it */
    KERF_STEP_BUBBLE,  /* stages that wait for others, and the imbalance of stages */
    KERF_STEP_OPTIMIZER,
    KERF_STEP_SOFTWARE, /* logging, clipping, synchronising, stragglers */
    KERF_STEP_STREAM,   /* a wafer waits for weights, or to be rid of gradients */
    KERF_STEP_INPUT,    /* accelerators wait for samples that hosts prepare */
    KERF_STEP_PARTS
};
extern const char *const kerf_step_part_names[KERF_STEP_PARTS];

struct kerf_training_step {
    double step_s;
    double part_s[KERF_STEP_PARTS];
    double tokens;         /* of a step, all GPUs */
    double model_flops;    /* of a step: 3 x forward; every score counted, masked or not */
    double hardware_flops; /* with what is recomputed */
    double tokens_per_s_gpu, model_flops_gpu, hardware_flops_gpu; /* rates */
    double mfu;                                                   /* of the 16-bit peak */
    struct kerf_training_memory memory;
};

/* Costs a step of `job` on `machine`. Refuses layouts that cannot run (KERF_ERR_USAGE); one that does not fit
 * into memory is costed all the same: memory says so. */
enum kerf_status kerf_training_step(const struct kerf_training_machine *machine,
                                    const struct kerf_training_job *job, struct kerf_training_step *step,
                                    struct kerf_error *error);

/* Many steps of one network on one machine, when most of what they cost is the same: a search. Prepared for a
 * job, steps are costed of jobs that differ from it in pipeline, virtual_stages, data, sharding, schedule and
 * `exact` only; recompute_layers must be 0. To the last bit what kerf_training_step says. */
struct kerf_training_prepared;

/* NULL: out of memory. `network` is a decoder; machine and network must outlive it. */
struct kerf_training_prepared *kerf_training_prepared_new(const struct kerf_training_machine *machine,
                                                          const struct kerf_network *network);
void kerf_training_prepared_free(struct kerf_training_prepared *prepared);

/* `job` need have no pipeline yet (1 then). */
void kerf_training_prepare(struct kerf_training_prepared *prepared, const struct kerf_training_job *job);

/* `job` passed kerf_training_layout_check. */
enum kerf_status kerf_training_prepared_step(struct kerf_training_prepared *prepared,
                                             const struct kerf_training_job *job,
                                             struct kerf_training_step *step, struct kerf_error *error);

/* What the pipeline of such a job is made of (span.h). */
struct kerf_stage_parts kerf_training_prepared_parts(struct kerf_training_prepared *prepared,
                                                     const struct kerf_training_job *job);

#endif
