/* The training room: a step of a vision or diffusion network, put together from its layers. */
#include "models/training/image_step.h"

#include "models/device/gpu_layer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const char *const kerf_image_part_names[] = {"forward", "backward",  "recompute", "host", "data",
                                             "overlap", "optimizer", "software",  "input"};

/* Share of the backward pass that gradients may travel beside: the last layers' are ready at once, the first
 * layer's at its end. As in language models (step.c). */
static const double overlappable_share = 0.9;
/* Weights and states that take more of the memory than this are sharded: the rest is for activations. */
static const double unsharded_memory_share = 0.5;
static const double narrow_head_dim = 64.0;

/* What the functions below share. */
struct stepping {
    const struct kerf_training_machine *machine;
    const struct kerf_image_job *job;
    struct kerf_gpu_params gpu; /* as sustained */
    const struct kerf_optimizer *optimizer;
    double params, images; /* trained weights; images of one GPU in a micro-batch */
};

static double one_way_s(const struct stepping *s, enum kerf_layer_direction direction, double *kernels,
                        double *bytes)
{
    const struct kerf_training_params *training = &s->machine->training;
    const struct kerf_layer_pass pass = {s->images, direction, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_gpu_params gpu = s->gpu;
    double sum_s = 0.0, own = 0.0;
    for (int i = 0; i < s->job->layers->count; i++) {
        const struct kerf_layer *layer = &s->job->layers->layer[i];
        double share = direction == KERF_LAYERS_BACKWARD ? training->attention_backward_share
                                                         : training->attention_forward_share;
        gpu.achieved_attention_flops =
            share * (layer->head_dim <= narrow_head_dim ? training->attention_narrow_share : 1.0);
        struct kerf_cost cost = kerf_gpu_layer_cost(&gpu, layer, &pass, NULL);
        sum_s += layer->times * cost.latency_s;
        *bytes += layer->times * cost.bytes;
        own += layer->times * kerf_gpu_layer_kernels(layer, direction);
    }
    *kernels += own;
    double unfused =
        (s->job->stack->kernels_per_layer - 1.0) * (s->gpu.graph_gap_s + s->gpu.elementwise_floor_s);
    double factor = s->job->stack->release_factor > 0.0 ? s->job->stack->release_factor : 1.0;
    return factor * sum_s + own * unfused;
}

/* Seconds of a collective over all GPUs. Ranks that do not fill whole domains sit in smaller ones. */
static double collective_s(const struct stepping *s, enum kerf_collective_op op, double bytes)
{
    struct kerf_cluster cluster = kerf_gpu_cluster(&s->machine->gpu);
    double ranks = s->job->gpus, time_s = 0.0;
    cluster.domain = fmin(cluster.domain, ranks);
    while (fmod(ranks, cluster.domain) != 0.0)
        cluster.domain -= 1.0;
    const struct kerf_collective_call call = {.op = op, .ranks = ranks, .bytes = bytes};
    bool forced = op == KERF_COLLECTIVE_ALL_REDUCE && ranks > cluster.domain;
    kerf_collective_s(&s->machine->collectives, &cluster, &call, forced ? s->job->stack->all_reduce : NULL,
                      &time_s, NULL, NULL);
    return time_s;
}

/* What lies on a GPU besides activations. */
static double state_bytes(const struct stepping *s, bool sharded)
{
    double whole = s->params * (2.0 + s->job->stack->gradient_bytes), states = s->optimizer->state_bytes;
    double own = s->params * states / (sharded || s->job->stack->shards_optimizer ? s->job->gpus : 1.0);
    return (sharded ? whole / s->job->gpus : whole) + own;
}

/* Inputs of blocks, all that full recompute keeps: where a residual is added. */
static double block_elements(const struct kerf_layer_list *list)
{
    double sum = 0.0;
    for (int i = 0; i < list->count; i++)
        if (list->layer[i].kind == KERF_LAYER_ADD || list->layer[i].kind == KERF_LAYER_MODULATE)
            sum += list->layer[i].times * list->layer[i].elements_out / 2.0;
    return sum;
}

/* Cuts a GPU's images into as few micro-batches as fit; false: computed again where even one image does not.
 */
static enum kerf_status fit(struct stepping *s, struct kerf_image_step *step, bool *recompute,
                            struct kerf_error *error)
{
    const struct kerf_training_machine *m = s->machine;
    double own = s->job->images / s->job->gpus;
    double usable = m->gpu.hbm_bytes * (1.0 - m->training.fragmentation_share) - m->training.context_bytes;
    step->capacity_bytes = m->gpu.hbm_bytes;
    step->sharded = state_bytes(s, false) > unsharded_memory_share * m->gpu.hbm_bytes;
    double states = state_bytes(s, step->sharded), least = fmin(own, 1.0);
    double image = 2.0 * kerf_layers_kept_elements(s->job->layers);
    *recompute = usable - states < least * image;
    if (*recompute)
        image = 2.0 * block_elements(s->job->layers);
    KERF_CHECK(usable - states >= least * image, KERF_ERR_USAGE,
               "%.0f GB of weights and states and %.0f GB per image do not fit into %.0f GB", states / 1e9,
               image / 1e9, usable / 1e9);
    step->micro_batches = 1.0;
    while (own / step->micro_batches > 1.0 && own / step->micro_batches * image > usable - states)
        step->micro_batches += 1.0;
    s->images = own / step->micro_batches;
    step->used_bytes = m->gpu.hbm_bytes - usable + states + s->images * image;
    return KERF_OK;
}

/* Gradients out and, where optimiser or weights are sharded, weights in: beside the passes but for what is
 * longer. */
static void exchange(const struct stepping *s, struct kerf_image_step *step)
{
    double weights = 2.0 * s->params, gradients = s->job->stack->gradient_bytes * s->params;
    double data_s = 0.0;
    if (step->sharded) /* gathered forward and backward, in every micro-batch */
        data_s = step->micro_batches * (2.0 * collective_s(s, KERF_COLLECTIVE_ALL_GATHER, weights) +
                                        collective_s(s, KERF_COLLECTIVE_REDUCE_SCATTER, gradients));
    else if (s->job->stack->shards_optimizer)
        data_s = collective_s(s, KERF_COLLECTIVE_ALL_GATHER, weights) +
                 collective_s(s, KERF_COLLECTIVE_REDUCE_SCATTER, gradients);
    else
        data_s = collective_s(s, KERF_COLLECTIVE_ALL_REDUCE, gradients);
    double beside_s = step->part_s[KERF_IMAGE_BACKWARD] / step->micro_batches;
    if (step->sharded)
        beside_s = step->part_s[KERF_IMAGE_FORWARD] + step->part_s[KERF_IMAGE_BACKWARD];
    double hidden_s = fmin(data_s, overlappable_share * beside_s);
    step->part_s[KERF_IMAGE_DATA] = data_s - hidden_s;
    step->part_s[KERF_IMAGE_OVERLAP] =
        hidden_s * s->machine->training.overlap_slowdown * s->job->stack->overlap_share;
}

/* States over the HBM; the norm of the gradients reads them once more, and zeroing writes them. */
static double optimizer_s(const struct stepping *s, const struct kerf_image_step *step)
{
    double own = s->params / (step->sharded || s->job->stack->shards_optimizer ? s->job->gpus : 1.0);
    double bytes = own * s->optimizer->moved_bytes +
                   2.0 * s->job->stack->gradient_bytes * (step->sharded ? own : s->params);
    return bytes / (s->machine->gpu.hbm_Bps * s->machine->gpu.achieved_hbm);
}

static double parts_s(const struct kerf_image_step *step)
{
    double sum_s = 0.0;
    for (int i = 0; i < KERF_IMAGE_PARTS; i++)
        sum_s += step->part_s[i];
    return sum_s;
}

/* Software, stragglers, and what the hosts cannot prepare in the time that the rest takes. */
static void wait_for_others(const struct stepping *s, struct kerf_image_step *step)
{
    const struct kerf_training_params *training = &s->machine->training;
    double jitter = training->jitter_share * sqrt(2.0 * log(fmax(s->job->gpus, 1.0)));
    step->part_s[KERF_IMAGE_SOFTWARE] = training->graph_step_s + jitter * parts_s(step);
    if (s->job->input_images_per_s > 0.0)
        step->part_s[KERF_IMAGE_INPUT] =
            fmax(0.0, s->job->images / s->job->input_images_per_s - parts_s(step));
}

enum kerf_status kerf_image_step(const struct kerf_training_machine *machine,
                                 const struct kerf_image_job *job, struct kerf_image_step *step,
                                 struct kerf_error *error)
{
    struct stepping s = {.machine = machine,
                         .job = job,
                         .gpu = kerf_training_gpu(machine),
                         .optimizer = kerf_optimizer_find(job->stack->optimizer),
                         .params = kerf_layers_trained_parameters(job->layers)};
    bool recompute;
    double kernels = 0.0, ahead_bytes = 0.0, back_bytes = 0.0;
    *step = (struct kerf_image_step){0};
    if (job->stack->elementwise_share > 0.0)
        s.gpu.achieved_hbm = machine->gpu.achieved_hbm * job->stack->elementwise_share;
    KERF_CHECK(job->gpus >= 1.0 && job->images > 0.0, KERF_ERR_USAGE,
               "a step needs a GPU and an image at least (got %g and %g)", job->gpus, job->images);
    KERF_TRY(fit(&s, step, &recompute, error));
    double forward_s = one_way_s(&s, KERF_LAYERS_FORWARD, &kernels, &ahead_bytes),
           again = recompute ? 1.0 : 0.0;
    double ahead = kernels, backward_s = one_way_s(&s, KERF_LAYERS_BACKWARD, &kernels, &back_bytes);
    kernels += again * ahead;
    double host_s =
        kernels * job->stack->kernels_per_layer * machine->training.host_kernel_s * job->stack->host_share;
    double gpu_s = (1.0 + again) * forward_s + backward_s;
    step->part_s[KERF_IMAGE_FORWARD] = step->micro_batches * forward_s;
    step->part_s[KERF_IMAGE_BACKWARD] = step->micro_batches * backward_s;
    step->part_s[KERF_IMAGE_RECOMPUTE] = step->micro_batches * again * forward_s;
    step->part_s[KERF_IMAGE_HOST] = step->micro_batches * fmax(0.0, host_s - gpu_s);
    exchange(&s, step);
    step->part_s[KERF_IMAGE_OPTIMIZER] = optimizer_s(&s, step);
    wait_for_others(&s, step);
    step->step_s = parts_s(step);
    step->images_per_s = job->images / step->step_s;
    step->model_flops_gpu = 6.0 * kerf_layers_macs(job->layers) * step->images_per_s / job->gpus;
    step->hardware_flops_gpu = step->model_flops_gpu * (3.0 + again) / 3.0;
    step->bytes_gpu = step->micro_batches * ((1.0 + again) * ahead_bytes + back_bytes) / step->step_s;
    step->mfu = step->model_flops_gpu / machine->gpu.peak_16bit_flops;
    return KERF_OK;
}
