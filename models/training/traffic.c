/* The training room: communication by closed forms of models/fabric. */
#include "models/training/traffic.h"

#include <math.h>
#include <stddef.h>

double kerf_training_collective_s(const struct kerf_training_machine *machine,
                                  const struct kerf_training_job *job, enum kerf_training_group group,
                                  enum kerf_collective_op op, double bytes)
{
    struct kerf_group_place place = kerf_training_place(&job->layout, group, machine->gpu.nvlink_domain);
    struct kerf_cluster cluster = kerf_gpu_cluster(&machine->gpu);
    struct kerf_collective_params params = machine->collectives;
    cluster.domain = place.ranks > place.local ? place.local : fmax(place.ranks, 1.0);
    if (job->stack->ring_nics > 0.0)
        params.ring_nics = job->stack->ring_nics;
    const struct kerf_collective_call call = {.op = op, .ranks = place.ranks, .bytes = bytes};
    double time_s = 0.0;
    kerf_collective_s(&params, &cluster, &call, NULL, &time_s, NULL, NULL); /* groups fill their domains */
    return time_s;
}

/* Bytes of the activations of a micro-batch, 16 bit, before any cut by tensor parallelism. */
static double activation_bytes(const struct kerf_training_job *job)
{
    return 2.0 * job->layout.micro_batch * job->sequence / job->layout.context *
           job->network->decoder.d_model;
}

double kerf_training_tensor_s(const struct kerf_training_machine *machine,
                              const struct kerf_training_job *job)
{
    double bytes = activation_bytes(job);
    if (!job->layout.sequence_parallel)
        return 2.0 *
               kerf_training_collective_s(machine, job, KERF_GROUP_TENSOR, KERF_COLLECTIVE_ALL_REDUCE, bytes);
    return 2.0 *
           (kerf_training_collective_s(machine, job, KERF_GROUP_TENSOR, KERF_COLLECTIVE_ALL_GATHER, bytes) +
            kerf_training_collective_s(machine, job, KERF_GROUP_TENSOR, KERF_COLLECTIVE_REDUCE_SCATTER,
                                       bytes));
}

double kerf_training_ring_s(const struct kerf_training_machine *machine, const struct kerf_training_job *job,
                            const struct kerf_operator_list *layer)
{
    const struct kerf_training_layout *layout = &job->layout;
    double elements = 0.0;
    for (int i = 0; i < layer->count; i++)
        if (layer->op[i].kind == KERF_OP_ATTENTION) {
            double kv_heads = layer->op[i].kv_heads > 1.0 ? layer->op[i].kv_heads : layer->op[i].heads;
            elements = fmax(kv_heads / layout->tensor, 1.0) *
                       (layer->op[i].prefill_score_dim + layer->op[i].prefill_value_dim);
        }
    double bytes = 2.0 * layout->micro_batch * job->sequence * elements; /* of the whole ring */
    return kerf_training_collective_s(machine, job, KERF_GROUP_CONTEXT, KERF_COLLECTIVE_ALL_GATHER, bytes);
}

double kerf_training_exchange_s(const struct kerf_training_machine *machine,
                                const struct kerf_training_job *job)
{
    const struct kerf_training_layout *layout = &job->layout;
    double e = layout->expert, k = job->network->decoder.moe.top_k;
    double tokens_bytes = activation_bytes(job) * layout->expert_tensor / layout->tensor;
    /* A grouped all-to-all of `bytes` sends bytes / e to each rank: a share 1 - (1 - 1/e)^k of the tokens. */
    double bytes = tokens_bytes * e * (1.0 - pow(1.0 - 1.0 / e, k)) * fmax(job->skew, 1.0);
    return 2.0 *
           kerf_training_collective_s(machine, job, KERF_GROUP_EXPERT, KERF_COLLECTIVE_ALL_TO_ALL, bytes);
}

double kerf_training_handover_s(const struct kerf_training_machine *machine,
                                const struct kerf_training_job *job)
{
    struct kerf_group_place place =
        kerf_training_place(&job->layout, KERF_GROUP_PIPELINE, machine->gpu.nvlink_domain);
    if (place.ranks <= 1.0)
        return 0.0;
    struct kerf_cluster cluster = kerf_gpu_cluster(&machine->gpu);
    cluster.domain = place.local > 1.0 ? 2.0 : 1.0;
    const struct kerf_collective_call call = {
        .op = KERF_COLLECTIVE_SEND, .ranks = 2.0, .bytes = activation_bytes(job) / job->layout.tensor};
    double time_s = 0.0;
    kerf_collective_s(&machine->collectives, &cluster, &call, NULL, &time_s, NULL, NULL);
    return time_s;
}
