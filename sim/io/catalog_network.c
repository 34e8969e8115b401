/* The io room: networks of the catalog. Knows keys, ranges and what excludes what; no formulas.
 *
 * Each map of the file has a table of its fields: adding a dimension is a row. What ties dimensions together
 * stands in the check functions. */
#include "sim/io/catalog_network.h"

#include "sim/io/catalog_network_fields.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { WHAT_BYTES = 128, TEXT_BYTES = 1024 };

static const char *const family_names[KERF_FAMILY_COUNT + 1] = {
    [KERF_FAMILY_DECODER] = "decoder",
    [KERF_FAMILY_RESNET] = "resnet",
    [KERF_FAMILY_VIT] = "vit",
    [KERF_FAMILY_SWIN] = "swin",
    [KERF_FAMILY_RETINANET] = "retinanet",
    [KERF_FAMILY_DIT] = "dit",
    [KERF_FAMILY_SDXL_UNET] = "sdxl_unet",
    [KERF_FAMILY_FLUX_MMDIT] = "flux_mmdit",
    [KERF_FAMILY_UNET3D] = "unet3d",
};

static const char *const confidence_names[] = {"high", "medium", "low", NULL};
static const char *const attention_names[] = {"gqa", "mla", NULL}; /* as enum kerf_attention_type */
static const char *const ffn_names[] = {"gelu", "swiglu", NULL};
static const char *const norm_names[] = {"rmsnorm", "layernorm", NULL};

/* The top of the file. */
static const struct kerf_field top_fields[] = {
    NODE(REQUIRED, "name"),
    NODE(REQUIRED, "kind"),
    TEXT(REQUIRED, "title"),
    NODE(OPTIONAL, "aliases"),
    NODE(REQUIRED, "family"),
    TEXT(OPTIONAL, "note"),
    TEXT(REQUIRED, "source"),
    NODE(REQUIRED, "confidence"),
    NODE(REQUIRED, "dims"),
    NODE(OPTIONAL, "weight_formats"),
    NODE(OPTIONAL, "facts"),
    NODE(OPTIONAL, "published"),
    FIELDS_END,
};

static const struct kerf_field published_fields[] = {
    NUMBER(OPTIONAL, "params", published_params),
    NUMBER(OPTIONAL, "active", published_active),
    NUMBER(OPTIONAL, "macs", published_macs),
    TEXT(REQUIRED, "source"),
    TEXT(OPTIONAL, "note"),
    FIELDS_END,
};

static const struct kerf_field weight_format_fields[] = {
    FORMAT(OPTIONAL, "routed_experts", decoder.routed_expert_format),
    FORMAT(OPTIONAL, "embedding", decoder.embedding_format),
    FORMAT(REQUIRED, "everything_else", decoder.other_format),
    TEXT(REQUIRED, "source"),
    TEXT(OPTIONAL, "note"),
    FIELDS_END,
};

static const struct kerf_field decoder_fields[] = {
    INTEGER(REQUIRED, "d_model", decoder.d_model, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "vocab", decoder.vocab, 1, 100 * WIDTH_MOST),
    BOOLEAN(REQUIRED, "tied_embeddings", decoder.tied_embeddings),
    BOOLEAN(OPTIONAL, "lm_head_bias", decoder.lm_head_bias),
    INTEGER(OPTIONAL, "learned_positions", decoder.learned_positions, 0, TOKENS_MOST),
    INTEGER(REQUIRED, "context_max", decoder.context_max, 1, TOKENS_MOST),
    NODE(REQUIRED, "layers"),
    NODE(REQUIRED, "attention"),
    CHOICE(REQUIRED, "ffn", decoder.gated_ffn, ffn_names),
    BOOLEAN(OPTIONAL, "ffn_bias", decoder.ffn_bias),
    INTEGER(OPTIONAL, "d_ff_dense", decoder.d_ff_dense, 1, 100 * WIDTH_MOST),
    NODE(OPTIONAL, "moe"),
    NODE(REQUIRED, "norm"),
    INTEGER(OPTIONAL, "mtp_layers", decoder.mtp_layers, 0, 100),
    FIELDS_END,
};

static const struct kerf_field norm_fields[] = {
    CHOICE(REQUIRED, "kind", decoder.layernorm, norm_names),
    INTEGER(REQUIRED, "per_layer", decoder.norms_per_layer, 1, 4),
    BOOLEAN(OPTIONAL, "final", decoder.final_norm),
    FIELDS_END,
};

static const struct kerf_field gqa_fields[] = {
    NODE(REQUIRED, "type"),
    INTEGER(REQUIRED, "heads", decoder.attention.heads, 1, COUNT_MOST),
    BOOLEAN(OPTIONAL, "causal", decoder.attention.causal),
    INTEGER(OPTIONAL, "sliding_window", decoder.attention.sliding_window, 0, TOKENS_MOST),
    SHARE(OPTIONAL, "sliding_window_share", decoder.attention.sliding_window_share),
    TEXT(OPTIONAL, "note"),
    INTEGER(REQUIRED, "kv_heads", decoder.attention.kv_heads, 1, COUNT_MOST),
    INTEGER(REQUIRED, "head_dim", decoder.attention.head_dim, 1, COUNT_MOST),
    BOOLEAN(OPTIONAL, "q_bias", decoder.attention.q_bias),
    BOOLEAN(OPTIONAL, "kv_bias", decoder.attention.kv_bias),
    BOOLEAN(OPTIONAL, "o_bias", decoder.attention.o_bias),
    BOOLEAN(OPTIONAL, "qk_norm", decoder.attention.qk_norm),
    BOOLEAN(OPTIONAL, "sinks", decoder.attention.sinks),
    FIELDS_END,
};

static const struct kerf_field mla_fields[] = {
    NODE(REQUIRED, "type"),
    INTEGER(REQUIRED, "heads", decoder.attention.heads, 1, COUNT_MOST),
    BOOLEAN(OPTIONAL, "causal", decoder.attention.causal),
    INTEGER(OPTIONAL, "sliding_window", decoder.attention.sliding_window, 0, TOKENS_MOST),
    SHARE(OPTIONAL, "sliding_window_share", decoder.attention.sliding_window_share),
    TEXT(OPTIONAL, "note"),
    INTEGER(REQUIRED, "q_lora_rank", decoder.attention.q_lora_rank, 1, COUNT_MOST),
    INTEGER(REQUIRED, "kv_lora_rank", decoder.attention.kv_lora_rank, 1, COUNT_MOST),
    INTEGER(REQUIRED, "qk_nope_dim", decoder.attention.qk_nope_dim, 1, COUNT_MOST),
    INTEGER(REQUIRED, "qk_rope_dim", decoder.attention.qk_rope_dim, 1, COUNT_MOST),
    INTEGER(REQUIRED, "v_dim", decoder.attention.v_dim, 1, COUNT_MOST),
    FIELDS_END,
};

static const struct kerf_field moe_fields[] = {
    INTEGER(REQUIRED, "experts", decoder.moe.experts, 1, COUNT_MOST),
    INTEGER(REQUIRED, "top_k", decoder.moe.top_k, 1, COUNT_MOST),
    INTEGER(OPTIONAL, "shared", decoder.moe.shared, 0, COUNT_MOST),
    INTEGER(REQUIRED, "d_ff", decoder.moe.d_ff, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "d_ff_shared", decoder.moe.d_ff_shared, 1, WIDTH_MOST),
    BOOLEAN(OPTIONAL, "bias", decoder.moe.bias),
    BOOLEAN(OPTIONAL, "router_bias", decoder.moe.router_bias),
    TEXT(OPTIONAL, "note"),
    FIELDS_END,
};

struct layer_numbers {
    int total, dense, moe;
};

static const struct kerf_field layer_fields[] = {
    {"total", FIELD_INTEGER, REQUIRED, offsetof(struct layer_numbers, total), 1, COUNT_MOST, NULL},
    {"dense", FIELD_INTEGER, OPTIONAL, offsetof(struct layer_numbers, dense), 0, COUNT_MOST, NULL},
    {"moe", FIELD_INTEGER, OPTIONAL, offsetof(struct layer_numbers, moe), 0, COUNT_MOST, NULL},
    TEXT(OPTIONAL, "note"),
    FIELDS_END,
};

static enum kerf_status read_layers(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                    struct kerf_decoder_dims *dims)
{
    struct layer_numbers layers = {0};
    KERF_TRY(kerf_fields_read(reader, node, "dims.layers", layer_fields, &layers));
    if (layers.dense + layers.moe != layers.total)
        return kerf_yaml_refuse(reader->yaml, node, reader->error,
                                "dims.layers: dense and moe must sum to total (%d + %d is not %d)",
                                layers.dense, layers.moe, layers.total);
    dims->layers_dense = layers.dense;
    dims->layers_moe = layers.moe;
    return KERF_OK;
}

static enum kerf_status check_attention(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                        const struct kerf_attention_dims *attention)
{
    if (attention->type == KERF_ATTENTION_GQA && attention->heads % attention->kv_heads != 0)
        return kerf_yaml_refuse(
            reader->yaml, kerf_yaml_get(node, "kv_heads"), reader->error,
            "dims.attention.kv_heads: heads must be a multiple of it (%d heads, %d kv_heads)",
            attention->heads, attention->kv_heads);
    if ((attention->sliding_window > 0) != (attention->sliding_window_share > 0.0))
        return kerf_yaml_refuse(reader->yaml, node, reader->error,
                                "dims.attention: sliding_window and sliding_window_share come together, "
                                "both above 0");
    return KERF_OK;
}

static enum kerf_status read_attention(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                       struct kerf_network *network)
{
    int type = 0;
    kerf_yaml_node *type_node = kerf_yaml_get(node, "type");
    if (!type_node)
        return kerf_yaml_refuse(reader->yaml, node, reader->error, "dims.attention.type: missing");
    KERF_TRY(kerf_field_choice(reader, type_node, "dims.attention.type", attention_names, &type));
    network->decoder.attention.type = (enum kerf_attention_type)type;
    network->decoder.attention.causal = true;
    const struct kerf_field *fields = type == KERF_ATTENTION_MLA ? mla_fields : gqa_fields;
    KERF_TRY(kerf_fields_read(reader, node, "dims.attention", fields, network));
    return check_attention(reader, node, &network->decoder.attention);
}

static enum kerf_status read_moe(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                 struct kerf_network *network)
{
    struct kerf_moe_dims *moe = &network->decoder.moe;
    KERF_TRY(kerf_fields_read(reader, node, "dims.moe", moe_fields, network));
    if (moe->top_k > moe->experts)
        return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(node, "top_k"), reader->error,
                                "dims.moe.top_k: more than there are experts (%d of %d)", moe->top_k,
                                moe->experts);
    if (moe->shared == 0 && moe->d_ff_shared > 0)
        return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(node, "d_ff_shared"), reader->error,
                                "dims.moe.d_ff_shared: there are no shared experts");
    if (moe->shared > 0 && moe->d_ff_shared == 0)
        moe->d_ff_shared = moe->d_ff;
    return KERF_OK;
}

/* A width belongs to the layers that have it, and only to them. */
static enum kerf_status check_ffn(const struct kerf_field_reader *reader, kerf_yaml_node *dims_node,
                                  const struct kerf_decoder_dims *dims)
{
    kerf_yaml_node *layers = kerf_yaml_get(dims_node, "layers");
    if (dims->layers_moe > 0 && dims->moe.experts == 0)
        return kerf_yaml_refuse(reader->yaml, layers, reader->error,
                                "dims.layers: %d MoE layers, but dims.moe is missing", dims->layers_moe);
    if (dims->layers_moe == 0 && dims->moe.experts > 0)
        return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(dims_node, "moe"), reader->error,
                                "dims.moe: dims.layers has no MoE layers");
    if (dims->layers_dense > 0 && dims->d_ff_dense == 0)
        return kerf_yaml_refuse(reader->yaml, layers, reader->error,
                                "dims.layers: %d dense layers, but dims.d_ff_dense is missing",
                                dims->layers_dense);
    if (dims->layers_dense == 0 && dims->d_ff_dense > 0)
        return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(dims_node, "d_ff_dense"), reader->error,
                                "dims.d_ff_dense: dims.layers has no dense layers");
    return KERF_OK;
}

static enum kerf_status read_decoder(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                     struct kerf_network *network)
{
    struct kerf_decoder_dims *dims = &network->decoder;
    dims->final_norm = true;
    KERF_TRY(kerf_fields_read(reader, node, "dims", decoder_fields, network));
    KERF_TRY(read_layers(reader, kerf_yaml_get(node, "layers"), dims));
    KERF_TRY(read_attention(reader, kerf_yaml_get(node, "attention"), network));
    KERF_TRY(kerf_fields_read(reader, kerf_yaml_get(node, "norm"), "dims.norm", norm_fields, network));
    kerf_yaml_node *moe = kerf_yaml_get(node, "moe");
    if (moe)
        KERF_TRY(read_moe(reader, moe, network));
    return check_ffn(reader, node, dims);
}

static enum kerf_status read_dims(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                  struct kerf_network *network)
{
    if (network->family == KERF_FAMILY_DECODER)
        return read_decoder(reader, node, network);
    return kerf_network_read_vision(reader, node, network);
}

/* A network that states no format of its own is bf16; experts and embedding follow everything_else. */
static enum kerf_status read_weight_formats(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                            struct kerf_network *network)
{
    struct kerf_decoder_dims *dims = &network->decoder;
    dims->other_format = dims->routed_expert_format = dims->embedding_format = KERF_FORMAT_BF16;
    if (!node)
        return KERF_OK;
    if (network->family != KERF_FAMILY_DECODER)
        return kerf_yaml_refuse(reader->yaml, node, reader->error, "weight_formats: only a decoder has them");
    KERF_TRY(kerf_fields_read(reader, node, "weight_formats", weight_format_fields, network));
    if (!kerf_yaml_get(node, "routed_experts"))
        dims->routed_expert_format = dims->other_format;
    else if (dims->moe.experts == 0)
        return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(node, "routed_experts"), reader->error,
                                "weight_formats.routed_experts: the network has no experts");
    if (!kerf_yaml_get(node, "embedding"))
        dims->embedding_format = dims->other_format;
    return KERF_OK;
}

/* Facts are for people and other tables: each is a map that names its source, and nothing here reads the
 * rest. */
static enum kerf_status check_facts(const struct kerf_field_reader *reader, kerf_yaml_node *facts)
{
    char text[TEXT_BYTES], key[WHAT_BYTES / 2], what[WHAT_BYTES];
    if (facts && kerf_yaml_node_kind(facts) != KERF_YAML_MAP)
        return kerf_yaml_refuse(reader->yaml, facts, reader->error, "facts: a map of named facts is wanted");
    for (int i = 0; i < kerf_yaml_count(facts); i++) {
        kerf_yaml_node *fact = kerf_yaml_item(facts, i), *source = kerf_yaml_get(fact, "source");
        kerf_yaml_key(facts, i, key, sizeof key);
        snprintf(what, sizeof what, "facts.%s.source", key);
        if (!source)
            return kerf_yaml_refuse(reader->yaml, fact, reader->error, "%s: missing", what);
        KERF_TRY(kerf_yaml_text(reader->yaml, source, what, text, sizeof text, reader->error));
    }
    return KERF_OK;
}

static enum kerf_status check_aliases(const struct kerf_field_reader *reader, kerf_yaml_node *aliases)
{
    char alias[KERF_NAME_BYTES];
    if (aliases && kerf_yaml_node_kind(aliases) != KERF_YAML_LIST)
        return kerf_yaml_refuse(reader->yaml, aliases, reader->error, "aliases: a list of names is wanted");
    for (int i = 0; i < kerf_yaml_count(aliases); i++)
        KERF_TRY(kerf_yaml_text(reader->yaml, kerf_yaml_item(aliases, i), "aliases", alias, sizeof alias,
                                reader->error));
    return KERF_OK;
}

/* Who it is: name, kind, family, and how far to trust it. */
static enum kerf_status read_identity(const struct kerf_field_reader *reader, kerf_yaml_node *root,
                                      struct kerf_network *network)
{
    static const char *const kind_names[] = {"network", NULL};
    int index = 0;
    KERF_TRY(kerf_yaml_text(reader->yaml, kerf_yaml_get(root, "name"), "name", network->name,
                            sizeof network->name, reader->error));
    KERF_TRY(kerf_field_choice(reader, kerf_yaml_get(root, "kind"), "kind", kind_names, &index));
    KERF_TRY(
        kerf_field_choice(reader, kerf_yaml_get(root, "confidence"), "confidence", confidence_names, &index));
    KERF_TRY(check_aliases(reader, kerf_yaml_get(root, "aliases")));
    KERF_TRY(kerf_field_choice(reader, kerf_yaml_get(root, "family"), "family", family_names, &index));
    network->family = (enum kerf_network_family)index;
    return KERF_OK;
}

enum kerf_status kerf_network_read(const struct kerf_yaml *yaml, struct kerf_network *network,
                                   struct kerf_error *error)
{
    const struct kerf_field_reader reader = {yaml, error};
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    *network = (struct kerf_network){0};
    KERF_TRY(kerf_fields_read(&reader, root, "", top_fields, network));
    KERF_TRY(read_identity(&reader, root, network));
    KERF_TRY(read_dims(&reader, kerf_yaml_get(root, "dims"), network));
    KERF_TRY(read_weight_formats(&reader, kerf_yaml_get(root, "weight_formats"), network));
    KERF_TRY(check_facts(&reader, kerf_yaml_get(root, "facts")));
    kerf_yaml_node *published = kerf_yaml_get(root, "published");
    if (published)
        KERF_TRY(kerf_fields_read(&reader, published, "published", published_fields, network));
    return KERF_OK;
}
