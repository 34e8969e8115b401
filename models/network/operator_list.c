/* The network room: the operators of a decoder in the order they run.
 *
 * Projections that read the same input are one operator where serving engines store them as one matrix
 * (query, key and value; gate and up). The weighted sum of expert outputs belongs to the experts operator. */
#include "models/network/operator.h"

#include <stddef.h>

/* What every builder needs to know. */
struct builder {
    const struct kerf_decoder_dims *dims;
    const struct kerf_weight_formats *formats;
    struct kerf_operator_list *list;
};

/* Norms and routers stay in 16 bit in every published checkpoint, however the rest is quantized. */
static const enum kerf_format small_weights = KERF_FORMAT_BF16;

static struct kerf_operator *append(const struct builder *build, enum kerf_operator_kind kind,
                                    enum kerf_shard shard, const char *name)
{
    struct kerf_operator *op = &build->list->op[build->list->count++];
    *op = (struct kerf_operator){
        .kind = kind, .shard = shard, .name = name, .weights = small_weights, .batch = 1.0};
    return op;
}

static struct kerf_operator *append_linear(const struct builder *build, enum kerf_shard shard,
                                           const char *name, double inputs, double outputs, double bias)
{
    struct kerf_operator *op = append(build, KERF_OP_LINEAR, shard, name);
    op->weights = build->formats->linears;
    op->inputs = inputs;
    op->outputs = outputs;
    op->weight_elements = inputs * outputs + bias;
    return op;
}

/* `batch` vectors of `elements` in, one out. */
static struct kerf_operator *append_elementwise(const struct builder *build, enum kerf_operator_kind kind,
                                                enum kerf_shard shard, const char *name, double batch,
                                                double elements)
{
    struct kerf_operator *op = append(build, kind, shard, name);
    op->batch = batch;
    op->inputs = elements;
    op->outputs = elements;
    return op;
}

static void append_norm(const struct builder *build, const char *name)
{
    double width = build->dims->d_model;
    struct kerf_operator *op = append_elementwise(build, KERF_OP_NORM, KERF_SHARD_NONE, name, 1.0, width);
    op->weight_elements = build->dims->layernorm ? 2.0 * width : width;
}

/* The norm of a latent or of heads: always an RMSNorm, with `weights` scales. */
static void append_inner_norm(const struct builder *build, enum kerf_shard shard, const char *name,
                              double elements, double weights)
{
    append_elementwise(build, KERF_OP_NORM, shard, name, 1.0, elements)->weight_elements = weights;
}

static void append_residual(const struct builder *build, const char *name)
{
    append_elementwise(build, KERF_OP_RESIDUAL, KERF_SHARD_NONE, name, 2.0, build->dims->d_model);
}

/* Networks with a learned position table do not rotate. */
static void append_rotary(const struct builder *build, double elements)
{
    if (build->dims->learned_positions == 0)
        append_elementwise(build, KERF_OP_ROTARY, KERF_SHARD_HEADS, "rotary", 1.0, elements);
}

static void append_cache_and_attention(const struct builder *build, enum kerf_shard cache_shard,
                                       const struct kerf_operator *shape)
{
    const struct kerf_attention_dims *attention = &build->dims->attention;
    struct kerf_operator *write = append(build, KERF_OP_KV_WRITE, cache_shard, "kv_write");
    write->kv_elements = shape->kv_elements;
    write->kv_heads = shape->kv_heads;
    struct kerf_operator *op = append(build, KERF_OP_ATTENTION, KERF_SHARD_HEADS, "attention");
    op->heads = attention->heads;
    op->kv_heads = shape->kv_heads;
    op->kv_elements = shape->kv_elements;
    op->score_dim = shape->score_dim;
    op->value_dim = shape->value_dim;
    op->prefill_score_dim = shape->prefill_score_dim;
    op->prefill_value_dim = shape->prefill_value_dim;
    op->inputs = op->heads * op->score_dim;
    op->outputs = op->heads * op->value_dim;
    op->window_tokens = attention->sliding_window;
    op->window_share = attention->sliding_window > 0 ? attention->sliding_window_share : 0.0;
    op->weight_elements = attention->sinks ? attention->heads : 0.0; /* one learned logit per head */
}

static void append_gqa(const struct builder *build)
{
    const struct kerf_attention_dims *attention = &build->dims->attention;
    double d_model = build->dims->d_model, head_dim = attention->head_dim;
    double query = attention->heads * head_dim, kv = attention->kv_heads * head_dim;
    double qkv_bias = (attention->q_bias ? query : 0.0) + (attention->kv_bias ? 2.0 * kv : 0.0);
    struct kerf_operator *qkv =
        append_linear(build, KERF_SHARD_HEADS, "qkv_proj", d_model, query + 2.0 * kv, qkv_bias);
    qkv->heads = attention->heads;
    qkv->kv_heads = attention->kv_heads;
    if (attention->qk_norm)
        append_inner_norm(build, KERF_SHARD_HEADS, "qk_norm", query + kv, 2.0 * head_dim);
    append_rotary(build, query + kv);
    struct kerf_operator shape = {.kv_heads = attention->kv_heads,
                                  .kv_elements = 2.0 * kv,
                                  .score_dim = head_dim,
                                  .value_dim = head_dim,
                                  .prefill_score_dim = head_dim,
                                  .prefill_value_dim = head_dim};
    append_cache_and_attention(build, KERF_SHARD_HEADS, &shape);
    append_linear(build, KERF_SHARD_ROWS, "o_proj", query, d_model, attention->o_bias ? d_model : 0.0);
}

/* One matrix per head between the latent and a head's own space: half of MLA's kv_b. */
static void append_latent_matrices(const struct builder *build, const char *name, double inputs,
                                   double outputs)
{
    const struct kerf_attention_dims *attention = &build->dims->attention;
    struct kerf_operator *op = append_linear(build, KERF_SHARD_HEADS, name, inputs, outputs, 0.0);
    op->batch = attention->heads;
    op->heads = attention->heads;
    op->weight_elements *= op->batch;
    op->latent_dim = attention->kv_lora_rank;
}

/* Multi-head latent attention. Decode multiplies queries into the latent space, so that the cache is read as
 * it is (DeepSeek-V2, arXiv 2405.04434, section 2.1.2); prefill unfolds the latents of the new tokens into
 * keys and values with the same matrices, which is cheaper when many queries share them. */
static void append_mla(const struct builder *build)
{
    const struct kerf_attention_dims *attention = &build->dims->attention;
    double d_model = build->dims->d_model, heads = attention->heads;
    double rope = attention->qk_rope_dim, nope = attention->qk_nope_dim, value = attention->v_dim;
    double q_rank = attention->q_lora_rank, kv_rank = attention->kv_lora_rank;
    append_linear(build, KERF_SHARD_NONE, "q_a_proj", d_model, q_rank, 0.0);
    append_inner_norm(build, KERF_SHARD_NONE, "q_a_norm", q_rank, q_rank);
    append_linear(build, KERF_SHARD_HEADS, "q_b_proj", q_rank, heads * (nope + rope), 0.0)->heads = heads;
    append_linear(build, KERF_SHARD_NONE, "kv_a_proj", d_model, kv_rank + rope, 0.0);
    append_inner_norm(build, KERF_SHARD_NONE, "kv_a_norm", kv_rank, kv_rank);
    append_latent_matrices(build, "q_absorb", nope, kv_rank);
    append_rotary(build, (heads + 1.0) * rope);
    struct kerf_operator shape = {.kv_heads = 1.0,
                                  .kv_elements = kv_rank + rope,
                                  .score_dim = kv_rank + rope,
                                  .value_dim = kv_rank,
                                  .prefill_score_dim = nope + rope,
                                  .prefill_value_dim = value};
    append_cache_and_attention(build, KERF_SHARD_NONE, &shape);
    append_latent_matrices(build, "v_up", kv_rank, value);
    append_linear(build, KERF_SHARD_ROWS, "o_proj", heads * value, d_model, 0.0);
}

struct ffn_names {
    const char *in, *activation, *out;
};

/* One FFN whose inner width is `copies` times d_ff: shared experts side by side are one wide FFN. */
static void append_ffn(const struct builder *build, const struct ffn_names *names, double d_ff, double copies,
                       bool bias)
{
    double d_model = build->dims->d_model, inner = d_ff * copies;
    double halves = build->dims->gated_ffn ? 2.0 : 1.0;
    append_linear(build, KERF_SHARD_COLUMNS, names->in, d_model, halves * inner, bias ? halves * inner : 0.0);
    append_elementwise(build, KERF_OP_ACTIVATION, KERF_SHARD_COLUMNS, names->activation, halves, inner);
    append_linear(build, KERF_SHARD_ROWS, names->out, inner, d_model, bias ? d_model : 0.0);
}

static void append_router(const struct builder *build)
{
    const struct kerf_moe_dims *moe = &build->dims->moe;
    struct kerf_operator *op = append(build, KERF_OP_ROUTER, KERF_SHARD_NONE, "router");
    op->inputs = build->dims->d_model;
    op->outputs = moe->experts;
    op->experts = moe->experts;
    op->top_k = moe->top_k;
    op->weight_elements = op->inputs * op->outputs + (moe->router_bias ? moe->experts : 0.0);
}

static void append_experts(const struct builder *build)
{
    const struct kerf_moe_dims *moe = &build->dims->moe;
    double d_model = build->dims->d_model, matrices = build->dims->gated_ffn ? 3.0 : 2.0;
    double bias = moe->bias ? (matrices - 1.0) * moe->d_ff + d_model : 0.0;
    struct kerf_operator *op = append(build, KERF_OP_EXPERTS, KERF_SHARD_EXPERTS, "experts");
    op->weights = build->formats->experts;
    op->inputs = d_model;
    op->outputs = d_model;
    op->experts = moe->experts;
    op->top_k = moe->top_k;
    op->expert_d_ff = moe->d_ff;
    op->matrices_per_expert = matrices;
    op->weight_elements = moe->experts * (matrices * d_model * moe->d_ff + bias);
}

static void append_moe(const struct builder *build)
{
    static const struct ffn_names shared = {"shared_gate_up_proj", "shared_activation", "shared_down_proj"};
    append_router(build);
    append_experts(build);
    if (build->dims->moe.shared > 0)
        append_ffn(build, &shared, build->dims->moe.d_ff_shared, build->dims->moe.shared, false);
}

static void append_dense_ffn(const struct builder *build)
{
    static const struct ffn_names gated = {"gate_up_proj", "activation", "down_proj"};
    static const struct ffn_names plain = {"up_proj", "activation", "down_proj"};
    append_ffn(build, build->dims->gated_ffn ? &gated : &plain, build->dims->d_ff_dense, 1.0,
               build->dims->ffn_bias);
}

/* One norm: attention and FFN read the same normed input (GPT-J). Two: one before (or after) each of them.
 * Three and four: also behind them. */
static void build_layer(const struct builder *build, bool moe)
{
    int norms = build->dims->norms_per_layer;
    append_norm(build, "attention_norm");
    if (build->dims->attention.type == KERF_ATTENTION_MLA)
        append_mla(build);
    else
        append_gqa(build);
    if (norms >= 3)
        append_norm(build, "attention_post_norm");
    append_residual(build, "attention_residual");
    if (norms >= 2)
        append_norm(build, "ffn_norm");
    if (moe)
        append_moe(build);
    else
        append_dense_ffn(build);
    if (norms >= 4)
        append_norm(build, "ffn_post_norm");
    append_residual(build, "ffn_residual");
}

/* A table that is tied to the LM head is one table: its weights stand with the head, which reads all of it,
 * while the look-up reads a row per token. */
static void build_embedding(const struct builder *build)
{
    const struct kerf_decoder_dims *dims = build->dims;
    struct kerf_operator *tokens = append(build, KERF_OP_EMBED, KERF_SHARD_VOCAB, "token_embedding");
    tokens->weights = build->formats->embedding;
    tokens->inputs = dims->vocab;
    tokens->outputs = dims->d_model;
    tokens->weight_elements = dims->tied_embeddings ? 0.0 : tokens->inputs * tokens->outputs;
    if (dims->learned_positions == 0)
        return;
    struct kerf_operator *positions = append(build, KERF_OP_EMBED, KERF_SHARD_NONE, "position_embedding");
    positions->weights = build->formats->embedding;
    positions->inputs = dims->learned_positions;
    positions->outputs = dims->d_model;
    positions->weight_elements = positions->inputs * positions->outputs;
}

static void build_head(const struct builder *build)
{
    const struct kerf_decoder_dims *dims = build->dims;
    if (dims->final_norm)
        append_norm(build, "final_norm");
    struct kerf_operator *head = append(build, KERF_OP_LM_HEAD, KERF_SHARD_VOCAB, "lm_head");
    head->weights = build->formats->embedding;
    head->inputs = dims->d_model;
    head->outputs = dims->vocab;
    head->weight_elements = head->inputs * head->outputs + (dims->lm_head_bias ? dims->vocab : 0.0);
    struct kerf_operator *sample = append(build, KERF_OP_SAMPLE, KERF_SHARD_NONE, "sample");
    sample->inputs = dims->vocab;
    sample->outputs = 1.0;
}

void kerf_decoder_operators(const struct kerf_network *network, const struct kerf_weight_formats *formats,
                            struct kerf_decoder_list *list)
{
    const struct kerf_decoder_dims *dims = &network->decoder;
    *list = (struct kerf_decoder_list){.dense_layers = dims->layers_dense, .moe_layers = dims->layers_moe};
    struct builder build = {.dims = dims, .formats = formats, .list = &list->embedding};
    build_embedding(&build);
    build.list = &list->dense_layer;
    if (dims->layers_dense > 0)
        build_layer(&build, false);
    build.list = &list->moe_layer;
    if (dims->layers_moe > 0)
        build_layer(&build, true);
    build.list = &list->head;
    build_head(&build);
}
