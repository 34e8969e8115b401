/* The device room: what an operator costs on a GPU. Knows no numbers of any GPU and no other GPU: all-reduces
 * and all-to-alls are in models/fabric.
 *
 * Which operators are kernels of their own, as TensorRT-LLM, vLLM and SGLang run them in 2026:
 * - a residual add is inside the norm that follows it, rotary embedding and KV write are inside the attention
 *   kernel or its preparation (whose measured floor holds them): they cost their bytes only;
 * - kv_a_proj is stored with q_a_proj as one matrix, kv_a_norm runs beside q_a_norm, and qk_norm is fused
 * with rotary: bytes only;
 * - quantising activations, top-k routing, permuting tokens and summing expert outputs are in the floors of
 * the GEMM and MoE kernels, because they are in the tables that those were fitted on. */
#include "models/device/gpu.h"

#include "models/device/gpu_attention.h"
#include "models/device/gpu_energy.h"
#include "models/device/gpu_experts.h"
#include "models/device/gpu_gemm.h"
#include "models/device/gpu_layer.h"
#include "models/device/gpu_shard.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static double bytes_of(const struct kerf_work *work)
{
    return work->weight_bytes + work->kv_read_bytes + work->kv_write_bytes + work->activation_bytes;
}

/* A GPU runs one operator at a time: it is occupied for as long as it takes. */
static struct kerf_cost cost_of(double compute_s, double memory_s, double software_s,
                                const struct kerf_work *work)
{
    struct kerf_cost cost = {.flops = work->flops, .bytes = bytes_of(work)};
    cost.part_s[KERF_TIME_COMPUTE] = compute_s;
    cost.part_s[KERF_TIME_MEMORY] = memory_s;
    cost.part_s[KERF_TIME_SOFTWARE] = software_s;
    cost.latency_s = compute_s + memory_s + software_s;
    cost.occupancy_s = cost.latency_s;
    return cost;
}

/* Work that rides inside another kernel: its bytes, and no launch. */
static struct kerf_cost fused_cost(const struct kerf_gpu_params *gpu, const struct kerf_work *work)
{
    return cost_of(0.0, bytes_of(work) / (gpu->hbm_Bps * gpu->achieved_hbm), 0.0, work);
}

static struct kerf_cost elementwise_cost(const struct kerf_gpu_params *gpu, const struct kerf_work *work)
{
    return cost_of(0.0, bytes_of(work) / (gpu->hbm_Bps * gpu->achieved_hbm),
                   gpu->graph_gap_s + gpu->elementwise_floor_s, work);
}

/* Matrices: see gpu_gemm.h. Few bytes and many latencies are the memory's part, as before them the reading
 * and writing of activations in the format of the weights. */
static struct kerf_cost gemm_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                  const struct kerf_work *work, const struct kerf_pass *pass)
{
    struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(gpu, op->weights);
    const struct kerf_gemm gemm = {.m = work->flops / (2.0 * op->batch * op->inputs * op->outputs),
                                   .n = op->outputs,
                                   .k = op->inputs,
                                   .batch = op->batch,
                                   .weights = op->weights,
                                   .activations = pass->activations};
    struct kerf_gemm_time time = kerf_gpu_gemm_time(gpu, &kernel, &gemm);
    return cost_of(time.compute_s, time.memory_s + time.quantise_s, time.software_s, work);
}

/* kv_a_proj, kv_a_norm and qk_norm: see the head of this file. */
static bool rides_along(const struct kerf_operator *op)
{
    static const char *const riders[] = {"kv_a_proj", "kv_a_norm", "qk_norm"};
    for (size_t i = 0; i < sizeof riders / sizeof riders[0]; i++)
        if (op->name && strcmp(op->name, riders[i]) == 0)
            return true;
    return false;
}

/* MLA in its absorbed form multiplies other vectors in decode than in prefill. */
static bool is_mla(const struct kerf_operator *op)
{
    return op->score_dim != op->prefill_score_dim;
}

static struct kerf_cost attention_time_cost(const struct kerf_attention_time *time,
                                            const struct kerf_work *work)
{
    return cost_of(time->compute_s, time->memory_s, time->software_s, work);
}

/* A pass that does not say has a sequence per token. */
static double sequences_of(const struct kerf_pass_part *part)
{
    return part->sequences > 0.0 ? part->sequences : part->tokens;
}

/* Sequences of unequal length count as so many of the mean length. Windows shorten the cache that is read. */
static struct kerf_cost decode_attention_cost(const struct kerf_gpu_params *gpu,
                                              const struct kerf_operator *op, const struct kerf_pass *part)
{
    struct kerf_work work = kerf_operator_work(op, part);
    double sequences = sequences_of(&part->decode), kv_heads = fmax(op->kv_heads, 1.0);
    double bytes_per_token = op->kv_elements * kerf_format_facts(part->kv)->bytes_per_element;
    const struct kerf_decode_attention decode = {
        .sequences = sequences,
        .kv_heads = kv_heads,
        .queries = op->heads / kv_heads * part->decode.tokens / sequences,
        .score_dim = op->score_dim,
        .value_dim = op->value_dim,
        .cached_elements = op->kv_elements / kv_heads,
        .context_tokens = work.kv_read_bytes / (bytes_per_token * sequences),
        .cache = part->kv,
    };
    struct kerf_attention_time time =
        is_mla(op) ? kerf_gpu_mla_decode(gpu, &decode) : kerf_gpu_decode_attention(gpu, &decode);
    return attention_time_cost(&time, &work);
}

/* What a token attends to beyond the mean of its own prompt was cached earlier. */
static struct kerf_cost prefill_attention_cost(const struct kerf_gpu_params *gpu,
                                               const struct kerf_operator *op, const struct kerf_pass *part)
{
    struct kerf_work work = kerf_operator_work(op, part);
    const struct kerf_pass_part *prompt = &part->prefill;
    double per_pair = 2.0 * op->heads * (op->prefill_score_dim + op->prefill_value_dim);
    double sequences = sequences_of(prompt), tokens = prompt->tokens / sequences;
    const struct kerf_prefill_attention prefill = {
        .sequences = sequences,
        .tokens = tokens,
        .earlier = fmax(prompt->attended / prompt->tokens - (tokens + 1.0) / 2.0, 0.0),
        .seen = work.flops / (per_pair * prompt->attended),
        .heads = op->heads,
        .score_dim = op->prefill_score_dim,
        .value_dim = op->prefill_value_dim,
        .cache = part->kv,
    };
    struct kerf_attention_time time =
        is_mla(op) ? kerf_gpu_mla_prefill(gpu, &prefill) : kerf_gpu_prefill_attention(gpu, &prefill);
    return attention_time_cost(&time, &work);
}

/* The decode and the prefill tokens: a kernel each. */
static struct kerf_cost attention_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                       const struct kerf_pass *pass)
{
    struct kerf_pass decode = *pass, prefill = *pass;
    struct kerf_cost cost = {0};
    decode.prefill = (struct kerf_pass_part){0};
    prefill.decode = (struct kerf_pass_part){0};
    if (decode.decode.tokens > 0.0)
        cost = decode_attention_cost(gpu, op, &decode);
    if (prefill.prefill.tokens > 0.0) {
        struct kerf_cost prompts = prefill_attention_cost(gpu, op, &prefill);
        kerf_cost_add(&cost, &prompts);
    }
    return cost;
}

/* Grouped GEMMs on the busiest rank: see gpu_experts.h. */
static struct kerf_cost experts_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                     const struct kerf_pass *pass, const struct kerf_slice *slice)
{
    struct kerf_expert_load load = kerf_gpu_busiest_expert_load(op, pass, slice);
    const struct kerf_expert_shape shape = {.d_model = op->inputs,
                                            .d_ff =
                                                op->expert_d_ff / fmax(slice->expert_tensor_parallel, 1.0),
                                            .matrices = op->matrices_per_expert,
                                            .weights = op->weights,
                                            .activations = pass->activations};
    struct kerf_work work = kerf_gpu_experts_work(&shape, &load);
    struct kerf_experts_time time = kerf_gpu_is_native(gpu, op->weights)
                                        ? kerf_gpu_experts_time(gpu, &shape, &load)
                                        : kerf_gpu_unpacked_experts_time(gpu, &shape, &load);
    return cost_of(time.compute_s, time.memory_s, time.software_s, &work);
}

static struct kerf_cost time_of(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                const struct kerf_pass *pass, const struct kerf_slice *slice)
{
    struct kerf_operator own = kerf_gpu_shard(op, slice);
    struct kerf_work work = kerf_operator_work(&own, pass);
    if (work.flops + bytes_of(&work) <= 0.0)
        return (struct kerf_cost){0};
    if (rides_along(op))
        return fused_cost(gpu, &work);
    switch (op->kind) {
    case KERF_OP_LINEAR:
    case KERF_OP_ROUTER:
    case KERF_OP_LM_HEAD:
        return gemm_cost(gpu, &own, &work, pass);
    case KERF_OP_ATTENTION:
        return attention_cost(gpu, &own, pass);
    case KERF_OP_EXPERTS:
        return experts_cost(gpu, op, pass, slice);
    case KERF_OP_ROTARY:
    case KERF_OP_KV_WRITE:
    case KERF_OP_RESIDUAL:
        return fused_cost(gpu, &work);
    default:
        return elementwise_cost(gpu, &work);
    }
}

static struct kerf_cost gpu_operator_cost(const void *params, const struct kerf_operator *op,
                                          const struct kerf_pass *pass, const struct kerf_slice *slice)
{
    const struct kerf_gpu_params *gpu = params;
    struct kerf_cost cost = time_of(gpu, op, pass, slice);
    /* What has no weights works in 16 bit, attention in the format of its cache. */
    bool weights = op->weight_elements > 0.0, cache = op->kind == KERF_OP_ATTENTION;
    cost.dynamic_J = kerf_gpu_dynamic_J(gpu, &cost,
                                        cache     ? pass->kv
                                        : weights ? op->weights
                                                  : pass->activations);
    return cost;
}

static double gpu_usable_bytes(const void *params)
{
    const struct kerf_gpu_params *gpu = params;
    return gpu->hbm_bytes * gpu->hbm_usable_fraction;
}

const struct kerf_device_type kerf_gpu_device = {
    .kind = "gpu",
    .leaves = &kerf_gpu_leaves,
    .operator_cost = gpu_operator_cost,
    .layer_cost = kerf_gpu_layer_cost,
    .usable_bytes = gpu_usable_bytes,
};
