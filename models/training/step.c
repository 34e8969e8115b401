/* The training room: a step put together from a layer's work, its traffic, the pipeline and the optimiser. */
#include "models/training/step.h"

#include "models/training/flops.h"
#include "models/training/span.h"
#include "models/training/traffic.h"
#include "models/training/work_time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kerf_recompute_names[] = {"none", "selective", "full"};
const char *const kerf_step_part_names[] = {
    "matrices", "attention", "element-wise", "recompute", "host",      "tensor",   "context", "expert",
    "pipeline", "data",      "overlap",      "bubble",    "optimizer", "software", "weights", "input"};

/* Parts of one pass of a micro-batch through something. */
struct phase {
    double part_s[KERF_STEP_PARTS];
};

static double phase_s(const struct phase *phase)
{
    double sum_s = 0.0;
    for (int i = 0; i < KERF_STEP_PARTS; i++)
        sum_s += phase->part_s[i];
    return sum_s;
}

static void add_phase(struct phase *sum, const struct phase *more, double times)
{
    for (int i = 0; i < KERF_STEP_PARTS; i++)
        sum->part_s[i] += times * more->part_s[i];
}

struct both_ways {
    struct phase forward, backward;
    double weight_s; /* of the backward pass, towards weights */
};

static void add_both(struct both_ways *sum, const struct both_ways *more, double times)
{
    add_phase(&sum->forward, &more->forward, times);
    add_phase(&sum->backward, &more->backward, times);
    sum->weight_s += times * more->weight_s;
}

/* A layer of each kind, and the ends; weights that are shared are not yet gathered. */
struct pieces {
    struct both_ways dense, moe, embedding, head;
};

/* What the functions below share. */
struct stepping {
    const struct kerf_training_machine *machine;
    const struct kerf_training_job *job;
    struct kerf_gpu_params gpu; /* as sustained */
    struct kerf_training_pass pass;
    struct kerf_decoder_list list;
    struct pieces pieces;
    struct kerf_layer_memory memory;
    struct kerf_load_memo *loads; /* of a search; else NULL */
    double model_flops, hardware_flops;
};

static void add_kernels(struct phase *phase, const double kernels_s[KERF_TRAIN_KERNELS])
{
    phase->part_s[KERF_STEP_MATRIX] += kernels_s[KERF_TRAIN_MATRIX];
    phase->part_s[KERF_STEP_ATTENTION] += kernels_s[KERF_TRAIN_ATTENTION];
    phase->part_s[KERF_STEP_ELEMENTWISE] += kernels_s[KERF_TRAIN_ELEMENTWISE];
}

/* Communication of which `exposed` is waited for; compute beside the rest is slower. */
static void add_traffic(const struct stepping *s, struct phase *phase, enum kerf_step_part part,
                        double time_s, double exposed)
{
    phase->part_s[part] += exposed * time_s;
    phase->part_s[KERF_STEP_OVERLAP] +=
        (1.0 - exposed) * time_s * s->machine->training.overlap_slowdown * s->job->stack->overlap_share;
}

/* Kernels that the host launches later than the GPU could start them. */
static void wait_for_host(const struct stepping *s, struct phase *phase, double kernels)
{
    double host_s = kernels * s->machine->training.host_kernel_s * s->job->stack->host_share;
    phase->part_s[KERF_STEP_HOST] += fmax(0.0, host_s - phase_s(phase));
}

/* Weights of a layer, `params` of them, that are gathered from the ranks that share them, and gradients that
 * go back. */
static void gather_weights(const struct stepping *s, double params, struct both_ways *both)
{
    const struct kerf_training_job *job = s->job;
    if (job->layout.sharding != KERF_SHARDING_PARAMETERS)
        return;
    double gather_s = kerf_training_collective_s(s->machine, job, KERF_GROUP_DATA, KERF_COLLECTIVE_ALL_GATHER,
                                                 2.0 * params);
    double scatter_s = job->frozen ? 0.0
                                   : kerf_training_collective_s(s->machine, job, KERF_GROUP_DATA,
                                                                KERF_COLLECTIVE_REDUCE_SCATTER,
                                                                job->stack->gradient_bytes * params);
    double beside_s = job->stack->overlaps_data ? 1.0 : 0.0;
    double hidden_s = fmin(gather_s, beside_s * phase_s(&both->forward));
    add_traffic(s, &both->forward, KERF_STEP_DATA, gather_s, 1.0 - hidden_s / fmax(gather_s, 1e-30));
    double back_s = gather_s + scatter_s;
    hidden_s = fmin(back_s, beside_s * phase_s(&both->backward));
    add_traffic(s, &both->backward, KERF_STEP_DATA, back_s, 1.0 - hidden_s / fmax(back_s, 1e-30));
}

/* The ring's transfers beside the attention of its blocks. */
static void pass_round_ring(const struct stepping *s, const struct kerf_operator_list *layer,
                            const struct kerf_work_time *work, struct both_ways *both)
{
    double exposed = s->job->stack->context_exposed;
    double ring_s = kerf_training_ring_s(s->machine, s->job, layer);
    if (ring_s <= 0.0)
        return;
    double forward_s = work->forward_s[KERF_TRAIN_ATTENTION],
           backward_s = work->input_s[KERF_TRAIN_ATTENTION];
    double open_s = fmax(ring_s - forward_s * (1.0 - exposed), 0.0);
    add_traffic(s, &both->forward, KERF_STEP_CONTEXT, ring_s, open_s / ring_s);
    open_s = fmax(2.0 * ring_s - backward_s * (1.0 - exposed), 0.0);
    add_traffic(s, &both->backward, KERF_STEP_CONTEXT, 2.0 * ring_s, open_s / (2.0 * ring_s));
}

/* What is computed again in the backward pass of a layer. */
static void recompute(const struct stepping *s, const struct kerf_work_time *work, double tensor_s,
                      struct both_ways *both, double *kernels)
{
    double *again_s = &both->backward.part_s[KERF_STEP_RECOMPUTE];
    const struct kerf_training_job *job = s->job;
    if (job->recompute == KERF_RECOMPUTE_SELECTIVE && !job->stack->fused_attention)
        *again_s += work->forward_s[KERF_TRAIN_ATTENTION];
    if (job->recompute == KERF_RECOMPUTE_SELECTIVE && job->stack->fused_attention)
        *again_s += work->forward_s[KERF_TRAIN_ELEMENTWISE];
    if (job->recompute != KERF_RECOMPUTE_FULL)
        return;
    const struct kerf_decoder_dims *dims = &job->network->decoder;
    double stage_layers = (double)(dims->layers_dense + dims->layers_moe) / job->layout.pipeline;
    double share = job->recompute_layers > 0 ? fmin(job->recompute_layers / stage_layers, 1.0) : 1.0;
    *again_s += share * kerf_work_forward_s(work);
    *kernels += share * work->forward_kernels;
    add_traffic(s, &both->backward, KERF_STEP_TENSOR, share * tensor_s, job->stack->tensor_exposed);
}

/* Better kernels gain nothing between domains, where NICs decide. */
static double exchange_factor(const struct stepping *s)
{
    double factor = s->job->stack->exchange_factor > 0.0 ? s->job->stack->exchange_factor : 1.0;
    struct kerf_group_place place =
        kerf_training_place(&s->job->layout, KERF_GROUP_EXPERT, s->machine->gpu.nvlink_domain);
    return place.local < place.ranks ? fmax(factor, 1.0) : factor;
}

static struct both_ways layer_both(const struct stepping *s, const struct kerf_operator_list *layer, bool moe)
{
    struct both_ways both = {0};
    const struct kerf_training_job *job = s->job;
    struct kerf_work_time work = kerf_training_list_time(&s->pass, layer, true);
    double tensor_s = kerf_training_tensor_s(s->machine, job), kernels = work.backward_kernels;
    add_kernels(&both.forward, work.forward_s);
    add_kernels(&both.backward, work.input_s);
    add_kernels(&both.backward, work.weight_s);
    both.weight_s = kerf_work_weight_s(&work);
    add_traffic(s, &both.forward, KERF_STEP_TENSOR, tensor_s, job->stack->tensor_exposed);
    add_traffic(s, &both.backward, KERF_STEP_TENSOR, tensor_s, job->stack->tensor_exposed);
    recompute(s, &work, tensor_s, &both, &kernels);
    pass_round_ring(s, layer, &work, &both);
    if (moe) {
        double exchange_s = exchange_factor(s) * kerf_training_exchange_s(s->machine, job);
        add_traffic(s, &both.forward, KERF_STEP_EXPERT, exchange_s, job->stack->expert_exposed);
        add_traffic(s, &both.backward, KERF_STEP_EXPERT, exchange_s, job->stack->expert_exposed);
    }
    wait_for_host(s, &both.forward, work.forward_kernels);
    wait_for_host(s, &both.backward, kernels);
    return both;
}

static struct both_ways ends_both(const struct stepping *s, const struct kerf_operator_list *list)
{
    struct both_ways both = {0};
    struct kerf_work_time work = kerf_training_list_time(&s->pass, list, false);
    add_kernels(&both.forward, work.forward_s);
    add_kernels(&both.backward, work.input_s);
    add_kernels(&both.backward, work.weight_s);
    both.weight_s = kerf_work_weight_s(&work);
    return both;
}

static void make_pieces(struct stepping *s)
{
    s->pieces =
        (struct pieces){.embedding = ends_both(s, &s->list.embedding), .head = ends_both(s, &s->list.head)};
    if (s->list.dense_layers > 0)
        s->pieces.dense = layer_both(s, &s->list.dense_layer, false);
    if (s->list.moe_layers > 0)
        s->pieces.moe = layer_both(s, &s->list.moe_layer, true);
}

/* A mean layer, its weights gathered. */
static struct both_ways mean_layer(const struct stepping *s)
{
    double layers = s->list.dense_layers + s->list.moe_layers;
    struct both_ways dense = s->pieces.dense, moe = s->pieces.moe, layer = {0};
    if (s->list.dense_layers > 0)
        gather_weights(s, s->memory.dense.dense, &dense);
    if (s->list.moe_layers > 0)
        gather_weights(s, s->memory.moe.dense, &moe);
    add_both(&layer, &dense, s->list.dense_layers / layers);
    add_both(&layer, &moe, s->list.moe_layers / layers);
    return layer;
}

static struct kerf_pass_time pass_time(const struct both_ways *both)
{
    return (struct kerf_pass_time){phase_s(&both->forward), phase_s(&both->backward), both->weight_s};
}

static struct kerf_stage_parts stage_parts(const struct stepping *s, const struct both_ways *layer)
{
    bool beside = s->job->stack->overlaps_pipeline && s->job->layout.virtual_stages > 1;
    return (struct kerf_stage_parts){.layer = pass_time(layer),
                                     .embedding = pass_time(&s->pieces.embedding),
                                     .head = pass_time(&s->pieces.head),
                                     .handover_s = kerf_training_handover_s(s->machine, s->job),
                                     .waits = !beside};
}

/* The busiest stage's parts of a step, and the rest of the pipeline's span: messages and waiting. */
static enum kerf_status run_pipeline(const struct stepping *s, struct both_ways *stage, struct phase *parts,
                                     double *in_flight, struct kerf_error *error)
{
    const struct pieces *pieces = &s->pieces;
    struct both_ways layer = mean_layer(s);
    struct kerf_training_span span;
    const struct kerf_stage_parts times = stage_parts(s, &layer);
    KERF_TRY(kerf_training_span(s->job, s->list.dense_layers + s->list.moe_layers, &times, &span, error));
    double m = kerf_training_micro_batches(&s->job->layout);
    add_both(stage, &layer, span.layers);
    add_both(stage, &pieces->embedding, span.embeds ? 1.0 : 0.0);
    add_both(stage, &pieces->head, span.has_head ? 1.0 : 0.0);
    add_phase(parts, &stage->forward, m);
    add_phase(parts, &stage->backward, m);
    parts->part_s[KERF_STEP_PIPELINE] += span.sending_s;
    parts->part_s[KERF_STEP_BUBBLE] += fmax(span.span_s - span.busy_s - span.sending_s, 0.0);
    *in_flight = span.in_flight;
    return KERF_OK;
}

/* Gradients after the last micro-batch, and weights before the first: beside its backward and the first
 * one's forward pass where the stack overlaps them, all but a layer's worth. */
static void reduce_gradients(const struct stepping *s, const struct both_ways *stage, struct phase *step)
{
    const struct kerf_training_job *job = s->job;
    struct kerf_rank_params params = kerf_training_rank_params(job, &s->memory);
    if (job->layout.sharding == KERF_SHARDING_PARAMETERS || job->frozen)
        params.dense = 0.0;
    if (job->frozen)
        params.experts = 0.0;
    const struct {
        enum kerf_training_group group;
        double params;
    } kinds[] = {{KERF_GROUP_DATA, params.dense}, {KERF_GROUP_EXPERT_DATA, params.experts}};
    double gather_s = 0.0, scatter_s = 0.0;
    for (int i = 0; i < 2; i++) {
        double bytes = job->stack->gradient_bytes * kinds[i].params;
        bool sharded = job->layout.sharding != KERF_SHARDING_NONE;
        scatter_s += kerf_training_collective_s(
            s->machine, job, kinds[i].group,
            sharded ? KERF_COLLECTIVE_REDUCE_SCATTER : KERF_COLLECTIVE_ALL_REDUCE, bytes);
        if (sharded)
            gather_s += kerf_training_collective_s(s->machine, job, kinds[i].group,
                                                   KERF_COLLECTIVE_ALL_GATHER, 2.0 * kinds[i].params);
    }
    /* Virtual stages finish one after the other, p micro-batches each: a stage's gradients travel while those
     * of the others are computed. */
    double p = job->layout.pipeline, v = job->layout.virtual_stages;
    double beside = job->stack->overlaps_data ? fmax(0.9, v > 1.0 ? p * (v - 1.0) / v : 0.0) : 0.0;
    double hidden_s = fmin(scatter_s, beside * phase_s(&stage->backward));
    add_traffic(s, step, KERF_STEP_DATA, scatter_s, scatter_s > 0.0 ? 1.0 - hidden_s / scatter_s : 0.0);
    hidden_s = fmin(gather_s, beside * phase_s(&stage->forward));
    add_traffic(s, step, KERF_STEP_DATA, gather_s, gather_s > 0.0 ? 1.0 - hidden_s / gather_s : 0.0);
}

/* States in host memory: gradients go out, the host updates, 16-bit weights come in, tile after tile, so that
 * the longest of the three shows (ZeRO-Offload, arXiv 2101.06840). */
static double offloaded_s(const struct kerf_training_job *job, double own)
{
    double out_s = own * job->stack->gradient_bytes / job->offload_Bps, in_s = own * 2.0 / job->offload_Bps;
    return fmax(fmax(out_s, in_s), own * job->optimizer->moved_bytes / job->host_Bps);
}

/* Bytes of states over the HBM, what Muon multiplies, and the casts of narrow weights. */
static void optimize(const struct stepping *s, struct phase *step)
{
    const struct kerf_training_job *job = s->job;
    const struct kerf_training_layout *layout = &job->layout;
    if (job->frozen)
        return;
    struct kerf_rank_params params = kerf_training_rank_params(job, &s->memory);
    bool sharded = layout->sharding != KERF_SHARDING_NONE;
    double dense = (double)layout->data * layout->context;
    double experts = dense * layout->tensor / (layout->expert * layout->expert_tensor);
    double own = params.dense / (sharded ? dense : 1.0) + params.experts / (sharded ? experts : 1.0);
    double rate_Bps = s->machine->gpu.hbm_Bps * s->machine->gpu.achieved_hbm;
    /* the norm of the gradients reads them once more, and zeroing writes them */
    double bytes = own * job->optimizer->moved_bytes +
                   (params.dense + params.experts) * 2.0 * job->stack->gradient_bytes /
                       (layout->sharding == KERF_SHARDING_PARAMETERS ? dense : 1.0);
    if (job->precision->narrow)
        bytes += 4.0 * (params.dense + params.experts);
    if (job->offload_Bps > 0.0) { /* the host updates; the GPU has the norm and the casts */
        step->part_s[KERF_STEP_OPTIMIZER] +=
            offloaded_s(job, own) + (bytes - own * job->optimizer->moved_bytes) / rate_Bps;
        return;
    }
    double flops = 2.0 * own * job->optimizer->matrix_products * job->network->decoder.d_model;
    step->part_s[KERF_STEP_OPTIMIZER] +=
        bytes / rate_Bps + flops / (s->gpu.peak_16bit_flops * s->gpu.achieved_16bit);
}

static void sum_up(const struct stepping *s, const struct phase *parts, double in_flight,
                   struct kerf_training_step *step)
{
    const struct kerf_training_job *job = s->job;
    memcpy(step->part_s, parts->part_s, sizeof step->part_s);
    step->step_s = phase_s(parts);
    step->tokens = job->layout.global_batch * job->sequence;
    step->model_flops = s->model_flops;
    step->hardware_flops = s->hardware_flops;
    double gpu_s = step->step_s * job->layout.gpus;
    step->tokens_per_s_gpu = step->tokens / gpu_s;
    step->model_flops_gpu = step->model_flops / gpu_s;
    step->hardware_flops_gpu = step->hardware_flops / gpu_s;
    step->mfu = step->model_flops_gpu / s->machine->gpu.peak_16bit_flops;
    step->memory = kerf_training_memory(s->machine, job, &s->memory, in_flight);
}

static enum kerf_status check_job(struct kerf_training_job *job, struct kerf_error *error)
{
    KERF_CHECK(
        job->offload_Bps <= 0.0 || job->optimizer->matrix_products == 0.0, KERF_ERR_USAGE,
        "optimizer %s multiplies matrices: its states cannot be updated by the host; give adam or leave "
        "offload out",
        job->optimizer->name);
    KERF_CHECK(job->network->family == KERF_FAMILY_DECODER, KERF_ERR_USAGE,
               "network %s: only decoders have a training layout", job->network->name);
    return kerf_training_layout_check(&job->layout, job->network, job->sequence, error);
}

static void begin(struct stepping *s, const struct kerf_training_machine *machine,
                  const struct kerf_network *network)
{
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    *s = (struct stepping){.machine = machine, .gpu = kerf_training_gpu(machine)};
    kerf_decoder_operators(network, &formats, &s->list);
}

static void prepare(struct stepping *s, const struct kerf_training_job *job)
{
    s->job = job;
    s->pass = (struct kerf_training_pass){.gpu = &s->gpu,
                                          .params = &s->machine->training,
                                          .stack = job->stack,
                                          .layout = &job->layout,
                                          .precision = job->precision,
                                          .sequence = job->sequence,
                                          .sequences = job->layout.micro_batch,
                                          .sinks = job->network->decoder.attention.sinks,
                                          .causal = job->network->decoder.attention.causal,
                                          .balanced = job->balanced,
                                          .skew = job->skew,
                                          .loads = s->loads,
                                          .frozen = job->frozen};
    make_pieces(s);
    s->memory = kerf_training_layer_memory(job, &s->list);
    kerf_training_step_flops(job, &s->list, &s->model_flops, &s->hardware_flops);
}

static enum kerf_status finish(struct stepping *s, const struct kerf_training_job *job,
                               struct kerf_training_step *step, struct kerf_error *error)
{
    struct both_ways stage = {0};
    struct phase parts = {0};
    double in_flight = 1.0;
    s->job = job;
    KERF_TRY(run_pipeline(s, &stage, &parts, &in_flight, error));
    reduce_gradients(s, &stage, &parts);
    optimize(s, &parts);
    /* All wait for the slowest of n ranks; with exponential delays that is the mean delay times about ln n.
     */
    double jitter = s->machine->training.jitter_share * log(fmax(job->layout.gpus, 1.0));
    parts.part_s[KERF_STEP_SOFTWARE] +=
        s->machine->training.step_s * fmin(job->stack->host_share, 1.0) + jitter * phase_s(&parts);
    *step = (struct kerf_training_step){0};
    sum_up(s, &parts, in_flight, step);
    return KERF_OK;
}

enum kerf_status kerf_training_step(const struct kerf_training_machine *machine,
                                    const struct kerf_training_job *given, struct kerf_training_step *step,
                                    struct kerf_error *error)
{
    struct kerf_training_job job = *given;
    struct stepping s;
    KERF_TRY(check_job(&job, error));
    begin(&s, machine, job.network);
    prepare(&s, &job);
    return finish(&s, &job, step, error);
}

struct kerf_training_prepared {
    struct stepping stepping;
    struct kerf_load_memo loads;
};

struct kerf_training_prepared *kerf_training_prepared_new(const struct kerf_training_machine *machine,
                                                          const struct kerf_network *network)
{
    struct kerf_training_prepared *prepared = calloc(1, sizeof *prepared);
    if (!prepared)
        return NULL;
    begin(&prepared->stepping, machine, network);
    prepared->stepping.loads = &prepared->loads;
    return prepared;
}

void kerf_training_prepared_free(struct kerf_training_prepared *prepared)
{
    free(prepared);
}

void kerf_training_prepare(struct kerf_training_prepared *prepared, const struct kerf_training_job *job)
{
    prepare(&prepared->stepping, job);
    prepared->stepping.job = NULL;
    prepared->stepping.pass.layout = NULL;
}

enum kerf_status kerf_training_prepared_step(struct kerf_training_prepared *prepared,
                                             const struct kerf_training_job *job,
                                             struct kerf_training_step *step, struct kerf_error *error)
{
    enum kerf_status status = finish(&prepared->stepping, job, step, error);
    prepared->stepping.job = NULL;
    return status;
}

struct kerf_stage_parts kerf_training_prepared_parts(struct kerf_training_prepared *prepared,
                                                     const struct kerf_training_job *job)
{
    struct stepping *s = &prepared->stepping;
    s->job = job;
    struct both_ways layer = mean_layer(s);
    struct kerf_stage_parts parts = stage_parts(s, &layer);
    s->job = NULL;
    return parts;
}
