/* The network room: layers of the denoising U-Nets of Stable Diffusion. The structure is that of the counter
 * beside it (count_unet.c). */
#include "models/network/layer_builder.h"

struct unet {
    struct kerf_layer_builder build;
    const struct kerf_vision_dims *dims;
};

static double level_width(const struct kerf_vision_dims *dims, int level)
{
    return (double)dims->model_channels * (level < 0 ? 1 : dims->channel_mult[level]);
}

static double level_edge(const struct kerf_vision_dims *dims, int level)
{
    return dims->latent >> level;
}

static struct kerf_layer *append_convolution(const struct unet *net, const char *name, double kernel,
                                             double inputs, double outputs, double edge_in, double edge_out)
{
    const struct kerf_convolution shape = {.kernel = kernel,
                                           .dimensions = 2,
                                           .stride = edge_out < edge_in ? edge_in / edge_out : 1.0,
                                           .inputs = inputs,
                                           .outputs = outputs,
                                           .positions_in = edge_in * edge_in,
                                           .positions_out = edge_out * edge_out,
                                           .bias = true};
    return kerf_append_convolution(&net->build, name, &shape);
}

static void append_group_norm(const struct unet *net, double channels, double positions)
{
    kerf_append_norm(&net->build, KERF_LAYER_GROUP_NORM, "group_norm", channels, positions, true);
    kerf_append_pointwise(&net->build, KERF_LAYER_ACTIVATION, "silu", channels * positions,
                          channels * positions);
}

static void append_residual(const struct unet *net, double inputs, double outputs, double edge)
{
    double positions = edge * edge, time_width = 4.0 * net->dims->model_channels;
    append_group_norm(net, inputs, positions);
    append_convolution(net, "conv1", 3, inputs, outputs, edge, edge);
    kerf_append_linear(&net->build, "time_projection", time_width, outputs, true, 1.0);
    kerf_append_pointwise(&net->build, KERF_LAYER_ADD, "time", outputs * positions, outputs * positions);
    append_group_norm(net, outputs, positions);
    append_convolution(net, "conv2", 3, outputs, outputs, edge, edge);
    if (inputs != outputs)
        append_convolution(net, "side", 1, inputs, outputs, edge, edge);
    kerf_append_pointwise(&net->build, KERF_LAYER_ADD, "residual", outputs * positions, outputs * positions);
}

/* Self-attention stores its three projections as one matrix. */
static void append_attention(const struct unet *net, double width, double tokens, double key_width,
                             double keys)
{
    const struct kerf_layer_builder *build = &net->build;
    bool self = key_width == width && keys == tokens;
    double head = net->dims->head_dim;
    kerf_append_norm(build, KERF_LAYER_LAYER_NORM, "attention_norm", width, tokens, true);
    if (self) {
        kerf_append_linear(build, "qkv_proj", width, 3.0 * width, false, tokens);
    } else {
        kerf_append_linear(build, "cross_q_proj", width, width, false, tokens);
        kerf_append_linear(build, "cross_kv_proj", key_width, 2.0 * width, false, keys);
    }
    kerf_append_attention(build, self ? "attention" : "cross_attention", width / head, head, tokens, keys,
                          1.0);
    kerf_append_linear(build, self ? "o_proj" : "cross_o_proj", width, width, true, tokens);
    kerf_append_pointwise(build, KERF_LAYER_ADD, "residual", width * tokens, width * tokens);
}

static void append_transformer(const struct unet *net, double width, double depth, double edge)
{
    double tokens = edge * edge, inner = 4.0 * width;
    struct unet blocks = *net;
    kerf_append_norm(&net->build, KERF_LAYER_GROUP_NORM, "group_norm", width, tokens, true);
    kerf_append_linear(&net->build, "proj_in", width, width, true, tokens);
    blocks.build.times = net->build.times * depth;
    append_attention(&blocks, width, tokens, width, tokens);
    append_attention(&blocks, width, tokens, net->dims->context_dim, net->dims->text_tokens);
    kerf_append_norm(&blocks.build, KERF_LAYER_LAYER_NORM, "mlp_norm", width, tokens, true);
    kerf_append_linear(&blocks.build, "mlp_in", width, 2.0 * inner, true, tokens);
    kerf_append_pointwise(&blocks.build, KERF_LAYER_GATE, "geglu", 2.0 * inner * tokens, inner * tokens);
    kerf_append_linear(&blocks.build, "mlp_out", inner, width, true, tokens);
    kerf_append_pointwise(&blocks.build, KERF_LAYER_ADD, "residual", width * tokens, width * tokens);
    kerf_append_linear(&net->build, "proj_out", width, width, true, tokens);
    kerf_append_pointwise(&net->build, KERF_LAYER_ADD, "residual", width * tokens, width * tokens);
}

static void append_block(const struct unet *net, double inputs, int level, double times)
{
    struct unet block = *net;
    double width = level_width(net->dims, level), edge = level_edge(net->dims, level);
    block.build.times = times;
    if (times <= 0.0)
        return;
    append_residual(&block, inputs, width, edge);
    if (net->dims->attention_at_level[level] && net->dims->transformer_depth[level] > 0)
        append_transformer(&block, width, net->dims->transformer_depth[level], edge);
}

static void append_down_path(const struct unet *net)
{
    const struct kerf_vision_dims *dims = net->dims;
    for (int level = 0; level < dims->channel_levels; level++) {
        double width = level_width(dims, level);
        append_block(net, level_width(dims, level - 1), level, 1.0);
        append_block(net, width, level, dims->res_blocks - 1.0);
        if (level + 1 < dims->channel_levels)
            append_convolution(net, "down", 3, width, width, level_edge(dims, level),
                               level_edge(dims, level + 1));
    }
}

static void append_skip(const struct unet *net, double channels, int level, double times)
{
    double elements = channels * level_edge(net->dims, level) * level_edge(net->dims, level);
    struct kerf_layer_builder build = net->build;
    build.times = times;
    if (times > 0.0)
        kerf_append_pointwise(&build, KERF_LAYER_JOIN, "skip", elements, elements);
}

static void append_up_path(const struct unet *net)
{
    const struct kerf_vision_dims *dims = net->dims;
    double inputs = level_width(dims, dims->channel_levels - 1);
    for (int level = dims->channel_levels - 1; level >= 0; level--) {
        double width = level_width(dims, level), skip = level_width(dims, level - 1);
        double edge = level_edge(dims, level);
        append_skip(net, inputs + width, level, 1.0);
        append_block(net, inputs + width, level, 1.0);
        append_skip(net, 2.0 * width, level, dims->res_blocks - 1.0);
        append_block(net, 2.0 * width, level, dims->res_blocks - 1.0);
        append_skip(net, width + skip, level, 1.0);
        append_block(net, width + skip, level, 1.0);
        inputs = width;
        if (level > 0) {
            kerf_append_pointwise(&net->build, KERF_LAYER_RESIZE, "up", width * edge * edge,
                                  4.0 * width * edge * edge);
            append_convolution(net, "up", 3, width, width, 2.0 * edge, 2.0 * edge);
        }
    }
}

static void append_embedder(const struct unet *net, const char *name, double inputs, double width)
{
    kerf_append_linear(&net->build, name, inputs, width, true, 1.0);
    kerf_append_pointwise(&net->build, KERF_LAYER_ACTIVATION, "silu", width, width);
    kerf_append_linear(&net->build, name, width, width, true, 1.0);
}

void kerf_layers_sdxl_unet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct unet net = {.build = {.list = list, .times = 1.0}, .dims = dims};
    double base = dims->model_channels, edge = dims->latent;
    int deepest = dims->channel_levels - 1;
    double widest = level_width(dims, deepest), middle = level_edge(dims, deepest);
    append_embedder(&net, "time_embedding", base, 4.0 * base);
    if (dims->adm_in > 0)
        append_embedder(&net, "label_embedding", dims->adm_in, 4.0 * base);
    append_convolution(&net, "conv_in", 3, dims->latent_channels, base, edge, edge)->first = true;
    append_down_path(&net);
    append_residual(&net, widest, widest, middle);
    append_transformer(&net, widest, dims->transformer_depth[deepest], middle);
    append_residual(&net, widest, widest, middle);
    append_up_path(&net);
    append_group_norm(&net, level_width(dims, 0), edge * edge);
    append_convolution(&net, "conv_out", 3, level_width(dims, 0), dims->latent_channels, edge, edge);
}
