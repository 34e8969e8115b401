/* A group of GPUs that serve one replica of a decoder together, and the logical process that one of them is.
 *
 * The plan says who holds what (tensor, expert and attention-data parallelism inside one NVLink domain),
 * whether it fits, and what a step costs. The LP takes a pass from its scheduler, works for the step's
 * latency and reports back. A step is one event per GPU: inside it the GPUs of a domain move in lockstep from
 * collective to collective. */
#ifndef KERF_NODE_GPU_NODE_H
#define KERF_NODE_GPU_NODE_H

#include "models/device/device.h"
#include "models/device/gpu.h"
#include "models/fabric/collective.h"
#include "models/node/accelerator_record.h"
#include "models/node/cost_memo.h"
#include "models/node/pass_message.h"
#include "sim/base/error.h"
#include "sim/engine/engine.h"

struct kerf_gpu_plan {
    struct kerf_gpu_params gpu;
    struct kerf_domain domain;
    struct kerf_decoder_list list;
    struct kerf_slice slice;
    double gpus;                    /* of the replica */
    double attention_data_parallel; /* groups that split the sequences; 1: all GPUs share every sequence */
    double d_model, top_k;
    enum kerf_format kv, activations;
    double host_step_s;    /* host work per step: no two steps begin closer together */
    double host_exposed_s; /* the part of it that the GPUs wait for */
    double draft_token_s;  /* one guess of the drafter; 0 without speculation */
    /* memory, per GPU */
    double weight_bytes, kv_bytes_per_token, usable_bytes;
    double kv_tokens;                /* tokens of cache that the replica can hold */
    struct kerf_cost_memo *memo;     /* owned; the GPUs of a replica all ask for the same step */
    struct kerf_cost_memo *matrices; /* owned; what depends on tokens and not on how far they attend */
};

/* How the GPUs of a replica share the network. */
struct kerf_gpu_layout {
    int gpus, tensor_parallel, expert_parallel, attention_data_parallel;
};

/* Fills the parts of *plan that follow from layout, network and device (gpu, list, kv, activations,
 * draft_token_s are the caller's). Fails with KERF_ERR_USAGE when the layout is illegal, or when weights and
 * `kv_tokens_wanted` tokens of cache do not fit: the message says how many GPUs would do. Free with
 * kerf_gpu_plan_free, also after a failure. */
enum kerf_status kerf_gpu_plan_make(struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                    const struct kerf_gpu_layout *layout, double kv_tokens_wanted,
                                    struct kerf_error *error);

void kerf_gpu_plan_free(struct kerf_gpu_plan *plan);

/* Cost of one step of every GPU of the replica: operators, collectives, drafting. */
struct kerf_cost kerf_gpu_step_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass,
                                    double draft_tokens);

/* The same for the pass of a message, remembered in the plan. Valid until the next call. */
const struct kerf_cost *kerf_gpu_pass_cost(const struct kerf_gpu_plan *plan,
                                           const struct kerf_pass_message *message);

/* A time that no step undercuts, for the engine's lookahead. */
double kerf_gpu_step_least_s(const struct kerf_gpu_plan *plan);

struct kerf_gpu_setup {
    const struct kerf_gpu_plan *plan;
    uint32_t scheduler; /* LP that sends passes and gets reports */
};

/* LP kind "gpu"; setup: struct kerf_gpu_setup. */
extern const struct kerf_lp_kind kerf_gpu_lp;

/* What the GPU did; `state` is that of a gpu LP after the run. */
const struct kerf_accelerator_record *kerf_gpu_record(const void *state);

#endif
