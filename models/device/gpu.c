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

/* The roofline: the longer of the two decides, and all of it is that part's. */
static struct kerf_cost roofline_cost(double compute_s, double memory_s, double extra_memory_s,
                                      double software_s, const struct kerf_work *work)
{
    bool compute_decides = compute_s > memory_s;
    return cost_of(compute_decides ? compute_s : 0.0, (compute_decides ? 0.0 : memory_s) + extra_memory_s,
                   software_s, work);
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

/* Attention of the decode or the prefill tokens: a kernel each. The arithmetic is the cache's. MLA's one
 * shared latent leaves few independent streams per sequence, so bandwidth builds up slowly: ramp bytes /
 * (bytes + ramp_bytes) on top of the stream. */
static struct kerf_cost attention_part_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                            const struct kerf_pass *part, bool latent)
{
    struct kerf_work work = kerf_operator_work(op, part);
    if (work.flops <= 0.0)
        return (struct kerf_cost){0};
    double peak_flops = kerf_gpu_peak_flops(gpu, kerf_gpu_arithmetic(gpu, part->kv));
    double bytes = bytes_of(&work);
    double floor_s = latent ? gpu->mla_floor_s : gpu->attention_floor_s;
    double hbm_Bps = gpu->hbm_Bps * (latent ? gpu->achieved_mla_hbm : gpu->achieved_attention_hbm);
    double ramp_s = latent ? gpu->mla_ramp_s * bytes / (bytes + gpu->mla_ramp_bytes) : 0.0;
    return roofline_cost(work.flops / (peak_flops * gpu->achieved_attention_flops), bytes / hbm_Bps, ramp_s,
                         gpu->graph_gap_s + floor_s, &work);
}

/* Prefill of MLA puts the rotated and the plain parts of queries and keys together and makes values
 * contiguous: three kernels that read and write tokens x heads x (2 score_dim + value_dim) elements before
 * attention runs. */
static struct kerf_cost unfolding_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                       const struct kerf_pass *pass)
{
    enum { UNFOLDING_KERNELS = 3 };
    double elements =
        pass->prefill.tokens * op->heads * (2.0 * op->prefill_score_dim + op->prefill_value_dim);
    struct kerf_work work = {.activation_bytes =
                                 2.0 * elements * kerf_format_facts(pass->activations)->bytes_per_element};
    if (elements <= 0.0)
        return (struct kerf_cost){0};
    return cost_of(0.0, bytes_of(&work) / (gpu->hbm_Bps * gpu->achieved_hbm),
                   UNFOLDING_KERNELS * (gpu->graph_gap_s + gpu->elementwise_floor_s), &work);
}

static struct kerf_cost attention_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                       const struct kerf_pass *pass)
{
    struct kerf_pass decode = *pass, prefill = *pass;
    decode.prefill = (struct kerf_pass_part){0};
    prefill.decode = (struct kerf_pass_part){0};
    struct kerf_cost cost = attention_part_cost(gpu, op, &decode, is_mla(op));
    struct kerf_cost unfolded = attention_part_cost(gpu, op, &prefill, false);
    kerf_cost_add(&cost, &unfolded);
    if (is_mla(op)) {
        struct kerf_cost unfolding = unfolding_cost(gpu, op, &prefill);
        kerf_cost_add(&cost, &unfolding);
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
