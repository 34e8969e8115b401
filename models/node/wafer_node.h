/* A pipeline of wafers that holds one replica of a decoder, and the logical process that one wafer is.
 *
 * Layers sit on rectangles of PEs (models/device/placement). Inside a wafer the rectangles are servers in a
 * row that advance by the max-plus recursion: a pass starts on a stage when it has arrived and the stage is
 * free; no event per layer. Events are at wafer boundaries only: activations to the next wafer, the last
 * wafer's answer to the scheduler. */
#ifndef KERF_NODE_WAFER_NODE_H
#define KERF_NODE_WAFER_NODE_H

#include "models/device/placement.h"
#include "models/fabric/link.h"
#include "models/node/accelerator_record.h"
#include "models/node/cost_memo.h"
#include "models/node/pass_message.h"
#include "sim/engine/engine.h"

enum { KERF_WAFER_BATCH_CLASSES = 24 };

struct kerf_wafer_plan {
    const char *wafer_name, *network_name; /* for messages */
    struct kerf_wafer_params wafer;
    struct kerf_decoder_list list;
    struct kerf_wafer_placement placement; /* owned */
    int *shape_of_stage;                   /* owned: stages that cost the same share a shape */
    int *stage_of_shape;                   /* owned: one stage of each shape */
    int shapes;
    int *first_stage;            /* owned: of wafer w; first_stage[wafers] = stages */
    struct kerf_cost_memo *memo; /* owned */
    enum kerf_format kv, activations;
    double d_model;
    double draft_token_s, draft_bytes;      /* a guess of the drafter, and what it takes of the SRAM */
    double kv_block_tokens;                 /* the cache grows in blocks of this many tokens */
    bool may_overflow;                      /* cache that does not fit may lie in the hosts' memory */
    double kv_tokens;                       /* tokens of cache that fit beside the weights, or there */
    double host_share;                      /* of the cache that lies there when it is full; usually 0 */
    double typical_context;                 /* tokens of cache of a sequence half way through its answer */
    int batch_of[KERF_WAFER_BATCH_CLASSES]; /* best batch for up to 2^k tokens under way; 0: not yet known */
};

/* Where the cache wanted does not fit and `may_overflow`, as much as fits stays on the wafers and the rest
 * lies in the hosts' memory: every pass then waits at each wafer for that share of the cache that it reads.
 * Refused when they are too small as well.
 *
 * Places the network on `wafers` wafers with room for `kv_tokens_wanted` tokens of cache (wafer, list, kv,
 * activations, d_model, draft_token_s, draft_bytes, kv_block_tokens, may_overflow and typical_context are the
 * caller's). Free with kerf_wafer_plan_free, also after a failure. */
enum kerf_status kerf_wafer_plan_make(struct kerf_wafer_plan *plan, int wafers, double kv_tokens_wanted,
                                      struct kerf_error *error);
void kerf_wafer_plan_free(struct kerf_wafer_plan *plan);

/* Time between two passes of this size that the slowest stage or link allows. */
double kerf_wafer_bottleneck_s(struct kerf_wafer_plan *plan, const struct kerf_pass *pass);

/* Time of one pass through an empty pipeline, host to host. */
double kerf_wafer_pipeline_s(struct kerf_wafer_plan *plan, const struct kerf_pass *pass);

/* Tokens per prefill pass that bring `prompt_tokens` through the empty pipeline soonest: a power of two. */
int kerf_wafer_best_chunk(struct kerf_wafer_plan *plan, double prompt_tokens);

/* Tokens per decode pass that serve `under_way` tokens of different sequences soonest, when each returns
 * after the pipeline and `overhead_s` on the host: M that minimises max(T(M) + overhead, under_way / M
 * bottleneck(M)). While tokens are fewer than pipeline slots that is 1: on a wafer a pass of M tokens takes
 * almost M times as long. */
int kerf_wafer_best_batch(struct kerf_wafer_plan *plan, int under_way, double overhead_s);

/* A time that no pass through wafer `index` undercuts, its link to the next included, for the engine's
 * lookahead. */
double kerf_wafer_least_s(struct kerf_wafer_plan *plan, int index);

struct kerf_wafer_setup {
    struct kerf_wafer_plan *plan;
    int index;     /* place in the pipeline, 0 first */
    uint32_t next; /* LP of the next wafer, or of the scheduler after the last */
};

/* LP kind "wafer"; setup: struct kerf_wafer_setup. */
extern const struct kerf_lp_kind kerf_wafer_lp;

/* What the wafer did; `state` is that of a wafer LP after the run. */
const struct kerf_accelerator_record *kerf_wafer_record(const void *state);

/* Dynamic energy of each stage of the wafer, J, from its first stage on. */
const double *kerf_wafer_stage_J(const void *state);

#endif
