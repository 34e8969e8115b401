/* The training room: software that trains vision and diffusion networks. */
#include "models/training/image_stack.h"

#include <stddef.h>
#include <string.h>

static const struct kerf_image_stack stacks[] = {
    {.name = "image-graph",
     .optimizer = "lars",
     .all_reduce = "in-network",
     .kernels_per_layer = 1.0,
     .gradient_bytes = 2.0,
     .overlap_share = 0.3,
     .meaning = "a detector or classifier whose step is one captured graph: MLPerf, MXNet and PyTorch"},
    {.name = "diffusion-graph",
     .optimizer = "adam",
     .gradient_bytes = 2.0,
     .shards_optimizer = true,
     .overlap_share = 0.3,
     .kernels_per_layer = 5.0,
     .meaning = "NeMo on diffusion since 2024: captured graphs, sharded Adam (MLPerf v4.0 on)"},
    {.name = "diffusion-2023",
     .optimizer = "adam",
     .gradient_bytes = 2.0,
     .overlap_share = 1.0,
     .host_share = 1.0,
     .kernels_per_layer = 5.0,
     .release_factor = 1.3,
     .meaning = "the same in 2023: kernels launched one by one, every rank updates all (MLPerf v3.1)"},
};
enum { STACKS = sizeof stacks / sizeof stacks[0] };

const struct kerf_image_stack *kerf_image_stack_at(int index)
{
    return index >= 0 && index < STACKS ? &stacks[index] : NULL;
}

const struct kerf_image_stack *kerf_image_stack_find(const char *name)
{
    for (int i = 0; i < STACKS; i++)
        if (strcmp(stacks[i].name, name) == 0)
            return &stacks[i];
    return NULL;
}
