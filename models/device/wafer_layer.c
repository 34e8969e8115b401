/* The device room: layers of vision and diffusion networks on a wafer. Which closed form a layer runs as. */
#include "models/device/wafer_layer.h"

#include "models/device/wafer_attention.h"

#include <math.h>

/* Products in the backward pass of attention, as on GPUs: scores are multiplied again. */
static const double attention_backward_products = 2.5;
/* Vector instructions over the scores, as in decoders. */
static const double softmax_passes = 8.0;

/* One choice of Pk. */
static struct kerf_cycles dealt_over(const struct kerf_wafer_params *wafer, double PEs, double M, double K,
                                     double N, double taps, double Pk)
{
    double Pm = floor(PEs / Pk), Mt = ceil(M / Pm), kt = ceil(K / Pk);
    struct kerf_cycles cost =
        kerf_axpy(wafer, taps * kt * N, Mt, wafer->gemm_call_fraction * wafer->axpy_call_cycles);
    double B = N * Mt / 2.0, sums = kerf_mesh_reduce(wafer, Pk, B);
    /* wavelets arrive while the last ones are multiplied: only what is longer shows */
    cost.fabric = fmax(0.0, sums - kerf_cycles_total(&cost));
    cost.wavelets = Pk > 1.0 ? Pm * Pk * B : 0.0;
    if (taps > 1.0) {
        double reach = floor(sqrt(taps)) - 1.0, border = 2.0 * reach * sqrt(Mt) + reach * reach;
        double halo = kt * border / 2.0;
        cost.fabric += halo + 2.0 * (wafer->hop_cycles + wafer->ramp_cycles);
        cost.wavelets += Pm * Pk * halo;
    }
    return cost;
}

struct kerf_cycles kerf_wafer_dealt_product(const struct kerf_wafer_params *wafer,
                                            struct kerf_rectangle rectangle, double M, double K, double N,
                                            double taps)
{
    double PEs = rectangle.rows * rectangle.columns,
           widest = fmin(K, fmax(rectangle.rows, rectangle.columns));
    struct kerf_cycles best = dealt_over(wafer, PEs, M, K, N, taps, 1.0);
    for (double parts = 1.0; parts <= K; parts *= 1.25) { /* channels per PE, from all down to one */
        double Pk = ceil(K / ceil(K / parts));
        if (Pk > widest)
            break;
        struct kerf_cycles cost = dealt_over(wafer, PEs, M, K, N, taps, Pk);
        best = kerf_cycles_less(&best, &cost);
    }
    return best;
}

/* What a layer's closed form may look at. */
struct job {
    const struct kerf_wafer_params *wafer;
    const struct kerf_layer *layer;
    struct kerf_rectangle rectangle;
    double images;
    bool backward;
    double passes; /* vector instructions over the elements, from the rows below */
};

/* One product, in the fastest form. Groups of channels lie side by side on a part of the rectangle each. */
static struct kerf_cycles product(const struct job *job, double M, double K, double N, double taps)
{
    double groups = job->layer->groups, share = sqrt(groups);
    struct kerf_rectangle part = {fmax(1.0, floor(job->rectangle.rows / share)),
                                  fmax(1.0, floor(job->rectangle.columns / share))};
    struct kerf_cycles dealt = kerf_wafer_dealt_product(job->wafer, part, M, K / groups, N / groups, taps);
    struct kerf_cycles tiles = kerf_meshgemm(job->wafer, part, M, taps * K / groups, N / groups);
    struct kerf_cycles vectors = kerf_gemv(job->wafer, part, M, taps * K / groups, N / groups, 0);
    struct kerf_cycles best = kerf_cycles_less(&dealt, &tiles);
    best = kerf_cycles_less(&best, &vectors);
    best.wavelets *= groups;
    return best;
}

/* Backward: towards the inputs a product of the same size, channels swapped; towards the weights one whose
 * sums go over all positions, which is as many multiplications on the same tiles. */
static struct kerf_cycles matrix_cycles(const struct job *job)
{
    const struct kerf_layer *layer = job->layer;
    double M = job->images * layer->positions_out;
    struct kerf_cycles cost = product(job, M, layer->inputs, layer->outputs, layer->taps);
    if (!job->backward)
        return cost;
    if (layer->first)
        return cost; /* towards the weights only */
    struct kerf_cycles inputs = product(job, M, layer->outputs, layer->inputs, layer->taps);
    kerf_cycles_add(&cost, &inputs);
    return cost;
}

/* Queries dealt like positions, keys and values passing by like weights; each head of each image or window on
 * a part of its own. Softmax needs a maximum and a sum per query, over the PEs that share its scores. */
static struct kerf_cycles dealt_attention(const struct job *job, double groups)
{
    const struct kerf_layer *layer = job->layer;
    double PEs = job->rectangle.rows * job->rectangle.columns, turns = ceil(groups / PEs);
    double side = fmax(1.0, floor(sqrt(PEs / groups)));
    struct kerf_rectangle part = {side, side};
    struct kerf_cycles cost =
        kerf_wafer_dealt_product(job->wafer, part, layer->queries, layer->head_dim, layer->keys, 1.0);
    struct kerf_cycles value =
        kerf_wafer_dealt_product(job->wafer, part, layer->queries, layer->keys, layer->head_dim, 1.0);
    double scores = ceil(layer->queries * layer->keys / (side * side));
    struct kerf_cycles softmax = kerf_axpy(job->wafer, softmax_passes, scores, job->wafer->axpy_call_cycles);
    struct kerf_cycles sum = kerf_mesh_allreduce_cycles(job->wafer, side, side, ceil(layer->queries / side));
    kerf_cycles_add(&cost, &value);
    kerf_cycles_add(&cost, &softmax);
    kerf_cycles_add(&cost, &sum);
    kerf_cycles_add(&cost, &sum);
    cost = kerf_cycles_times(cost, turns);
    cost.wavelets *= groups / turns;
    return cost;
}

/* Each head of each image or window on a square of its own, which is no larger than pays. */
static struct kerf_cycles attention_cycles(const struct job *job)
{
    const struct kerf_layer *layer = job->layer;
    double groups = job->images * layer->sets * layer->heads;
    const struct kerf_attention_shape shape = {groups, 1.0, layer->head_dim, layer->head_dim};
    struct kerf_cycles best = dealt_attention(job, groups);
    for (double shrink = 1.0; shrink <= 16.0; shrink *= 2.0) {
        struct kerf_rectangle part = {floor(job->rectangle.rows / shrink),
                                      floor(job->rectangle.columns / shrink)};
        if (part.rows * part.columns < groups && shrink > 1.0)
            break;
        struct kerf_cycles cost =
            kerf_attention_prefill(job->wafer, part, &shape, layer->queries, layer->keys, softmax_passes);
        best = kerf_cycles_less(&best, &cost);
    }
    return kerf_cycles_times(best, job->backward ? attention_backward_products : 1.0);
}

/* Vector instructions over the elements that a PE holds. */
static struct kerf_cycles local_cycles(const struct job *job)
{
    double PEs = job->rectangle.rows * job->rectangle.columns;
    double elements = fmax(job->layer->elements_in, job->layer->elements_out);
    return kerf_axpy(job->wafer, job->passes * (job->backward ? 2.0 : 1.0),
                     ceil(job->images * elements / PEs), job->wafer->axpy_call_cycles);
}

/* As above, and sums over one axis (a position's channels) or both (positions, images). */
static struct kerf_cycles norm_cycles(const struct job *job)
{
    double P = job->rectangle.rows, Q = job->rectangle.columns;
    struct kerf_cycles cost = local_cycles(job);
    bool by_position = job->layer->kind == KERF_LAYER_LAYER_NORM;
    double scalars = by_position ? ceil(job->images * job->layer->positions_out / Q)
                                 : ceil(job->layer->outputs / P) *
                                       (job->layer->kind == KERF_LAYER_GROUP_NORM ? job->images : 1.0);
    struct kerf_cycles sum = kerf_mesh_allreduce_cycles(job->wafer, P, Q, scalars);
    kerf_cycles_add(&cost, &sum);
    if (!by_position) {
        sum = kerf_mesh_allreduce_cycles(job->wafer, Q, P, scalars);
        kerf_cycles_add(&cost, &sum);
    }
    return cost;
}

/* Gathering to fewer or more positions moves elements between neighbours. */
static struct kerf_cycles move_cycles(const struct job *job)
{
    double PEs = job->rectangle.rows * job->rectangle.columns;
    double elements = job->images * fmax(job->layer->elements_in, job->layer->elements_out);
    struct kerf_cycles cost = local_cycles(job);
    cost.fabric += ceil(elements / PEs) / 2.0 + 2.0 * (job->wafer->hop_cycles + job->wafer->ramp_cycles);
    cost.wavelets += elements / 2.0;
    return cost;
}

/* How a kind of layer runs, and the software of its collectives (o_op): none where it is local. `passes` as
 * in wafer.c; exp() is four. */
struct row {
    struct kerf_cycles (*cycles)(const struct job *job);
    double software, passes;
};

static const struct row rows[KERF_LAYER_KINDS] = {
    [KERF_LAYER_CONVOLUTION] = {matrix_cycles, 1.0, 0.0},  [KERF_LAYER_LINEAR] = {matrix_cycles, 1.0, 0.0},
    [KERF_LAYER_ATTENTION] = {attention_cycles, 4.0, 0.0}, [KERF_LAYER_BATCH_NORM] = {norm_cycles, 1.0, 4.0},
    [KERF_LAYER_GROUP_NORM] = {norm_cycles, 1.0, 4.0},     [KERF_LAYER_LAYER_NORM] = {norm_cycles, 1.0, 4.0},
    [KERF_LAYER_ACTIVATION] = {local_cycles, 0.0, 1.0},    [KERF_LAYER_GELU] = {local_cycles, 0.0, 7.0},
    [KERF_LAYER_GATE] = {local_cycles, 0.0, 8.0},          [KERF_LAYER_ADD] = {local_cycles, 0.0, 1.0},
    [KERF_LAYER_MODULATE] = {local_cycles, 0.0, 2.0},      [KERF_LAYER_ROTARY] = {local_cycles, 0.0, 6.0},
    [KERF_LAYER_POOL] = {move_cycles, 1.0, 1.0},           [KERF_LAYER_RESIZE] = {move_cycles, 1.0, 1.0},
    [KERF_LAYER_JOIN] = {local_cycles, 0.0, 0.0},          [KERF_LAYER_LOSS] = {norm_cycles, 1.0, 8.0},
    [KERF_LAYER_TABLE] = {local_cycles, 0.0, 1.0},
};

/* Norms are folded and losses absent at inference, as on GPUs. */
static bool is_absent(const struct kerf_layer *layer, enum kerf_layer_direction direction)
{
    bool infers = direction == KERF_LAYERS_INFER;
    return (layer->frozen && direction == KERF_LAYERS_BACKWARD) ||
           (infers && (layer->kind == KERF_LAYER_BATCH_NORM || layer->kind == KERF_LAYER_LOSS));
}

struct kerf_cost kerf_wafer_layer_cost(const void *params, const struct kerf_layer *layer,
                                       const struct kerf_layer_pass *pass, const struct kerf_slice *slice)
{
    const struct kerf_wafer_params *wafer = params;
    const struct row *row = &rows[layer->kind];
    if (pass->images <= 0.0 || is_absent(layer, pass->direction))
        return (struct kerf_cost){0};
    const struct job job = {.wafer = wafer,
                            .layer = layer,
                            .rectangle = {fmax(1.0, slice->pe_rows), fmax(1.0, slice->pe_columns)},
                            .images = pass->images,
                            .backward = pass->direction == KERF_LAYERS_BACKWARD,
                            .passes = row->passes};
    struct kerf_cycles cycles = row->cycles(&job);
    double directions = job.backward ? 2.0 : 1.0;
    cycles.software += directions * row->software * wafer->operator_software_cycles;
    double element = kerf_format_facts(pass->activations)->bytes_per_element;
    struct kerf_cost cost = {
        .flops = 2.0 * directions * pass->images * kerf_layer_macs(layer),
        .bytes =
            directions * (pass->images * (layer->elements_in + layer->elements_out) * element +
                          kerf_layer_weights(layer) * kerf_format_facts(pass->weights)->bytes_per_element),
        .wavelets = cycles.wavelets};
    cost.part_s[KERF_TIME_COMPUTE] = cycles.compute / wafer->clock_Hz;
    cost.part_s[KERF_TIME_MEMORY] = cycles.memory / wafer->clock_Hz;
    cost.part_s[KERF_TIME_FABRIC] = cycles.fabric / wafer->clock_Hz;
    cost.part_s[KERF_TIME_SOFTWARE] = cycles.software / wafer->clock_Hz;
    cost.latency_s = cost.occupancy_s = kerf_cycles_total(&cycles) / wafer->clock_Hz;
    return cost;
}
