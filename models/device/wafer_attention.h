/* Attention over a cache that lies still in the SRAM of a rectangle: closed forms in cycles. */
#ifndef KERF_DEVICE_WAFER_ATTENTION_H
#define KERF_DEVICE_WAFER_ATTENTION_H

#include "models/device/wafer_gemv.h"

/* One attention: `groups` caches (heads that share keys and values; 1 for MLA absorbed), `queries` heads on
 * each, dimensions per head. */
struct kerf_attention_shape {
    double groups, queries, score_dim, value_dim;
};

/* M tokens, each over `context` cached tokens, one after the other (decode). Every group has a strip of
 * columns of the rectangle, as the projection before it leaves its heads; in the strip the head dimension
 * lies over nd columns and the cached tokens over the rest. Minimised over nd. `softmax_passes` vector
 * instructions turn scores into weights. */
struct kerf_cycles kerf_attention_decode(const struct kerf_wafer_params *wafer,
                                         struct kerf_rectangle rectangle,
                                         const struct kerf_attention_shape *shape, double M, double context,
                                         double softmax_passes);

/* `tokens` new tokens of one sequence together, over `context` tokens that end with them (prefill): two
 * Cannon products per group, with the softmax between them, on a square of its own. */
struct kerf_cycles kerf_attention_prefill(const struct kerf_wafer_params *wafer,
                                          struct kerf_rectangle rectangle,
                                          const struct kerf_attention_shape *shape, double tokens,
                                          double context, double softmax_passes);

#endif
