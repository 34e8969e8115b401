/* The training room: bytes of weights, gradients, states and activations. */
#include "models/training/memory.h"

#include "models/device/gpu_shard.h"

#include <math.h>
#include <string.h>

/* Narrow recipes keep weights both ways up, and nothing in 16 bit: the optimiser has the master. With 4 bit
 * they keep 16 bit too, unless the weights are frozen. Parts with a unit for 4 bit multiply 8 bit with one
 * scale per tensor any way up: one copy. */
static double weight_bytes(const struct kerf_training_machine *machine, const struct kerf_training_job *job)
{
    const struct kerf_format_facts *facts = kerf_format_facts(job->precision->matrices);
    bool four_bit = facts->arithmetic == KERF_MATH_FP4;
    if (!job->precision->narrow)
        return 2.0;
    bool one_copy = job->precision->scales_tensors && machine->gpu.peak_fp4_flops > 0.0;
    return (one_copy ? 1.0 : 2.0) * facts->bytes_per_element + (four_bit && !job->frozen ? 2.0 : 0.0);
}

static struct kerf_rank_params list_params(const struct kerf_operator_list *list,
                                           const struct kerf_training_layout *layout)
{
    const struct kerf_slice slice = {.tensor_parallel = layout->tensor};
    struct kerf_rank_params params = {0};
    for (int i = 0; i < list->count; i++) {
        if (list->op[i].kind == KERF_OP_EXPERTS)
            params.experts += list->op[i].weight_elements / (layout->expert * layout->expert_tensor);
        else
            params.dense += kerf_gpu_shard(&list->op[i], &slice).weight_elements;
    }
    return params;
}

struct kerf_rank_params kerf_training_rank_params(const struct kerf_training_job *job,
                                                  const struct kerf_layer_memory *layer)
{
    double stages = job->layout.pipeline, ends = layer->embedding.dense, head = layer->head.dense;
    double dense_layers = ceil(layer->dense_layers / stages), moe_layers = ceil(layer->moe_layers / stages);
    double end_params = stages > 1.0 ? fmax(ends, head) : ends + head;
    return (struct kerf_rank_params){dense_layers * layer->dense.dense + moe_layers * layer->moe.dense +
                                         end_params,
                                     moe_layers * layer->moe.experts};
}

/* A GPU kernel's saved inputs, in bytes per token, of what lies inside the tensor-parallel part (cut by it)
 * and outside (cut only by sequence parallelism). */
struct kept {
    double inside, outside;
};

static void keep_operator(const struct kerf_training_job *job, const struct kerf_operator *op,
                          enum kerf_recompute recompute, struct kept *kept)
{
    bool dropout = job->stack->dropout;
    /* Inputs of products that norms and activations can be asked for again. */
    bool cheap = recompute == KERF_RECOMPUTE_SELECTIVE && job->stack->fused_attention;
    double input_bytes = kerf_format_facts(job->precision->matrices)->bytes_per_element; /* the cast */
    switch (op->kind) {
    case KERF_OP_NORM:
        *(op->shard == KERF_SHARD_NONE ? &kept->outside : &kept->inside) += 2.0 * op->inputs;
        break;
    case KERF_OP_LINEAR:
        if (op->batch > 1.0) /* of latent heads: the unfolded side is an operand of attention */
            break;
        if (cheap && strcmp(op->name, "o_proj") != 0)
            break;
        *(op->shard == KERF_SHARD_ROWS ? &kept->inside : &kept->outside) += input_bytes * op->inputs;
        break;
    case KERF_OP_ATTENTION:
        kept->inside +=
            2.0 * (op->heads * op->prefill_score_dim + (op->kv_heads > 1.0 ? op->kv_heads : op->heads) *
                                                           (op->prefill_score_dim + op->prefill_value_dim));
        if (!job->stack->fused_attention)
            kept->inside += (dropout ? 5.0 : 2.0) * op->heads * job->sequence;
        break;
    case KERF_OP_ACTIVATION:
        kept->inside += 2.0 * op->batch * op->inputs;
        break;
    case KERF_OP_EXPERTS: { /* rows before and after the permutation, and as an FFN inside */
        double share = (double)job->layout.tensor / job->layout.expert_tensor;
        double rows = op->top_k / share;
        double inner =
            (2.0 * (op->matrices_per_expert - 1.0) + (cheap ? 0.0 : input_bytes)) * op->expert_d_ff;
        kept->inside += rows * ((2.0 + input_bytes) * op->inputs + inner) * share;
        break;
    }
    case KERF_OP_RESIDUAL:
        kept->outside += dropout ? op->inputs : 0.0;
        break;
    default:
        break;
    }
}

double kerf_training_layer_activation_bytes(const struct kerf_training_job *job,
                                            const struct kerf_operator_list *layer,
                                            enum kerf_recompute recompute)
{
    const struct kerf_training_layout *layout = &job->layout;
    double tokens = layout->micro_batch * job->sequence / layout->context;
    double outside_cut = layout->sequence_parallel ? layout->tensor : 1.0;
    if (recompute == KERF_RECOMPUTE_FULL)
        return 2.0 * tokens * job->network->decoder.d_model / outside_cut;
    struct kept kept = {0};
    for (int i = 0; i < layer->count; i++)
        keep_operator(job, &layer->op[i], recompute, &kept);
    if (recompute == KERF_RECOMPUTE_SELECTIVE && !job->stack->fused_attention)
        kept.inside -=
            (job->stack->dropout ? 5.0 : 2.0) * job->network->decoder.attention.heads * job->sequence;
    return tokens * (kept.inside / layout->tensor + kept.outside / outside_cut);
}

struct kerf_layer_memory kerf_training_layer_memory(const struct kerf_training_job *job,
                                                    const struct kerf_decoder_list *list)
{
    enum kerf_recompute other = job->recompute == KERF_RECOMPUTE_FULL ? KERF_RECOMPUTE_NONE : job->recompute;
    return (struct kerf_layer_memory){
        .dense = list_params(&list->dense_layer, &job->layout),
        .moe = list_params(&list->moe_layer, &job->layout),
        .embedding = list_params(&list->embedding, &job->layout),
        .head = list_params(&list->head, &job->layout),
        .dense_kept_bytes = kerf_training_layer_activation_bytes(job, &list->dense_layer, other),
        .dense_again_bytes =
            kerf_training_layer_activation_bytes(job, &list->dense_layer, KERF_RECOMPUTE_FULL),
        .moe_kept_bytes = kerf_training_layer_activation_bytes(job, &list->moe_layer, other),
        .moe_again_bytes = kerf_training_layer_activation_bytes(job, &list->moe_layer, KERF_RECOMPUTE_FULL),
        .dense_layers = list->dense_layers,
        .moe_layers = list->moe_layers};
}

static double activation_bytes(const struct kerf_training_job *job, const struct kerf_layer_memory *layer,
                               double in_flight)
{
    double stages = job->layout.pipeline, bytes = 0.0, largest = 0.0;
    const struct {
        double layers, kept, again;
    } kinds[] = {{layer->dense_layers / stages, layer->dense_kept_bytes, layer->dense_again_bytes},
                 {layer->moe_layers / stages, layer->moe_kept_bytes, layer->moe_again_bytes}};
    double all = kinds[0].layers + kinds[1].layers;
    double again = job->recompute != KERF_RECOMPUTE_FULL ? 0.0
                   : job->recompute_layers > 0           ? fmin(job->recompute_layers / all, 1.0)
                                                         : 1.0;
    for (int i = 0; i < 2; i++) {
        if (kinds[i].layers == 0.0)
            continue;
        bytes += kinds[i].layers * (again * kinds[i].again + (1.0 - again) * kinds[i].kept);
        largest = fmax(largest, again > 0.0 ? kinds[i].kept : 0.0);
    }
    return in_flight * bytes + largest;
}

/* Logits in 32 bit and their gradient of one micro-batch; gathered layers of ZeRO-3, two at once. */
static double buffer_bytes(const struct kerf_training_job *job, const struct kerf_rank_params *params)
{
    const struct kerf_training_layout *layout = &job->layout;
    const struct kerf_decoder_dims *dims = &job->network->decoder;
    double tokens = layout->micro_batch * job->sequence / layout->context;
    double logits = tokens * dims->vocab / layout->tensor * (job->stack->compiled ? 4.0 : 6.0);
    double layers = fmax((double)(dims->layers_dense + dims->layers_moe) / layout->pipeline, 1.0);
    double gathered = layout->sharding == KERF_SHARDING_PARAMETERS
                          ? 2.0 * 2.0 * (params->dense + params->experts) / layers
                          : 0.0;
    return logits + gathered;
}

/* Bytes of one kind of state: `each` per parameter, cut over the ranks that hold the same where sharded. */
static double states(const struct kerf_training_layout *layout, const struct kerf_rank_params *params,
                     double each, bool sharded)
{
    double dense = (double)layout->data * layout->context;
    double experts = dense * layout->tensor / (layout->expert * layout->expert_tensor);
    return each * (params->dense / (sharded ? dense : 1.0) + params->experts / (sharded ? experts : 1.0));
}

struct kerf_training_memory kerf_training_memory(const struct kerf_training_machine *machine,
                                                 const struct kerf_training_job *job,
                                                 const struct kerf_layer_memory *layer, double in_flight)
{
    const struct kerf_training_layout *layout = &job->layout;
    struct kerf_rank_params params = kerf_training_rank_params(job, layer);
    double trained = job->frozen ? 0.0 : 1.0;
    struct kerf_training_memory memory = {
        .weights_bytes =
            states(layout, &params, weight_bytes(machine, job), layout->sharding >= KERF_SHARDING_PARAMETERS),
        .gradients_bytes = states(layout, &params, trained * job->stack->gradient_bytes,
                                  layout->sharding >= KERF_SHARDING_GRADIENTS),
        .optimizer_bytes =
            states(layout, &params, job->offload_Bps > 0.0 ? 0.0 : trained * job->optimizer->state_bytes,
                   layout->sharding >= KERF_SHARDING_OPTIMIZER),
        .activations_bytes = activation_bytes(job, layer, in_flight),
        .buffers_bytes = buffer_bytes(job, &params),
        .context_bytes = machine->training.context_bytes,
        .capacity_bytes = machine->gpu.hbm_bytes,
    };
    double sum = memory.weights_bytes + memory.gradients_bytes + memory.optimizer_bytes +
                 memory.activations_bytes + memory.buffers_bytes;
    memory.fragmentation_bytes = machine->training.fragmentation_share * sum;
    memory.used_bytes = sum + memory.fragmentation_bytes + memory.context_bytes;
    memory.fits = memory.used_bytes <= memory.capacity_bytes;
    return memory;
}
