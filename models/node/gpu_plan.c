/* The node room: how a replica of GPUs holds a network. Knows device and fabric; not what is served. */
#include "models/node/gpu_node.h"

#include "models/network/expert_skew.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The GPUs of a replica ask for the same step one after the other: few need be remembered. */
enum { STEPS_REMEMBERED = 8, MATRICES_REMEMBERED = 512 };

/* How many NVLink domains are tried before it is said that none would do. */
enum { DOMAINS_TRIED = 16 };

/* GPUs that one operator's weights are cut over. */
static double weight_shares(const struct kerf_operator *op, const struct kerf_slice *slice)
{
    switch (op->shard) {
    case KERF_SHARD_NONE:
        return 1.0;
    case KERF_SHARD_EXPERTS:
        return slice->expert_parallel * slice->expert_tensor_parallel /
               (op->skew ? 1.0 + op->skew->redundant / op->experts : 1.0);
    default:
        return slice->tensor_parallel;
    }
}

static double list_weight_bytes(const struct kerf_operator_list *list, const struct kerf_slice *slice)
{
    double bytes = 0.0;
    for (int i = 0; i < list->count; i++)
        bytes += list->op[i].weight_elements * kerf_format_facts(list->op[i].weights)->bytes_per_element /
                 weight_shares(&list->op[i], slice);
    return bytes;
}

/* KV cache of one token on one GPU: heads are cut over the tensor-parallel ranks until one KV head is left;
 * MLA's latent is one head, so every rank holds it whole. */
static double list_kv_bytes(const struct kerf_operator_list *list, const struct kerf_slice *slice,
                            enum kerf_format kv)
{
    double bytes = 0.0;
    for (int i = 0; i < list->count; i++) {
        const struct kerf_operator *op = &list->op[i];
        if (op->kind == KERF_OP_ATTENTION)
            bytes += op->kv_elements * kerf_format_facts(kv)->bytes_per_element /
                     fmin(slice->tensor_parallel, op->kv_heads);
    }
    return bytes;
}

static double stage_weight_bytes(const struct kerf_decoder_list *list, const struct kerf_gpu_stage *stage,
                                 const struct kerf_slice *slice)
{
    return stage->embeddings * list_weight_bytes(&list->embedding, slice) +
           stage->heads * list_weight_bytes(&list->head, slice) +
           stage->dense_layers * list_weight_bytes(&list->dense_layer, slice) +
           stage->moe_layers * list_weight_bytes(&list->moe_layer, slice);
}

static double stage_kv_bytes(const struct kerf_decoder_list *list, const struct kerf_gpu_stage *stage,
                             const struct kerf_slice *slice, enum kerf_format kv)
{
    return list_kv_bytes(&list->dense_layer, slice, kv) * stage->dense_layers +
           list_kv_bytes(&list->moe_layer, slice, kv) * stage->moe_layers;
}

/* Layers in order, dense ones first, in stages that differ by one at most. */
static struct kerf_gpu_stage stage_of(const struct kerf_gpu_plan *plan, const struct kerf_gpu_layout *layout,
                                      const struct kerf_slice *slice, int s)
{
    int layers = plan->list.dense_layers + plan->list.moe_layers, stages = layout->pipeline;
    int first = (int)((long long)layers * s / stages), end = (int)((long long)layers * (s + 1) / stages);
    int dense = (end < plan->list.dense_layers ? end : plan->list.dense_layers) - first;
    struct kerf_gpu_stage stage = {.embeddings = s == 0, .heads = s == stages - 1};
    stage.dense_layers = dense > 0 ? dense : 0;
    stage.moe_layers = end - first - stage.dense_layers;
    stage.weight_bytes = stage_weight_bytes(&plan->list, &stage, slice);
    stage.kv_bytes_per_token = stage_kv_bytes(&plan->list, &stage, slice, plan->kv);
    return stage;
}

static int gpus_of_stage(const struct kerf_gpu_layout *layout)
{
    return layout->gpus / layout->pipeline;
}

/* Groups of `size` GPUs side by side must not straddle the ends of domains. */
static enum kerf_status check_group(const struct kerf_gpu_plan *plan, const struct kerf_gpu_layout *layout,
                                    const char *what, int size, struct kerf_error *error)
{
    double domain = plan->gpu.nvlink_domain;
    bool whole =
        layout->gpus <= domain || (size <= domain ? fmod(domain, size) == 0.0 : fmod(size, domain) == 0.0);
    KERF_CHECK(whole, KERF_ERR_USAGE,
               "parallel: %s of %d GPUs must fill NVLink domains of %g or divide them (%d GPUs in all)", what,
               size, domain, layout->gpus);
    return KERF_OK;
}

enum kerf_status kerf_gpu_layout_check(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                       const struct kerf_gpu_layout *layout, struct kerf_error *error)
{
    int heads = network->decoder.attention.heads, experts = network->decoder.moe.experts;
    int tp = layout->tensor_parallel, ep = layout->expert_parallel, dp = layout->attention_data_parallel;
    int layers = plan->list.dense_layers + plan->list.moe_layers, pp = layout->pipeline;
    KERF_CHECK(layout->gpus % pp == 0, KERF_ERR_USAGE,
               "parallel.pipeline: %d stages do not divide the %d GPUs of a replica", pp, layout->gpus);
    KERF_CHECK(pp <= layers, KERF_ERR_USAGE, "parallel.pipeline: %d stages for the %d layers of %s", pp,
               layers, network->name);
    int gpus = gpus_of_stage(layout);
    const char *of = pp > 1 ? "stage" : "replica";
    KERF_CHECK(tp * dp == gpus, KERF_ERR_USAGE,
               "parallel: tensor %d x attention_data %d must be the %d GPUs of a %s", tp, dp, gpus, of);
    KERF_CHECK(heads % tp == 0, KERF_ERR_USAGE,
               "parallel.tensor: %d does not divide the %d attention heads of %s", tp, heads, network->name);
    KERF_CHECK(gpus % ep == 0, KERF_ERR_USAGE, "parallel.expert: %d does not divide the %d GPUs of a %s", ep,
               gpus, of);
    KERF_CHECK(ep == 1 || experts > 0, KERF_ERR_USAGE, "parallel.expert: %s has no experts to share",
               network->name);
    KERF_CHECK(ep == 1 || experts % ep == 0, KERF_ERR_USAGE,
               "parallel.expert: %d does not divide the %d experts of %s", ep, experts, network->name);
    KERF_TRY(check_group(plan, layout, "tensor groups", tp, error));
    KERF_TRY(check_group(plan, layout, pp > 1 ? "stages" : "a replica", gpus, error));
    return check_group(plan, layout, "groups that cut an expert", gpus / ep, error);
}

static struct kerf_slice slice_of(const struct kerf_gpu_layout *layout)
{
    return (struct kerf_slice){.tensor_parallel = layout->tensor_parallel,
                               .expert_parallel = layout->expert_parallel,
                               .expert_tensor_parallel =
                                   (double)gpus_of_stage(layout) / layout->expert_parallel};
}

/* Whether every stage of a layout holds its weights and its layers' cache. */
static bool holds(const struct kerf_gpu_plan *plan, const struct kerf_gpu_layout *layout, double kv_tokens)
{
    struct kerf_slice slice = slice_of(layout);
    for (int s = 0; s < layout->pipeline; s++) {
        struct kerf_gpu_stage stage = stage_of(plan, layout, &slice, s);
        double kv_bytes = stage.kv_bytes_per_token * kv_tokens / layout->attention_data_parallel;
        if (stage.weight_bytes + kv_bytes > plan->usable_bytes)
            return false;
    }
    return true;
}

/* Fewest GPUs in a legal layout, all tensor- or data-parallel alike, that would hold it; 0 if none of a few
 * domains would. */
static int gpus_needed(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                       const struct kerf_gpu_layout *layout, double kv_tokens)
{
    int dp = layout->attention_data_parallel > 1, stages = layout->pipeline;
    for (int gpus = layout->gpus; gpus <= DOMAINS_TRIED * plan->gpu.nvlink_domain; gpus += stages) {
        int each = gpus / stages;
        struct kerf_gpu_layout more = {.gpus = gpus,
                                       .tensor_parallel = dp ? 1 : each,
                                       .expert_parallel = layout->expert_parallel > 1 ? each : 1,
                                       .attention_data_parallel = dp ? each : 1,
                                       .pipeline = stages};
        if (kerf_gpu_layout_check(plan, network, &more, NULL) == KERF_OK && holds(plan, &more, kv_tokens))
            return gpus;
    }
    return 0;
}

static enum kerf_status check_memory(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                     const struct kerf_gpu_layout *layout, double kv_tokens,
                                     struct kerf_error *error)
{
    if (holds(plan, layout, kv_tokens))
        return KERF_OK;
    int needed = gpus_needed(plan, network, layout, kv_tokens);
    double kv_bytes = plan->kv_bytes_per_token * kv_tokens / plan->attention_data_parallel;
    char advice[96] =
        "more GPUs in this layout do not help: choose other parallel groups or a narrower cache";
    if (needed)
        snprintf(advice, sizeof advice, "needs at least %d GPUs", needed);
    return kerf_error_set(
        error, KERF_ERR_USAGE,
        "%s: %s, has %d (per GPU %.1f GB of weights and %.1f GB of KV cache, %.1f GB usable)", network->name,
        advice, layout->gpus, plan->weight_bytes * 1e-9, kv_bytes * 1e-9, plan->usable_bytes * 1e-9);
}

/* Every collective that a step may ask for can be. */
static enum kerf_status check_exchange(const struct kerf_gpu_plan *plan, struct kerf_error *error)
{
    const struct kerf_slice *slice = &plan->slice;
    const struct {
        enum kerf_collective_op op;
        double ranks;
    } asked[] = {{KERF_COLLECTIVE_ALL_REDUCE, slice->tensor_parallel},
                 {KERF_COLLECTIVE_ALL_GATHER, slice->tensor_parallel},
                 {KERF_COLLECTIVE_ALL_GATHER, slice->expert_tensor_parallel},
                 {KERF_COLLECTIVE_REDUCE_SCATTER, slice->expert_tensor_parallel}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        KERF_TRY(kerf_gpu_exchange_check(&plan->exchange, asked[i].op, asked[i].ranks, error));
    struct kerf_expert_trip trip = kerf_gpu_expert_trip(plan, 1.0);
    if (plan->attention_data_parallel > 1.0 && plan->list.moe_layers > 0)
        KERF_TRY(kerf_gpu_experts_check(&plan->exchange, &trip, slice->expert_tensor_parallel, error));
    return KERF_OK;
}

static enum kerf_status allocate(struct kerf_gpu_plan *plan, struct kerf_error *error)
{
    plan->stage = calloc((size_t)plan->stages, sizeof *plan->stage);
    plan->memo = kerf_cost_memo_create(STEPS_REMEMBERED, plan->stages);
    plan->matrices = kerf_cost_memo_create(MATRICES_REMEMBERED, 1);
    KERF_CHECK(plan->stage && plan->memo && plan->matrices, KERF_ERR_FAILURE,
               "out of memory for the costs of a GPU");
    return kerf_gpu_exchange_remember(&plan->exchange, error);
}

enum kerf_status kerf_gpu_plan_make(struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                    const struct kerf_gpu_layout *layout, double kv_tokens_wanted,
                                    struct kerf_error *error)
{
    KERF_TRY(kerf_gpu_layout_check(plan, network, layout, error));
    plan->slice = slice_of(layout);
    plan->gpus = layout->gpus;
    plan->stages = layout->pipeline;
    plan->attention_data_parallel = layout->attention_data_parallel;
    plan->d_model = network->decoder.d_model;
    plan->top_k = network->decoder.moe.top_k;
    plan->experts = network->decoder.moe.experts;
    plan->usable_bytes = kerf_gpu_device.usable_bytes(&plan->gpu);
    KERF_TRY(allocate(plan, error));
    plan->weight_bytes = plan->kv_bytes_per_token = 0.0;
    plan->kv_tokens = INFINITY;
    for (int s = 0; s < plan->stages; s++) {
        struct kerf_gpu_stage stage = stage_of(plan, layout, &plan->slice, s);
        double tokens = floor((plan->usable_bytes - stage.weight_bytes) / stage.kv_bytes_per_token);
        plan->kv_tokens = fmin(plan->kv_tokens, tokens * plan->attention_data_parallel);
        plan->weight_bytes = fmax(plan->weight_bytes, stage.weight_bytes);
        plan->kv_bytes_per_token = fmax(plan->kv_bytes_per_token, stage.kv_bytes_per_token);
        plan->stage[s] = stage;
    }
    KERF_TRY(check_exchange(plan, error));
    return check_memory(plan, network, layout, kv_tokens_wanted, error);
}

void kerf_gpu_plan_free(struct kerf_gpu_plan *plan)
{
    kerf_cost_memo_free(plan->memo);
    kerf_cost_memo_free(plan->matrices);
    kerf_gpu_exchange_free(&plan->exchange);
    free(plan->stage);
    plan->memo = plan->matrices = NULL;
    plan->stage = NULL;
}

void kerf_gpu_plan_memory(const struct kerf_gpu_plan *plan, double kv_tokens, double *weight_bytes,
                          double *kv_bytes)
{
    double each = plan->gpus / plan->stages;
    *weight_bytes = *kv_bytes = 0.0;
    for (int s = 0; s < plan->stages; s++) {
        *weight_bytes += each * plan->stage[s].weight_bytes;
        *kv_bytes += each * plan->stage[s].kv_bytes_per_token * kv_tokens / plan->attention_data_parallel;
    }
}
