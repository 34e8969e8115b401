/* Number formats of training: what matrices are multiplied in, what casting costs, and what optimisers keep.
 */
#ifndef KERF_TRAINING_RECIPE_H
#define KERF_TRAINING_RECIPE_H

#include "models/network/format.h"

#include <stdbool.h>

/* A precision recipe. Weights, activations between matrices, attention, embedding and head stay in 16 bit;
 * the linears of the layers are multiplied in `matrices`. Cast bytes are per element of a matrix's input and
 * of its output's gradient, beyond what the kernel before it writes in 16 bit: a cast reads 2 and writes the
 * narrow format twice, as it is and transposed, for the two products that want it (Transformer Engine); norms
 * and activations that cast themselves save most of it; scales per tensor of the present step cost a pass. */
struct kerf_precision {
    const char *name; /* as scenarios and measured rows spell it */
    enum kerf_format matrices;
    double input_cast_bytes, gradient_cast_bytes;
    double kept_layers_share; /* of the layers, in 16 bit */
    bool narrow;              /* matrices are narrower than 16 bit */
    bool scales_tensors;      /* one scale per tensor */
};

/* NULL: no such recipe. Names: bf16, fp16, fp8 (delayed scales), fp8-cs (current scales),
 * fp8-rowwise, mxfp8, nvfp4. */
const struct kerf_precision *kerf_precision_find(const char *name);
const struct kerf_precision *kerf_precision_at(int index); /* NULL beyond the last */

/* An optimiser: bytes that each parameter's states take and that a step moves. */
struct kerf_optimizer {
    const char *name;
    double state_bytes;     /* 32-bit master weight and moments */
    double moved_bytes;     /* of a step: gradient and states read, states and the 16-bit weight written */
    double matrix_products; /* Muon: Newton-Schulz products of a matrix with itself, per step */
};

/* NULL: no such optimiser. Names: adam, muon. */
const struct kerf_optimizer *kerf_optimizer_find(const char *name);

#endif
