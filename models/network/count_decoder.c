/* The network room: parameters and linear MACs of decoders, dense and with mixtures of experts. */
#include "models/network/tally.h"

/* RMSNorm has a scale, LayerNorm a scale and a shift. */
static double norm_params(const struct kerf_decoder_dims *dims)
{
    return dims->layernorm ? 2.0 * dims->d_model : dims->d_model;
}

static struct kerf_tally count_gqa(const struct kerf_attention_dims *attention, double d_model)
{
    struct kerf_tally sum = {0};
    double query_width = (double)attention->heads * attention->head_dim;
    double kv_width = (double)attention->kv_heads * attention->head_dim;
    kerf_tally_linear(&sum, d_model, query_width, attention->q_bias, 1.0);
    kerf_tally_linear(&sum, d_model, kv_width, attention->kv_bias, 1.0);
    kerf_tally_linear(&sum, d_model, kv_width, attention->kv_bias, 1.0);
    kerf_tally_linear(&sum, query_width, d_model, attention->o_bias, 1.0);
    if (attention->qk_norm)
        sum.params += 2.0 * attention->head_dim;
    if (attention->sinks)
        sum.params += attention->heads;
    return sum;
}

/* Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): queries and keys/values pass
 * through low-rank latents, each with a norm of its own; the rotary part of the key bypasses its latent. */
static struct kerf_tally count_mla(const struct kerf_attention_dims *attention, double d_model)
{
    struct kerf_tally sum = {0};
    double heads = attention->heads, nope = attention->qk_nope_dim, rope = attention->qk_rope_dim;
    double q_rank = attention->q_lora_rank, kv_rank = attention->kv_lora_rank, value = attention->v_dim;
    kerf_tally_linear(&sum, d_model, q_rank, false, 1.0);
    kerf_tally_linear(&sum, q_rank, heads * (nope + rope), false, 1.0);
    kerf_tally_linear(&sum, d_model, kv_rank + rope, false, 1.0);
    kerf_tally_linear(&sum, kv_rank, heads * (nope + value), false, 1.0);
    kerf_tally_linear(&sum, heads * value, d_model, false, 1.0);
    sum.params += q_rank + kv_rank;
    return sum;
}

static struct kerf_tally count_attention(const struct kerf_decoder_dims *dims)
{
    return dims->attention.type == KERF_ATTENTION_MLA ? count_mla(&dims->attention, dims->d_model)
                                                      : count_gqa(&dims->attention, dims->d_model);
}

static struct kerf_tally count_ffn(const struct kerf_decoder_dims *dims, double d_ff, bool bias)
{
    struct kerf_tally sum = {0};
    kerf_tally_linear(&sum, dims->d_model, d_ff, bias, 1.0);
    if (dims->gated_ffn)
        kerf_tally_linear(&sum, dims->d_model, d_ff, bias, 1.0);
    kerf_tally_linear(&sum, d_ff, dims->d_model, bias, 1.0);
    return sum;
}

/* What every token meets in the MoE block: the router and the shared experts. */
static struct kerf_tally count_moe_common(const struct kerf_decoder_dims *dims)
{
    struct kerf_tally sum = {0};
    kerf_tally_linear(&sum, dims->d_model, dims->moe.experts, dims->moe.router_bias, 1.0);
    kerf_tally_add(&sum, count_ffn(dims, dims->moe.d_ff_shared, false), dims->moe.shared);
    return sum;
}

/* All layers, when each MoE layer has `experts` routed experts. */
static struct kerf_tally count_layers(const struct kerf_decoder_dims *dims, double experts)
{
    struct kerf_tally sum = {0};
    struct kerf_tally common = count_attention(dims);
    common.params += dims->norms_per_layer * norm_params(dims);
    kerf_tally_add(&sum, common, (double)dims->layers_dense + dims->layers_moe);
    if (dims->layers_dense > 0)
        kerf_tally_add(&sum, count_ffn(dims, dims->d_ff_dense, dims->ffn_bias), dims->layers_dense);
    if (dims->layers_moe > 0) {
        kerf_tally_add(&sum, count_moe_common(dims), dims->layers_moe);
        kerf_tally_add(&sum, count_ffn(dims, dims->moe.d_ff, dims->moe.bias), dims->layers_moe * experts);
    }
    return sum;
}

static double kv_elements_per_layer(const struct kerf_attention_dims *attention)
{
    if (attention->type == KERF_ATTENTION_MLA)
        return (double)attention->kv_lora_rank + attention->qk_rope_dim;
    return 2.0 * attention->kv_heads * attention->head_dim;
}

/* Active: what one generated token touches, the LM head included and the embedding table not. */
struct kerf_network_count kerf_count_decoder(const struct kerf_decoder_dims *dims)
{
    double table = (double)dims->vocab * dims->d_model;
    double final_norm = dims->final_norm ? norm_params(dims) : 0.0;
    double head_bias = dims->lm_head_bias ? dims->vocab : 0.0;
    struct kerf_tally all = count_layers(dims, dims->moe.experts);
    struct kerf_tally active = count_layers(dims, dims->moe.top_k);
    double tables = dims->tied_embeddings ? table : 2.0 * table;
    double positions = (double)dims->learned_positions * dims->d_model;
    double layers = (double)dims->layers_dense + dims->layers_moe;
    return (struct kerf_network_count){
        .params = all.params + tables + positions + final_norm + head_bias,
        .active_params = active.params + table + final_norm + head_bias,
        .forward_macs = active.macs + table,
        .kv_elements_per_token = layers * kv_elements_per_layer(&dims->attention),
    };
}
