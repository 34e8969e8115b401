/* Training vision and diffusion networks on wafers by weight streaming: as weight_streaming.h, with layers
 * that have positions of their own. Systems are purely data parallel. */
#ifndef KERF_TRAINING_IMAGE_STREAM_H
#define KERF_TRAINING_IMAGE_STREAM_H

#include "models/network/layer.h"
#include "models/training/weight_streaming.h"

struct kerf_image_stream_job {
    const struct kerf_layer_list *layers;
    const char *network_name, *wafer_name; /* for messages */
    double systems, images;                /* of a step, over all systems */
    double input_images_per_s;             /* that the workers of one system prepare; 0: no limit */
};

struct kerf_image_stream_step {
    double step_s, images_per_s;
    /* They add up to step_s. compute: the wafer multiplies; stream: it waits for weights or to be rid of
     * gradients; store: the last update; input: it waits for images. */
    double compute_s, stream_s, store_s, input_s;
    double micro_batch, micro_batches; /* images of one system */
    bool recompute;                    /* blocks are computed again in the backward pass */
    double activation_bytes, room_bytes;
};

/* One step. Of the ways that fit, with and without computing again, the faster is taken. KERF_ERR_USAGE: no
 * image fits a wafer, the store is too small, fewer images than systems. Pure. */
enum kerf_status kerf_image_stream_step(const struct kerf_wafer_params *wafer,
                                        const struct kerf_streaming_params *streaming,
                                        const struct kerf_image_stream_job *job,
                                        struct kerf_image_stream_step *step, struct kerf_error *error);

#endif
