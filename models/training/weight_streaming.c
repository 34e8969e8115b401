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
    LEAF(peak_16bit_flops, "FLOP/s", KERF_BETTER_NEITHER, 1e12, 1e19, "of a wafer's data sheet, dense"),
    LEAF(mtbf_s, "s", KERF_BETTER_HIGHER, 3600.0, 1e12, "of one wafer between interruptions of its job"),
    LEAF(hosts_W, "W", KERF_BETTER_LOWER, 0.0, 1e6, "store, tree and input workers, one wafer's share"),
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

/* Frozen weights have no states. */
static double store_bytes(const struct kerf_streaming_params *streaming, const struct kerf_streaming_job *job,
                          double params)
{
    return params * (job->frozen ? streaming->weight_bytes_per_param : streaming->state_bytes_per_param);
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
    int group;        /* layers that are computed again at a time; 0: all are kept */
    double latency_s; /* of I/O and tree */
    struct part part[PARTS];
    struct kerf_streamed_layer layer[PARTS];
};

/* Layers that are kept whole are those of a decoder; with recomputing only what goes into every group of
 * them, and one group at work. */
static double activation_bytes(const struct plan *plan, double samples)
{
    double tokens = samples * plan->job->sequence, every = 0.0, one = 0.0;
    for (int p = 1; p <= 2; p++) {
        every += plan->part[p].repeats * plan->layer[p].kept_bytes_per_token;
        if (plan->part[p].repeats > 0)
            one = fmax(one, plan->layer[p].kept_bytes_per_token);
    }
    double layers = plan->part[1].repeats + plan->part[2].repeats;
    double input = plan->job->d_model * plan->streaming->activation_bytes_per_element;
    if (plan->group == 0)
        return tokens * (every + layers * input);
    double group = fmin(plan->group, layers);
    return tokens * (ceil(layers / group) * input + (group - 1.0) * input + group * one);
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
    for (int p = 0; p < PARTS; p++) {
        plan->layer[p] = kerf_streamed_layer(plan->wafer, plan->streaming, plan->part[p].list, tokens,
                                             tokens * plan->job->logit_share, plan->job->sequence);
        if (plan->job->frozen)
            plan->layer[p].backward_s -= plan->layer[p].gradient_s;
    }
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

/* What a layer does when its weights are there. */
enum visit {
    VISIT_FORWARD,
    VISIT_AGAIN,            /* forward once more, before the backward pass of its group */
    VISIT_BACKWARD,         /* with what forward left */
    VISIT_FORWARD_BACKWARD, /* computed again and then backward, while its weights are there */
};

static double work_s(const struct kerf_streamed_layer *layer, enum visit visit)
{
    double forward_s = visit == VISIT_BACKWARD ? 0.0 : layer->forward_s;
    return forward_s + (visit == VISIT_BACKWARD || visit == VISIT_FORWARD_BACKWARD ? layer->backward_s : 0.0);
}

/* A layer's weights come in as soon as the buffer of the layer before the last is free; the wafer starts when
 * they are there and it is free. Gradients follow from the wafer to the store, which updates with the last.
 */
static void pass_layer(const struct plan *plan, const struct kerf_streamed_layer *layer, enum visit visit,
                       bool updates, struct clocks *clocks)
{
    double stream_s = layer->params * plan->streaming->weight_bytes_per_param / stream_Bps(plan);
    double in_from_s = fmax(clocks->in_s, clocks->wafer_before_s);
    clocks->in_s = in_from_s + stream_s;
    clocks->wafer_before_s = clocks->wafer_s;
    /* the first weights are multiplied while the last are still coming */
    double start_s = fmax(clocks->wafer_s, in_from_s + plan->latency_s);
    clocks->wafer_s = fmax(start_s + work_s(layer, visit), clocks->in_s + plan->latency_s);
    if (visit == VISIT_FORWARD || visit == VISIT_AGAIN || plan->job->frozen)
        return;
    double out_s = layer->params * plan->streaming->gradient_bytes_per_param / stream_Bps(plan);
    clocks->out_s = fmax(fmax(clocks->out_s, start_s) + out_s, clocks->wafer_s);
    if (updates) {
        double update_s =
            layer->params * 2.0 * plan->streaming->state_bytes_per_param / plan->streaming->optimizer_Bps;
        clocks->store_s = fmax(clocks->store_s, clocks->out_s + plan->latency_s) + update_s;
    }
}

/* Layer `i` of the network's, the embedding being part 0 and the head the last. */
static const struct kerf_streamed_layer *layer_at(const struct plan *plan, int i)
{
    return &plan->layer[i < plan->part[1].repeats ? 1 : 2];
}

static void pass_backward(const struct plan *plan, bool updates, struct clocks *clocks)
{
    int layers = plan->part[1].repeats + plan->part[2].repeats, group = plan->group > 1 ? plan->group : 1;
    enum visit end = plan->group > 0 ? VISIT_FORWARD_BACKWARD : VISIT_BACKWARD;
    enum visit inner = plan->group == 1 ? VISIT_FORWARD_BACKWARD : VISIT_BACKWARD;
    pass_layer(plan, &plan->layer[PARTS - 1], end, updates, clocks);
    for (int last = layers; last > 0;) {
        int first = (last - 1) / group * group;
        for (int i = first; i < last && group > 1; i++)
            pass_layer(plan, layer_at(plan, i), VISIT_AGAIN, false, clocks);
        for (int i = last; i-- > first;)
            pass_layer(plan, layer_at(plan, i), inner, updates, clocks);
        last = first;
    }
    pass_layer(plan, &plan->layer[0], end, updates, clocks);
}

static struct clocks run_step(const struct plan *plan)
{
    struct clocks clocks = {0};
    for (int m = 0; m < plan->micro_batches; m++) {
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < plan->part[p].repeats; i++)
                pass_layer(plan, &plan->layer[p], VISIT_FORWARD, false, &clocks);
        pass_backward(plan, m + 1 == plan->micro_batches, &clocks);
    }
    return clocks;
}

/* Sums over the layers of a micro-batch. */
struct totals {
    double compute_s, attention_s, again_s, params;
    double in_params; /* that come in, forward and backward: of layers in groups once more */
};

static struct totals totals_of(const struct plan *plan)
{
    struct totals sum = {0};
    for (int p = 0; p < PARTS; p++) {
        const struct kerf_streamed_layer *layer = &plan->layer[p];
        double repeats = plan->part[p].repeats;
        bool comes_again = plan->group > 1 && (p == 1 || p == 2);
        sum.again_s += plan->group > 0 ? repeats * layer->forward_s : 0.0;
        sum.compute_s += repeats * (layer->forward_s + layer->backward_s);
        sum.attention_s += repeats * (layer->attention_forward_s + layer->attention_backward_s);
        sum.params += repeats * layer->params;
        sum.in_params += repeats * layer->params * (comes_again ? 3.0 : 2.0);
    }
    sum.compute_s += sum.again_s;
    return sum;
}

static void name_the_bound(const struct plan *plan, double run_s, struct kerf_streaming_step *step)
{
    double samples = plan->job->global_batch / plan->job->systems;
    if (plan->job->input_samples_per_s > 0.0)
        step->input_s = samples / plan->job->input_samples_per_s;
    step->step_s = fmax(run_s, step->input_s);
    step->bound = step->input_s >= run_s             ? KERF_STREAMING_INPUT
                  : step->stream_s > step->compute_s ? KERF_STREAMING_STREAM
                                                     : KERF_STREAMING_COMPUTE;
}

static void sum_up(struct plan *plan, struct kerf_streaming_step *step)
{
    struct totals sum = totals_of(plan);
    double tokens = plan->micro_batch * plan->job->sequence;
    double in_s = sum.params * plan->streaming->weight_bytes_per_param / stream_Bps(plan);
    double out_s =
        plan->job->frozen ? 0.0 : sum.params * plan->streaming->gradient_bytes_per_param / stream_Bps(plan);
    double all_in_s = in_s * sum.in_params / sum.params;
    double pass_s = all_in_s - in_s + fmax(in_s, out_s); /* backward in full duplex */
    plan->latency_s = 0.0;
    double without_s = run_step(plan).wafer_s;
    plan->latency_s = latency_s(plan);
    struct clocks clocks = run_step(plan);
    *step = (struct kerf_streaming_step){.micro_batch = plan->micro_batch,
                                         .micro_batches = plan->micro_batches,
                                         .recompute = plan->group > 0,
                                         .group = plan->group,
                                         .compute_s = plan->micro_batches * sum.compute_s,
                                         .attention_s = plan->micro_batches * sum.attention_s,
                                         .again_s = plan->micro_batches * sum.again_s,
                                         .stream_s = plan->micro_batches * pass_s,
                                         .tree_s = clocks.wafer_s - without_s,
                                         .store_s = fmax(clocks.store_s - clocks.wafer_s, 0.0),
                                         .activation_bytes = activation_bytes(plan, plan->micro_batch),
                                         .room_bytes = room_for_activations(plan),
                                         .store_bytes = store_bytes(plan->streaming, plan->job, sum.params),
                                         .tokens_to_hide = tokens * pass_s / sum.compute_s};
    step->wait_s = clocks.wafer_s - step->compute_s;
    name_the_bound(plan, fmax(clocks.store_s, clocks.wafer_s), step);
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
    double needed = store_bytes(streaming, job, params);
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
    static const int groups[] = {0, 1, 2, 3, 4, 6, 8, 12, 16};
    KERF_TRY(check_job(streaming, job, params_of(job->list), error));
    double samples = ceil(job->global_batch / job->systems), least = 0.0, room = 0.0;
    bool found = false;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct plan plan = {.wafer = wafer, .streaming = streaming, .job = job, .group = groups[i]};
        parts_of(job->list, plan.part);
        cost_layers(&plan, 1.0);
        double one = activation_bytes(&plan, 1.0);
        least = i == 0 ? one : fmin(least, one);
        room = room_for_activations(&plan);
        double most = floor(room / one);
        if (most < 1.0)
            continue;
        plan.micro_batches = (int)ceil(samples / fmin(most, samples));
        plan.micro_batch = ceil(samples / plan.micro_batches);
        cost_layers(&plan, plan.micro_batch);
        struct kerf_streaming_step tried;
        sum_up(&plan, &tried);
        if (!found || tried.step_s < step->step_s)
            *step = tried;
        found = true;
    }
    KERF_CHECK(
        found, KERF_ERR_USAGE,
        "one sample of %.0f tokens of %s leaves %.1f GB of activations, and a %s wafer has room for %.1f GB",
        job->sequence, job->network_name, least / 1e9, job->wafer_name, room / 1e9);
    return KERF_OK;
}
