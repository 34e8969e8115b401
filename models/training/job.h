/* What a training job is: network, batch, layout, formats, software. */
#ifndef KERF_TRAINING_JOB_H
#define KERF_TRAINING_JOB_H

#include "models/training/layout.h"
#include "models/training/recipe.h"
#include "models/training/stack.h"

/* Activations that are not kept from the forward to the backward pass but computed again. */
enum kerf_recompute {
    KERF_RECOMPUTE_NONE,
    KERF_RECOMPUTE_SELECTIVE, /* what is large and cheap: scores of attention in memory (arXiv 2205.05198);
                               * where attention is fused, outputs of norms and activations */
    KERF_RECOMPUTE_FULL,      /* whole layers; the input of each is kept */
    KERF_RECOMPUTE_COUNT
};

/* Names as scenarios spell them: none, selective, full. */
extern const char *const kerf_recompute_names[KERF_RECOMPUTE_COUNT];

struct kerf_training_job {
    const struct kerf_network *network;
    struct kerf_training_layout layout;
    const struct kerf_training_stack *stack;
    const struct kerf_precision *precision;
    const struct kerf_optimizer *optimizer;
    enum kerf_recompute recompute;
    int recompute_layers; /* of a stage, with KERF_RECOMPUTE_FULL; 0: all */
    const char *schedule; /* of the pipeline; NULL: 1f1b, interleaved with virtual stages */
    bool exact;           /* follow every action of the schedule; else a closed form */
    double sequence;      /* tokens */
    bool balanced;        /* routing of experts is forced to be even */
    double skew;          /* rows of the busiest expert rank over the mean, at least; 0: by chance alone */
    double offload_Bps;   /* optimiser states lie in host memory: one GPU's link to it, each way; 0: they do
                           * not */
    double host_Bps;      /* with it: one GPU's share of the rate of host memory */
    bool frozen;          /* low-rank adapters train; the network's own weights have no gradients */
};

#endif
