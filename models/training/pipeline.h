/* When everything in a pipeline happens: the exact span of a schedule whose actions take known times.
 *
 * A stage does its actions in the order of its schedule, each as soon as the stage is free and what the
 * action needs has arrived. Times are integers, so an event simulation of the same pipeline
 * (node/stage_node.h) agrees to the picosecond. */
#ifndef KERF_TRAINING_PIPELINE_H
#define KERF_TRAINING_PIPELINE_H

#include "models/training/schedule.h"
#include "sim/engine/time.h"

/* One chunk of a stage: what a pass of one micro-batch takes and holds. */
struct kerf_chunk_times {
    kerf_time forward, backward_input, backward_weight; /* a whole backward takes the latter two */
    kerf_time pair;        /* forward of this chunk beside a backward of the other; with `pairs` only */
    double held_bytes;     /* from the beginning of the forward to the end of the (input) backward */
    double deferred_bytes; /* of these, what stays until the weight gradients are done */
};

struct kerf_pipeline {
    const struct kerf_schedule *schedule;
    const struct kerf_chunk_times *chunk; /* [stage * chunks + chunk] */
    /* [path * length + place]: from this place to the next, and for the gradients back; between two places of
     * one stage it does not count. NULL: none. */
    const kerf_time *hop;
    bool blocking; /* the sender does nothing else while a message is under way */
};

/* What an action of this kind and chunk takes without its messages, and what its messages take beyond: the
 * hop of a forward, of a backward, or of the longer of both in a pair; 0 if it sends nothing. */
kerf_time kerf_pipeline_action_time(const struct kerf_pipeline *pipeline, uint32_t stage,
                                    const struct kerf_action *action);

/* Where the result of a forward or a backward goes; false: nowhere, or to the same stage. */
struct kerf_hop {
    struct kerf_host to;
    kerf_time delay;
};
bool kerf_pipeline_hop(const struct kerf_pipeline *pipeline, uint32_t stage, uint32_t chunk, bool forward,
                       struct kerf_hop *hop);

struct kerf_stage_use {
    kerf_time begin, end;    /* of its first and last action */
    kerf_time busy, sending; /* sending: with `blocking` only; span - busy - sending is idle */
    uint32_t in_flight;      /* most passes (micro-batches times chunks) whose forward has begun and whose
                                gradients are not all done */
    double peak_bytes;       /* most of what they hold */
};

/* From when to when something happened. */
struct kerf_interval {
    kerf_time begin, end;
};

/* What the caller wants to know; NULL where he does not. */
struct kerf_pipeline_result {
    kerf_time span;
    struct kerf_stage_use *use;      /* [stage] */
    struct kerf_interval *gradients; /* [stage * chunks + chunk]: the pass that completes its gradients */
    /* Called for every action, in the order of each stage. */
    void (*visit)(void *context, uint32_t stage, const struct kerf_action *action, kerf_time begin,
                  kerf_time end);
    void *context;
};

/* The longest path through all actions, in time and memory proportional to them. KERF_ERR_USAGE: the schedule
 * waits for itself; the message says which action waits for which. The schedule passed
 * kerf_schedule_check. */
enum kerf_status kerf_pipeline_span(const struct kerf_pipeline *pipeline, struct kerf_pipeline_result *result,
                                    struct kerf_error *error);

/* How the gradients of one chunk of a stage are summed over the replicas of the stage. */
struct kerf_reduction {
    uint32_t buckets; /* equal parts; the pass that completes the gradients completes one after the other */
    kerf_time bucket; /* what the sum of one takes, from when the last replica has it */
};

/* When bucket number `bucket` (0, 1, ...) is complete; the last one at the end of the pass. */
kerf_time kerf_bucket_ready(struct kerf_interval pass, uint32_t buckets, uint32_t bucket);

/* When the step is over on the slowest stage: sums go on beside the backward passes, one bucket after the
 * other in the order in which chunks are complete, then `after` (the optimiser's update, new weights
 * gathered). `result` has both use and gradients, from kerf_pipeline_span; all replicas are alike.
 * `reduction` is [stage * chunks + chunk], `after` [stage]; either may be NULL: none. `stage_end`, [stage],
 * may be NULL. */
kerf_time kerf_pipeline_step_end(const struct kerf_pipeline *pipeline,
                                 const struct kerf_pipeline_result *result,
                                 const struct kerf_reduction *reduction, const kerf_time *after,
                                 kerf_time *stage_end);

#endif
