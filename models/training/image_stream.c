/* The training room: a step of weight streaming for networks of layers. */
#include "models/training/image_stream.h"

#include "models/training/streamed_layer.h"

#include <math.h>

/* Forward and backward of one layer for some images. */
struct times {
    double forward_s, backward_s;
};

/* The layer as an operator of streamed_layer.h; a convolution is a product for each tap. */
static struct kerf_operator_list operator_of(const struct kerf_layer *layer)
{
    struct kerf_operator_list list = {.count = 1};
    struct kerf_operator *op = &list.op[0];
    if (layer->kind == KERF_LAYER_ATTENTION) {
        *op = (struct kerf_operator){.kind = KERF_OP_ATTENTION,
                                     .heads = layer->heads,
                                     .prefill_score_dim = layer->head_dim,
                                     .prefill_value_dim = layer->head_dim};
        return list;
    }
    *op = (struct kerf_operator){.kind = KERF_OP_LINEAR,
                                 .inputs = layer->inputs / layer->groups,
                                 .outputs = layer->outputs / layer->groups,
                                 .batch = layer->taps * layer->groups};
    return list;
}

static struct times streamed(const struct kerf_wafer_params *wafer,
                             const struct kerf_streaming_params *streaming, const struct kerf_layer *layer,
                             double images)
{
    struct kerf_operator_list list = operator_of(layer);
    bool attends = layer->kind == KERF_LAYER_ATTENTION;
    double tokens = images * (attends ? layer->sets * layer->queries : layer->positions_out);
    struct kerf_streamed_layer one =
        kerf_streamed_layer(wafer, streaming, &list, tokens, 0.0, attends ? layer->keys : tokens);
    return (struct times){one.forward_s, one.backward_s};
}

/* Convolutions have few channels and many positions: the PEs are dealt to both as is fastest. Linears keep
 * the vendor's layout, features over the columns and tokens over the rows. */
static struct times layer_times(const struct kerf_wafer_params *wafer,
                                const struct kerf_streaming_params *streaming, const struct kerf_layer *layer,
                                double images)
{
    struct times best = streamed(wafer, streaming, layer, images);
    if (layer->kind != KERF_LAYER_CONVOLUTION)
        return best;
    double PEs = wafer->pe_rows * wafer->pe_columns;
    for (double columns = 1.0; columns <= wafer->pe_columns; columns *= 2.0) {
        struct kerf_wafer_params dealt = *wafer;
        dealt.pe_columns = columns;
        dealt.pe_rows = floor(PEs / columns);
        struct times times = streamed(&dealt, streaming, layer, images);
        if (times.forward_s + times.backward_s < best.forward_s + best.backward_s)
            best = times;
    }
    return best;
}

static bool multiplies(const struct kerf_layer *layer)
{
    return layer->kind == KERF_LAYER_CONVOLUTION || layer->kind == KERF_LAYER_LINEAR ||
           layer->kind == KERF_LAYER_ATTENTION;
}

/* Elements per image that are kept when blocks are computed again: what goes into each. */
static double block_elements(const struct kerf_layer_list *layers)
{
    double sum = 0.0, most = 0.0;
    for (int i = 0; i < layers->count; i++) {
        const struct kerf_layer *layer = &layers->layer[i];
        if (layer->kind == KERF_LAYER_ADD || layer->kind == KERF_LAYER_MODULATE)
            sum += layer->times * layer->elements_out / 2.0;
        most = fmax(most, layer->elements_in + layer->elements_out);
    }
    return sum + most;
}

/* What the two ways of a step share. */
struct way {
    const struct kerf_wafer_params *wafer;
    const struct kerf_streaming_params *streaming;
    const struct kerf_image_stream_job *job;
    bool recompute;
};

/* A layer's weights come in while the one before is at work, gradients leave while the next is: whichever is
 * longer sets the pace of a layer. */
static void run_micro_batch(const struct way *way, double images, struct kerf_image_stream_step *step)
{
    double Bps = fmin(way->wafer->io_Bps, way->streaming->memoryx_Bps);
    double latency_s =
        way->wafer->io_latency_s +
        kerf_streaming_levels(way->streaming, (int)way->job->systems) * way->streaming->swarmx_level_s;
    for (int i = 0; i < way->job->layers->count; i++) {
        const struct kerf_layer *layer = &way->job->layers->layer[i];
        struct times times = {0};
        if (multiplies(layer))
            times = layer_times(way->wafer, way->streaming, layer, images);
        double in_s = layer->parameters * way->streaming->weight_bytes_per_param / Bps;
        double out_s = layer->parameters * way->streaming->gradient_bytes_per_param / Bps;
        double back_s = layer->frozen ? 0.0 : times.backward_s + (way->recompute ? times.forward_s : 0.0);
        double both_s = layer->frozen ? 0.0 : fmax(in_s, out_s);
        step->compute_s += layer->times * (times.forward_s + back_s);
        step->stream_s += layer->times * (fmax(0.0, in_s - times.forward_s) + fmax(0.0, both_s - back_s));
    }
    step->stream_s += 2.0 * latency_s; /* the first weights of both directions */
}

/* false: not even one image fits. */
static bool run_way(const struct way *way, struct kerf_image_stream_step *step)
{
    const struct kerf_image_stream_job *job = way->job;
    double own = ceil(job->images / job->systems), largest = 0.0;
    double usable = way->wafer->sram_bytes * way->wafer->sram_usable_fraction;
    for (int i = 0; i < job->layers->count; i++)
        largest = fmax(largest, job->layers->layer[i].parameters * way->streaming->weight_bytes_per_param);
    /* one layer at work and one on its way in, in pieces if need be, as in weight_streaming.c */
    step->room_bytes = usable - fmin(2.0 * largest, usable / 4.0);
    double image = way->streaming->activation_bytes_per_element *
                   (way->recompute ? block_elements(job->layers) : kerf_layers_kept_elements(job->layers));
    double most = floor(step->room_bytes / image);
    step->activation_bytes = image;
    step->recompute = way->recompute;
    if (most < 1.0)
        return false;
    step->micro_batches = ceil(own / fmin(most, own));
    step->micro_batch = ceil(own / step->micro_batches);
    step->activation_bytes = image * step->micro_batch;
    run_micro_batch(way, step->micro_batch, step);
    step->compute_s *= step->micro_batches;
    step->stream_s *= step->micro_batches;
    /* the store updates layer by layer; the last layer's update is seen */
    step->store_s = largest / way->streaming->weight_bytes_per_param * 2.0 *
                    way->streaming->state_bytes_per_param / way->streaming->optimizer_Bps;
    double busy_s = step->compute_s + step->stream_s + step->store_s;
    if (job->input_images_per_s > 0.0)
        step->input_s = fmax(0.0, own / job->input_images_per_s - busy_s);
    step->step_s = busy_s + step->input_s;
    step->images_per_s = job->images / step->step_s;
    return true;
}

enum kerf_status kerf_image_stream_step(const struct kerf_wafer_params *wafer,
                                        const struct kerf_streaming_params *streaming,
                                        const struct kerf_image_stream_job *job,
                                        struct kerf_image_stream_step *step, struct kerf_error *error)
{
    const double TB = 1e12, GB = 1e9;
    double states = kerf_layers_parameters(job->layers) * streaming->state_bytes_per_param;
    KERF_CHECK(job->systems >= 1.0 && job->systems <= streaming->systems_most, KERF_ERR_USAGE,
               "%.0f systems: one SwarmX tree serves 1 to %.0f", job->systems, streaming->systems_most);
    KERF_CHECK(job->images >= job->systems, KERF_ERR_USAGE,
               "a batch of %.0f images cannot be dealt to %.0f systems", job->images, job->systems);
    KERF_CHECK(states <= streaming->memoryx_bytes, KERF_ERR_USAGE,
               "%s takes %.2f TB of weights and optimiser states, and MemoryX has %.2f TB", job->network_name,
               states / TB, streaming->memoryx_bytes / TB);
    bool found = false;
    struct kerf_image_stream_step one = {0};
    for (int recompute = 0; recompute <= 1; recompute++) {
        const struct way way = {wafer, streaming, job, recompute};
        one = (struct kerf_image_stream_step){0};
        if (!run_way(&way, &one))
            continue;
        if (!found || one.step_s < step->step_s)
            *step = one;
        found = true;
    }
    KERF_CHECK(found, KERF_ERR_USAGE,
               "an image of %s leaves %.1f GB of activations, and a %s wafer has room for %.1f GB",
               job->network_name, one.activation_bytes / GB, job->wafer_name, one.room_bytes / GB);
    return KERF_OK;
}
