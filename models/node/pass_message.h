/* What travels between a scheduler and accelerators, and from wafer to wafer: one pass of some tokens. */
#ifndef KERF_NODE_PASS_MESSAGE_H
#define KERF_NODE_PASS_MESSAGE_H

#include "models/device/cost.h"
#include "models/network/operator.h"

#include <stdint.h>

enum kerf_node_event {
    KERF_EVENT_PASS = 1, /* payload: kerf_pass_message; tokens arrive, as activations or as ids */
    KERF_EVENT_PASS_DONE /* payload: kerf_pass_message with the parts filled */
};

struct kerf_pass_message {
    uint64_t batch; /* the scheduler's number of this pass */
    uint32_t decode_tokens, decode_sequences, prefill_tokens, prefill_sequences, logit_tokens;
    uint32_t draft_tokens; /* tokens that a drafter must guess first, per sequence */
    double decode_attended, decode_context, prefill_attended, prefill_context;
    float part_s[KERF_TIME_PARTS]; /* where the time went so far */
};

/* The pass that a message describes, with the formats of the plan. */
struct kerf_pass kerf_pass_of(const struct kerf_pass_message *message, enum kerf_format kv,
                              enum kerf_format activations);

#endif
