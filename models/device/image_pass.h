/* One pass of images through a whole vision or diffusion network at inference, on GPUs or wafers that share
 * the images evenly. A closed form: every accelerator does the same.
 *
 * On GPUs and, by default, on wafers layers run one after the other on all of the device. A wafer may instead
 * give every layer a rectangle of its own, through which images follow each other (KERF_MAPPING_PIPELINED).
 */
#ifndef KERF_DEVICE_IMAGE_PASS_H
#define KERF_DEVICE_IMAGE_PASS_H

#include "models/device/device.h"
#include "sim/base/error.h"

enum kerf_image_mapping { KERF_MAPPING_SEQUENTIAL, KERF_MAPPING_PIPELINED, KERF_MAPPING_COUNT };

struct kerf_image_pass {
    struct kerf_cost cost; /* of all images of a device; latency from the first in to the last out */
    double interval_s;     /* until the same device can begin the next pass; <= latency */
    double weight_bytes, activation_bytes, usable_bytes; /* per device */
    bool streams; /* a wafer that cannot hold the weights: they come in from outside each pass */
};

/* Costs a pass of `images` images on one device of `type` with `params`. Weights in `format`. A GPU that
 * cannot hold weights and activations, or a wafer its activations, is KERF_ERR_USAGE with the numbers. */
enum kerf_status kerf_gpu_image_pass(const void *params, const struct kerf_layer_list *layers, double images,
                                     enum kerf_format format, struct kerf_image_pass *pass,
                                     struct kerf_error *error);
enum kerf_status kerf_wafer_image_pass(const void *params, const struct kerf_layer_list *layers,
                                       double images, enum kerf_image_mapping mapping,
                                       struct kerf_image_pass *pass, struct kerf_error *error);

/* Elements that lie between layers at once: the largest input and output of one, twice where a shortcut or a
 * skip is kept beside them. */
double kerf_layers_live_elements(const struct kerf_layer_list *layers);

/* `steps` passes that depend on each other, for one batch: the time of the batch, and the time between
 * batches while others are under way. */
struct kerf_image_run {
    double batch_s, between_s;
};
struct kerf_image_run kerf_image_steps(const struct kerf_image_pass *pass, double steps, double outside_s);

#endif
