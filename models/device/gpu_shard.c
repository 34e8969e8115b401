/* The device room: how tensor and expert parallelism cut an operator among GPUs. */
#include "models/device/gpu_shard.h"

#include "models/device/maximum_load.h"
#include "models/network/expert_skew.h"

#include <math.h>

static double at_least_one(double ranks)
{
    return fmax(ranks, 1.0);
}

static double share_of_heads(double heads, double ranks)
{
    return heads > 0.0 ? ceil(heads / ranks) / heads : 1.0 / ranks;
}

/* A linear that makes queries, keys and values: query heads are cut, KV heads are kept whole. */
static void cut_query_key_value(struct kerf_operator *op, double ranks)
{
    double all = op->heads + 2.0 * op->kv_heads;
    double own = ceil(op->heads / ranks) + 2.0 * ceil(op->kv_heads / ranks);
    op->outputs *= own / all;
    op->weight_elements *= own / all;
}

static void cut_heads(struct kerf_operator *op, double ranks)
{
    double share = share_of_heads(op->heads, ranks), kv_share = share_of_heads(op->kv_heads, ranks);
    switch (op->kind) {
    case KERF_OP_LINEAR:
        if (op->kv_heads > 0.0) {
            cut_query_key_value(op, ranks);
            return;
        }
        op->weight_elements *= share;
        if (op->batch > 1.0)
            op->batch *= share;
        else
            op->outputs *= share;
        return;
    case KERF_OP_ATTENTION:
        op->heads *= share;
        op->weight_elements *= share;
        op->kv_heads *= kv_share;
        op->kv_elements *= kv_share;
        return;
    case KERF_OP_KV_WRITE:
        op->kv_heads *= kv_share;
        op->kv_elements *= kv_share;
        return;
    default: /* elementwise over heads: a head more or less makes no difference */
        op->inputs /= ranks;
        op->outputs /= ranks;
    }
}

static void cut_columns(struct kerf_operator *op, double ranks)
{
    op->outputs /= ranks;
    op->weight_elements /= ranks;
    if (op->kind != KERF_OP_LINEAR)
        op->inputs /= ranks;
}

struct kerf_operator kerf_gpu_shard(const struct kerf_operator *op, const struct kerf_slice *slice)
{
    struct kerf_operator own = *op;
    double ranks = at_least_one(slice->tensor_parallel);
    switch (op->shard) {
    case KERF_SHARD_COLUMNS:
        cut_columns(&own, ranks);
        break;
    case KERF_SHARD_ROWS:
        own.inputs /= ranks;
        own.weight_elements /= ranks;
        break;
    case KERF_SHARD_HEADS:
        cut_heads(&own, ranks);
        break;
    case KERF_SHARD_VOCAB: /* the rows of a table, the columns of the head */
        if (op->kind == KERF_OP_EMBED)
            own.inputs /= ranks;
        else
            own.outputs /= ranks;
        own.weight_elements /= ranks;
        break;
    case KERF_SHARD_EXPERTS: /* by kerf_gpu_busiest_expert_load */
    case KERF_SHARD_NONE:
        break;
    }
    return own;
}

/* Uneven choices: as if every rank had the busiest one's share, the luck of the draw on top. */
static struct kerf_expert_load skewed_load(const struct kerf_operator *op,
                                           const struct kerf_expert_group *group, double tokens)
{
    double jobs = tokens * op->top_k * group->share * group->groups;
    double rows = kerf_expected_maximum_load(jobs, group->groups);
    rows = fmin(rows, fmin(tokens * group->slots, tokens * op->top_k));
    return kerf_even_expert_load(tokens, group->slots, kerf_expert_group_touched(group, tokens, rows), rows);
}

struct kerf_expert_load kerf_gpu_busiest_expert_load(const struct kerf_operator *op,
                                                     const struct kerf_pass *pass,
                                                     const struct kerf_slice *slice)
{
    double tokens = kerf_pass_tokens(pass);
    double experts = ceil(op->experts / at_least_one(slice->expert_parallel));
    const struct kerf_expert_group *group =
        op->skew ? kerf_expert_skew_busiest(op->skew, (int)at_least_one(slice->expert_parallel)) : NULL;
    if (group)
        return skewed_load(op, group, tokens);
    double rows = kerf_expected_maximum_load(tokens * op->top_k, op->experts / experts);
    rows = fmin(rows, tokens * experts); /* a token picks an expert once */
    return kerf_even_expert_load(tokens, experts, kerf_experts_touched(experts, rows / tokens, tokens), rows);
}

struct kerf_work kerf_gpu_experts_work(const struct kerf_expert_shape *shape,
                                       const struct kerf_expert_load *load)
{
    double elements = shape->matrices * shape->d_model * shape->d_ff;
    double activation_elements = load->rows * 2.0 * (shape->d_model + shape->matrices * shape->d_ff);
    return (struct kerf_work){
        .flops = 2.0 * load->rows * elements,
        .weight_bytes = load->touched * elements * kerf_format_facts(shape->weights)->bytes_per_element,
        .activation_bytes = activation_elements * kerf_format_facts(shape->activations)->bytes_per_element,
    };
}
