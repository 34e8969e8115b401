/* The network room: parameters and MACs of image diffusion transformers, per denoising pass of one image. */
#include "models/network/tally.h"

/* Two layers that turn a scalar's Fourier features, or a pooled text vector, into a conditioning vector. */
static void add_embedder(struct kerf_tally *sum, double inputs, double width)
{
    kerf_tally_linear(sum, inputs, width, true, 1.0);
    kerf_tally_linear(sum, width, width, true, 1.0);
}

/* A DiT that attends to a text, as in Wan 2.1 (Wan-Video/Wan2.1, wan/modules/model.py): the modulation is one
 * projection of the time for all blocks, plus a table of six vectors a block; queries and keys are normed. */
static struct kerf_tally count_text_dit(const struct kerf_vision_dims *dims)
{
    struct kerf_tally block = {0}, sum = {0};
    double width = dims->d_model, inner = dims->d_ff, tokens = dims->image_tokens, text = dims->text_tokens;
    double area = (double)dims->patch * dims->patch, channels = dims->latent_channels;
    kerf_tally_linear(&sum, area * channels, width, true, tokens);
    add_embedder(&sum, dims->freq_dim, width);
    kerf_tally_linear(&sum, width, 6.0 * width, true, 1.0);
    kerf_tally_linear(&sum, dims->context_in, width, true, text);
    kerf_tally_linear(&sum, width, width, true, text);
    for (int attention = 0; attention < 2; attention++) {
        double keys = attention == 0 ? tokens : text;
        kerf_tally_linear(&block, width, 2.0 * width, true, tokens); /* queries, output */
        kerf_tally_linear(&block, width, 2.0 * width, true, keys);
        kerf_tally_attention(&block, tokens, keys, width);
        block.params += 2.0 * width;
    }
    kerf_tally_linear(&block, width, inner, true, tokens);
    kerf_tally_linear(&block, inner, width, true, tokens);
    block.params += 2.0 * width + 6.0 * width; /* norm before the text; modulation */
    kerf_tally_add(&sum, block, dims->layers);
    sum.params += 2.0 * width;
    kerf_tally_linear(&sum, width, area * channels, true, tokens);
    return sum;
}

/* DiT with adaLN-Zero (arXiv 2212.09748, section 3.2): six modulation vectors per block, two before the
 * output layer; the class table has one row more, for guidance without a class. Norms have no weights of
 * their own. */
struct kerf_tally kerf_count_dit(const struct kerf_vision_dims *dims)
{
    struct kerf_tally block = {0}, sum = {0};
    double width = dims->d_model, inner = dims->d_ff;
    double edge = dims->latent / dims->patch; /* whole patches */
    double tokens = edge * edge, area = (double)dims->patch * dims->patch;
    double channels_out = dims->latent_channels * (dims->learn_sigma ? 2.0 : 1.0);
    if (dims->text_tokens > 0)
        return count_text_dit(dims);
    kerf_tally_linear(&sum, area * dims->latent_channels, width, true, tokens);
    add_embedder(&sum, dims->freq_dim, width);
    sum.params += (dims->classes + 1.0) * width + tokens * width; /* class and position tables */
    for (int projection = 0; projection < 4; projection++)
        kerf_tally_linear(&block, width, width, true, tokens);
    kerf_tally_attention(&block, tokens, tokens, width);
    kerf_tally_linear(&block, width, inner, true, tokens);
    kerf_tally_linear(&block, inner, width, true, tokens);
    kerf_tally_linear(&block, width, 6.0 * width, true, 1.0);
    kerf_tally_add(&sum, block, dims->layers);
    kerf_tally_linear(&sum, width, 2.0 * width, true, 1.0);
    kerf_tally_linear(&sum, width, area * channels_out, true, tokens);
    return sum;
}

/* One of the two streams of a double block: its own weights for its own tokens. */
static struct kerf_tally count_flux_stream(const struct kerf_vision_dims *dims, double tokens)
{
    struct kerf_tally sum = {0};
    double width = dims->d_model, inner = dims->d_ff, head = width / dims->heads;
    kerf_tally_linear(&sum, width, 6.0 * width, true, 1.0); /* modulation */
    kerf_tally_linear(&sum, width, 3.0 * width, true, tokens);
    kerf_tally_linear(&sum, width, width, true, tokens);
    kerf_tally_linear(&sum, width, inner, true, tokens);
    kerf_tally_linear(&sum, inner, width, true, tokens);
    sum.params += 2.0 * head; /* query and key norms */
    return sum;
}

/* Attention and MLP side by side on the joined stream, fused into one matrix in and one out. */
static struct kerf_tally count_flux_single(const struct kerf_vision_dims *dims, double tokens)
{
    struct kerf_tally sum = {0};
    double width = dims->d_model, inner = dims->d_ff, head = width / dims->heads;
    kerf_tally_linear(&sum, width, 3.0 * width, true, 1.0); /* modulation */
    kerf_tally_linear(&sum, width, 3.0 * width + inner, true, tokens);
    kerf_tally_linear(&sum, width + inner, width, true, tokens);
    kerf_tally_attention(&sum, tokens, tokens, width);
    sum.params += 2.0 * head;
    return sum;
}

/* FLUX.1 (black-forest-labs/flux, src/flux/model.py): text and image tokens in two streams that share
 * attention, then in one. */
struct kerf_tally kerf_count_flux_mmdit(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = {0};
    double width = dims->d_model, image = dims->image_tokens, text = dims->text_tokens;
    double tokens = image + text;
    kerf_tally_linear(&sum, dims->in_channels, width, true, image);
    kerf_tally_linear(&sum, dims->context_in, width, true, text);
    add_embedder(&sum, dims->freq_dim, width);
    add_embedder(&sum, dims->vec_in, width);
    if (dims->guidance)
        add_embedder(&sum, dims->freq_dim, width);
    struct kerf_tally pair = count_flux_stream(dims, image);
    kerf_tally_add(&pair, count_flux_stream(dims, text), 1.0);
    kerf_tally_attention(&pair, tokens, tokens, width);
    kerf_tally_add(&sum, pair, dims->double_blocks);
    kerf_tally_add(&sum, count_flux_single(dims, tokens), dims->single_blocks);
    kerf_tally_linear(&sum, width, 2.0 * width, true, 1.0);
    kerf_tally_linear(&sum, width, dims->in_channels, true, image);
    return sum;
}
