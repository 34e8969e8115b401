/* One training step of a vision or diffusion network on GPUs, in closed form: data parallel, images dealt
 * evenly. Every GPU does the same, so one stands for all. */
#ifndef KERF_TRAINING_IMAGE_STEP_H
#define KERF_TRAINING_IMAGE_STEP_H

#include "models/network/layer.h"
#include "models/training/image_stack.h"
#include "models/training/params.h"
#include "sim/base/error.h"

struct kerf_image_job {
    const struct kerf_layer_list *layers;
    const struct kerf_image_stack *stack;
    double gpus, images;       /* of a step, all GPUs */
    double input_images_per_s; /* that the hosts prepare for all GPUs; 0: never too few */
};

enum kerf_image_part {
    KERF_IMAGE_FORWARD,
    KERF_IMAGE_BACKWARD,
    KERF_IMAGE_RECOMPUTE, /* forward again, where activations do not fit */
    KERF_IMAGE_HOST,      /* the GPU waits for the host to launch kernels */
    KERF_IMAGE_DATA,      /* exposed exchange of gradients and weights */
    KERF_IMAGE_OVERLAP,   /* compute that is slower beside it */
    KERF_IMAGE_OPTIMIZER,
    KERF_IMAGE_SOFTWARE, /* once per step; stragglers */
    KERF_IMAGE_INPUT,    /* waiting for images */
    KERF_IMAGE_PARTS
};
extern const char *const kerf_image_part_names[KERF_IMAGE_PARTS];

struct kerf_image_step {
    double step_s, images_per_s;
    double part_s[KERF_IMAGE_PARTS]; /* they add up to step_s */
    double model_flops_gpu;          /* rate: three times forward, per GPU */
    double hardware_flops_gpu;       /* with what is computed again */
    double bytes_gpu;                /* rate: HBM traffic, per GPU */
    double mfu;                      /* of the 16-bit peak */
    double micro_batches;            /* that activations force: gradients are summed over them */
    bool sharded;                    /* weights are gathered layer by layer (FSDP): they do not fit whole */
    double used_bytes, capacity_bytes;
};

/* Costs a step. Weights, gradients and states that take more than half of the memory are sharded over all
 * GPUs; then as many images go together as activations fit, whole images if one fits; a GPU that cannot hold
 * one keeps the inputs of blocks only and computes again. KERF_ERR_USAGE: less than an image per GPU where
 * nothing says that GPUs share one, or nothing fits. */
enum kerf_status kerf_image_step(const struct kerf_training_machine *machine,
                                 const struct kerf_image_job *job, struct kerf_image_step *step,
                                 struct kerf_error *error);

#endif
