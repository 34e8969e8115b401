/* The device room: layers of vision and diffusion networks on a GPU. Knows no network and no other GPU.
 *
 * What is fused, as cuDNN graphs, TensorRT and the MLPerf submissions do it:
 * - at inference a batch norm is folded into its convolution, and an activation or a residual add runs in the
 *   epilogue of the product before it;
 * - in training the sums of a batch norm are taken in the epilogue of the convolution; the norm, its
 *   activation and the add that follows are one kernel. Backward the sums are taken in the epilogue of the
 * product behind it, which reads the norm's input for them; gradients are one kernel;
 * - a loss reads outputs in 16 bit and works in 32: twice the bytes, for the sums and again for the
 * gradients;
 * - a GELU writes its input beside its output for the backward pass;
 * - rotary embedding, scale and shift are inside the norm or residual beside them but pay their bytes. */
#include "models/device/gpu_layer.h"

#include <math.h>

/* Channels per 16-byte load of 16-bit elements; images have fewer and are padded to half of it. */
static const double channels_of_a_load = 8.0, channels_of_an_image = 4.0;
/* Outputs of the narrowest tile: as wide a block of narrow groups is multiplied whole. */
static const double block_outputs = 64.0;
/* Sums over all pixels of all images are long: as many parts as fill the SMs. */
static const double weight_gradient_splits = 1024.0;
/* Queries and keys of a tile of attention. */
static const double attention_tile = 64.0;
/* Products in the backward pass of attention, which multiplies scores again: five for the two of the forward
 * pass (Dao, FlashAttention-2, arXiv 2307.08691, section 3.1). */
static const double attention_backward_products = 2.5;

static double padded(double channels)
{
    double whole = channels <= channels_of_an_image ? channels_of_an_image : channels_of_a_load;
    return whole * ceil(channels / whole);
}

/* A layer's matrix with its groups as the kernels see them. */
struct blocks {
    double count, inputs, outputs;
};

static struct blocks blocks_of(const struct kerf_layer *layer)
{
    double wanted = ceil(block_outputs * layer->groups / layer->outputs);
    double together = fmin(layer->groups, fmax(wanted, 1.0)), count = ceil(layer->groups / together);
    return (struct blocks){count, padded(layer->inputs / count), layer->outputs / count};
}

struct kerf_gemm kerf_gpu_layer_forward(const struct kerf_layer *layer, const struct kerf_layer_pass *pass)
{
    struct blocks blocks = blocks_of(layer);
    return (struct kerf_gemm){.m = pass->images * layer->positions_out,
                              .n = blocks.outputs,
                              .k = layer->taps * blocks.inputs,
                              .batch = blocks.count,
                              .weights = pass->weights,
                              .activations = pass->activations,
                              .left_elements = pass->images * layer->elements_in,
                              .right_elements = kerf_layer_weights(layer)};
}

/* Every output's gradient goes to `taps` inputs; of the taps that an input has, those between outputs of a
 * strided layer meet none. */
struct kerf_gemm kerf_gpu_layer_to_inputs(const struct kerf_layer *layer, const struct kerf_layer_pass *pass)
{
    struct blocks blocks = blocks_of(layer);
    double met = fmin(layer->positions_out / layer->positions_in, 1.0);
    return (struct kerf_gemm){.m = pass->images * layer->positions_in,
                              .n = blocks.inputs,
                              .k = fmax(layer->taps * met * padded(blocks.outputs), 1.0),
                              .batch = blocks.count,
                              .weights = pass->weights,
                              .activations = pass->activations,
                              .left_elements = pass->images * layer->elements_out,
                              .right_elements = kerf_layer_weights(layer)};
}

struct kerf_gemm kerf_gpu_layer_to_weights(const struct kerf_layer *layer, const struct kerf_layer_pass *pass)
{
    struct blocks blocks = blocks_of(layer);
    return (struct kerf_gemm){.m = blocks.outputs,
                              .n = layer->taps * blocks.inputs,
                              .k = pass->images * layer->positions_out,
                              .batch = blocks.count,
                              .weights = pass->weights,
                              .activations = pass->activations,
                              .left_elements = pass->images * layer->elements_out,
                              .right_elements = pass->images * layer->elements_in,
                              .splits_most = weight_gradient_splits};
}

static struct kerf_cost cost_of(double compute_s, double memory_s, double software_s, double flops,
                                double bytes)
{
    struct kerf_cost cost = {.flops = flops, .bytes = bytes};
    cost.part_s[KERF_TIME_COMPUTE] = compute_s;
    cost.part_s[KERF_TIME_MEMORY] = memory_s;
    cost.part_s[KERF_TIME_SOFTWARE] = software_s;
    cost.latency_s = cost.occupancy_s = compute_s + memory_s + software_s;
    return cost;
}

/* A kernel of one tap is a plain product; more gather their operand. */
static struct kerf_cost gemm_cost(const struct kerf_gpu_params *gpu, const struct kerf_layer *layer,
                                  const struct kerf_layer_pass *pass, const struct kerf_gemm *gemm)
{
    struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(gpu, gemm->weights);
    if (layer->taps > 1.0)
        kernel.achieved *= gpu->achieved_convolution;
    struct kerf_gemm_time time = kerf_gpu_gemm_time(gpu, &kernel, gemm);
    double weight = kerf_format_facts(gemm->weights)->bytes_per_element;
    double bytes = gemm->left_elements * kerf_format_facts(gemm->activations)->bytes_per_element +
                   gemm->right_elements * weight;
    return cost_of(time.compute_s, time.memory_s + time.quantise_s, time.software_s,
                   2.0 * pass->images * kerf_layer_macs(layer), bytes);
}

static struct kerf_cost matrix_cost(const struct kerf_gpu_params *gpu, const struct kerf_layer *layer,
                                    const struct kerf_layer_pass *pass)
{
    if (pass->direction != KERF_LAYERS_BACKWARD) {
        struct kerf_gemm forward = kerf_gpu_layer_forward(layer, pass);
        return gemm_cost(gpu, layer, pass, &forward);
    }
    struct kerf_gemm to_weights = kerf_gpu_layer_to_weights(layer, pass);
    struct kerf_gemm to_inputs = kerf_gpu_layer_to_inputs(layer, pass);
    struct kerf_cost cost = gemm_cost(gpu, layer, pass, &to_weights);
    if (layer->first)
        return cost;
    struct kerf_cost inputs = gemm_cost(gpu, layer, pass, &to_inputs);
    kerf_cost_add(&cost, &inputs);
    return cost;
}

/* Fused attention: one kernel forward, one backward. Ragged ends of windows and texts fill whole tiles. */
static struct kerf_cost attention_cost(const struct kerf_gpu_params *gpu, const struct kerf_layer *layer,
                                       const struct kerf_layer_pass *pass)
{
    double products = pass->direction == KERF_LAYERS_BACKWARD ? attention_backward_products : 1.0;
    double queries = attention_tile * ceil(layer->queries / attention_tile);
    double keys = attention_tile * ceil(layer->keys / attention_tile);
    double filled = queries * keys / (layer->queries * layer->keys);
    double flops = 2.0 * products * pass->images * kerf_layer_macs(layer);
    double bytes = products * pass->images * (layer->elements_in + layer->elements_out) *
                   kerf_format_facts(pass->activations)->bytes_per_element;
    double compute_s = flops * filled / (gpu->peak_16bit_flops * gpu->achieved_attention_flops);
    double memory_s = bytes / (gpu->hbm_Bps * gpu->achieved_hbm);
    bool multiplies = compute_s > memory_s;
    return cost_of(multiplies ? compute_s : 0.0, multiplies ? 0.0 : memory_s,
                   gpu->graph_gap_s + gpu->elementwise_floor_s, flops, bytes);
}

/* What a layer that multiplies nothing moves, as multiples of its inputs and outputs, and the kernels that it
 * is; none where it runs inside a neighbour. Per direction. See the head of this file. */
struct traffic {
    double inputs, outputs, kernels;
};

static const struct traffic traffics[KERF_LAYER_KINDS][KERF_LAYERS_DIRECTIONS] = {
    [KERF_LAYER_BATCH_NORM] = {{0, 0, 0}, {1, 1, 1}, {3, 1, 1}},
    /* the sums need a pass of their own, and the gradients both vectors twice */
    [KERF_LAYER_GROUP_NORM] = {{2, 1, 2}, {2, 1, 2}, {3, 2, 2}},
    [KERF_LAYER_LAYER_NORM] = {{1, 1, 1}, {1, 1, 1}, {2, 1, 1}},
    [KERF_LAYER_ACTIVATION] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}},
    [KERF_LAYER_GELU] = {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}},
    [KERF_LAYER_GATE] = {{1, 1, 1}, {1, 1, 1}, {2, 1, 1}},
    [KERF_LAYER_ADD] = {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}},
    [KERF_LAYER_MODULATE] = {{0, 1, 0}, {0, 1, 0}, {1, 1, 1}},
    [KERF_LAYER_ROTARY] = {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}},
    [KERF_LAYER_POOL] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    [KERF_LAYER_RESIZE] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    [KERF_LAYER_JOIN] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    [KERF_LAYER_LOSS] = {{0, 0, 0}, {3, 0, 2}, {4, 0, 2}},
    [KERF_LAYER_TABLE] = {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}},
};

double kerf_gpu_layer_kernels(const struct kerf_layer *layer, enum kerf_layer_direction direction)
{
    bool backward = direction == KERF_LAYERS_BACKWARD;
    if (layer->frozen && backward)
        return 0.0;
    if (layer->kind == KERF_LAYER_CONVOLUTION || layer->kind == KERF_LAYER_LINEAR)
        return backward && !layer->first ? 2.0 : 1.0;
    return layer->kind == KERF_LAYER_ATTENTION ? 1.0 : traffics[layer->kind][direction].kernels;
}

static struct kerf_cost traffic_cost(const struct kerf_gpu_params *gpu, const struct kerf_layer *layer,
                                     const struct kerf_layer_pass *pass)
{
    const struct traffic *traffic = &traffics[layer->kind][pass->direction];
    double elements = traffic->inputs * layer->elements_in + traffic->outputs * layer->elements_out;
    double bytes = pass->images * elements * kerf_format_facts(pass->activations)->bytes_per_element;
    return cost_of(0.0, bytes / (gpu->hbm_Bps * gpu->achieved_hbm),
                   traffic->kernels * (gpu->graph_gap_s + gpu->elementwise_floor_s), 0.0, bytes);
}

struct kerf_cost kerf_gpu_layer_cost(const void *params, const struct kerf_layer *layer,
                                     const struct kerf_layer_pass *pass, const struct kerf_slice *slice)
{
    (void)slice; /* a GPU runs the whole layer for its own images */
    if (pass->images <= 0.0 || (layer->frozen && pass->direction == KERF_LAYERS_BACKWARD))
        return (struct kerf_cost){0};
    switch (layer->kind) {
    case KERF_LAYER_CONVOLUTION:
    case KERF_LAYER_LINEAR:
        return matrix_cost(params, layer, pass);
    case KERF_LAYER_ATTENTION:
        return attention_cost(params, layer, pass);
    default:
        return traffic_cost(params, layer, pass);
    }
}
