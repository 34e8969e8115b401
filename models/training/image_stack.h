/* Software that trains vision and diffusion networks: a row of a table per stack. */
#ifndef KERF_TRAINING_IMAGE_STACK_H
#define KERF_TRAINING_IMAGE_STACK_H

#include "models/training/recipe.h"

struct kerf_image_stack {
    const char *name;
    const char *optimizer;    /* of recipe.h */
    const char *all_reduce;   /* algorithm of the collectives' library between domains; NULL: its choice */
    double gradient_bytes;    /* of a parameter, as it is summed over ranks */
    bool shards_optimizer;    /* ranks update a share each and gather the weights */
    double overlap_share;     /* of the generation's overlap_slowdown that is left */
    double host_share;        /* of the host time per kernel that remains; 0: a step is one captured graph */
    double kernels_per_layer; /* launched, for each that a fused layer needs */
    double release_factor;    /* time of kernels, against the newest release of the same line; 0: 1 */
    const char *meaning;
};

/* NULL: no such stack. */
const struct kerf_image_stack *kerf_image_stack_find(const char *name);
const struct kerf_image_stack *kerf_image_stack_at(int index); /* NULL beyond the last */

#endif
