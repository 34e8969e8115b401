/* The study room: diffusion language models. */
#include "sim/study/denoising.h"

#include "models/node/gpu_node.h"
#include "models/node/wafer_node.h"

#include <math.h>

/* All tokens of the window are new in every step and see each other. `seen` per token: on a wafer the tiled
 * form takes the mean of a causal prompt and doubles it, and both halves are multiplied anyway. */
static struct kerf_pass step_pass(const struct kerf_denoising_job *job, double seen)
{
    double tokens = job->answers * job->window_tokens;
    return (struct kerf_pass){.prefill = {.tokens = tokens,
                                          .sequences = job->answers,
                                          .attended = tokens * seen,
                                          .context_tokens = tokens},
                              .logit_tokens = tokens,
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
}

static double list_flops(const struct kerf_decoder_list *list, const struct kerf_pass *pass)
{
    const struct {
        const struct kerf_operator_list *list;
        double times;
    } parts[] = {{&list->embedding, 1.0}, {&list->dense_layer, list->dense_layers}, {&list->head, 1.0}};
    double sum = 0.0;
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < parts[p].list->count; i++)
            sum += parts[p].times * kerf_operator_work(&parts[p].list->op[i], pass).flops;
    return sum;
}

static enum kerf_status on_gpus(const struct kerf_denoising_job *job, enum kerf_column column,
                                struct kerf_denoising_result *result, struct kerf_error *error)
{
    struct kerf_gpu_plan plan = {.kv = KERF_FORMAT_BF16, .activations = KERF_FORMAT_BF16};
    struct kerf_weight_formats formats = kerf_network_native_formats(job->network);
    const struct kerf_gpu_layout layout = {.gpus = job->count,
                                           .tensor_parallel = job->count,
                                           .expert_parallel = 1,
                                           .attention_data_parallel = 1,
                                           .pipeline = 1};
    struct kerf_pass pass = step_pass(job, job->window_tokens);
    kerf_leaf_set_fill(job->hardware, column, &plan.gpu);
    kerf_leaf_set_fill(job->collectives, column, &plan.exchange.library);
    struct kerf_cluster cluster = kerf_gpu_cluster(&plan.gpu);
    kerf_gpu_exchange_links(&plan.exchange, &cluster);
    kerf_decoder_operators(job->network, &formats, &plan.list);
    enum kerf_status status =
        kerf_gpu_plan_make(&plan, job->network, &layout, job->answers * job->window_tokens, error);
    if (status == KERF_OK) {
        result->batch_s = job->steps * kerf_gpu_step_cost(&plan, &pass, 0.0).latency_s;
        result->between_s = result->batch_s;
        result->flops = job->steps * list_flops(&plan.list, &pass);
        result->used_bytes = plan.weight_bytes;
        result->capacity_bytes = plan.usable_bytes;
    }
    kerf_gpu_plan_free(&plan);
    return status;
}

/* A pass through the wafers, and the time until the next may follow. */
struct pass_times {
    double whole_s, between_s;
};

/* Layers one after the other, each on all PEs of the wafer that holds it: attention both ways waits for all
 * tokens of a layer, so nothing is lost by not working ahead. */
static struct pass_times in_turn(const struct kerf_wafer_plan *plan, int wafers, const struct kerf_pass *pass)
{
    const struct kerf_wafer_params *wafer = &plan->wafer;
    const struct kerf_slice all = {.pe_rows = wafer->pe_rows,
                                   .pe_columns = floor(wafer->pe_columns * wafer->pe_usable_fraction)};
    double tokens = kerf_pass_tokens(pass);
    double move_s = wafer->io_latency_s + tokens * 2.0 * plan->d_model / wafer->io_Bps;
    double layer_s =
        kerf_device_list_cost(&kerf_wafer_device, wafer, &plan->list.dense_layer, pass, &all).latency_s;
    double ends_s =
        kerf_device_list_cost(&kerf_wafer_device, wafer, &plan->list.embedding, pass, &all).latency_s +
        kerf_device_list_cost(&kerf_wafer_device, wafer, &plan->list.head, pass, &all).latency_s;
    double whole_s = plan->list.dense_layers * layer_s + ends_s + (wafers + 1.0) * move_s;
    return (struct pass_times){whole_s, whole_s / wafers};
}

/* Each layer on a rectangle of its own, as decoders are served. */
static struct pass_times in_a_row(struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    double whole_s = kerf_wafer_pipeline_s(plan, pass);
    return (struct pass_times){whole_s, fmin(kerf_wafer_bottleneck_s(plan, pass), whole_s)};
}

static enum kerf_status on_wafers(const struct kerf_denoising_job *job, enum kerf_column column,
                                  struct kerf_denoising_result *result, struct kerf_error *error)
{
    enum { BLOCK_TOKENS = 16 };
    struct kerf_wafer_plan plan = {.wafer_name = job->hardware->name,
                                   .network_name = job->network->name,
                                   .kv = KERF_FORMAT_BF16,
                                   .activations = KERF_FORMAT_BF16,
                                   .d_model = job->network->decoder.d_model,
                                   .kv_block_tokens = BLOCK_TOKENS,
                                   .typical_context = job->window_tokens};
    struct kerf_weight_formats formats = kerf_network_native_formats(job->network);
    struct kerf_pass pass = step_pass(job, (job->window_tokens + 1.0) / 2.0);
    kerf_leaf_set_fill(job->hardware, column, &plan.wafer);
    kerf_decoder_operators(job->network, &formats, &plan.list);
    enum kerf_status status =
        kerf_wafer_plan_make(&plan, job->count, job->answers * job->window_tokens, error);
    if (status == KERF_OK) {
        struct pass_times times = job->mapping == KERF_MAPPING_PIPELINED ? in_a_row(&plan, &pass)
                                                                         : in_turn(&plan, job->count, &pass);
        struct kerf_pass counted = step_pass(job, job->window_tokens);
        result->batch_s = job->steps * (times.whole_s + plan.wafer.token_overhead_s);
        result->between_s = job->steps * times.between_s;
        result->flops = job->steps * list_flops(&plan.list, &counted);
        double bytes = 0.0;
        for (int s = 0; s < plan.placement.stages; s++)
            bytes += plan.placement.stage[s].weight_bytes + plan.placement.stage[s].activation_bytes;
        result->used_bytes = bytes / job->count;
        result->capacity_bytes = plan.placement.usable_bytes_per_wafer;
    }
    kerf_wafer_plan_free(&plan);
    return status;
}

enum kerf_status kerf_denoise(const struct kerf_denoising_job *job, enum kerf_column column,
                              struct kerf_denoising_result *result, struct kerf_error *error)
{
    *result = (struct kerf_denoising_result){0};
    KERF_CHECK(job->network->decoder.layers_moe == 0, KERF_ERR_USAGE,
               "%s: a diffusion language model with experts is not modelled", job->network->name);
    return (job->on_wafers ? on_wafers : on_gpus)(job, column, result, error);
}
