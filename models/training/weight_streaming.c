/* The training room: a step of weight streaming. */
#include "models/training/weight_streaming.h"

#include "models/training/streamed_layer.h"

#include <math.h>

const char *const kerf_streaming_bound_names[] = {"compute", "stream", "input"};

#define LEAF(field, si_unit, end, smallest, largest, text)                                                   \
    {                                                                                                        \
        .key = #field, .unit = (si_unit), .better = (end), .required = true, .least = (smallest),            \
        .most = (largest), .offset = offsetof(struct kerf_streaming_params, field), .meaning = (text)        \
    }

static const struct kerf_leaf leaves[] = {
    LEAF(memoryx_bytes, "B", KERF_BETTER_NEITHER, 1.0, 1e17, "MemoryX: parameters and optimiser states"),
    LEAF(memoryx_Bps, "B/s", KERF_BETTER_HIGHER, 1e6, 1e15, "MemoryX to SwarmX, per direction"),
    LEAF(optimizer_Bps, "B/s", KERF_BETTER_HIGHER, 1e6, 1e15,
         "states that MemoryX reads and writes in an update"),
    LEAF(checkpoint_Bps, "B/s", KERF_BETTER_HIGHER, 1e3, 1e15, "checkpoint to disk"),
    LEAF(swarmx_fanout, "1", KERF_BETTER_NEITHER, 2.0, 1e3, "systems or nodes below a SwarmX node"),
    LEAF(swarmx_level_s, "s", KERF_BETTER_LOWER, 0.0, 1.0, "latency of a level of SwarmX"),
    LEAF(systems_most, "1", KERF_BETTER_NEITHER, 1.0, 1e6, "systems that one tree serves"),
    LEAF(sum_cycles, "cycle", KERF_BETTER_LOWER, 0.1, 1e3, "a partial sum on its way through a PE"),
    LEAF(mac_per_cycle, "MAC/cycle", KERF_BETTER_HIGHER, 0.1, 64.0, "of a PE in products over many tokens"),
    LEAF(activation_bytes_per_element, "B", KERF_BETTER_NEITHER, 0.5, 8.0, "activations kept on the wafer"),
    LEAF(gradient_bytes_per_param, "B", KERF_BETTER_NEITHER, 0.5, 8.0, "gradients on their way out"),
    LEAF(weight_bytes_per_param, "B", KERF_BETTER_NEITHER, 0.25, 8.0, "weights on their way in"),
    LEAF(state_bytes_per_param, "B", KERF_BETTER_NEITHER, 0.5, 64.0,
         "master weight and optimiser in MemoryX"),
    LEAF(release, "1", KERF_BETTER_HIGHER, 0.01, 100.0, "speed of this software release over the fitted one"),
};
#undef LEAF

const struct kerf_leaf_table kerf_streaming_leaves = {.kind = "weight_streaming",
                                                      .struct_bytes = sizeof(struct kerf_streaming_params),
                                                      .count = sizeof leaves / sizeof leaves[0],
                                                      .leaves = leaves};

double kerf_streaming_levels(const struct kerf_streaming_params *streaming, int systems)
{
    double levels = 1.0;
    for (double served = streaming->swarmx_fanout; served < systems; served *= streaming->swarmx_fanout)
        levels += 1.0;
    return levels;
}

/* The four parts of a decoder in the order of the forward pass. */
enum { PARTS = 4 };

struct part {
    const struct kerf_operator_list *list;
    int repeats;
};

static void parts_of(const struct kerf_decoder_list *list, struct part part[PARTS])
{
    part[0] = (struct part){&list->embedding, 1};
    part[1] = (struct part){&list->dense_layer, list->dense_layers};
    part[2] = (struct part){&list->moe_layer, list->moe_layers};
    part[3] = (struct part){&list->head, 1};
}

static double params_of(const struct kerf_decoder_list *list)
{
    struct part part[PARTS];
    double params = 0.0;
    parts_of(list, part);
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < part[p].list->count; i++)
            params += part[p].repeats * part[p].list->op[i].weight_elements;
    return params;
}

double kerf_streaming_checkpoint_s(const struct kerf_streaming_params *streaming,
                                   const struct kerf_decoder_list *list)
{
    return params_of(list) * streaming->state_bytes_per_param / streaming->checkpoint_Bps;
}

/* One way of running the step. */
struct plan {
    const struct kerf_wafer_params *wafer;
    const struct kerf_streaming_params *streaming;
    const struct kerf_streaming_job *job;
    double micro_batch;
    int micro_batches;
    bool recompute;
    struct part part[PARTS];
    struct kerf_streamed_layer layer[PARTS];
};

/* Layers that are kept whole are those of a decoder; with recomputing only what goes into each of them, and
 * one layer at work. */
static double activation_bytes(const struct plan *plan, double samples)
{
    double tokens = samples * plan->job->sequence, every = 0.0, one = 0.0;
    for (int p = 1; p <= 2; p++) {
        every += plan->part[p].repeats * plan->layer[p].kept_bytes_per_token;
        if (plan->part[p].repeats > 0)
            one = fmax(one, plan->layer[p].kept_bytes_per_token);
    }
    double layers = plan->part[1].repeats + plan->part[2].repeats;
    double inputs = layers * plan->job->d_model * plan->streaming->activation_bytes_per_element;
    return tokens * (plan->recompute ? inputs + one : every + inputs);
}

/* Two layers of weights lie on the wafer beside the activations: one at work, one on its way in. A layer that
 * is larger than the wafer comes in pieces, so that a quarter of the wafer is the most that they take. */
static double room_for_activations(const struct plan *plan)
{
    double largest = 0.0, usable = plan->wafer->sram_bytes * plan->wafer->sram_usable_fraction;
    for (int p = 0; p < PARTS; p++)
        if (plan->part[p].repeats > 0)
            largest = fmax(largest, plan->layer[p].params * plan->streaming->weight_bytes_per_param);
    return usable - fmin(2.0 * largest, usable / 4.0);
}

static void cost_layers(struct plan *plan, double samples)
{
    double tokens = samples * plan->job->sequence;
    for (int p = 0; p < PARTS; p++)
        plan->layer[p] = kerf_streamed_layer(plan->wafer, plan->streaming, plan->part[p].list, tokens,
                                             tokens * plan->job->logit_share, plan->job->sequence);
}

/* Clocks of the resources while layers go by: when the way in, the wafer, the way out and the store are free.
 */
struct clocks {
    double in_s, wafer_s, wafer_before_s, out_s, store_s;
};

static double stream_Bps(const struct plan *plan)
{
    return fmin(plan->wafer->io_Bps, plan->streaming->memoryx_Bps);
}

static double latency_s(const struct plan *plan)
{
    return plan->wafer->io_latency_s +
           kerf_streaming_levels(plan->streaming, plan->job->systems) * plan->streaming->swarmx_level_s;
}

/* A layer's weights come in as soon as the buffer of the layer before the last is free; the wafer starts when
 * they are there and it is free. Gradients follow from the wafer to the store, which updates with the last.
 */
static void pass_layer(const struct plan *plan, const struct kerf_streamed_layer *layer, bool backward,
                       bool updates, struct clocks *clocks)
{
    double stream_s = layer->params * plan->streaming->weight_bytes_per_param / stream_Bps(plan);
    double work_s =
        backward ? layer->backward_s + (plan->recompute ? layer->forward_s : 0.0) : layer->forward_s;
    double in_from_s = fmax(clocks->in_s, clocks->wafer_before_s);
    clocks->in_s = in_from_s + stream_s;
    clocks->wafer_before_s = clocks->wafer_s;
    /* the first weights are multiplied while the last are still coming */
    double start_s = fmax(clocks->wafer_s, in_from_s + latency_s(plan));
    clocks->wafer_s = fmax(start_s + work_s, clocks->in_s + latency_s(plan));
    if (!backward)
        return;
    double out_s = layer->params * plan->streaming->gradient_bytes_per_param / stream_Bps(plan);
    clocks->out_s = fmax(fmax(clocks->out_s, start_s) + out_s, clocks->wafer_s);
    if (updates) {
        double update_s =
            layer->params * 2.0 * plan->streaming->state_bytes_per_param / plan->streaming->optimizer_Bps;
        clocks->store_s = fmax(clocks->store_s, clocks->out_s + latency_s(plan)) + update_s;
    }
}

static double run_step(const struct plan *plan)
{
    struct clocks clocks = {0};
    for (int m = 0; m < plan->micro_batches; m++) {
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < plan->part[p].repeats; i++)
                pass_layer(plan, &plan->layer[p], false, false, &clocks);
        for (int p = PARTS - 1; p >= 0; p--)
            for (int i = 0; i < plan->part[p].repeats; i++)
                pass_layer(plan, &plan->layer[p], true, m + 1 == plan->micro_batches, &clocks);
    }
    return clocks.store_s;
}

static void sum_up(const struct plan *plan, struct kerf_streaming_step *step)
{
    double compute_s = 0.0, params = 0.0, tokens = plan->micro_batch * plan->job->sequence;
    for (int p = 0; p < PARTS; p++) {
        const struct kerf_streamed_layer *layer = &plan->layer[p];
        compute_s +=
            plan->part[p].repeats * (layer->forward_s * (plan->recompute ? 2.0 : 1.0) + layer->backward_s);
        params += plan->part[p].repeats * layer->params;
    }
    double in_s = params * plan->streaming->weight_bytes_per_param / stream_Bps(plan);
    double out_s = params * plan->streaming->gradient_bytes_per_param / stream_Bps(plan);
    double samples = plan->job->global_batch / plan->job->systems;
    double pass_s = in_s + fmax(in_s, out_s); /* forward, and backward in full duplex */
    *step = (struct kerf_streaming_step){.micro_batch = plan->micro_batch,
                                         .micro_batches = plan->micro_batches,
                                         .recompute = plan->recompute,
                                         .compute_s = plan->micro_batches * compute_s,
                                         .stream_s = plan->micro_batches * pass_s,
                                         .activation_bytes = activation_bytes(plan, plan->micro_batch),
                                         .store_bytes = params * plan->streaming->state_bytes_per_param,
                                         .tokens_to_hide = tokens * pass_s / compute_s};
    if (plan->job->input_samples_per_s > 0.0)
        step->input_s = samples / plan->job->input_samples_per_s;
    double run_s = run_step(plan);
    step->step_s = fmax(run_s, step->input_s);
    step->bound = step->input_s >= run_s             ? KERF_STREAMING_INPUT
                  : step->stream_s > step->compute_s ? KERF_STREAMING_STREAM
                                                     : KERF_STREAMING_COMPUTE;
    step->samples_per_s = plan->job->global_batch / step->step_s;
    step->tokens_per_s = step->samples_per_s * plan->job->sequence;
}

static enum kerf_status check_job(const struct kerf_streaming_params *streaming,
                                  const struct kerf_streaming_job *job, double params,
                                  struct kerf_error *error)
{
    const double TB = 1e12;
    KERF_CHECK(job->systems >= 1 && job->systems <= streaming->systems_most, KERF_ERR_USAGE,
               "%d systems: one SwarmX tree serves 1 to %.0f", job->systems, streaming->systems_most);
    KERF_CHECK(job->global_batch >= job->systems, KERF_ERR_USAGE,
               "a batch of %.0f samples cannot be dealt to %d systems", job->global_batch, job->systems);
    double needed = params * streaming->state_bytes_per_param;
    KERF_CHECK(needed <= streaming->memoryx_bytes, KERF_ERR_USAGE,
               "%s takes %.2f TB of weights and optimiser states, and MemoryX has %.2f TB", job->network_name,
               needed / TB, streaming->memoryx_bytes / TB);
    return KERF_OK;
}

enum kerf_status kerf_streaming_step(const struct kerf_wafer_params *wafer,
                                     const struct kerf_streaming_params *streaming,
                                     const struct kerf_streaming_job *job, struct kerf_streaming_step *step,
                                     struct kerf_error *error)
{
    KERF_TRY(check_job(streaming, job, params_of(job->list), error));
    double samples = ceil(job->global_batch / job->systems), least = 0.0, room = 0.0;
    bool found = false;
    for (int recompute = 0; recompute <= 1; recompute++) {
        struct plan plan = {.wafer = wafer, .streaming = streaming, .job = job, .recompute = recompute};
        parts_of(job->list, plan.part);
        cost_layers(&plan, 1.0);
        least = activation_bytes(&plan, 1.0);
        room = room_for_activations(&plan);
        double most = floor(room / least);
        if (most < 1.0)
            continue;
        plan.micro_batches = (int)ceil(samples / fmin(most, samples));
        plan.micro_batch = ceil(samples / plan.micro_batches);
        cost_layers(&plan, plan.micro_batch);
        struct kerf_streaming_step one;
        sum_up(&plan, &one);
        if (!found || one.step_s < step->step_s)
            *step = one;
        found = true;
    }
    KERF_CHECK(
        found, KERF_ERR_USAGE,
        "one sample of %.0f tokens of %s leaves %.1f GB of activations, and a %s wafer has room for %.1f GB",
        job->sequence, job->network_name, least / 1e9, job->wafer_name, room / 1e9);
    return KERF_OK;
}
