/* Decoder networks as lists of operators: what must be computed for some new tokens, on no device in
 * particular.
 *
 * An operator states dimensions; kerf_operator_work() turns them into FLOPs and bytes for one pass. Devices
 * (models/device) turn work into time. A decoder is four lists: the embedding, one dense layer, one MoE
 * layer, and the head; kerf_decoder_list() says how often each is repeated. */
#ifndef KERF_NETWORK_OPERATOR_H
#define KERF_NETWORK_OPERATOR_H

#include "models/network/network.h"

enum kerf_operator_kind {
    KERF_OP_EMBED,      /* look up one row per token */
    KERF_OP_NORM,       /* RMSNorm or LayerNorm over `inputs` elements */
    KERF_OP_LINEAR,     /* `batch` independent matrices of inputs x outputs (batch > 1: one per head) */
    KERF_OP_ROTARY,     /* rotary embedding over `inputs` elements */
    KERF_OP_KV_WRITE,   /* append kv_elements per token to the cache */
    KERF_OP_ATTENTION,  /* scores, softmax and values over the cache */
    KERF_OP_ROUTER,     /* d_model x experts projection, top-k and its softmax/sigmoid */
    KERF_OP_EXPERTS,    /* routed experts: top_k of `experts` gated FFNs */
    KERF_OP_ACTIVATION, /* SiLU(gate) * up, or GELU, over `inputs` elements */
    KERF_OP_RESIDUAL,   /* add `inputs` elements */
    KERF_OP_LM_HEAD,    /* d_model x vocab, for tokens that need logits only */
    KERF_OP_SAMPLE,     /* pick from `inputs` logits */
    KERF_OP_COUNT
};

/* How tensor parallelism may cut an operator. */
enum kerf_shard {
    KERF_SHARD_NONE,    /* replicated on every rank (MLA's latent projections, norms, router) */
    KERF_SHARD_COLUMNS, /* outputs cut: no communication */
    KERF_SHARD_ROWS,    /* inputs cut: partial sums, an all-reduce follows */
    KERF_SHARD_HEADS,   /* one part of the heads each */
    KERF_SHARD_EXPERTS, /* whole experts each; an all-reduce or all-to-all follows */
    KERF_SHARD_VOCAB
};

struct kerf_expert_skew;

struct kerf_operator {
    enum kerf_operator_kind kind;
    enum kerf_shard shard;
    const char *name;         /* "q_a_proj", "router", ... static storage */
    enum kerf_format weights; /* format of its weights, if it has any */
    /* LINEAR, ROUTER, LM_HEAD: batch matrices of inputs x outputs. EMBED: a table of inputs rows of outputs.
     * Else elements per token: `batch` vectors of `inputs` are read (2 for a residual or a gate) and
     * `outputs` written. */
    double inputs, outputs, batch;
    /* LINEAR with batch > 1: the side, inputs or outputs, that is MLA's latent. In prefill it is one vector
     * for all heads, which the matrices unfold. */
    double latent_dim;
    double weight_elements; /* all parameters, biases included; EXPERTS: of all experts together */
    /* ATTENTION and KV_WRITE */
    double heads, kv_heads;                      /* MLA: kv_heads is 1, the latent is shared by all heads */
    double score_dim, value_dim;                 /* per head, decode (MLA absorbed: 576 and 512) */
    double prefill_score_dim, prefill_value_dim; /* per head, prefill (MLA unfolded: 192 and 128) */
    double kv_elements;                          /* per token and layer */
    double window_tokens; /* 0: the whole context; else at most this many are seen ... */
    double window_share;  /* ... in this share of the layers */
    /* EXPERTS */
    double experts, top_k, expert_d_ff, matrices_per_expert;
    const struct kerf_expert_skew *skew; /* how tokens choose them; NULL: evenly */
};

/* Some new tokens of some sequences going through a layer together: sums, so that a batch of unequal requests
 * is one pass. Decode tokens and prefill tokens are apart because MLA multiplies them differently. */
struct kerf_pass_part {
    double tokens;         /* new tokens */
    double sequences;      /* sequences that they belong to */
    double attended;       /* sum over new tokens of the tokens each attends to, itself included */
    double context_tokens; /* sum over sequences of the cache length that must be read */
};

struct kerf_pass {
    struct kerf_pass_part decode, prefill;
    double logit_tokens; /* tokens whose logits are wanted */
    enum kerf_format kv; /* format of the cache */
    enum kerf_format activations;
};

/* Work of one operator in one pass, for the whole network on one device. */
struct kerf_work {
    double flops;
    double weight_bytes; /* read once per pass, of the experts that are touched (expected number) */
    double kv_read_bytes, kv_write_bytes;
    double activation_bytes; /* in and out */
};

enum { KERF_OPERATORS_MAX = 40 };

struct kerf_operator_list {
    int count;
    struct kerf_operator op[KERF_OPERATORS_MAX];
};

struct kerf_decoder_list {
    struct kerf_operator_list embedding, dense_layer, moe_layer, head;
    int dense_layers, moe_layers;
};

/* The formats a system holds a network in; a scenario may override the checkpoint's own. */
struct kerf_weight_formats {
    enum kerf_format experts;   /* routed experts */
    enum kerf_format linears;   /* attention and dense FFN projections, shared experts */
    enum kerf_format embedding; /* embedding and LM head */
};

/* The published checkpoint's own formats. */
struct kerf_weight_formats kerf_network_native_formats(const struct kerf_network *network);

/* Lists the operators of a decoder network. `network->family` must be KERF_FAMILY_DECODER. */
void kerf_decoder_operators(const struct kerf_network *network, const struct kerf_weight_formats *formats,
                            struct kerf_decoder_list *list);

/* New tokens of a pass, decode and prefill together. */
double kerf_pass_tokens(const struct kerf_pass *pass);

/* FLOPs and bytes of `op` for `pass`. FLOP = 2 x MAC. Pure. */
struct kerf_work kerf_operator_work(const struct kerf_operator *op, const struct kerf_pass *pass);

/* Bytes of the weights of every operator in the list. */
double kerf_operators_weight_bytes(const struct kerf_operator_list *list);

/* Expected number of distinct experts touched when `tokens` tokens pick `top_k` of `experts` evenly:
 * experts (1 - (1 - top_k/experts)^tokens). */
double kerf_experts_touched(double experts, double top_k, double tokens);

/* Elements of KV cache per token over all layers, and their bytes in a format. */
double kerf_decoder_kv_elements(const struct kerf_decoder_list *list);

#endif
