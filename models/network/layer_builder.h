/* Appending layers to a list, shared by the builders of the families. Inside models/network only. */
#ifndef KERF_NETWORK_LAYER_BUILDER_H
#define KERF_NETWORK_LAYER_BUILDER_H

#include "models/network/layer.h"

struct kerf_layer_builder {
    struct kerf_layer_list *list;
    double times;        /* of the block that is being appended */
    bool frozen, shared; /* shared: weights belong to earlier layers */
};

/* Channels of images. */
enum { KERF_IMAGE_CHANNELS = 3 };

/* A convolution with a kernel of edge^dimensions. */
struct kerf_convolution {
    double kernel, dimensions, stride, groups, inputs, outputs, positions_in, positions_out;
    bool bias;
};

struct kerf_layer *kerf_append_convolution(const struct kerf_layer_builder *build, const char *name,
                                           const struct kerf_convolution *shape);
struct kerf_layer *kerf_append_linear(const struct kerf_layer_builder *build, const char *name, double inputs,
                                      double outputs, bool bias, double positions);
/* Attention of width = heads x head_dim; `sets` of queries x keys. */
struct kerf_layer *kerf_append_attention(const struct kerf_layer_builder *build, const char *name,
                                         double heads, double head_dim, double queries, double keys,
                                         double sets);
/* A norm over `channels`, with gain and bias if `affine`. */
struct kerf_layer *kerf_append_norm(const struct kerf_layer_builder *build, enum kerf_layer_kind kind,
                                    const char *name, double channels, double positions, bool affine);
/* Any other kind: elements in and out. */
struct kerf_layer *kerf_append_pointwise(const struct kerf_layer_builder *build, enum kerf_layer_kind kind,
                                         const char *name, double elements_in, double elements_out);
void kerf_append_table(const struct kerf_layer_builder *build, const char *name, double parameters,
                       double elements);

/* Pixels along an edge after a stride-2 layer with the usual padding. */
double kerf_halved(double edge);

/* One family each. */
void kerf_layers_resnet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_retinanet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_unet3d(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_vit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_swin(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_dit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_sdxl_unet(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);
void kerf_layers_flux_mmdit(const struct kerf_vision_dims *dims, struct kerf_layer_list *list);

#endif
