/* The device room: how tensor and expert parallelism cut an operator among GPUs. */
#include "models/device/gpu_shard.h"

#include "models/device/gpu.h"

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
    case KERF_SHARD_EXPERTS: /* by kerf_gpu_busiest_experts_work */
    case KERF_SHARD_NONE:
        break;
    }
    return own;
}

/* Quantile of the standard normal by Tukey's lambda distribution: within 0.02 up to p = 0.999
 * (Joiner and Rosenblatt, JASA 66, 1971). */
static double normal_quantile(double p)
{
    return 4.91 * (pow(p, 0.14) - pow(1.0 - p, 0.14));
}

/* Expected maximum of `count` standard normals (Blom, Statistical Estimates and Transformed Beta-Variables,
 * 1958). */
static double expected_normal_maximum(double count)
{
    return normal_quantile((count - 0.375) / (count + 0.25));
}

double kerf_gpu_busiest_load(double assignments, double ranks)
{
    if (ranks <= 1.0 || assignments <= 0.0)
        return fmax(assignments, 0.0);
    double mean = assignments / ranks, z = expected_normal_maximum(ranks);
    double a = z * z / 2.0 * (1.0 - 1.0 / ranks) / mean;
    double delta = a / 3.0 + sqrt(a * a / 9.0 + 2.0 * a); /* delta^2 / (2 (1 + delta / 3)) = a */
    double pairs = fmax(assignments * (assignments - 1.0) / 2.0, 0.0);
    return fmin(fmin(mean * (1.0 + delta), 1.0 + pairs / ranks), assignments);
}

struct kerf_work kerf_gpu_busiest_experts_work(const struct kerf_operator *op, const struct kerf_pass *pass,
                                               const struct kerf_slice *slice)
{
    double tokens = kerf_pass_tokens(pass);
    double experts = ceil(op->experts / at_least_one(slice->expert_parallel));
    double cut = at_least_one(slice->expert_tensor_parallel);
    double load = kerf_gpu_busiest_load(tokens * op->top_k, op->experts / experts);
    load = fmin(load, tokens * experts); /* a token picks an expert once */
    double touched = kerf_experts_touched(experts, load / tokens, tokens);
    double d_ff = op->expert_d_ff / cut;
    double activation_elements = load * (op->inputs + op->outputs + 2.0 * op->matrices_per_expert * d_ff);
    double expert_bytes =
        op->weight_elements / op->experts / cut * kerf_format_facts(op->weights)->bytes_per_element;
    return (struct kerf_work){
        .flops = 2.0 * load * op->matrices_per_expert * op->inputs * d_ff,
        .weight_bytes = touched * expert_bytes,
        .activation_bytes = activation_elements * kerf_format_facts(pass->activations)->bytes_per_element,
    };
}
