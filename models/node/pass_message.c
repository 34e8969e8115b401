/* The node room: messages to passes. */
#include "models/node/pass_message.h"

struct kerf_pass kerf_pass_of(const struct kerf_pass_message *message, enum kerf_format kv,
                              enum kerf_format activations)
{
    return (struct kerf_pass){
        .decode = {.tokens = message->decode_tokens,
                   .sequences = message->decode_sequences,
                   .attended = message->decode_attended,
                   .context_tokens = message->decode_context},
        .prefill = {.tokens = message->prefill_tokens,
                    .sequences = message->prefill_sequences,
                    .attended = message->prefill_attended,
                    .context_tokens = message->prefill_context},
        .logit_tokens = message->logit_tokens,
        .kv = kv,
        .activations = activations,
    };
}
