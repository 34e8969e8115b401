/* The network room: parameters and MACs of the denoising U-Nets of Stable Diffusion, per pass of one image.
 *
 * Structure as in Stability-AI/generative-models, sgm/modules/diffusionmodules/openaimodel.py (arXiv
 * 2307.01952): levels of residual blocks with transformers between them, down, through a middle, and up again
 * with skips. */
#include "models/network/tally.h"

/* Channels of level `level`; level -1 is what enters the first one. */
static double level_width(const struct kerf_vision_dims *dims, int level)
{
    return (double)dims->model_channels * (level < 0 ? 1 : dims->channel_mult[level]);
}

static double level_edge(const struct kerf_vision_dims *dims, int level)
{
    return dims->latent >> level;
}

/* Group norm, 3x3, time embedding, group norm, 3x3, and a 1x1 on the side where the width changes. */
static void add_residual(struct kerf_tally *sum, const struct kerf_vision_dims *dims, double inputs,
                         double outputs, double edge)
{
    double time_width = 4.0 * dims->model_channels;
    kerf_tally_convolution(sum, 3, inputs, outputs, true, edge * edge);
    kerf_tally_convolution(sum, 3, outputs, outputs, true, edge * edge);
    kerf_tally_linear(sum, time_width, outputs, true, 1.0);
    sum->params += 2.0 * inputs + 2.0 * outputs;
    if (inputs != outputs)
        kerf_tally_convolution(sum, 1, inputs, outputs, true, edge * edge);
}

/* Queries from the image, keys and values from `keys` tokens of width `key_width`; only the output has a
 * bias. */
static void add_attention(struct kerf_tally *sum, double width, double tokens, double key_width, double keys)
{
    kerf_tally_linear(sum, width, width, false, tokens);
    kerf_tally_linear(sum, key_width, width, false, keys);
    kerf_tally_linear(sum, key_width, width, false, keys);
    kerf_tally_linear(sum, width, width, true, tokens);
    kerf_tally_attention(sum, tokens, keys, width);
}

/* A transformer of `depth` blocks between two projections: self-attention, attention to the text, gated MLP.
 */
static void add_transformer(struct kerf_tally *sum, const struct kerf_vision_dims *dims, double width,
                            double depth, double edge)
{
    struct kerf_tally block = {0};
    double tokens = edge * edge;
    add_attention(&block, width, tokens, width, tokens);
    add_attention(&block, width, tokens, dims->context_dim, dims->text_tokens);
    kerf_tally_linear(&block, width, 2.0 * 4.0 * width, true, tokens);
    kerf_tally_linear(&block, 4.0 * width, width, true, tokens);
    block.params += 3.0 * 2.0 * width; /* LayerNorms */
    kerf_tally_add(sum, block, depth);
    kerf_tally_linear(sum, width, width, true, tokens);
    kerf_tally_linear(sum, width, width, true, tokens);
    sum->params += 2.0 * width; /* group norm */
}

static void add_level_transformer(struct kerf_tally *sum, const struct kerf_vision_dims *dims, int level)
{
    if (dims->attention_at_level[level] && dims->transformer_depth[level] > 0)
        add_transformer(sum, dims, level_width(dims, level), dims->transformer_depth[level],
                        level_edge(dims, level));
}

static void add_down_path(struct kerf_tally *sum, const struct kerf_vision_dims *dims)
{
    for (int level = 0; level < dims->channel_levels; level++) {
        double width = level_width(dims, level), inputs = level_width(dims, level - 1);
        for (int block = 0; block < dims->res_blocks; block++) {
            add_residual(sum, dims, inputs, width, level_edge(dims, level));
            add_level_transformer(sum, dims, level);
            inputs = width;
        }
        if (level + 1 < dims->channel_levels) {
            double edge = level_edge(dims, level + 1);
            kerf_tally_convolution(sum, 3, width, width, true, edge * edge);
        }
    }
}

/* Each block joins the output of its twin on the way down: the level's own blocks last to first, then what
 * entered the level. */
static void add_up_path(struct kerf_tally *sum, const struct kerf_vision_dims *dims)
{
    double inputs = level_width(dims, dims->channel_levels - 1);
    for (int level = dims->channel_levels - 1; level >= 0; level--) {
        double width = level_width(dims, level);
        for (int block = 0; block <= dims->res_blocks; block++) {
            double skip = block < dims->res_blocks ? width : level_width(dims, level - 1);
            add_residual(sum, dims, inputs + skip, width, level_edge(dims, level));
            add_level_transformer(sum, dims, level);
            inputs = width;
        }
        if (level > 0) {
            double edge = level_edge(dims, level - 1);
            kerf_tally_convolution(sum, 3, width, width, true, edge * edge);
        }
    }
}

struct kerf_tally kerf_count_sdxl_unet(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = {0};
    double base = dims->model_channels, time_width = 4.0 * base, edge = dims->latent;
    int deepest = dims->channel_levels - 1;
    double widest = level_width(dims, deepest), middle_edge = level_edge(dims, deepest);
    kerf_tally_linear(&sum, base, time_width, true, 1.0);
    kerf_tally_linear(&sum, time_width, time_width, true, 1.0);
    if (dims->adm_in > 0) {
        kerf_tally_linear(&sum, dims->adm_in, time_width, true, 1.0);
        kerf_tally_linear(&sum, time_width, time_width, true, 1.0);
    }
    kerf_tally_convolution(&sum, 3, dims->latent_channels, base, true, edge * edge);
    add_down_path(&sum, dims);
    add_residual(&sum, dims, widest, widest, middle_edge);
    add_transformer(&sum, dims, widest, dims->transformer_depth[deepest], middle_edge);
    add_residual(&sum, dims, widest, widest, middle_edge);
    add_up_path(&sum, dims);
    sum.params += 2.0 * level_width(dims, 0);
    kerf_tally_convolution(&sum, 3, level_width(dims, 0), dims->latent_channels, true, edge * edge);
    return sum;
}
