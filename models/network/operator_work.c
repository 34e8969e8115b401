/* The network room: FLOPs and bytes of an operator in a pass. Knows no device: no caches, tiles or peaks. */
#include "models/network/operator.h"

#include <math.h>
#include <stddef.h>

typedef struct kerf_work (*work_counter)(const struct kerf_operator *op, const struct kerf_pass *pass);

static double bytes_of(enum kerf_format format)
{
    return kerf_format_facts(format)->bytes_per_element;
}

static double all_weight_bytes(const struct kerf_operator *op)
{
    return op->weight_elements * bytes_of(op->weights);
}

/* One row per token; a look-up multiplies nothing. */
static struct kerf_work embed_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    double tokens = kerf_pass_tokens(pass);
    return (struct kerf_work){.weight_bytes = fmin(tokens, op->inputs) * op->outputs * bytes_of(op->weights),
                              .activation_bytes = tokens * op->outputs * bytes_of(pass->activations)};
}

/* Nominal FLOPs per element. No device is bound by these operators' arithmetic, but by their bytes and by the
 * time to start them; exp() and the like count as one. */
static double elementwise_flops(enum kerf_operator_kind kind)
{
    switch (kind) {
    case KERF_OP_NORM:
        return 4.0; /* square, add, scale, gain */
    case KERF_OP_ROTARY:
        return 3.0; /* two products and a sum */
    case KERF_OP_ACTIVATION:
        return 5.0; /* negate, exp, add, divide, times up */
    default:
        return 1.0; /* add */
    }
}

static struct kerf_work elementwise_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    double tokens = kerf_pass_tokens(pass);
    return (struct kerf_work){.flops = tokens * elementwise_flops(op->kind) * op->inputs,
                              .weight_bytes = all_weight_bytes(op),
                              .activation_bytes = tokens * (op->batch * op->inputs + op->outputs) *
                                                  bytes_of(pass->activations)};
}

/* Elements in and out of `batch` matrices per prefill token: the latent is one vector for all heads. */
static double prefill_elements(const struct kerf_operator *op)
{
    if (op->latent_dim <= 0.0)
        return op->batch * (op->inputs + op->outputs);
    double per_head = op->inputs + op->outputs - op->latent_dim;
    return op->latent_dim + op->batch * per_head;
}

static struct kerf_work matrix_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    double elements = pass->decode.tokens * op->batch * (op->inputs + op->outputs) +
                      pass->prefill.tokens * prefill_elements(op);
    return (struct kerf_work){.flops = 2.0 * kerf_pass_tokens(pass) * op->batch * op->inputs * op->outputs,
                              .weight_bytes = all_weight_bytes(op),
                              .activation_bytes = elements * bytes_of(pass->activations)};
}

static struct kerf_work kv_write_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    double elements = kerf_pass_tokens(pass) * op->kv_elements;
    return (struct kerf_work){.kv_write_bytes = elements * bytes_of(pass->kv),
                              .activation_bytes = elements * bytes_of(pass->activations)};
}

/* Mean over the layers of the share of `tokens` that is seen when windowed layers see at most `reach`. */
static double seen_share(const struct kerf_operator *op, double tokens, double reach)
{
    if (op->window_tokens <= 0.0 || tokens <= reach)
        return 1.0;
    return 1.0 - op->window_share + op->window_share * reach / tokens;
}

/* Attention of one part of a pass. The means stand for every token and sequence of the part: exact when they
 * are alike, or when all are shorter, or all longer, than the window. Softmax is not counted. */
static struct kerf_work attention_part(const struct kerf_operator *op, const struct kerf_pass_part *part,
                                       double score_dim, double value_dim, const struct kerf_pass *pass)
{
    struct kerf_work work = {0};
    if (part->tokens <= 0.0)
        return work;
    double attended = part->attended * seen_share(op, part->attended / part->tokens, op->window_tokens);
    double context = part->context_tokens;
    if (part->sequences > 0.0) {
        /* several new tokens of one sequence have overlapping windows */
        double reach = op->window_tokens + part->tokens / part->sequences - 1.0;
        context *= seen_share(op, part->context_tokens / part->sequences, reach);
    }
    work.flops = 2.0 * op->heads * (score_dim + value_dim) * attended;
    work.kv_read_bytes = op->kv_elements * context * bytes_of(pass->kv);
    work.activation_bytes = part->tokens * op->heads * (score_dim + value_dim) * bytes_of(pass->activations);
    return work;
}

static struct kerf_work attention_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    struct kerf_work decode = attention_part(op, &pass->decode, op->score_dim, op->value_dim, pass);
    struct kerf_work prefill =
        attention_part(op, &pass->prefill, op->prefill_score_dim, op->prefill_value_dim, pass);
    return (struct kerf_work){.flops = decode.flops + prefill.flops,
                              .weight_bytes = all_weight_bytes(op),
                              .kv_read_bytes = decode.kv_read_bytes + prefill.kv_read_bytes,
                              .activation_bytes = decode.activation_bytes + prefill.activation_bytes};
}

/* Per routed token: the input, the inner vectors as each matrix writes them and the next step reads them, and
 * the output; the activation between the matrices is inside. */
static struct kerf_work experts_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    double tokens = kerf_pass_tokens(pass), routed = tokens * op->top_k, matrices = op->matrices_per_expert;
    double touched = kerf_experts_touched(op->experts, op->top_k, tokens);
    double elements = op->inputs + op->outputs + 2.0 * matrices * op->expert_d_ff;
    return (struct kerf_work){.flops = 2.0 * routed * matrices * op->inputs * op->expert_d_ff,
                              .weight_bytes = all_weight_bytes(op) * touched / op->experts,
                              .activation_bytes = routed * elements * bytes_of(pass->activations)};
}

/* The same operators for the tokens whose logits are wanted, and none else. */
static struct kerf_pass logit_pass(const struct kerf_pass *pass)
{
    return (struct kerf_pass){.decode.tokens = pass->logit_tokens,
                              .logit_tokens = pass->logit_tokens,
                              .kv = pass->kv,
                              .activations = pass->activations};
}

static const work_counter work_counters[KERF_OP_COUNT] = {
    [KERF_OP_EMBED] = embed_work,
    [KERF_OP_NORM] = elementwise_work,
    [KERF_OP_LINEAR] = matrix_work,
    [KERF_OP_ROTARY] = elementwise_work,
    [KERF_OP_KV_WRITE] = kv_write_work,
    [KERF_OP_ATTENTION] = attention_work,
    [KERF_OP_ROUTER] = matrix_work,
    [KERF_OP_EXPERTS] = experts_work,
    [KERF_OP_ACTIVATION] = elementwise_work,
    [KERF_OP_RESIDUAL] = elementwise_work,
    [KERF_OP_LM_HEAD] = matrix_work,
    [KERF_OP_SAMPLE] = elementwise_work,
};

struct kerf_work kerf_operator_work(const struct kerf_operator *op, const struct kerf_pass *pass)
{
    bool logits_only = op->kind == KERF_OP_LM_HEAD || op->kind == KERF_OP_SAMPLE;
    struct kerf_pass own = logits_only ? logit_pass(pass) : *pass;
    if (kerf_pass_tokens(&own) <= 0.0)
        return (struct kerf_work){0};
    return work_counters[op->kind](op, &own);
}
