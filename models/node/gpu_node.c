/* The node room: GPUs that share a network inside one NVLink domain. Knows device and fabric; not what is
 * served. */
#include "models/node/gpu_node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The GPUs of a replica ask for the same step one after the other: few need be remembered. */
enum { STEPS_REMEMBERED = 8, MATRICES_REMEMBERED = 512 };

/* GPUs that one operator's weights are cut over. */
static double weight_shares(const struct kerf_operator *op, const struct kerf_slice *slice)
{
    switch (op->shard) {
    case KERF_SHARD_NONE:
        return 1.0;
    case KERF_SHARD_EXPERTS:
        return slice->expert_parallel * slice->expert_tensor_parallel;
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

static double plan_weight_bytes(const struct kerf_decoder_list *list, const struct kerf_slice *slice)
{
    return list_weight_bytes(&list->embedding, slice) + list_weight_bytes(&list->head, slice) +
           list->dense_layers * list_weight_bytes(&list->dense_layer, slice) +
           list->moe_layers * list_weight_bytes(&list->moe_layer, slice);
}

static double plan_kv_bytes(const struct kerf_decoder_list *list, const struct kerf_slice *slice,
                            enum kerf_format kv)
{
    return list_kv_bytes(&list->dense_layer, slice, kv) * list->dense_layers +
           list_kv_bytes(&list->moe_layer, slice, kv) * list->moe_layers;
}

static enum kerf_status check_layout(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                     const struct kerf_gpu_layout *layout, struct kerf_error *error)
{
    int heads = network->decoder.attention.heads, experts = network->decoder.moe.experts;
    int tp = layout->tensor_parallel, ep = layout->expert_parallel, dp = layout->attention_data_parallel;
    KERF_CHECK(layout->gpus <= plan->gpu.nvlink_domain, KERF_ERR_USAGE,
               "%d GPUs in one replica do not fit the NVLink domain of %g", layout->gpus,
               plan->gpu.nvlink_domain);
    KERF_CHECK(tp * dp == layout->gpus, KERF_ERR_USAGE,
               "parallel: tensor %d x attention_data %d must be the %d GPUs of a replica", tp, dp,
               layout->gpus);
    KERF_CHECK(heads % tp == 0, KERF_ERR_USAGE,
               "parallel.tensor: %d does not divide the %d attention heads of %s", tp, heads, network->name);
    KERF_CHECK(layout->gpus % ep == 0, KERF_ERR_USAGE,
               "parallel.expert: %d does not divide the %d GPUs of a replica", ep, layout->gpus);
    KERF_CHECK(ep == 1 || experts > 0, KERF_ERR_USAGE, "parallel.expert: %s has no experts to share",
               network->name);
    KERF_CHECK(ep == 1 || experts % ep == 0, KERF_ERR_USAGE,
               "parallel.expert: %d does not divide the %d experts of %s", ep, experts, network->name);
    return KERF_OK;
}

static struct kerf_slice slice_of(const struct kerf_gpu_layout *layout)
{
    return (struct kerf_slice){.tensor_parallel = layout->tensor_parallel,
                               .expert_parallel = layout->expert_parallel,
                               .expert_tensor_parallel = (double)layout->gpus / layout->expert_parallel};
}

/* Fewest GPUs in a legal layout, all tensor- or data-parallel alike, that would hold it; 0 if the domain is
 * too small. */
static int gpus_needed(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                       const struct kerf_gpu_layout *layout, double kv_tokens)
{
    int dp = layout->attention_data_parallel > 1;
    for (int gpus = layout->gpus; gpus <= plan->gpu.nvlink_domain; gpus++) {
        struct kerf_gpu_layout more = {.gpus = gpus,
                                       .tensor_parallel = dp ? 1 : gpus,
                                       .expert_parallel = layout->expert_parallel > 1 ? gpus : 1,
                                       .attention_data_parallel = dp ? gpus : 1};
        if (check_layout(plan, network, &more, NULL) != KERF_OK)
            continue;
        struct kerf_slice slice = slice_of(&more);
        double kv = plan_kv_bytes(&plan->list, &slice, plan->kv);
        double bytes = plan_weight_bytes(&plan->list, &slice) + kv * kv_tokens / more.attention_data_parallel;
        if (bytes <= plan->usable_bytes)
            return gpus;
    }
    return 0;
}

static enum kerf_status check_memory(const struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                     const struct kerf_gpu_layout *layout, double kv_tokens,
                                     struct kerf_error *error)
{
    double kv_bytes = plan->kv_bytes_per_token * kv_tokens / plan->attention_data_parallel;
    if (plan->weight_bytes + kv_bytes <= plan->usable_bytes)
        return KERF_OK;
    int needed = gpus_needed(plan, network, layout, kv_tokens);
    char advice[96];
    snprintf(advice, sizeof advice,
             needed ? "needs at least %d GPUs" : "needs more than the %d GPUs of an NVLink domain",
             needed ? needed : (int)plan->gpu.nvlink_domain);
    return kerf_error_set(
        error, KERF_ERR_USAGE,
        "%s: %s, has %d (per GPU %.1f GB of weights and %.1f GB of KV cache, %.1f GB usable)", network->name,
        advice, layout->gpus, plan->weight_bytes * 1e-9, kv_bytes * 1e-9, plan->usable_bytes * 1e-9);
}

enum kerf_status kerf_gpu_plan_make(struct kerf_gpu_plan *plan, const struct kerf_network *network,
                                    const struct kerf_gpu_layout *layout, double kv_tokens_wanted,
                                    struct kerf_error *error)
{
    KERF_TRY(check_layout(plan, network, layout, error));
    plan->slice = slice_of(layout);
    plan->domain = kerf_gpu_domain(&plan->gpu);
    plan->gpus = layout->gpus;
    plan->attention_data_parallel = layout->attention_data_parallel;
    plan->d_model = network->decoder.d_model;
    plan->top_k = network->decoder.moe.top_k;
    plan->usable_bytes = kerf_gpu_device.usable_bytes(&plan->gpu);
    plan->weight_bytes = plan_weight_bytes(&plan->list, &plan->slice);
    plan->kv_bytes_per_token = plan_kv_bytes(&plan->list, &plan->slice, plan->kv);
    plan->kv_tokens = floor((plan->usable_bytes - plan->weight_bytes) / plan->kv_bytes_per_token) *
                      plan->attention_data_parallel;
    plan->memo = kerf_cost_memo_create(STEPS_REMEMBERED, 1);
    plan->matrices = kerf_cost_memo_create(MATRICES_REMEMBERED, 1);
    KERF_CHECK(plan->memo && plan->matrices, KERF_ERR_FAILURE, "out of memory for the costs of a GPU");
    return check_memory(plan, network, layout, kv_tokens_wanted, error);
}

void kerf_gpu_plan_free(struct kerf_gpu_plan *plan)
{
    kerf_cost_memo_free(plan->memo);
    kerf_cost_memo_free(plan->matrices);
    plan->memo = plan->matrices = NULL;
}

static struct kerf_cost interconnect_cost(double seconds)
{
    struct kerf_cost cost = {.latency_s = seconds, .occupancy_s = seconds};
    cost.part_s[KERF_TIME_INTERCONNECT] = seconds;
    return cost;
}

static double activation_bytes(const struct kerf_gpu_plan *plan, double tokens)
{
    return tokens * plan->d_model * kerf_format_facts(plan->activations)->bytes_per_element;
}

/* Between attention groups and experts. Dispatch to the ranks of a token's experts, and combine: each token
 * travels once to each of the e (1 - (1 - 1/e)^k) ranks expected, less the local one (DeepSeek-V3 report,
 * arXiv 2412.19437, s. 3.2.2). GPUs that cut one expert between them gather the tokens before and reduce the
 * sums after: an all-reduce's worth. */
static double expert_exchange_s(const struct kerf_gpu_plan *plan, double tokens_per_rank)
{
    double ranks = plan->slice.expert_parallel, sharers = plan->slice.expert_tensor_parallel;
    double visited = ranks * (1.0 - pow(1.0 - 1.0 / ranks, plan->top_k));
    double bytes = activation_bytes(plan, tokens_per_rank) * visited * (ranks - 1.0) / ranks;
    double shared_bytes = activation_bytes(plan, tokens_per_rank) * sharers;
    return 2.0 * kerf_alltoall_s(&plan->domain, ranks, bytes) +
           kerf_allreduce_s(&plan->domain, sharers, shared_bytes);
}

/* The part of the fullest of `groups` attention groups: a sequence lives in one of them, whole. */
static struct kerf_pass_part fullest_share(struct kerf_pass_part part, double groups)
{
    if (part.sequences <= 0.0)
        return part;
    double share = ceil(part.sequences / groups) / part.sequences;
    part.tokens *= share;
    part.sequences *= share;
    part.attended *= share;
    part.context_tokens *= share;
    return part;
}

/* What the fullest attention group sees of a pass: the others wait for it at the next collective. */
static struct kerf_pass group_pass(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass)
{
    struct kerf_pass mine = *pass;
    double groups = plan->attention_data_parallel;
    mine.decode = fullest_share(pass->decode, groups);
    mine.prefill = fullest_share(pass->prefill, groups);
    mine.logit_tokens = ceil(pass->logit_tokens / groups);
    return mine;
}

static struct kerf_cost operator_cost(const struct kerf_gpu_plan *plan, const struct kerf_operator *op,
                                      const struct kerf_pass *pass)
{
    bool matrix = op->kind == KERF_OP_LINEAR || op->kind == KERF_OP_ROUTER || op->kind == KERF_OP_LM_HEAD ||
                  op->kind == KERF_OP_EXPERTS;
    if (!matrix || !plan->matrices)
        return kerf_gpu_device.operator_cost(&plan->gpu, op, pass, &plan->slice);
    /* Steps of a decode differ in what they attend to, which matrices do not ask for. */
    struct kerf_pass key = *pass;
    key.decode.attended = key.decode.context_tokens = 0.0;
    key.prefill.attended = key.prefill.context_tokens = 0.0;
    double which = (double)((const char *)op - (const char *)&plan->list);
    bool known;
    struct kerf_cost *cost = kerf_cost_memo_find(plan->matrices, &key, which, &known);
    if (!known)
        *cost = kerf_gpu_device.operator_cost(&plan->gpu, op, pass, &plan->slice);
    return *cost;
}

/* One layer, or embedding or head: its operators in turn. Partial sums (row-cut matrices, experts) are
 * reduced before the next norm over the model width, and at the end of the list. */
static struct kerf_cost list_cost(const struct kerf_gpu_plan *plan, const struct kerf_operator_list *list,
                                  const struct kerf_pass *pass)
{
    struct kerf_cost sum = {0};
    struct kerf_pass mine = group_pass(plan, pass);
    double allreduce_s = kerf_allreduce_s(&plan->domain, plan->slice.tensor_parallel,
                                          activation_bytes(plan, kerf_pass_tokens(&mine)));
    bool dispatches = plan->attention_data_parallel > 1.0, partial = false;
    for (int i = 0; i < list->count; i++) {
        const struct kerf_operator *op = &list->op[i];
        bool experts = op->shard == KERF_SHARD_EXPERTS;
        if (partial && op->kind == KERF_OP_NORM && op->inputs == plan->d_model) {
            struct kerf_cost reduce = interconnect_cost(allreduce_s);
            kerf_cost_add(&sum, &reduce);
            partial = false;
        }
        struct kerf_cost cost = operator_cost(plan, op, experts ? pass : &mine);
        kerf_cost_add(&sum, &cost);
        if (experts && dispatches) {
            struct kerf_cost moved = interconnect_cost(expert_exchange_s(plan, kerf_pass_tokens(&mine)));
            kerf_cost_add(&sum, &moved);
        } else {
            partial = partial || experts || op->shard == KERF_SHARD_ROWS;
        }
    }
    if (partial) {
        struct kerf_cost reduce = interconnect_cost(allreduce_s);
        kerf_cost_add(&sum, &reduce);
    }
    return sum;
}

struct kerf_cost kerf_gpu_step_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass,
                                    double draft_tokens)
{
    double once_s = plan->gpu.graph_launch_s, draft_s = draft_tokens * plan->draft_token_s;
    struct kerf_cost sum = {.latency_s = once_s + draft_s, .occupancy_s = once_s + draft_s};
    sum.part_s[KERF_TIME_SOFTWARE] = once_s;
    sum.part_s[KERF_TIME_COMPUTE] = draft_s;
    const struct {
        const struct kerf_operator_list *list;
        double repeats;
    } sections[] = {{&plan->list.embedding, 1.0},
                    {&plan->list.dense_layer, plan->list.dense_layers},
                    {&plan->list.moe_layer, plan->list.moe_layers},
                    {&plan->list.head, pass->logit_tokens > 0.0 ? 1.0 : 0.0}};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (sections[i].repeats == 0.0)
            continue;
        struct kerf_cost cost = kerf_cost_times(list_cost(plan, sections[i].list, pass), sections[i].repeats);
        kerf_cost_add(&sum, &cost);
    }
    return sum;
}

double kerf_gpu_step_least_s(const struct kerf_gpu_plan *plan)
{
    struct kerf_pass one = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = 1.0, .context_tokens = 1.0},
        .kv = plan->kv,
        .activations = plan->activations};
    /* Half of the smallest pass: prefill and decode of one token differ by less. */
    return 0.5 * kerf_gpu_step_cost(plan, &one, 0.0).latency_s;
}

const struct kerf_cost *kerf_gpu_pass_cost(const struct kerf_gpu_plan *plan,
                                           const struct kerf_pass_message *message)
{
    struct kerf_pass pass = kerf_pass_of(message, plan->kv, plan->activations);
    bool known;
    struct kerf_cost *cost = kerf_cost_memo_find(plan->memo, &pass, message->draft_tokens, &known);
    if (!known)
        *cost = kerf_gpu_step_cost(plan, &pass, message->draft_tokens);
    return cost;
}

static enum kerf_status gpu_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                   struct kerf_error *error)
{
    struct kerf_accelerator_record *record = state;
    const struct kerf_gpu_setup *setup = kerf_lp_setup(lp);
    const struct kerf_gpu_plan *plan = setup->plan;
    struct kerf_pass_message message;
    memcpy(&message, event->payload, sizeof message);
    const struct kerf_cost *cost = kerf_gpu_pass_cost(plan, &message);
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        message.part_s[part] += (float)cost->part_s[part];
    message.part_s[KERF_TIME_SOFTWARE] += (float)plan->gpu.host_to_device_s;
    record->passes++;
    record->tokens += message.decode_tokens + message.prefill_tokens;
    record->busy_s += cost->occupancy_s;
    record->flops += cost->flops;
    record->bytes += cost->bytes;
    record->dynamic_J += cost->dynamic_J;
    return kerf_lp_send(lp, setup->scheduler, kerf_time_from_s(cost->latency_s + plan->gpu.host_to_device_s),
                        KERF_EVENT_PASS_DONE, &message, sizeof message, error);
}

const struct kerf_lp_kind kerf_gpu_lp = {
    .name = "gpu", .state_bytes = sizeof(struct kerf_accelerator_record), .handle = gpu_handle};

const struct kerf_accelerator_record *kerf_gpu_record(const void *state)
{
    return state;
}
