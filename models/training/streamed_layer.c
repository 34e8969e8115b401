/* The training room: one layer of a streamed network on a wafer. */
#include "models/training/streamed_layer.h"

#include "models/device/wafer_gemv.h"

#include <math.h>

/* Features over the columns, tokens over the rows. */
struct layout {
    const struct kerf_wafer_params *wafer;
    double sum_cycles, rows, columns;
};

static double more(const struct kerf_cycles *local, double sums)
{
    return fmax(kerf_cycles_total(local), sums);
}

/* Products of `tokens` with K x N weights: every weight is one vector instruction over the tokens of a PE;
 * beside that the sums of all outputs pass along the rows. */
static double product_cycles(const struct layout *on, double tokens, double K, double N)
{
    double per_PE = ceil(tokens / on->rows), kt = ceil(K / on->columns);
    double call = on->wafer->gemm_call_fraction * on->wafer->axpy_call_cycles;
    struct kerf_cycles local = kerf_axpy(on->wafer, kt * N, per_PE, call);
    double way = (2.0 * on->wafer->ramp_cycles + 1.0 + on->wafer->hop_cycles) * on->columns;
    return more(&local, N * per_PE * on->sum_cycles) + way;
}

/* Gradients of the weights: the same products, summed over the tokens of a PE and then along the columns. */
static double gradient_cycles(const struct layout *on, double tokens, double K, double N)
{
    double per_PE = ceil(tokens / on->rows), kt = ceil(K / on->columns);
    double call = on->wafer->gemm_call_fraction * on->wafer->axpy_call_cycles;
    struct kerf_cycles local = kerf_axpy(on->wafer, kt * N, per_PE, call);
    double way = (2.0 * on->wafer->ramp_cycles + 1.0 + on->wafer->hop_cycles) * on->rows;
    return more(&local, kt * N * on->sum_cycles) + way;
}

struct passes {
    double forward, backward; /* cycles */
    double gradient;          /* of backward, gradients of the weights */
};

static struct passes matrix(const struct layout *on, double tokens, double K, double N)
{
    double gradient = gradient_cycles(on, tokens, K, N);
    return (struct passes){product_cycles(on, tokens, K, N), product_cycles(on, tokens, N, K) + gradient,
                           gradient};
}

/* Sequences are dealt to rectangles of PEs and multiplied where they lie: arithmetic alone. Every score is
 * worked out, masked or not; backward twice forward. exp() and its like are eight instructions a score, as in
 * serving. */
static struct passes attention(const struct layout *on, const struct kerf_operator *op, double tokens,
                               double sequence)
{
    enum { SOFTMAX_PASSES = 8 };
    double seen = op->window_tokens > 0.0 ? op->window_share * fmin(sequence, op->window_tokens) +
                                                (1.0 - op->window_share) * sequence
                                          : sequence;
    double per_score = op->prefill_score_dim + op->prefill_value_dim + SOFTMAX_PASSES;
    double each = tokens * op->heads * seen * per_score / (on->rows * on->columns);
    double forward = each / on->wafer->simd_fp16_mac_per_cycle;
    return (struct passes){forward, 2.0 * forward, 0.0};
}

/* Every expert comes by; each has its share of the tokens. */
static struct passes experts(const struct layout *on, const struct kerf_operator *op, double tokens)
{
    double share = tokens * op->top_k / op->experts;
    double inner = (op->matrices_per_expert - 1.0) * op->expert_d_ff;
    struct passes in = matrix(on, share, op->inputs, inner),
                  out = matrix(on, share, op->expert_d_ff, op->inputs);
    return (struct passes){op->experts * (in.forward + out.forward),
                           op->experts * (in.backward + out.backward),
                           op->experts * (in.gradient + out.gradient)};
}

static struct passes operator_passes(const struct layout *on, const struct kerf_operator *op, double tokens,
                                     double logit_tokens, double sequence)
{
    struct passes one = {0};
    switch (op->kind) {
    case KERF_OP_LINEAR:
    case KERF_OP_ROUTER:
        one = matrix(on, tokens, op->inputs, op->outputs);
        return (struct passes){op->batch * one.forward, op->batch * one.backward, op->batch * one.gradient};
    case KERF_OP_LM_HEAD:
        return matrix(on, logit_tokens, op->inputs, op->outputs);
    case KERF_OP_ATTENTION:
        return attention(on, op, tokens, sequence);
    case KERF_OP_EXPERTS:
        return experts(on, op, tokens);
    default:
        return one; /* a few instructions per element beside hundreds */
    }
}

/* Elements per token that an operator leaves for the backward pass. Scores are worked out again. */
static double kept_elements(const struct kerf_operator *op)
{
    switch (op->kind) {
    case KERF_OP_LINEAR:
    case KERF_OP_ROUTER:
        return op->batch * op->outputs;
    case KERF_OP_NORM:
    case KERF_OP_ACTIVATION:
        return op->outputs;
    case KERF_OP_ATTENTION:
        return op->heads * op->prefill_value_dim;
    case KERF_OP_EXPERTS:
        return op->top_k * (op->matrices_per_expert * op->expert_d_ff + op->inputs);
    default:
        return 0.0;
    }
}

struct kerf_streamed_layer kerf_streamed_layer(const struct kerf_wafer_params *wafer,
                                               const struct kerf_streaming_params *streaming,
                                               const struct kerf_operator_list *list, double tokens,
                                               double logit_tokens, double sequence)
{
    struct kerf_wafer_params wide = *wafer;
    wide.simd_fp16_mac_per_cycle =
        streaming->mac_per_cycle; /* long runs of one instruction, unlike in serving */
    const struct layout on = {&wide, streaming->sum_cycles, wafer->pe_rows, wafer->pe_columns};
    double speed = wafer->clock_Hz * streaming->release;
    struct kerf_streamed_layer layer = {0};
    for (int i = 0; i < list->count; i++) {
        const struct kerf_operator *op = &list->op[i];
        struct passes passes = operator_passes(&on, op, tokens, logit_tokens, sequence);
        layer.forward_s += passes.forward / speed;
        layer.backward_s += passes.backward / speed;
        layer.gradient_s += passes.gradient / speed;
        if (op->kind == KERF_OP_ATTENTION) {
            layer.attention_forward_s += passes.forward / speed;
            layer.attention_backward_s += passes.backward / speed;
        }
        layer.params += op->weight_elements;
        layer.kept_bytes_per_token += kept_elements(op) * streaming->activation_bytes_per_element;
    }
    return layer;
}
