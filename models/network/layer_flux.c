/* The network room: layers of FLUX.1, text and image tokens in two streams, then in one. The structure is
 * that of the counter beside it (count_diffusion.c). */
#include "models/network/layer_builder.h"

static void append_embedder(const struct kerf_layer_builder *build, const char *name, double inputs,
                            double width)
{
    kerf_append_linear(build, name, inputs, width, true, 1.0);
    kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "silu", width, width);
    kerf_append_linear(build, name, width, width, true, 1.0);
}

/* Up to attention: modulation, norm, queries, keys and values of one stream. */
static void append_stream_in(const struct kerf_layer_builder *build, double width, double head, double tokens)
{
    kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "silu", width, width);
    kerf_append_linear(build, "modulation", width, 6.0 * width, true, 1.0);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "attention_norm", width, tokens, false);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    kerf_append_linear(build, "qkv_proj", width, 3.0 * width, true, tokens);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "qk_norm", 2.0 * width, tokens, false)->parameters =
        2.0 * head;
    kerf_append_pointwise(build, KERF_LAYER_ROTARY, "rotary", 2.0 * width * tokens, 2.0 * width * tokens);
}

/* After attention: output projection and MLP of one stream. */
static void append_stream_out(const struct kerf_layer_builder *build, double width, double inner,
                              double tokens)
{
    kerf_append_linear(build, "o_proj", width, width, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "gated_residual", 2.0 * width * tokens, width * tokens);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "mlp_norm", width, tokens, false);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    kerf_append_linear(build, "mlp_in", width, inner, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_GELU, "gelu", inner * tokens, inner * tokens);
    kerf_append_linear(build, "mlp_out", inner, width, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "gated_residual", 2.0 * width * tokens, width * tokens);
}

/* Attention and MLP side by side: one matrix in, one out. */
static void append_single_blocks(const struct kerf_layer_builder *build, const struct kerf_vision_dims *dims,
                                 double tokens)
{
    double width = dims->d_model, inner = dims->d_ff, head = width / dims->heads;
    kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "silu", width, width);
    kerf_append_linear(build, "modulation", width, 3.0 * width, true, 1.0);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "norm", width, tokens, false);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "shift_scale", width * tokens, width * tokens);
    kerf_append_linear(build, "joint_in", width, 3.0 * width + inner, true, tokens);
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "qk_norm", 2.0 * width, tokens, false)->parameters =
        2.0 * head;
    kerf_append_pointwise(build, KERF_LAYER_ROTARY, "rotary", 2.0 * width * tokens, 2.0 * width * tokens);
    kerf_append_attention(build, "attention", dims->heads, head, tokens, tokens, 1.0);
    kerf_append_pointwise(build, KERF_LAYER_GELU, "gelu", inner * tokens, inner * tokens);
    kerf_append_linear(build, "joint_out", width + inner, width, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_MODULATE, "gated_residual", 2.0 * width * tokens, width * tokens);
}

void kerf_layers_flux_mmdit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct kerf_layer_builder build = {.list = list, .times = 1.0};
    double width = dims->d_model, image = dims->image_tokens, text = dims->text_tokens;
    double tokens = image + text, head = width / dims->heads, streams[] = {image, text};
    kerf_append_linear(&build, "image_in", dims->in_channels, width, true, image)->first = true;
    kerf_append_linear(&build, "text_in", dims->context_in, width, true, text)->first = true;
    append_embedder(&build, "time_in", dims->freq_dim, width);
    append_embedder(&build, "vector_in", dims->vec_in, width);
    if (dims->guidance)
        append_embedder(&build, "guidance_in", dims->freq_dim, width);
    build.times = dims->double_blocks;
    for (int stream = 0; stream < 2; stream++)
        append_stream_in(&build, width, head, streams[stream]);
    kerf_append_attention(&build, "attention", dims->heads, head, tokens, tokens, 1.0);
    for (int stream = 0; stream < 2; stream++)
        append_stream_out(&build, width, dims->d_ff, streams[stream]);
    build.times = dims->single_blocks;
    append_single_blocks(&build, dims, tokens);
    build.times = 1.0;
    kerf_append_linear(&build, "final_modulation", width, 2.0 * width, true, 1.0);
    kerf_append_norm(&build, KERF_LAYER_LAYER_NORM, "final_norm", width, image, false);
    kerf_append_pointwise(&build, KERF_LAYER_MODULATE, "shift_scale", width * image, width * image);
    kerf_append_linear(&build, "output", width, dims->in_channels, true, image);
}
