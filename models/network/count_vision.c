/* The network room: parameters and MACs of image classifiers and detectors, per image. */
#include "models/network/tally.h"

enum { IMAGE_CHANNELS = 3, STEM_WIDTH = 64 };

/* Pixels along an edge after a stride-2 layer with the usual padding. */
static int halved(int edge)
{
    return (edge + 1) / 2;
}

/* Convolution and batch norm of `positions` output pixels. A frozen batch norm is no parameter. */
static void add_conv_norm(struct kerf_tally *sum, double kernel, double inputs, double outputs, double edge,
                          bool frozen_norm)
{
    kerf_tally_convolution(sum, kernel, inputs, outputs, false, edge * edge);
    sum->params += frozen_norm ? 0.0 : 2.0 * outputs;
}

/* One bottleneck: 1x1, 3x3 (which carries the stride: "v1.5"), 1x1, and a projection where the shape changes.
 */
static void add_bottleneck(struct kerf_tally *sum, double inputs, double width, double groups, double outputs,
                           double edge_in, double edge_out, bool projection, bool frozen_norm)
{
    add_conv_norm(sum, 1, inputs, width, edge_in, frozen_norm);
    add_conv_norm(sum, 3, width / groups, width, edge_out, frozen_norm); /* an output sees its group */
    add_conv_norm(sum, 1, width, outputs, edge_out, frozen_norm);
    if (projection)
        add_conv_norm(sum, 1, inputs, outputs, edge_out, frozen_norm);
}

/* ResNet without its classifier (arXiv 1512.03385, table 1). */
static struct kerf_tally count_backbone(const struct kerf_vision_dims *dims, bool frozen_norm)
{
    struct kerf_tally sum = {0};
    int edge = halved(dims->image);
    add_conv_norm(&sum, 7, IMAGE_CHANNELS, STEM_WIDTH, edge, frozen_norm);
    edge = halved(edge); /* the pooling layer */
    double inputs = STEM_WIDTH, groups = dims->groups > 0 ? dims->groups : 1.0;
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++) {
        double width = dims->stage_widths[stage], outputs = width * dims->expansion;
        for (int block = 0; block < dims->stages[stage]; block++) {
            bool strided = block == 0 && stage > 0;
            int edge_out = strided ? halved(edge) : edge;
            add_bottleneck(&sum, inputs, width, groups, outputs, edge, edge_out, block == 0, frozen_norm);
            inputs = outputs;
            edge = edge_out;
        }
    }
    return sum;
}

struct kerf_tally kerf_count_resnet(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = count_backbone(dims, false);
    double features = (double)dims->stage_widths[KERF_VISION_STAGES - 1] * dims->expansion;
    kerf_tally_linear(&sum, features, dims->classes, true, 1.0);
    return sum;
}

/* Both subnets run on every pyramid level with the same weights: four 3x3 layers and an output layer each. */
static void add_retinanet_heads(struct kerf_tally *sum, const struct kerf_vision_dims *dims, double positions)
{
    double width = dims->fpn_channels;
    for (int layer = 0; layer < 2 * 4; layer++)
        kerf_tally_convolution(sum, 3, width, width, true, positions);
    kerf_tally_convolution(sum, 3, width, (double)dims->anchors * dims->classes, true, positions);
    kerf_tally_convolution(sum, 3, width, (double)dims->anchors * 4, true, positions);
}

/* RetinaNet (arXiv 1708.02002) as torchvision builds it: a pyramid of five levels, the top two made by
 * strided 3x3 layers from the level below. */
struct kerf_tally kerf_count_retinanet(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = count_backbone(dims, true);
    double width = dims->fpn_channels, positions = 0.0;
    int edge = halved(halved(dims->image));
    for (int stage = 1; stage < KERF_VISION_STAGES; stage++) {
        double features = (double)dims->stage_widths[stage] * dims->expansion;
        edge = halved(edge);
        kerf_tally_convolution(&sum, 1, features, width, true, (double)edge * edge);
        kerf_tally_convolution(&sum, 3, width, width, true, (double)edge * edge);
        positions += (double)edge * edge;
    }
    for (int extra = 0; extra < 2; extra++) {
        edge = halved(edge);
        kerf_tally_convolution(&sum, 3, width, width, true, (double)edge * edge);
        positions += (double)edge * edge;
    }
    add_retinanet_heads(&sum, dims, positions);
    return sum;
}

/* ViT (arXiv 2010.11929): every matrix has a bias; the class token joins after the patch embedding. */
struct kerf_tally kerf_count_vit(const struct kerf_vision_dims *dims)
{
    struct kerf_tally block = {0}, sum = {0};
    double width = dims->d_model, inner = dims->d_ff, extra = dims->cls_token ? 1.0 : 0.0;
    double edge = dims->image / dims->patch; /* whole patches */
    double patches = edge * edge, tokens = patches + extra;
    kerf_tally_convolution(&sum, dims->patch, IMAGE_CHANNELS, width, true, patches);
    sum.params += extra * width + tokens * width; /* class token and positions */
    for (int projection = 0; projection < 4; projection++)
        kerf_tally_linear(&block, width, width, true, tokens);
    kerf_tally_attention(&block, tokens, tokens, width);
    kerf_tally_linear(&block, width, inner, true, tokens);
    kerf_tally_linear(&block, inner, width, true, tokens);
    block.params += 2.0 * 2.0 * width; /* two LayerNorms */
    kerf_tally_add(&sum, block, dims->layers);
    sum.params += 2.0 * width;
    kerf_tally_linear(&sum, width, dims->classes, true, 1.0);
    return sum;
}

/* One Swin block: attention inside windows with a table of relative position biases, then an MLP of ratio 4.
 */
static struct kerf_tally count_swin_block(double width, double heads, double window, double tokens)
{
    struct kerf_tally sum = {0};
    double offsets = 2.0 * window - 1.0;
    kerf_tally_linear(&sum, width, 3.0 * width, true, tokens);
    kerf_tally_linear(&sum, width, width, true, tokens);
    kerf_tally_attention(&sum, tokens, window * window, width);
    kerf_tally_linear(&sum, width, 4.0 * width, true, tokens);
    kerf_tally_linear(&sum, 4.0 * width, width, true, tokens);
    sum.params += offsets * offsets * heads + 2.0 * 2.0 * width;
    return sum;
}

/* Swin (arXiv 2103.14030): between stages, 2 x 2 patches merge into one of twice the width. */
struct kerf_tally kerf_count_swin(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = {0};
    double width = dims->embed_dim;
    int edge = dims->image / dims->patch;
    kerf_tally_convolution(&sum, dims->patch, IMAGE_CHANNELS, width, true, (double)edge * edge);
    sum.params += 2.0 * width;
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++) {
        double tokens = (double)edge * edge;
        kerf_tally_add(&sum, count_swin_block(width, dims->stage_heads[stage], dims->window, tokens),
                       dims->stages[stage]);
        if (stage == KERF_VISION_STAGES - 1)
            break;
        edge = halved(edge);
        kerf_tally_linear(&sum, 4.0 * width, 2.0 * width, false, (double)edge * edge);
        sum.params += 2.0 * 4.0 * width;
        width *= 2.0;
    }
    sum.params += 2.0 * width;
    kerf_tally_linear(&sum, width, dims->classes, true, 1.0);
    return sum;
}

/* U-Net 3D as MLPerf trains it (mlcommons/training, image_segmentation/pytorch/model): two 3x3x3 layers with
 * instance norms a level, the first of them strided; up again by transposed 2x2x2 layers and skips. */
static void add_voxel_block(struct kerf_tally *sum, double inputs, double outputs, double edge)
{
    double positions = edge * edge * edge;
    kerf_tally_linear(sum, 27.0 * inputs, outputs, false, positions);
    kerf_tally_linear(sum, 27.0 * outputs, outputs, false, positions);
    sum->params += 2.0 * 2.0 * outputs; /* instance norms */
}

struct kerf_tally kerf_count_unet3d(const struct kerf_vision_dims *dims)
{
    struct kerf_tally sum = {0};
    double inputs = dims->in_channels, edge = dims->image;
    for (int level = 0; level < dims->channel_levels; level++) {
        add_voxel_block(&sum, inputs, dims->level_widths[level], edge);
        inputs = dims->level_widths[level];
        edge /= 2.0;
    }
    edge *= 2.0;
    for (int level = dims->channel_levels - 2; level >= 0; level--) {
        double width = dims->level_widths[level];
        kerf_tally_linear(&sum, inputs, 8.0 * width, false, edge * edge * edge);
        sum.params += width;
        edge *= 2.0;
        add_voxel_block(&sum, 2.0 * width, width, edge);
        inputs = width;
    }
    kerf_tally_linear(&sum, inputs, dims->classes, true, edge * edge * edge);
    return sum;
}
