/* What a GPU generation reaches in training beyond its kernels' leaves: `kind: training` in the catalog. */
#ifndef KERF_TRAINING_PARAMS_H
#define KERF_TRAINING_PARAMS_H

#include "models/device/gpu.h"
#include "models/device/leaf.h"
#include "models/fabric/collective_library.h"

struct kerf_training_params {
    double sustained_share;   /* of the rates of single kernels that hours of training keep: power, clock */
    double reference_W;       /* power limit of the part that sustained_share is for */
    double elementwise_share; /* of the HBM rate of a large copy, element-wise kernels of a training step */
    double overlap_slowdown;  /* compute that runs beside communication takes this share of it longer */
    double host_kernel_s;     /* host time per kernel out of a graph */
    double attention_forward_share, attention_backward_share; /* of the 16-bit peak, head dimension 128 */
    double attention_narrow_share;                            /* of these, head dimension 64 */
    double step_s;       /* once per step: input, logging, clipping, synchronising */
    double graph_step_s; /* the same where a step is one captured graph */
    double jitter_share; /* mean delay of a rank, as a share of its step */
    double mtbf_s; /* of one GPU between interruptions of its job, its share of hosts, network and software
                    * counted */
    double context_bytes, fragmentation_share; /* of the memory: library contexts; blocks that fit nothing */
};

extern const struct kerf_leaf_table kerf_training_leaves;

/* One GPU and all that joins it to the others, in one column of an uncertainty analysis. */
struct kerf_training_machine {
    struct kerf_gpu_params gpu;
    struct kerf_collective_params collectives;
    struct kerf_training_params training;
};

/* The same GPU with the rates that it sustains. */
struct kerf_gpu_params kerf_training_gpu(const struct kerf_training_machine *machine);

#endif
