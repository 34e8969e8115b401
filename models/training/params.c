/* The training room: the leaves of a generation's training entry, in SI. */
#include "models/training/params.h"

#include <math.h>
#include <stddef.h>

#define LEAF(field, unit_, better_, least_, most_, meaning_)                                                 \
    {                                                                                                        \
        .key = #field, .unit = unit_, .better = KERF_BETTER_##better_, .required = true, .least = least_,    \
        .most = most_, .offset = offsetof(struct kerf_training_params, field), .meaning = meaning_           \
    }

static const struct kerf_leaf leaves[] = {
    LEAF(sustained_share, "1", HIGHER, 0.3, 1.2, "of the rates of single kernels that training sustains"),
    LEAF(reference_W, "W", NEITHER, 50.0, 1e4, "power limit of the part that sustained_share is for"),
    LEAF(elementwise_share, "1", HIGHER, 0.1, 1.2, "of achieved_hbm, element-wise kernels of training"),
    LEAF(overlap_slowdown, "1", LOWER, 0.0, 1.0, "of communication beside compute, added to compute"),
    LEAF(host_kernel_s, "s", LOWER, 0.0, 1e-3, "host time per kernel that is launched out of a graph"),
    LEAF(attention_forward_share, "1", HIGHER, 0.05, 1.0, "of peak_16bit_flops, fused attention, forward"),
    LEAF(attention_backward_share, "1", HIGHER, 0.05, 1.0, "of peak_16bit_flops, fused attention, backward"),
    LEAF(attention_narrow_share, "1", HIGHER, 0.1, 1.0, "of both, heads of 64 dimensions instead of 128"),
    LEAF(step_s, "s", LOWER, 0.0, 10.0, "once per step: input, logging, clipping, synchronising"),
    LEAF(graph_step_s, "s", LOWER, 0.0, 1.0, "the same where a whole step is one captured graph"),
    LEAF(jitter_share, "1", LOWER, 0.0, 0.2, "mean delay of a rank, of the step; the slowest decides"),
    LEAF(mtbf_s, "s", HIGHER, 3600.0, 1e12, "of one GPU between interruptions of its job, of any cause"),
    LEAF(context_bytes, "B", NEITHER, 0.0, 1e11, "memory of library contexts and communication buffers"),
    LEAF(fragmentation_share, "1", NEITHER, 0.0, 0.5, "of the memory, lost between blocks"),
};

const struct kerf_leaf_table kerf_training_leaves = {
    .kind = "training",
    .struct_bytes = sizeof(struct kerf_training_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};

struct kerf_gpu_params kerf_training_gpu(const struct kerf_training_machine *machine)
{
    struct kerf_gpu_params gpu = machine->gpu;
    /* power of a chip goes as clock x voltage^2, about its cube */
    double share = machine->training.sustained_share * cbrt(gpu.tdp_W / machine->training.reference_W);
    double *const rates[] = {&gpu.achieved_16bit, &gpu.achieved_fp8, &gpu.achieved_fp8_block,
                             &gpu.achieved_fp4};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        *rates[i] *= share;
    gpu.achieved_hbm *= machine->training.elementwise_share;
    return gpu;
}
