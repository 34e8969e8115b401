/* The node room: the sum of a stage's gradients over its replicas. A collective begins when the last replica
 * has what is to be summed; sums of one stage follow each other. */
#include "models/node/stage_lps.h"

#include <stdlib.h>
#include <string.h>

struct sum_state {
    uint32_t chunks, buckets; /* buckets: of all chunks */
    uint32_t chunks_left;
    kerf_time finish; /* of the last sum */
    /* From here on owned. */
    uint32_t *missing; /* by chunk: replicas */
    kerf_time *ready;  /* by chunk and bucket: when the last replica had it */
};

static uint32_t stage_of(const struct kerf_training_run *run, uint32_t lp)
{
    return lp - kerf_stage_sum_lp_of(run, 0);
}

static const struct kerf_reduction *reductions_of(const struct kerf_training_run *run, uint32_t lp)
{
    return &run->reduction[(size_t)stage_of(run, lp) * run->pipeline->schedule->chunks];
}

static enum kerf_status sum_init(struct kerf_lp *lp, const void *setup, void *state, struct kerf_error *error)
{
    const struct kerf_training_run *run = setup;
    const struct kerf_reduction *reduction = reductions_of(run, kerf_lp_id(lp));
    struct sum_state *own = state;
    own->chunks = own->chunks_left = run->pipeline->schedule->chunks;
    for (uint32_t c = 0; c < own->chunks; c++)
        own->buckets += reduction[c].buckets;
    own->missing = malloc(own->chunks * sizeof *own->missing);
    own->ready = calloc(own->buckets, sizeof *own->ready);
    KERF_CHECK(own->missing && own->ready, KERF_ERR_FAILURE, "out of memory for %u sums of gradients",
               own->buckets);
    for (uint32_t c = 0; c < own->chunks; c++)
        own->missing[c] = run->replicas;
    return KERF_OK;
}

/* All replicas have the gradients of a chunk: its sums, one after the other, from when each could begin. */
static void sum_up(struct sum_state *own, const struct kerf_reduction *reduction, const kerf_time *ready)
{
    for (uint32_t b = 0; b < reduction->buckets; b++)
        own->finish = (ready[b] > own->finish ? ready[b] : own->finish) + reduction->bucket;
    own->chunks_left--;
}

static enum kerf_status sum_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                   struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    const struct kerf_reduction *reduction = reductions_of(run, kerf_lp_id(lp));
    struct sum_state *own = state;
    struct kerf_complete_message message;
    memcpy(&message, event->payload, sizeof message);
    kerf_time *ready = own->ready;
    for (uint32_t c = 0; c < message.chunk; c++)
        ready += reduction[c].buckets;
    reduction += message.chunk;
    for (uint32_t b = 0; b < reduction->buckets; b++) {
        kerf_time time = kerf_bucket_ready(message.pass, reduction->buckets, b);
        ready[b] = time > ready[b] ? time : ready[b];
    }
    own->missing[message.chunk] -= kerf_lp_copies(lp, event);
    if (own->missing[message.chunk] > 0)
        return KERF_OK;
    sum_up(own, reduction, ready);
    if (own->chunks_left > 0)
        return KERF_OK;
    for (uint32_t replica = 0; replica < run->replicas; replica++)
        KERF_TRY(kerf_lp_send(lp, kerf_stage_lp_of(run, replica, stage_of(run, kerf_lp_id(lp))),
                              own->finish - kerf_lp_now(lp), KERF_STAGE_SUMMED, NULL, 0, error));
    return KERF_OK;
}

static void sum_free(void *state)
{
    struct sum_state *own = state;
    free(own->missing);
    free(own->ready);
}

static void sum_save(const void *state, struct kerf_pack *pack)
{
    const struct sum_state *own = state;
    kerf_pack_put(pack, own, offsetof(struct sum_state, missing));
    kerf_pack_put(pack, own->missing, own->chunks * sizeof *own->missing);
    kerf_pack_put(pack, own->ready, own->buckets * sizeof *own->ready);
}

static bool sum_load(void *state, struct kerf_unpack *unpack)
{
    struct sum_state *own = state;
    uint32_t chunks = own->chunks, buckets = own->buckets;
    return kerf_unpack_get(unpack, own, offsetof(struct sum_state, missing)) && own->chunks == chunks &&
           own->buckets == buckets && kerf_unpack_get(unpack, own->missing, chunks * sizeof *own->missing) &&
           kerf_unpack_get(unpack, own->ready, buckets * sizeof *own->ready);
}

const struct kerf_lp_kind kerf_stage_sum_lp = {.name = "gradients",
                                               .state_bytes = sizeof(struct sum_state),
                                               .init = sum_init,
                                               .handle = sum_handle,
                                               .free = sum_free,
                                               .save = sum_save,
                                               .load = sum_load};
