/* The network room: layers of ViT, Swin and DiT. The structures are those of the counters beside it. */
#include "models/network/layer_builder.h"

/* Patches into vectors: a convolution whose stride is its kernel. */
static void append_patches(const struct kerf_layer_builder *build, double patch, double channels,
                           double width, double patches)
{
    const struct kerf_convolution shape = {.kernel = patch,
                                           .dimensions = 2,
                                           .stride = patch,
                                           .inputs = channels,
                                           .outputs = width,
                                           .positions_in = patches * patch * patch,
                                           .positions_out = patches,
                                           .bias = true};
    kerf_append_convolution(build, "patch_embedding", &shape)->first = true;
}

/* An MLP of two matrices with GELU between them. */
static void append_mlp(const struct kerf_layer_builder *build, double width, double inner, double tokens)
{
    kerf_append_linear(build, "mlp_in", width, inner, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_GELU, "gelu", inner * tokens, inner * tokens);
    kerf_append_linear(build, "mlp_out", inner, width, true, tokens);
}

static void append_add(const struct kerf_layer_builder *build, double elements)
{
    kerf_append_pointwise(build, KERF_LAYER_ADD, "residual", elements, elements);
}

void kerf_layers_vit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct kerf_layer_builder build = {.list = list, .times = 1.0};
    double width = dims->d_model, extra = dims->cls_token ? 1.0 : 0.0;
    double edge = dims->image / dims->patch, patches = edge * edge, tokens = patches + extra;
    append_patches(&build, dims->patch, KERF_IMAGE_CHANNELS, width, patches);
    kerf_append_table(&build, "positions", extra * width + tokens * width, tokens * width);
    build.times = dims->layers;
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "attention_norm", width, tokens, true);
    kerf_append_linear(&build, "qkv_proj", width, 3.0 * width, true, tokens);
    kerf_append_attention(&build, "attention", dims->heads, width / dims->heads, tokens, tokens, 1.0);
    kerf_append_linear(&build, "o_proj", width, width, true, tokens);
    append_add(&build, width * tokens);
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "mlp_norm", width, tokens, true);
    append_mlp(&build, width, dims->d_ff, tokens);
    append_add(&build, width * tokens);
    build.times = 1.0;
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "final_norm", width, 1.0, true);
    kerf_append_linear(&build, "classifier", width, dims->classes, true, 1.0);
}

/* Half of the blocks shift their windows: two copies of the image more, which kernels fuse. */
static void append_swin_blocks(const struct kerf_layer_builder *build, double width, double heads,
                               double window, double tokens)
{
    double offsets = 2.0 * window - 1.0, seen = window * window;
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "attention_norm", width, tokens, true);
    kerf_append_linear(build, "qkv_proj", width, 3.0 * width, true, tokens);
    kerf_append_table(build, "position_bias", offsets * offsets * heads, offsets * offsets * heads);
    kerf_append_attention(build, "window_attention", heads, width / heads, seen, seen, tokens / seen);
    kerf_append_linear(build, "o_proj", width, width, true, tokens);
    append_add(build, width * tokens);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "mlp_norm", width, tokens, true);
    append_mlp(build, width, 4.0 * width, tokens);
    append_add(build, width * tokens);
}

void kerf_layers_swin(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct kerf_layer_builder build = {.list = list, .times = 1.0};
    double width = dims->embed_dim, edge = dims->image / dims->patch;
    append_patches(&build, dims->patch, KERF_IMAGE_CHANNELS, width, edge * edge);
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "patch_norm", width, edge * edge, true);
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++) {
        build.times = dims->stages[stage];
        append_swin_blocks(&build, width, dims->stage_heads[stage], dims->window, edge * edge);
        build.times = 1.0;
        if (stage == KERF_VISION_STAGES - 1)
            break;
        kerf_append_pointwise(&build, KERF_LAYER_RESIZE, "merge", width * edge * edge, width * edge * edge);
        edge = kerf_halved(edge);
        kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "merge_norm", 4.0 * width, edge * edge, true);
        kerf_append_linear(&build, "merge_proj", 4.0 * width, 2.0 * width, false, edge * edge);
        width *= 2.0;
    }
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "final_norm", width, edge * edge, true);
    kerf_append_pointwise(&build, KERF_LAYER_POOL, "mean_pool", width * edge * edge, width);
    kerf_append_linear(&build, "classifier", width, dims->classes, true, 1.0);
}

/* A video transformer (Wan) has no vectors of its own per block but a table of six, norms of queries and
 * keys, and attention to the text besides. */
static void append_dit_blocks(const struct kerf_layer_builder *build, const struct kerf_vision_dims *dims,
                              double tokens)
{
    double width = dims->d_model, head = width / dims->heads, text = dims->text_tokens;
    if (text > 0.0) {
        kerf_append_table(build, "modulation", 6.0 * width, 6.0 * width);
    } else {
        kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "silu", width, width);
        kerf_append_linear(build, "modulation", width, 6.0 * width, true, 1.0);
    }
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "attention_norm", width, tokens, false);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    kerf_append_linear(build, "qkv_proj", width, 3.0 * width, true, tokens);
    if (text > 0.0) {
        kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "qk_norm", 2.0 * width, tokens, false)->parameters =
            2.0 * width;
        kerf_append_pointwise(build, KERF_LAYER_ROTARY, "rotary", 2.0 * width * tokens, 2.0 * width * tokens);
    }
    kerf_append_attention(build, "attention", dims->heads, head, tokens, tokens, 1.0);
    kerf_append_linear(build, "o_proj", width, width, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "gated_residual", 2.0 * width * tokens, width * tokens);
    if (text > 0.0) {
        kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "cross_norm", width, tokens, true);
        kerf_append_linear(build, "cross_q_proj", width, width, true, tokens);
        kerf_append_linear(build, "cross_kv_proj", width, 2.0 * width, true, text);
        kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "cross_q_norm", width, tokens, false)->parameters =
            width;
        kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "cross_k_norm", width, text, false)->parameters =
            width;
        kerf_append_attention(build, "cross_attention", dims->heads, head, tokens, text, 1.0);
        kerf_append_linear(build, "cross_o_proj", width, width, true, tokens);
        append_add(build, width * tokens);
    }
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "mlp_norm", width, tokens, false);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    append_mlp(build, width, dims->d_ff, tokens);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "gated_residual", 2.0 * width * tokens, width * tokens);
}

/* Two layers with SiLU between them, once per image. */
static void append_embedder(const struct kerf_layer_builder *build, const char *name, double inputs,
                            double width, double positions)
{
    kerf_append_linear(build, name, inputs, width, true, positions);
    kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "silu", width * positions, width * positions);
    kerf_append_linear(build, name, width, width, true, positions);
}

void kerf_layers_dit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct kerf_layer_builder build = {.list = list, .times = 1.0};
    double width = dims->d_model, edge = dims->patch > 0 ? dims->latent / dims->patch : 0.0;
    double area = (double)dims->patch * dims->patch, text = dims->text_tokens;
    double tokens = dims->image_tokens > 0 ? dims->image_tokens : edge * edge;
    double channels_out = dims->latent_channels * (dims->learn_sigma ? 2.0 : 1.0);
    append_patches(&build, dims->patch, dims->latent_channels, width, tokens);
    append_embedder(&build, "time_embedding", dims->freq_dim, width, 1.0);
    if (text > 0.0) {
        append_embedder(&build, "text_embedding", dims->context_in, width, text);
        kerf_append_linear(&build, "time_projection", width, 6.0 * width, true, 1.0);
    } else {
        kerf_append_table(&build, "classes", (dims->classes + 1.0) * width, width);
        kerf_append_table(&build, "positions", tokens * width, tokens * width);
    }
    build.times = dims->layers;
    append_dit_blocks(&build, dims, tokens);
    build.times = 1.0;
    if (text > 0.0)
        kerf_append_table(&build, "final_modulation", 2.0 * width, 2.0 * width);
    else
        kerf_append_linear(&build, "final_modulation", width, 2.0 * width, true, 1.0);
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "final_norm", width, tokens, false);
    kerf_append_pointwise(&build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    kerf_append_linear(&build, "output", width, area * channels_out, true, tokens);
}
