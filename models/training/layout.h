/* How a training job is laid out over its GPUs: groups, their sizes, and the nodes that they live in.
 *
 * Ranks are numbered with tensor parallelism innermost, then context, data and pipeline (Megatron-LM's order
 * "tp-cp-ep-dp-pp"): a group whose members are `stride` ranks apart has domain / stride of them in one node.
 * Expert groups are cut out of tensor x context x data of one stage. */
#ifndef KERF_TRAINING_LAYOUT_H
#define KERF_TRAINING_LAYOUT_H

#include "models/network/network.h"
#include "sim/base/error.h"

#include <stdbool.h>

/* What each data-parallel rank keeps a share of (ZeRO: Rajbhandari et al., arXiv 1910.02054). */
enum kerf_sharding {
    KERF_SHARDING_NONE,       /* plain data parallelism */
    KERF_SHARDING_OPTIMIZER,  /* ZeRO-1: the optimiser's states */
    KERF_SHARDING_GRADIENTS,  /* ZeRO-2: and the gradients */
    KERF_SHARDING_PARAMETERS, /* ZeRO-3, FSDP: and the weights, gathered layer by layer */
    KERF_SHARDING_COUNT
};

/* Names as scenarios spell them: none, zero-1, zero-2, zero-3. */
extern const char *const kerf_sharding_names[KERF_SHARDING_COUNT];

struct kerf_training_layout {
    int gpus;
    int tensor, pipeline, virtual_stages, context, expert, expert_tensor;
    int data;                      /* 0: what is left; else checked against it */
    int micro_batch, global_batch; /* sequences; micro_batch of one data-parallel rank */
    enum kerf_sharding sharding;
    bool sequence_parallel; /* norms and residuals are cut by tensor parallelism */
};

enum kerf_training_group {
    KERF_GROUP_TENSOR,
    KERF_GROUP_CONTEXT,
    KERF_GROUP_DATA, /* data x context: ranks that hold the same dense weights */
    KERF_GROUP_PIPELINE,
    KERF_GROUP_EXPERT,
    KERF_GROUP_EXPERT_DATA, /* ranks that hold the same experts */
    KERF_GROUP_COUNT
};
extern const char *const kerf_training_group_names[KERF_GROUP_COUNT];

/* A group as a collective sees it. `local` of its `ranks` share a domain of fast links. */
struct kerf_group_place {
    double ranks, local;
};

/* Fills `data`, and refuses what cannot run: KERF_ERR_USAGE with the two numbers that do not fit. `sequence`
 * in tokens. */
enum kerf_status kerf_training_layout_check(struct kerf_training_layout *layout,
                                            const struct kerf_network *network, double sequence,
                                            struct kerf_error *error);

/* Micro-batches that go through the pipeline of each data-parallel rank in a step. */
int kerf_training_micro_batches(const struct kerf_training_layout *layout);

/* Size of a group and its members within a domain of `domain` GPUs. */
struct kerf_group_place kerf_training_place(const struct kerf_training_layout *layout,
                                            enum kerf_training_group group, double domain);

#endif
