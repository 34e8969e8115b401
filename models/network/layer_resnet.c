/* The network room: layers of ResNet, RetinaNet and the 3-D U-Net. The structures are those of the counters
 * beside it (count_vision.c). */
#include "models/network/layer_builder.h"

enum { STEM_WIDTH = 64, STEM_KERNEL = 7 };

/* A square 2-D convolution between images of two edges. */
static struct kerf_convolution square(double kernel, double inputs, double outputs, double edge_in,
                                      double edge_out)
{
    return (struct kerf_convolution){.kernel = kernel,
                                     .dimensions = 2.0,
                                     .stride = edge_out < edge_in ? 2.0 : 1.0,
                                     .inputs = inputs,
                                     .outputs = outputs,
                                     .positions_in = edge_in * edge_in,
                                     .positions_out = edge_out * edge_out};
}

/* What the bottlenecks of a network have in common. A frozen batch norm is a constant scale: it is folded
 * into its convolution and is no layer. */
struct bottlenecks {
    struct kerf_layer_builder build;
    bool fixed_norms;
    double groups;
};

static void append_normed(const struct bottlenecks *net, const char *name, struct kerf_convolution shape,
                          bool activation)
{
    kerf_append_convolution(&net->build, name, &shape);
    if (!net->fixed_norms)
        kerf_append_norm(&net->build, KERF_LAYER_BATCH_NORM, "batch_norm", shape.outputs, shape.positions_out,
                         true);
    double elements = shape.outputs * shape.positions_out;
    if (activation)
        kerf_append_pointwise(&net->build, KERF_LAYER_ACTIVATION, "relu", elements, elements);
}

static void append_bottleneck(const struct bottlenecks *net, double inputs, double width, double outputs,
                              double edge_in, double edge_out, bool projection)
{
    double elements = outputs * edge_out * edge_out;
    struct kerf_convolution middle = square(3, width, width, edge_in, edge_out);
    middle.groups = net->groups;
    append_normed(net, "conv1", square(1, inputs, width, edge_in, edge_in), true);
    append_normed(net, "conv2", middle, true);
    append_normed(net, "conv3", square(1, width, outputs, edge_out, edge_out), false);
    if (projection)
        append_normed(net, "projection", square(1, inputs, outputs, edge_in, edge_out), false);
    kerf_append_pointwise(&net->build, KERF_LAYER_ADD, "shortcut", elements, elements);
    kerf_append_pointwise(&net->build, KERF_LAYER_ACTIVATION, "relu", elements, elements);
}

/* Stem and stages; the stages from `frozen` on are trained, the stem with the first of those that are not. */
static void append_backbone(struct bottlenecks *net, const struct kerf_vision_dims *dims)
{
    double edge = kerf_halved(dims->image), pooled = kerf_halved(edge), inputs = STEM_WIDTH;
    net->groups = dims->groups > 0 ? dims->groups : 1.0;
    net->build.times = 1.0;
    net->build.frozen = dims->frozen_stages > 0;
    int first = net->build.list->count;
    append_normed(net, "stem", square(STEM_KERNEL, KERF_IMAGE_CHANNELS, STEM_WIDTH, dims->image, edge), true);
    net->build.list->layer[first].first = true;
    kerf_append_pointwise(&net->build, KERF_LAYER_POOL, "max_pool", inputs * edge * edge,
                          inputs * pooled * pooled);
    edge = pooled;
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++) {
        double width = dims->stage_widths[stage], outputs = width * dims->expansion;
        double edge_out = stage > 0 ? kerf_halved(edge) : edge;
        net->build.frozen = stage < dims->frozen_stages;
        net->build.times = 1.0;
        append_bottleneck(net, inputs, width, outputs, edge, edge_out, true);
        inputs = outputs;
        edge = edge_out;
        net->build.times = dims->stages[stage] - 1.0;
        if (net->build.times > 0.0)
            append_bottleneck(net, inputs, width, outputs, edge, edge, false);
    }
    net->build.times = 1.0;
    net->build.frozen = false;
}

void kerf_layers_resnet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct bottlenecks net = {.build = {.list = list}};
    append_backbone(&net, dims);
    double features = (double)dims->stage_widths[KERF_VISION_STAGES - 1] * dims->expansion;
    double edge = dims->image;
    for (int halvings = 0; halvings < KERF_VISION_STAGES + 1; halvings++)
        edge = kerf_halved(edge);
    kerf_append_pointwise(&net.build, KERF_LAYER_POOL, "mean_pool", features * edge * edge, features);
    kerf_append_linear(&net.build, "classifier", features, dims->classes, true, 1.0);
}

/* The two subnets on one level of the pyramid. */
static void append_heads(const struct kerf_layer_builder *build, const struct kerf_vision_dims *dims,
                         double edge)
{
    double width = dims->fpn_channels;
    double sizes[] = {(double)dims->anchors * dims->classes, (double)dims->anchors * 4.0};
    struct kerf_layer_builder tower = *build;
    for (int subnet = 0; subnet < 2; subnet++) {
        struct kerf_convolution layer = square(3, width, width, edge, edge);
        struct kerf_convolution last = square(3, width, sizes[subnet], edge, edge);
        layer.bias = last.bias = true;
        tower.times = 4.0;
        kerf_append_convolution(&tower, "head", &layer);
        kerf_append_pointwise(&tower, KERF_LAYER_ACTIVATION, "relu", width * edge * edge,
                              width * edge * edge);
        kerf_append_convolution(build, subnet == 0 ? "class_logits" : "boxes", &last);
        kerf_append_pointwise(build, KERF_LAYER_LOSS, "loss", sizes[subnet] * edge * edge, 0.0);
    }
}

void kerf_layers_retinanet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    struct bottlenecks net = {.build = {.list = list}, .fixed_norms = true};
    struct kerf_layer_builder *build = &net.build;
    double width = dims->fpn_channels, edge = kerf_halved(kerf_halved(dims->image)), level[5];
    append_backbone(&net, dims);
    for (int stage = 1; stage < KERF_VISION_STAGES; stage++) {
        double features = (double)dims->stage_widths[stage] * dims->expansion;
        edge = kerf_halved(edge);
        level[stage - 1] = edge;
        struct kerf_convolution lateral = square(1, features, width, edge, edge);
        struct kerf_convolution smooth = square(3, width, width, edge, edge);
        lateral.bias = smooth.bias = true;
        kerf_append_convolution(build, "lateral", &lateral);
        kerf_append_pointwise(build, KERF_LAYER_RESIZE, "top_down", width * edge * edge / 4.0,
                              width * edge * edge);
        kerf_append_convolution(build, "pyramid", &smooth);
    }
    for (int extra = 3; extra < 5; extra++) {
        struct kerf_convolution strided = square(3, width, width, edge, kerf_halved(edge));
        strided.bias = true;
        kerf_append_convolution(build, "pyramid", &strided);
        level[extra] = edge = kerf_halved(edge);
    }
    for (int i = 0; i < 5; i++) {
        build->shared = i > 0;
        append_heads(build, dims, level[i]);
    }
}

/* Two 3x3x3 layers, each with an instance norm and an activation. */
static void append_voxel_block(const struct kerf_layer_builder *build, double inputs, double outputs,
                               double edge_in, double edge_out)
{
    double in = edge_in * edge_in * edge_in, out = edge_out * edge_out * edge_out;
    for (int layer = 0; layer < 2; layer++) {
        const struct kerf_convolution shape = {.kernel = 3,
                                               .dimensions = 3,
                                               .stride = layer == 0 && edge_out < edge_in ? 2.0 : 1.0,
                                               .inputs = layer == 0 ? inputs : outputs,
                                               .outputs = outputs,
                                               .positions_in = layer == 0 ? in : out,
                                               .positions_out = out};
        kerf_append_convolution(build, layer == 0 ? "conv1" : "conv2", &shape);
        kerf_append_norm(build, KERF_LAYER_GROUP_NORM, "instance_norm", outputs, out, true);
        kerf_append_pointwise(build, KERF_LAYER_ACTIVATION, "relu", outputs * out, outputs * out);
    }
}

void kerf_layers_unet3d(const struct kerf_vision_dims *dims, struct kerf_layer_list *list)
{
    const struct kerf_layer_builder build = {.list = list, .times = 1.0};
    int levels = dims->channel_levels;
    double edge = dims->image;
    append_voxel_block(&build, dims->in_channels, dims->level_widths[0], edge, edge);
    list->layer[0].first = true;
    for (int level = 1; level < levels; level++, edge /= 2.0)
        append_voxel_block(&build, dims->level_widths[level - 1], dims->level_widths[level], edge,
                           edge / 2.0);
    for (int level = levels - 2; level >= 0; level--) {
        double wide = dims->level_widths[level + 1], width = dims->level_widths[level];
        double small = edge * edge * edge, large = 8.0 * small;
        /* a transposed convolution: eight outputs of one input each */
        struct kerf_layer *up = kerf_append_linear(&build, "up", wide, 8.0 * width, false, small);
        up->parameters += width;
        kerf_append_pointwise(&build, KERF_LAYER_JOIN, "skip", 2.0 * width * large, 2.0 * width * large);
        edge *= 2.0;
        append_voxel_block(&build, 2.0 * width, width, edge, edge);
    }
    kerf_append_linear(&build, "output", dims->level_widths[0], dims->classes, true, edge * edge * edge);
    kerf_append_pointwise(&build, KERF_LAYER_LOSS, "loss", dims->classes * edge * edge * edge, 0.0);
}
