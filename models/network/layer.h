/* Vision and diffusion networks as lists of layers: what must be computed for one image, or for one denoising
 * pass over one image, on no device in particular.
 *
 * A decoder's operators (operator.h) see tokens; a layer has positions (pixels, patches, voxels) of its own,
 * which change from one to the next. Devices (models/device) turn layers into time. Text encoders and the
 * autoencoder between pixels and latents are not in the lists. */
#ifndef KERF_NETWORK_LAYER_H
#define KERF_NETWORK_LAYER_H

#include "models/network/network.h"

enum kerf_layer_kind {
    KERF_LAYER_CONVOLUTION,
    KERF_LAYER_LINEAR, /* a convolution of one tap */
    KERF_LAYER_ATTENTION,
    KERF_LAYER_BATCH_NORM, /* statistics over images and positions */
    KERF_LAYER_GROUP_NORM, /* over positions and some channels of an image */
    KERF_LAYER_LAYER_NORM, /* over the channels of a position; RMSNorm too */
    KERF_LAYER_ACTIVATION, /* after a norm or of which the output is enough: ReLU, SiLU */
    KERF_LAYER_GELU,       /* after a matrix; its input is kept */
    KERF_LAYER_GATE,       /* two halves of a vector in, their product out: GEGLU */
    KERF_LAYER_ADD,        /* a second vector is added to the first */
    KERF_LAYER_MODULATE,   /* scale and shift by vectors that a whole image shares (adaLN) */
    KERF_LAYER_ROTARY,
    KERF_LAYER_POOL,
    KERF_LAYER_RESIZE, /* copies to more positions, or gathers patches into one */
    KERF_LAYER_JOIN,   /* channels of two inputs side by side */
    KERF_LAYER_LOSS,   /* outputs against what was wanted: their gradients; of training only */
    KERF_LAYER_TABLE,  /* learned vectors: positions, classes, biases of attention */
    KERF_LAYER_KINDS
};

/* Elements are per image. */
struct kerf_layer {
    enum kerf_layer_kind kind;
    const char *name; /* static storage */
    double times;     /* so many alike, one after the other, each with weights of its own */
    /* CONVOLUTION and LINEAR: at each of positions_out places, `groups` products of taps x inputs / groups by
     * outputs / groups. */
    double inputs, outputs, groups, taps, stride; /* channels; taps = kernel volume; stride along an edge */
    double positions_in, positions_out;
    /* ATTENTION: `sets` independent ones (windows) of queries x keys, per head. */
    double heads, head_dim, queries, keys, sets;
    double parameters;   /* one of them adds to the network; 0 where an earlier layer's are used again */
    double elements_in;  /* read, all inputs together */
    double elements_out; /* written */
    bool frozen;         /* training neither changes it nor goes back through it */
    bool first;          /* its input is the image: no gradient of it is wanted */
};

enum { KERF_LAYERS_MAX = 768 };

/* Order is that of the first of each run; layers of a repeated block follow each other kind by kind. */
struct kerf_layer_list {
    int count;
    struct kerf_layer layer[KERF_LAYERS_MAX];
};

/* What goes through a layer at once. */
enum kerf_layer_direction {
    KERF_LAYERS_INFER,    /* norms are folded, nothing is kept */
    KERF_LAYERS_FORWARD,  /* of training */
    KERF_LAYERS_BACKWARD, /* towards the inputs and the weights */
    KERF_LAYERS_DIRECTIONS
};

struct kerf_layer_pass {
    double images; /* on one device; of a guided diffusion model each counts twice */
    enum kerf_layer_direction direction;
    enum kerf_format weights, activations;
};

/* Lists the layers of a network of any family but KERF_FAMILY_DECODER. The list is as long as the structure
 * is varied, not as it is deep: at most KERF_LAYERS_MAX. */
void kerf_network_layers(const struct kerf_network *network, struct kerf_layer_list *list);

/* Weights that one of them reads: the matrix, or the gain of a norm. */
double kerf_layer_weights(const struct kerf_layer *layer);

/* Multiply-accumulates of one of them for one image: matrices and attention products. */
double kerf_layer_macs(const struct kerf_layer *layer);

/* Sums over a list, repeats included. */
double kerf_layers_parameters(const struct kerf_layer_list *list);
double kerf_layers_trained_parameters(const struct kerf_layer_list *list);
double kerf_layers_macs(const struct kerf_layer_list *list);

/* Elements per image that training keeps from the forward pass: the inputs of matrices, norms, gates,
 * GELUs and attention. What follows a norm is computed again from its input. */
double kerf_layers_kept_elements(const struct kerf_layer_list *list);

#endif
