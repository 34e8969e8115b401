/* Training software: what a stack fuses, hides and repeats. A row of a table per stack and release. */
#ifndef KERF_TRAINING_STACK_H
#define KERF_TRAINING_STACK_H

#include <stdbool.h>

struct kerf_training_stack {
    const char *name;
    bool fused_attention;    /* scores never reach the memory (FlashAttention) */
    bool dropout;            /* on activations and scores */
    bool compiled;           /* norms, activations and casts are one kernel each */
    double attention_factor; /* of the rates of the generation's own fused attention; 0: 1 */
    bool gathers_context;    /* keys and values of the whole sequence, instead of a ring */
    bool sequence_parallel;  /* where tensor parallelism is used */
    bool overlaps_data;      /* gradients and weights travel beside the last and the first micro-batch */
    bool overlaps_pipeline;  /* activations travel beside other micro-batches, where stages are virtual */
    bool shards_optimizer;   /* ZeRO-1 unless the layout says otherwise */
    double gradient_bytes;   /* of a parameter, as it is summed over micro-batches and ranks */
    double overlap_share;    /* of the generation's overlap_slowdown that is left: copy engines, few SMs */
    double tensor_exposed;   /* share of tensor-parallel communication that compute does not hide */
    double expert_exposed;   /* the same of expert exchanges */
    double exchange_factor;  /* of the time of exchanges between the experts' ranks; 0: 1 */
    double expert_factor;    /* of the bytes that move while experts' rows are put in order; 0: 1 */
    double context_exposed;  /* the same of what a ring's transfers outlast attention by; 1: blocking */
    double ring_nics;        /* NICs of a node that a ring uses; 0: as the library does */
    double host_share;       /* of the host time, per kernel and per step, that remains: captured graphs */
    double release_factor;   /* rates of kernels in this release over sustained ones; rises with time */
    const char *meaning;
};

/* NULL: no such stack. */
const struct kerf_training_stack *kerf_training_stack_find(const char *name);
const struct kerf_training_stack *kerf_training_stack_at(int index); /* NULL beyond the last */

#endif
