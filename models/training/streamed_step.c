/* The training room: weight streaming as a training step. */
#include "models/training/streamed_step.h"

#include "models/network/count.h"
#include "models/training/flops.h"

#include <math.h>
#include <string.h>

static void tell_parts(const struct kerf_streaming_step *streamed, struct kerf_training_step *step)
{
    double busy_s = streamed->compute_s + streamed->wait_s + streamed->store_s;
    step->part_s[KERF_STEP_ATTENTION] = streamed->attention_s;
    step->part_s[KERF_STEP_RECOMPUTE] = streamed->again_s;
    step->part_s[KERF_STEP_MATRIX] = streamed->compute_s - streamed->attention_s - streamed->again_s;
    step->part_s[KERF_STEP_STREAM] = streamed->wait_s;
    step->part_s[KERF_STEP_OPTIMIZER] = streamed->store_s;
    step->part_s[KERF_STEP_INPUT] = fmax(streamed->step_s - busy_s, 0.0);
}

static void tell_rates(const struct kerf_streaming_params *streaming, int systems,
                       struct kerf_training_step *step)
{
    double wafer_s = step->step_s * systems;
    step->tokens_per_s_gpu = step->tokens / wafer_s;
    step->model_flops_gpu = step->model_flops / wafer_s;
    step->hardware_flops_gpu = step->hardware_flops / wafer_s;
    step->mfu = step->model_flops_gpu / streaming->peak_16bit_flops;
}

enum kerf_status kerf_streamed_step(const struct kerf_wafer_params *wafer,
                                    const struct kerf_streaming_params *streaming,
                                    const struct kerf_streamed_question *question,
                                    struct kerf_training_step *step, struct kerf_streaming_step *streamed,
                                    struct kerf_error *error)
{
    const struct kerf_training_job *job = question->job;
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list list;
    KERF_CHECK(job->network->family == KERF_FAMILY_DECODER, KERF_ERR_USAGE,
               "network %s: only decoders have a training layout", job->network->name);
    KERF_CHECK(job->optimizer->matrix_products == 0.0, KERF_ERR_USAGE,
               "optimizer %s multiplies matrices, and MemoryX updates parameter by parameter; give adam",
               job->optimizer->name);
    kerf_decoder_operators(job->network, &formats, &list);
    const struct kerf_streaming_job streaming_job = {.list = &list,
                                                     .network_name = job->network->name,
                                                     .wafer_name = question->wafer_name,
                                                     .d_model = job->network->decoder.d_model,
                                                     .sequence = job->sequence,
                                                     .global_batch = job->layout.global_batch,
                                                     .systems = question->systems,
                                                     .logit_share = 1.0,
                                                     .frozen = job->frozen,
                                                     .input_samples_per_s = question->input_samples_per_s};
    KERF_TRY(kerf_streaming_step(wafer, streaming, &streaming_job, streamed, error));
    *step = (struct kerf_training_step){.step_s = streamed->step_s,
                                        .tokens = job->layout.global_batch * job->sequence};
    struct kerf_forward_flops forward = kerf_training_list_flops(&list, job->sequence);
    step->model_flops = 3.0 * step->tokens * (forward.layers + forward.head);
    step->hardware_flops =
        step->model_flops + (streamed->group > 0 ? step->tokens * (forward.layers + forward.head) : 0.0);
    tell_parts(streamed, step);
    tell_rates(streaming, question->systems, step);
    double usable = wafer->sram_bytes * wafer->sram_usable_fraction;
    step->memory.activations_bytes = streamed->activation_bytes;
    step->memory.buffers_bytes = usable - streamed->room_bytes;
    step->memory.used_bytes = step->memory.activations_bytes + step->memory.buffers_bytes;
    step->memory.capacity_bytes = usable;
    step->memory.fits = true;
    return KERF_OK;
}

double kerf_streamed_over_used(const struct kerf_network *network)
{
    struct kerf_network_count count = kerf_network_count(network);
    return count.params / count.active_params;
}
