/* What one layer costs a wafer that trains by weight streaming: cycles of its passes, parameters,
 * activations. */
#ifndef KERF_TRAINING_STREAMED_LAYER_H
#define KERF_TRAINING_STREAMED_LAYER_H

#include "models/training/weight_streaming.h"

struct kerf_streamed_layer {
    double forward_s, backward_s; /* of one micro-batch; backward without computing forward again */
    double attention_forward_s, attention_backward_s; /* of these, scores and values */
    double gradient_s;                                /* of backward, gradients of the weights */
    double params;
    double kept_bytes_per_token; /* outputs of its operators, for the backward pass */
};

/* `tokens` of a micro-batch in sequences of `sequence`; logit_tokens of them reach the head. Pure. */
struct kerf_streamed_layer kerf_streamed_layer(const struct kerf_wafer_params *wafer,
                                               const struct kerf_streaming_params *streaming,
                                               const struct kerf_operator_list *list, double tokens,
                                               double logit_tokens, double sequence);

#endif
