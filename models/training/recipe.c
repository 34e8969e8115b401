/* The training room: tables of number formats and optimisers. */
#include "models/training/recipe.h"

#include <stddef.h>
#include <string.h>

/* NVFP4 rotates gradients (a Hadamard transform) before it casts them: one more pass; the last layers stay in
 * 16 bit ("Pretraining Large Language Models with NVFP4", arXiv 2509.25149, section 4). */
static const struct kerf_precision precisions[] = {
    {"bf16", KERF_FORMAT_BF16, 0.0, 0.0, 0.0, false},
    {"fp16", KERF_FORMAT_FP16, 0.0, 0.0, 0.0, false},
    {"fp8", KERF_FORMAT_FP8, 1.0, 3.0, 0.0, true},
    {"fp8-cs", KERF_FORMAT_FP8, 4.0, 5.0, 0.0, true},
    {"fp8-rowwise", KERF_FORMAT_FP8_BLOCK, 4.0, 5.0, 0.0, true},
    {"mxfp8", KERF_FORMAT_FP8, 3.0, 5.0, 0.0, true},
    {"nvfp4", KERF_FORMAT_NVFP4, 3.0, 4.0, 0.0, true},
};
enum { PRECISIONS = sizeof precisions / sizeof precisions[0] };

/* Adam: master, two moments. Muon (Jordan et al., 2024): master and one momentum; five Newton-Schulz steps of
 * three products each. LARS and SGD with momentum: master and one momentum; LARS reads weights and
 * gradients once more for their norms. */
static const struct kerf_optimizer optimizers[] = {
    {"adam", 12.0, 30.0, 0.0},
    {"muon", 8.0, 22.0, 15.0},
    {"lars", 8.0, 26.0, 0.0},
};
enum { OPTIMIZERS = sizeof optimizers / sizeof optimizers[0] };

const struct kerf_precision *kerf_precision_at(int index)
{
    return index >= 0 && index < PRECISIONS ? &precisions[index] : NULL;
}

const struct kerf_precision *kerf_precision_find(const char *name)
{
    for (int i = 0; i < PRECISIONS; i++)
        if (strcmp(precisions[i].name, name) == 0)
            return &precisions[i];
    return NULL;
}

const struct kerf_optimizer *kerf_optimizer_find(const char *name)
{
    for (int i = 0; i < OPTIMIZERS; i++)
        if (strcmp(optimizers[i].name, name) == 0)
            return &optimizers[i];
    return NULL;
}
