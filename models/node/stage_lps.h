/* The node room: what the logical processes of a training step know of each other. */
#ifndef KERF_NODE_STAGE_LPS_H
#define KERF_NODE_STAGE_LPS_H

#include "models/node/stage_node.h"

enum { KERF_STAGE_FORWARD, KERF_STAGE_BACKWARD, KERF_STAGE_COMPLETE, KERF_STAGE_SUMMED };

/* KERF_STAGE_COMPLETE, to the process that sums: this pass completes the gradients of a chunk. */
struct kerf_complete_message {
    uint64_t chunk; /* as wide as the times: a payload is hashed and has no gaps */
    struct kerf_interval pass;
};

/* Both have the run as their setup. */
extern const struct kerf_lp_kind kerf_stage_lp, kerf_stage_sum_lp;

/* Replica by replica with their stages in order, then the sums by stage. */
static inline uint32_t kerf_stage_lp_of(const struct kerf_training_run *run, uint32_t replica, uint32_t stage)
{
    return run->first_lp + replica * run->pipeline->schedule->stages + stage;
}

static inline uint32_t kerf_stage_sum_lp_of(const struct kerf_training_run *run, uint32_t stage)
{
    return kerf_stage_lp_of(run, run->replicas, stage);
}

/* The record in the state of a stage; NULL for NULL. */
const struct kerf_stage_record *kerf_stage_record_of(const void *state);

#endif
