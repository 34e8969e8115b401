/* The network room: layers of vision and diffusion networks, appended and summed. */
#include "models/network/layer_builder.h"

#include <math.h>
#include <stddef.h>

double kerf_halved(double edge)
{
    return floor((edge + 1.0) / 2.0);
}

static struct kerf_layer *append(const struct kerf_layer_builder *build, enum kerf_layer_kind kind,
                                 const char *name)
{
    struct kerf_layer_list *list = build->list;
    /* Lists are bounded by the structure of the families; a test fills every network of the catalog. */
    int place = list->count < KERF_LAYERS_MAX ? list->count++ : KERF_LAYERS_MAX - 1;
    struct kerf_layer *layer = &list->layer[place];
    *layer = (struct kerf_layer){.kind = kind, .name = name, .times = build->times, .frozen = build->frozen};
    return layer;
}

struct kerf_layer *kerf_append_convolution(const struct kerf_layer_builder *build, const char *name,
                                           const struct kerf_convolution *shape)
{
    struct kerf_layer *layer = append(build, KERF_LAYER_CONVOLUTION, name);
    layer->inputs = shape->inputs;
    layer->outputs = shape->outputs;
    layer->groups = fmax(shape->groups, 1.0);
    layer->taps = pow(shape->kernel, shape->dimensions);
    layer->stride = fmax(shape->stride, 1.0);
    layer->positions_in = shape->positions_in;
    layer->positions_out = shape->positions_out;
    layer->elements_in = shape->inputs * shape->positions_in;
    layer->elements_out = shape->outputs * shape->positions_out;
    if (!build->shared)
        layer->parameters = kerf_layer_weights(layer) + (shape->bias ? shape->outputs : 0.0);
    return layer;
}

struct kerf_layer *kerf_append_linear(const struct kerf_layer_builder *build, const char *name, double inputs,
                                      double outputs, bool bias, double positions)
{
    struct kerf_layer *layer = kerf_append_convolution(build, name,
                                                       &(struct kerf_convolution){.kernel = 1.0,
                                                                                  .dimensions = 1.0,
                                                                                  .inputs = inputs,
                                                                                  .outputs = outputs,
                                                                                  .positions_in = positions,
                                                                                  .positions_out = positions,
                                                                                  .bias = bias});
    layer->kind = KERF_LAYER_LINEAR;
    return layer;
}

struct kerf_layer *kerf_append_attention(const struct kerf_layer_builder *build, const char *name,
                                         double heads, double head_dim, double queries, double keys,
                                         double sets)
{
    struct kerf_layer *layer = append(build, KERF_LAYER_ATTENTION, name);
    layer->heads = heads;
    layer->head_dim = head_dim;
    layer->queries = queries;
    layer->keys = keys;
    layer->sets = sets;
    layer->elements_in = sets * heads * head_dim * (queries + 2.0 * keys);
    layer->elements_out = sets * heads * head_dim * queries;
    return layer;
}

struct kerf_layer *kerf_append_norm(const struct kerf_layer_builder *build, enum kerf_layer_kind kind,
                                    const char *name, double channels, double positions, bool affine)
{
    struct kerf_layer *layer =
        kerf_append_pointwise(build, kind, name, channels * positions, channels * positions);
    layer->inputs = layer->outputs = channels;
    layer->positions_in = layer->positions_out = positions;
    layer->parameters = affine && !build->shared ? 2.0 * channels : 0.0;
    return layer;
}

struct kerf_layer *kerf_append_pointwise(const struct kerf_layer_builder *build, enum kerf_layer_kind kind,
                                         const char *name, double elements_in, double elements_out)
{
    struct kerf_layer *layer = append(build, kind, name);
    layer->elements_in = elements_in;
    layer->elements_out = elements_out;
    return layer;
}

void kerf_append_table(const struct kerf_layer_builder *build, const char *name, double parameters,
                       double elements)
{
    struct kerf_layer *layer = kerf_append_pointwise(build, KERF_LAYER_TABLE, name, elements, 0.0);
    layer->parameters = build->shared ? 0.0 : parameters;
}

static bool is_matrix(const struct kerf_layer *layer)
{
    return layer->kind == KERF_LAYER_CONVOLUTION || layer->kind == KERF_LAYER_LINEAR;
}

double kerf_layer_weights(const struct kerf_layer *layer)
{
    if (is_matrix(layer))
        return layer->taps * layer->inputs * layer->outputs / layer->groups;
    return layer->parameters;
}

double kerf_layer_macs(const struct kerf_layer *layer)
{
    if (layer->kind == KERF_LAYER_ATTENTION)
        return 2.0 * layer->sets * layer->heads * layer->head_dim * layer->queries * layer->keys;
    return is_matrix(layer) ? kerf_layer_weights(layer) * layer->positions_out : 0.0;
}

double kerf_layers_parameters(const struct kerf_layer_list *list)
{
    double sum = 0.0;
    for (int i = 0; i < list->count; i++)
        sum += list->layer[i].times * list->layer[i].parameters;
    return sum;
}

double kerf_layers_trained_parameters(const struct kerf_layer_list *list)
{
    double sum = 0.0;
    for (int i = 0; i < list->count; i++)
        sum += list->layer[i].frozen ? 0.0 : list->layer[i].times * list->layer[i].parameters;
    return sum;
}

double kerf_layers_macs(const struct kerf_layer_list *list)
{
    double sum = 0.0;
    for (int i = 0; i < list->count; i++)
        sum += list->layer[i].times * kerf_layer_macs(&list->layer[i]);
    return sum;
}

/* Whose input the backward pass reads. */
static const bool keeps_input[KERF_LAYER_KINDS] = {
    [KERF_LAYER_CONVOLUTION] = true, [KERF_LAYER_LINEAR] = true,     [KERF_LAYER_ATTENTION] = true,
    [KERF_LAYER_BATCH_NORM] = true,  [KERF_LAYER_GROUP_NORM] = true, [KERF_LAYER_LAYER_NORM] = true,
    [KERF_LAYER_GATE] = true,        [KERF_LAYER_GELU] = true,
};

double kerf_layers_kept_elements(const struct kerf_layer_list *list)
{
    double sum = 0.0;
    for (int i = 0; i < list->count; i++) {
        const struct kerf_layer *layer = &list->layer[i];
        if (keeps_input[layer->kind] && !layer->frozen)
            sum += layer->times * layer->elements_in;
    }
    return sum;
}

typedef void (*layer_lister)(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);

static const layer_lister listers[KERF_FAMILY_COUNT] = {
    [KERF_FAMILY_RESNET] = kerf_layers_resnet,
    [KERF_FAMILY_VIT] = kerf_layers_vit,
    [KERF_FAMILY_SWIN] = kerf_layers_swin,
    [KERF_FAMILY_RETINANET] = kerf_layers_retinanet,
    [KERF_FAMILY_DIT] = kerf_layers_dit,
    [KERF_FAMILY_SDXL_UNET] = kerf_layers_sdxl_unet,
    [KERF_FAMILY_FLUX_MMDIT] = kerf_layers_flux_mmdit,
    [KERF_FAMILY_UNET3D] = kerf_layers_unet3d,
};

void kerf_network_layers(const struct kerf_network *network, struct kerf_layer_list *list)
{
    list->count = 0;
    if (listers[network->family])
        listers[network->family](&network->vision, list);
}
