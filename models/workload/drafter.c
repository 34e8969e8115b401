/* The workload room: leaves of drafters. */
#include "models/workload/drafter.h"

#define AT(field) offsetof(struct kerf_drafter_params, field)
static const struct kerf_leaf leaves[] = {
    {"acceptance", "1", KERF_BETTER_HIGHER, true, 0, 0, 1, AT(acceptance),
     "probability that the next guess is right"},
    {"draft_tokens", "token", KERF_BETTER_NEITHER, true, 0, 1, 32, AT(draft_tokens), "guesses per round"},
    {"gpu_token_s", "s", KERF_BETTER_LOWER, true, 0, 0, 1, AT(gpu_token_s), "time of one guess on GPUs"},
    {"wafer_token_s", "s", KERF_BETTER_LOWER, true, 0, 0, 1, AT(wafer_token_s),
     "time of one guess on a wafer"},
    {"weight_bytes", "B", KERF_BETTER_NEITHER, false, 0, 0, 1e13, AT(weight_bytes),
     "its weights, on a rectangle of their own on a wafer"},
};
#undef AT

const struct kerf_leaf_table kerf_drafter_leaves = {
    .kind = "drafter",
    .struct_bytes = sizeof(struct kerf_drafter_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};
