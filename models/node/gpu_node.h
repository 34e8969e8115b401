/* A group of GPUs that serve one replica of a decoder together, and the logical process that one of them is.
 *
 * The plan says who holds what (tensor, expert, attention-data and pipeline parallelism, in one NVLink domain
 * or over several), whether it fits, and what a step costs. GPUs stand stage by stage, in each tensor group
 * by tensor group, and fill domains in this order. The LP takes a pass from its scheduler or from the GPU at
 * its place in the stage before, works on its layers and hands on or reports back. A step is one event per
 * GPU: inside it the GPUs of a stage move in lockstep from collective to collective. */
#ifndef KERF_NODE_GPU_NODE_H
#define KERF_NODE_GPU_NODE_H

#include "models/device/device.h"
#include "models/device/gpu.h"
#include "models/node/accelerator_record.h"
#include "models/node/cost_memo.h"
#include "models/node/gpu_exchange.h"
#include "models/node/pass_message.h"
#include "sim/base/error.h"
#include "sim/engine/engine.h"

/* Consecutive layers, and what one GPU of the stage holds. */
struct kerf_gpu_stage {
    double embeddings, dense_layers, moe_layers, heads; /* how often the stage has each */
    double weight_bytes, kv_bytes_per_token;
};

struct kerf_gpu_plan {
    struct kerf_gpu_params gpu;
    struct kerf_gpu_exchange exchange; /* its memory of costs is made and freed with the plan */
    struct kerf_decoder_list list;
    struct kerf_slice slice;        /* of a stage */
    double gpus;                    /* of the replica */
    double attention_data_parallel; /* groups that split the sequences; 1: all GPUs share every sequence */
    int stages;                     /* of the pipeline; 1: none */
    struct kerf_gpu_stage *stage;   /* owned */
    double d_model, top_k, experts;
    enum kerf_format kv, activations;
    double host_step_s; /* host work per step: no two steps begin closer together */
    double request_s,
        prompt_token_s;       /* host work on a request before it can be scheduled, and per token of it */
    double host_sequence_s;   /* the same for each sequence in the step */
    double host_overlap;      /* share of both that runs behind the GPUs */
    double few_rows_slowdown; /* of kernels for 5 to 256 tokens; 1 or 0: none */
    bool plans_ahead;         /* a step is put together while the one before runs */
    double draft_token_s;     /* one guess of the drafter; 0 without speculation */
    /* memory, per GPU of the stage that has most of it */
    double weight_bytes, kv_bytes_per_token, usable_bytes;
    double kv_tokens;                /* tokens of cache that the replica can hold */
    struct kerf_cost_memo *memo;     /* owned; the GPUs of a replica all ask for the same step */
    struct kerf_cost_memo *matrices; /* owned; what depends on tokens and not on how far they attend */
};

/* How the GPUs of a replica share the network. tensor x attention data = gpus / pipeline. */
struct kerf_gpu_layout {
    int gpus, tensor_parallel, expert_parallel, attention_data_parallel, pipeline;
};

/* Whether a layout can be at all; *plan has gpu and list. KERF_ERR_USAGE says what does not divide what. */
enum kerf_status kerf_gpu_layout_check(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                       const struct kerf_gpu_layout *layout, struct kerf_error *error);

/* Fills the parts of *plan that follow from layout, network and device (gpu, exchange, list, kv, activations,
 * draft_token_s are the caller's). Fails with KERF_ERR_USAGE when the layout is illegal, when a collective
 * that it takes cannot be, or when weights and `kv_tokens_wanted` tokens of cache do not fit: the message
 * says how many GPUs would do. Free with kerf_gpu_plan_free, also after a failure. */
enum kerf_status kerf_gpu_plan_make(struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                    const struct kerf_gpu_layout *layout, double kv_tokens_wanted,
                                    struct kerf_error *error);

void kerf_gpu_plan_free(struct kerf_gpu_plan *plan);

/* Bytes that weights, and `kv_tokens` tokens of cache, take on all GPUs of the replica. */
void kerf_gpu_plan_memory(const struct kerf_gpu_plan *plan, double kv_tokens, double *weight_bytes,
                          double *kv_bytes);

/* The dispatch and combine of a layer of experts for `tokens` tokens of each attention group. */
struct kerf_expert_trip kerf_gpu_expert_trip(const struct kerf_gpu_plan *plan, double tokens);

/* Seconds from the end of `stage` to the start of the next one for a pass, both idle. */
double kerf_gpu_handover_s(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, int stage);

/* Cost of one step through all stages, one after the other: operators, collectives, handovers, drafting. */
struct kerf_cost kerf_gpu_step_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass,
                                    double draft_tokens);

/* The same by stage for the pass of a message, remembered in the plan. Latencies include the handover to the
 * next stage, occupancies do not. Valid until the next call. */
const struct kerf_cost *kerf_gpu_pass_costs(const struct kerf_gpu_plan *plan,
                                            const struct kerf_pass_message *message);

/* Times that no step undercuts, in a stage and in all, for the engine's lookahead. */
double kerf_gpu_stage_least_s(const struct kerf_gpu_plan *plan, int stage);
double kerf_gpu_step_least_s(const struct kerf_gpu_plan *plan);

struct kerf_gpu_setup {
    const struct kerf_gpu_plan *plan;
    int stage;
    uint32_t next; /* LP that gets the pass: a GPU of the next stage, or the scheduler */
    /* A GPU of the stage that takes part in no pass from a time on: the others wait for it. */
    bool has_stopped_one;
    uint32_t stopped_one; /* LP */
    kerf_time stopped_at;
};

/* LP kind "gpu"; setup: struct kerf_gpu_setup. */
extern const struct kerf_lp_kind kerf_gpu_lp;

/* What the GPU did; `state` is that of a gpu LP after the run. */
const struct kerf_accelerator_record *kerf_gpu_record(const void *state);

#endif
