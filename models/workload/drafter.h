/* A drafter for speculative decoding: how good its guesses are and what one costs on either kind of device.
 */
#ifndef KERF_WORKLOAD_DRAFTER_H
#define KERF_WORKLOAD_DRAFTER_H

#include "models/device/leaf.h"

#include <stdint.h>

enum { KERF_ROUND_TOKENS = 8 };

struct kerf_drafter_params {
    double acceptance;   /* probability that a guess is right, given that those before it were */
    double draft_tokens; /* guesses per round, unless a scenario says otherwise */
    double gpu_token_s, wafer_token_s; /* time of one guess */
    double
        round_tokens[KERF_ROUND_TOKENS]; /* mean tokens of a round with 1, 2, ... guesses; 0: by acceptance */
    double weight_bytes;                 /* on a wafer it has a rectangle of its own for them */
};

/* Probability that guess `index` (0: the first) is right, given that those before it were. From mean tokens
 * L(g) of rounds with g guesses it is (L(g) - L(g - 1)) / (L(g - 1) - L(g - 2)), with L(0) = 1 and L(-1) = 0.
 */
double kerf_guess_acceptance(double acceptance, const double round_tokens[KERF_ROUND_TOKENS], uint32_t index);

/* Mean tokens of a round with so many guesses. */
double kerf_tokens_per_round(double acceptance, const double round_tokens[KERF_ROUND_TOKENS],
                             uint32_t guesses);

extern const struct kerf_leaf_table kerf_drafter_leaves;

#endif
