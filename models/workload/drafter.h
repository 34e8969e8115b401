/* A drafter for speculative decoding: how good its guesses are and what one costs on either kind of device.
 */
#ifndef KERF_WORKLOAD_DRAFTER_H
#define KERF_WORKLOAD_DRAFTER_H

#include "models/device/leaf.h"

struct kerf_drafter_params {
    double acceptance;   /* probability that a guess is right, given that those before it were */
    double draft_tokens; /* guesses per round, unless a scenario says otherwise */
    double gpu_token_s, wafer_token_s; /* time of one guess */
    double weight_bytes;               /* on a wafer it has a rectangle of its own for them */
};

extern const struct kerf_leaf_table kerf_drafter_leaves;

#endif
