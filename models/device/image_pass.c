/* The device room: whole networks of layers, at inference. */
#include "models/device/image_pass.h"

#include "models/device/gpu.h"
#include "models/device/wafer.h"
#include "models/device/wafer_layer.h"

#include <math.h>

static const double bytes_per_16bit = 2.0, gigabyte = 1e9;

double kerf_layers_live_elements(const struct kerf_layer_list *layers)
{
    double most = 0.0;
    for (int i = 0; i < layers->count; i++)
        most = fmax(most, layers->layer[i].elements_in + layers->layer[i].elements_out);
    return 2.0 * most;
}

static void fill_memory(const struct kerf_layer_list *layers, double images, enum kerf_format format,
                        double usable_bytes, struct kerf_image_pass *pass)
{
    pass->weight_bytes = kerf_layers_parameters(layers) * kerf_format_facts(format)->bytes_per_element;
    pass->activation_bytes = images * kerf_layers_live_elements(layers) * bytes_per_16bit;
    pass->usable_bytes = usable_bytes;
}

enum kerf_status kerf_gpu_image_pass(const void *params, const struct kerf_layer_list *layers, double images,
                                     enum kerf_format format, struct kerf_image_pass *pass,
                                     struct kerf_error *error)
{
    const struct kerf_gpu_params *gpu = params;
    const struct kerf_layer_pass layer_pass = {images, KERF_LAYERS_INFER, format, KERF_FORMAT_BF16};
    *pass = (struct kerf_image_pass){0};
    fill_memory(layers, images, format, kerf_gpu_device.usable_bytes(params), pass);
    KERF_CHECK(pass->weight_bytes + pass->activation_bytes <= pass->usable_bytes, KERF_ERR_USAGE,
               "%.1f GB of weights and %.1f GB of activations of %g images do not fit into %.1f GB of a GPU",
               pass->weight_bytes / gigabyte, pass->activation_bytes / gigabyte, images,
               pass->usable_bytes / gigabyte);
    pass->cost = kerf_device_layers_cost(&kerf_gpu_device, params, layers, &layer_pass, NULL);
    pass->cost.part_s[KERF_TIME_SOFTWARE] += gpu->graph_launch_s;
    pass->cost.latency_s += gpu->graph_launch_s;
    pass->cost.occupancy_s = pass->cost.latency_s;
    pass->interval_s = pass->cost.latency_s;
    return KERF_OK;
}

/* The wafer's rectangle as layers may use it. */
static struct kerf_slice whole_slice(const struct kerf_wafer_params *wafer, double share)
{
    double edge = sqrt(share * wafer->pe_usable_fraction);
    return (struct kerf_slice){.pe_rows = fmax(1.0, floor(wafer->pe_rows * edge)),
                               .pe_columns = fmax(1.0, floor(wafer->pe_columns * edge))};
}

/* Layers one after the other on all PEs. Weights that do not fit come in beside the arithmetic. */
static void run_sequential(const struct kerf_wafer_params *wafer, const struct kerf_layer_list *layers,
                           double images, struct kerf_image_pass *pass)
{
    const struct kerf_layer_pass layer_pass = {images, KERF_LAYERS_INFER, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_slice slice = whole_slice(wafer, 1.0);
    pass->cost = kerf_device_layers_cost(&kerf_wafer_device, wafer, layers, &layer_pass, &slice);
    double stream_s = pass->streams ? pass->weight_bytes / wafer->io_Bps : 0.0;
    double waiting_s = fmax(0.0, stream_s - pass->cost.latency_s);
    pass->cost.part_s[KERF_TIME_INTERCONNECT] += waiting_s;
    pass->cost.latency_s += waiting_s;
    pass->interval_s = pass->cost.latency_s;
}

/* What one layer costs one image on `share` of the wafer, with the way to the next layer. */
static struct kerf_cost stage_cost(const struct kerf_wafer_params *wafer, const struct kerf_layer *layer,
                                   double share)
{
    const struct kerf_layer_pass one = {1.0, KERF_LAYERS_INFER, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_slice own = whole_slice(wafer, share);
    struct kerf_cost cost = kerf_wafer_layer_cost(wafer, layer, &one, &own);
    if (cost.latency_s <= 0.0)
        return cost; /* folded into a neighbour */
    double channels = fmax(layer->outputs, 1.0);
    struct kerf_cost handover =
        kerf_wafer_handover_cost(wafer, &own, layer->elements_out / channels, channels);
    kerf_cost_add(&cost, &handover);
    return cost;
}

/* Moves PEs from fast layers to slow ones: shares grow with the time that a layer takes on what it has. */
static void balance(const struct kerf_wafer_params *wafer, const struct kerf_layer_list *layers,
                    double share[KERF_LAYERS_MAX])
{
    enum { ROUNDS = 12 };
    for (int round = 0; round < ROUNDS; round++) {
        double sum = 0.0;
        for (int i = 0; i < layers->count; i++) {
            double time_s = stage_cost(wafer, &layers->layer[i], share[i]).latency_s;
            share[i] = time_s > 0.0 ? share[i] * sqrt(time_s) : 0.0; /* the root damps */
            sum += share[i] * layers->layer[i].times;
        }
        for (int i = 0; i < layers->count; i++)
            share[i] /= sum;
    }
}

/* Every layer on a rectangle of its own: images follow each other through them, one at a time. */
static void run_pipelined(const struct kerf_wafer_params *wafer, const struct kerf_layer_list *layers,
                          double images, struct kerf_image_pass *pass)
{
    double share[KERF_LAYERS_MAX], slowest_s = 0.0;
    for (int i = 0; i < layers->count; i++)
        share[i] = 1.0 / layers->count;
    balance(wafer, layers, share);
    for (int i = 0; i < layers->count; i++) {
        struct kerf_cost stage = stage_cost(wafer, &layers->layer[i], share[i]);
        slowest_s = fmax(slowest_s, stage.latency_s);
        stage = kerf_cost_times(stage, layers->layer[i].times);
        kerf_cost_add(&pass->cost, &stage);
    }
    double rest_s = (images - 1.0) * slowest_s;
    pass->cost.part_s[KERF_TIME_WAITING] += rest_s;
    pass->cost.latency_s += rest_s;
    pass->interval_s = images * slowest_s;
}

enum kerf_status kerf_wafer_image_pass(const void *params, const struct kerf_layer_list *layers,
                                       double images, enum kerf_image_mapping mapping,
                                       struct kerf_image_pass *pass, struct kerf_error *error)
{
    const struct kerf_wafer_params *wafer = params;
    bool pipelined = mapping == KERF_MAPPING_PIPELINED;
    *pass = (struct kerf_image_pass){0};
    fill_memory(layers, images, KERF_FORMAT_BF16, kerf_wafer_device.usable_bytes(params), pass);
    pass->streams = pass->weight_bytes + pass->activation_bytes > pass->usable_bytes;
    KERF_CHECK(pass->activation_bytes <= pass->usable_bytes, KERF_ERR_USAGE,
               "%.1f GB of activations of %g images do not fit into %.1f GB of a wafer",
               pass->activation_bytes / gigabyte, images, pass->usable_bytes / gigabyte);
    KERF_CHECK(!pipelined || !pass->streams, KERF_ERR_USAGE,
               "pipelined layers stay on the wafer: %.1f GB of weights and %.1f GB of activations do not fit "
               "into %.1f GB",
               pass->weight_bytes / gigabyte, pass->activation_bytes / gigabyte,
               pass->usable_bytes / gigabyte);
    (pipelined ? run_pipelined : run_sequential)(wafer, layers, images, pass);
    /* images in, results out */
    double outside_s =
        2.0 * wafer->io_latency_s + images * layers->layer[0].elements_in * bytes_per_16bit / wafer->io_Bps;
    pass->cost.part_s[KERF_TIME_INTERCONNECT] += outside_s;
    pass->cost.latency_s += outside_s;
    pass->cost.occupancy_s = pass->interval_s;
    return KERF_OK;
}

struct kerf_image_run kerf_image_steps(const struct kerf_image_pass *pass, double steps, double outside_s)
{
    return (struct kerf_image_run){.batch_s = steps * (pass->cost.latency_s + outside_s),
                                   .between_s = steps * pass->interval_s};
}
