/* What lies in the memory of the fullest GPU of a training job. */
#ifndef KERF_TRAINING_MEMORY_H
#define KERF_TRAINING_MEMORY_H

#include "models/network/operator.h"
#include "models/training/job.h"
#include "models/training/params.h"

struct kerf_training_memory {
    double weights_bytes, gradients_bytes, optimizer_bytes, activations_bytes, buffers_bytes, context_bytes;
    double fragmentation_bytes;
    double used_bytes, capacity_bytes;
    bool fits;
};

/* Parameters on one rank of the fullest stage: shared by the data-parallel group, and of experts. */
struct kerf_rank_params {
    double dense, experts;
};

/* What follows from tensor, context and expert parallelism, micro-batch and recompute alone, one rank:
 * parameters of a layer and of the ends, bytes of activations of a layer that keeps them, and of one that is
 * computed again. */
struct kerf_layer_memory {
    struct kerf_rank_params dense, moe, embedding, head;
    double dense_kept_bytes, dense_again_bytes, moe_kept_bytes, moe_again_bytes;
    int dense_layers, moe_layers;
};
struct kerf_layer_memory kerf_training_layer_memory(const struct kerf_training_job *job,
                                                    const struct kerf_decoder_list *list);

struct kerf_rank_params kerf_training_rank_params(const struct kerf_training_job *job,
                                                  const struct kerf_layer_memory *layer);

/* Bytes of activations that a layer keeps for its backward pass, for one micro-batch on one rank: inputs of
 * norms, products and activations, the operands of attention, masks of dropout. For plain attention heads and
 * GELU that is s b h (34 + 5 a s / h) and its cuts by tensor and sequence parallelism (Korthikanti et al.,
 * arXiv 2205.05198, table 2), for other blocks what they have. */
double kerf_training_layer_activation_bytes(const struct kerf_training_job *job,
                                            const struct kerf_operator_list *layer,
                                            enum kerf_recompute recompute);

/* `in_flight`: micro-batches, of a stage's whole depth, whose activations the fullest stage holds at once.
 * 1F1B: p; interleaved: p (1 + (p - 1) / (p v)) (arXiv 2205.05198, section 4.2.3); never more than there are.
 */
struct kerf_training_memory kerf_training_memory(const struct kerf_training_machine *machine,
                                                 const struct kerf_training_job *job,
                                                 const struct kerf_layer_memory *layer, double in_flight);

#endif
