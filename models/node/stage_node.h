/* A training step, event by event: a logical process for each pipeline stage of each replica, and one for
 * each stage that sums the gradients of its replicas.
 *
 * The accelerators of a stage (its tensor- and context-parallel group) are one process: they meet in every
 * layer, so their common progress is that of the slowest. A stage works ahead as far as it has what it needs
 * and tells its neighbours when results will arrive, so a pass is one event per message and none of its own.
 * Without noise and stragglers the step ends when kerf_pipeline_step_end says, to the picosecond, and
 * replicas fold into one (engine/fold.h). */
#ifndef KERF_NODE_STAGE_NODE_H
#define KERF_NODE_STAGE_NODE_H

#include "models/training/pipeline.h"
#include "sim/engine/engine.h"

/* One accelerator that is slower than the others: its times are `factor` >= 1 as long, and those of its stage
 * wait for it. */
struct kerf_straggler {
    uint32_t replica, stage;
    double factor;
};

/* How accelerators differ. All zero: they do not. Noise only ever delays. */
struct kerf_noise {
    uint64_t seed;
    double delay;       /* mean share by which interruptions lengthen what an accelerator does; exponential */
    double speed_sigma; /* standard deviation of the accelerators' times, cut at 3; in [0, 0.3) */
    uint32_t accelerators; /* of a stage, that wait for each other ... */
    uint32_t meetings;     /* ... so many times in a pass; both at least 1 with noise */
};

struct kerf_training_run {
    const struct kerf_pipeline *pipeline; /* passes and messages must take more than 0 */
    uint32_t replicas;
    const struct kerf_reduction *reduction; /* as kerf_pipeline_step_end has it; NULL with one replica */
    const kerf_time *after;                 /* NULL: nothing */
    struct kerf_noise noise;
    const struct kerf_straggler *straggler;
    uint32_t stragglers;
    /* Set by kerf_training_run_add. */
    uint32_t first_lp;
    uint32_t sums;                      /* LPs that sum gradients: one per stage, or none */
    struct kerf_stage_program *program; /* owned: [stage] */
};

/* Adds the LPs, replica by replica with their stages in order, and their channels; on every rank alike. The
 * run must outlive the engine. KERF_ERR_USAGE: something takes no time, so that nothing could be simulated
 * in parallel, or noise and stragglers that are none. Free with kerf_training_run_free, also after a failure.
 */
enum kerf_status kerf_training_run_add(struct kerf_training_run *run, struct kerf_engine *engine,
                                       struct kerf_error *error);

void kerf_training_run_free(struct kerf_training_run *run);

/* What became of one stage of a replica. */
struct kerf_stage_record {
    kerf_time begin, end, busy, sending; /* as in struct kerf_stage_use */
    kerf_time step_end;                  /* sums and what comes after included; KERF_TIME_NEVER: not over */
};

/* After the run: the record, or NULL if another MPI rank has it. With folded replicas that of the one that
 * was simulated. */
const struct kerf_stage_record *kerf_training_run_record(const struct kerf_training_run *run,
                                                         const struct kerf_engine *engine, uint32_t replica,
                                                         uint32_t stage);

/* The last end of a step among the stages that this MPI rank has; 0 if it has none. The maximum over the
 * ranks is the step's time. */
kerf_time kerf_training_run_end(const struct kerf_training_run *run, const struct kerf_engine *engine);

#endif
