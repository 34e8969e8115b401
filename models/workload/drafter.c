/* The workload room: leaves of drafters. */
#include "models/workload/drafter.h"

#include <math.h>

#define AT(field) offsetof(struct kerf_drafter_params, field)
#define ROUND_TOKENS(guesses)                                                                                \
    {                                                                                                        \
        "round_tokens_" #guesses, "token", KERF_BETTER_HIGHER, false, 0, 1, 1 + (guesses),                   \
            AT(round_tokens[(guesses)-1]), "mean tokens of a round with " #guesses " guesses"                \
    }
static const struct kerf_leaf leaves[] = {
    {"acceptance", "1", KERF_BETTER_HIGHER, true, 0, 0, 1, AT(acceptance),
     "probability that the next guess is right"},
    ROUND_TOKENS(1),
    ROUND_TOKENS(2),
    ROUND_TOKENS(3),
    ROUND_TOKENS(4),
    ROUND_TOKENS(5),
    ROUND_TOKENS(6),
    ROUND_TOKENS(7),
    ROUND_TOKENS(8),
    {"draft_tokens", "token", KERF_BETTER_NEITHER, true, 0, 1, 32, AT(draft_tokens), "guesses per round"},
    {"gpu_token_s", "s", KERF_BETTER_LOWER, true, 0, 0, 1, AT(gpu_token_s), "time of one guess on GPUs"},
    {"wafer_token_s", "s", KERF_BETTER_LOWER, true, 0, 0, 1, AT(wafer_token_s),
     "time of one guess on a wafer"},
    {"weight_bytes", "B", KERF_BETTER_NEITHER, false, 0, 0, 1e13, AT(weight_bytes),
     "its weights, on a rectangle of their own on a wafer"},
};
#undef ROUND_TOKENS
#undef AT

const struct kerf_leaf_table kerf_drafter_leaves = {
    .kind = "drafter",
    .struct_bytes = sizeof(struct kerf_drafter_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};

/* Probability that so many guesses, and those before, are right: L(g) - L(g - 1). */
static double survival(const double round_tokens[KERF_ROUND_TOKENS], uint32_t guesses)
{
    if (guesses == 0)
        return 1.0;
    return round_tokens[guesses - 1] - (guesses > 1 ? round_tokens[guesses - 2] : 1.0);
}

double kerf_guess_acceptance(double acceptance, const double round_tokens[KERF_ROUND_TOKENS], uint32_t index)
{
    if (index >= KERF_ROUND_TOKENS || round_tokens[index] <= 0.0)
        return acceptance;
    double before = survival(round_tokens, index);
    return before > 0.0 ? fmin(1.0, fmax(0.0, survival(round_tokens, index + 1) / before)) : 0.0;
}

double kerf_tokens_per_round(double acceptance, const double round_tokens[KERF_ROUND_TOKENS],
                             uint32_t guesses)
{
    double tokens = 1.0, alive = 1.0;
    for (uint32_t i = 0; i < guesses; i++) {
        alive *= kerf_guess_acceptance(acceptance, round_tokens, i);
        tokens += alive;
    }
    return tokens;
}
