/* The study room: scenarios about images. */
#include "sim/study/image_study.h"

#include "models/device/image_pass.h"
#include "models/training/image_step.h"
#include "models/training/image_stream.h"
#include "sim/io/report.h"
#include "sim/study/denoising.h"
#include "sim/study/equal.h"
#include "sim/study/system.h"
#include "sim/study/training_machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One system of the study while it is worked out. */
struct bench {
    const struct kerf_image_study *study;
    const struct kerf_image_system_spec *spec;
    struct kerf_leaf_set hardware, collectives, streaming;
    bool on_wafers;
    struct kerf_training_entries training; /* on GPUs */
    enum kerf_format weights;
};

static const char *const empty = "";

static void take_cost_parts(const struct kerf_cost *cost, double times, double outside_s,
                            struct kerf_image_result *result)
{
    result->parts = KERF_TIME_PARTS;
    for (int part = 0; part < KERF_TIME_PARTS; part++) {
        result->part[part] = kerf_time_part_names[part];
        result->part_s[part] = times * cost->part_s[part];
    }
    result->part_s[KERF_TIME_SOFTWARE] += times * outside_s;
}

static double own_images(const struct bench *bench)
{
    return ceil((double)bench->spec->work.batch / bench->spec->count);
}

static enum kerf_status infer(const struct bench *bench, enum kerf_column column,
                              struct kerf_image_result *result, struct kerf_error *error)
{
    const struct kerf_image_work *work = &bench->spec->work;
    const struct kerf_layer_list *layers = &bench->study->layers;
    double images = own_images(bench) * work->guided, steps = fmax(work->steps, 1.0), outside_s = 0.0;
    struct kerf_image_pass pass;
    struct kerf_wafer_params wafer;
    struct kerf_gpu_params gpu;
    if (bench->on_wafers) {
        kerf_leaf_set_fill(&bench->hardware, column, &wafer);
        KERF_TRY(kerf_wafer_image_pass(&wafer, layers, images, (enum kerf_image_mapping)work->mapping, &pass,
                                       error));
        /* the hosts' software for each step, as for each token of a decoder */
        outside_s = wafer.token_overhead_s;
        result->note = pass.streams ? "weights stream in: they do not fit beside the activations" : empty;
    } else {
        kerf_leaf_set_fill(&bench->hardware, column, &gpu);
        KERF_TRY(kerf_gpu_image_pass(&gpu, layers, images, bench->weights, &pass, error));
        result->note = empty;
    }
    struct kerf_image_run run = kerf_image_steps(&pass, steps, outside_s);
    result->batch_s = run.batch_s;
    result->rate_per_s = work->batch / run.between_s;
    result->flops = 2.0 * kerf_layers_macs(layers) * work->guided * steps * result->rate_per_s;
    result->used_bytes = fmin(pass.weight_bytes + pass.activation_bytes, pass.usable_bytes);
    result->capacity_bytes = pass.usable_bytes;
    take_cost_parts(&pass.cost, steps, outside_s, result);
    double each = result->flops / bench->spec->count, bytes = steps * pass.cost.bytes / run.between_s;
    result->mfu = bench->on_wafers ? NAN : each / gpu.peak_16bit_flops;
    result->bill = bench->on_wafers
                       ? kerf_bill_of_wafers(&wafer, 0.0, each, bench->spec->count)
                       : kerf_bill_of_gpus(&gpu, bench->weights, each, bytes, bench->spec->count);
    return KERF_OK;
}

static enum kerf_status train_on_gpus(const struct bench *bench, enum kerf_column column,
                                      struct kerf_image_result *result, struct kerf_error *error)
{
    const struct kerf_image_work *work = &bench->spec->work;
    struct kerf_training_machine machine;
    struct kerf_image_step step;
    const struct kerf_image_job job = {.layers = &bench->study->layers,
                                       .stack = kerf_image_stack_find(work->stack),
                                       .gpus = bench->spec->count,
                                       .images = work->batch,
                                       .input_images_per_s = work->input_images_per_s * bench->spec->count};
    KERF_CHECK(job.stack, KERF_ERR_USAGE,
               "images.stack: '%s' is none of image-graph, diffusion-graph, diffusion-2023", work->stack);
    kerf_training_entries_fill(&bench->training, column, &machine);
    KERF_TRY(kerf_image_step(&machine, &job, &step, error));
    result->batch_s = step.step_s;
    result->rate_per_s = step.images_per_s;
    result->flops = step.model_flops_gpu * bench->spec->count;
    result->mfu = step.mfu;
    result->bill = kerf_bill_of_gpus(&machine.gpu, KERF_FORMAT_BF16, step.hardware_flops_gpu, step.bytes_gpu,
                                     bench->spec->count);
    result->used_bytes = step.used_bytes;
    result->capacity_bytes = step.capacity_bytes;
    result->parts = KERF_IMAGE_PARTS;
    for (int part = 0; part < KERF_IMAGE_PARTS; part++) {
        result->part[part] = kerf_image_part_names[part];
        result->part_s[part] = step.part_s[part];
    }
    result->note = step.part_s[KERF_IMAGE_INPUT] > 0.0 ? "hosts prepare too few images" : empty;
    return KERF_OK;
}

static enum kerf_status train_on_wafers(const struct bench *bench, enum kerf_column column,
                                        struct kerf_image_result *result, struct kerf_error *error)
{
    static const char *const parts[] = {"compute", "stream", "store", "input"};
    const struct kerf_image_work *work = &bench->spec->work;
    struct kerf_wafer_params wafer;
    struct kerf_streaming_params streaming;
    struct kerf_image_stream_step step;
    const struct kerf_image_stream_job job = {.layers = &bench->study->layers,
                                              .network_name = bench->study->network.name,
                                              .wafer_name = bench->hardware.name,
                                              .systems = bench->spec->count,
                                              .images = work->batch,
                                              .input_images_per_s = work->input_images_per_s};
    kerf_leaf_set_fill(&bench->hardware, column, &wafer);
    kerf_leaf_set_fill(&bench->streaming, column, &streaming);
    KERF_TRY(kerf_image_stream_step(&wafer, &streaming, &job, &step, error));
    result->batch_s = step.step_s;
    result->rate_per_s = step.images_per_s;
    result->flops = 6.0 * kerf_layers_macs(job.layers) * step.images_per_s;
    double each = result->flops / job.systems, again = step.recompute ? 4.0 / 3.0 : 1.0;
    result->mfu = each / streaming.peak_16bit_flops;
    result->bill = kerf_bill_of_wafers(&wafer, streaming.hosts_W, again * each, job.systems);
    result->used_bytes = wafer.sram_bytes * wafer.sram_usable_fraction - step.room_bytes +
                         fmin(step.activation_bytes, step.room_bytes);
    result->capacity_bytes = wafer.sram_bytes * wafer.sram_usable_fraction;
    const double times[] = {step.compute_s, step.stream_s, step.store_s, step.input_s};
    result->parts = sizeof times / sizeof times[0];
    for (int part = 0; part < result->parts; part++) {
        result->part[part] = parts[part];
        result->part_s[part] = times[part];
    }
    result->note = step.input_s > 0.0 ? "hosts prepare too few images" : empty;
    return KERF_OK;
}

static enum kerf_status write_answers(const struct bench *bench, enum kerf_column column,
                                      struct kerf_image_result *result, struct kerf_error *error)
{
    const struct kerf_image_work *work = &bench->spec->work;
    const struct kerf_denoising_job job = {
        .network = &bench->study->network,
        .hardware = &bench->hardware,
        .collectives = &bench->collectives,
        .on_wafers = bench->on_wafers,
        .count = bench->spec->count,
        .mapping = (enum kerf_image_mapping)work->mapping,
        .answers = work->batch,
        .steps = work->steps > 0 ? work->steps : work->answer_tokens,
        .window_tokens = work->prompt_tokens + work->answer_tokens,
    };
    struct kerf_denoising_result answer;
    KERF_CHECK(work->answer_tokens >= 1.0, KERF_ERR_USAGE,
               "images.answer: a diffusion language model needs an answer of a token at least");
    KERF_TRY(kerf_denoise(&job, column, &answer, error));
    result->batch_s = answer.batch_s;
    result->rate_per_s = work->batch * work->answer_tokens / answer.between_s;
    result->flops = answer.flops / answer.between_s;
    result->mfu = NAN;
    result->bill = kerf_bill_missing();
    result->used_bytes = answer.used_bytes;
    result->capacity_bytes = answer.capacity_bytes;
    result->note = empty;
    result->parts = 1;
    result->part[0] = "passes";
    result->part_s[0] = answer.batch_s;
    return KERF_OK;
}

static enum kerf_status work_out(const struct bench *bench, enum kerf_column column,
                                 struct kerf_image_result *result, struct kerf_error *error)
{
    bool trains = bench->spec->work.task == KERF_IMAGES_TRAIN;
    if (bench->study->network.family == KERF_FAMILY_DECODER) {
        KERF_CHECK(!trains, KERF_ERR_USAGE, "%s: decoders are not trained by a section images",
                   bench->study->network.name);
        return write_answers(bench, column, result, error);
    }
    KERF_CHECK(bench->spec->work.batch >= bench->spec->count, KERF_ERR_USAGE,
               "a batch of %d images leaves some of the %d accelerators without; raise images.batch or lower "
               "count",
               bench->spec->work.batch, bench->spec->count);
    if (!trains)
        return infer(bench, column, result, error);
    return (bench->on_wafers ? train_on_wafers : train_on_gpus)(bench, column, result, error);
}

/* MemoryX, SwarmX and their software are an entry beside the wafer's. */
static enum kerf_status read_streaming(struct kerf_catalog *catalog, struct bench *bench,
                                       struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES];
    snprintf(name, sizeof name, "weight-streaming-%.64s", bench->hardware.name);
    return kerf_system_leaves(catalog, "streaming", name, &kerf_streaming_leaves, &bench->streaming, error);
}

static enum kerf_status open_bench(struct kerf_catalog *catalog, struct bench *bench,
                                   struct kerf_error *error)
{
    const struct kerf_image_system_spec *spec = bench->spec;
    KERF_TRY(kerf_system_hardware(catalog, spec->hardware, &bench->hardware, &bench->on_wafers, error));
    if (!bench->on_wafers && spec->work.task == KERF_IMAGES_TRAIN)
        KERF_TRY(kerf_training_entries_read(catalog, spec->hardware, &bench->training, error));
    if (bench->on_wafers && spec->work.task == KERF_IMAGES_TRAIN)
        KERF_TRY(read_streaming(catalog, bench, error));
    if (!bench->on_wafers && bench->study->network.family == KERF_FAMILY_DECODER)
        KERF_TRY(kerf_system_leaves(catalog, "collectives", bench->hardware.collectives,
                                    &kerf_collective_leaves, &bench->collectives, error));
    KERF_CHECK(kerf_format_find(spec->weights, &bench->weights) &&
                   kerf_format_facts(bench->weights)->bytes_per_element >= 1.0,
               KERF_ERR_USAGE, "weights: '%s' is none of bf16, fp16, fp8", spec->weights);
    return KERF_OK;
}

static enum kerf_status study_system(struct kerf_catalog *catalog, struct kerf_image_study *study, int system,
                                     struct kerf_error *error)
{
    struct bench *bench = calloc(1, sizeof *bench);
    KERF_CHECK(bench, KERF_ERR_FAILURE, "out of memory for a system");
    bench->study = study;
    bench->spec = &study->scenario.system[system];
    enum kerf_status status = open_bench(catalog, bench, error);
    for (int i = 0; status == KERF_OK && i < study->columns; i++)
        status = work_out(bench, study->column[i], &study->result[system][i], error);
    if (status != KERF_OK)
        status = kerf_error_prefix(error, "%s: systems.%s: ", bench->spec->where, bench->spec->name);
    free(bench);
    return status;
}

/* A network that the section `images` is for. */
static enum kerf_status check_network(const struct kerf_image_study *study, struct kerf_error *error)
{
    const struct kerf_network *network = &study->network;
    if (network->family != KERF_FAMILY_DECODER || !network->decoder.attention.causal)
        return KERF_OK;
    kerf_error_set(error, KERF_ERR_USAGE,
                   "%s writes one token after the other: give a `workload` instead of `images`",
                   network->name);
    return kerf_error_prefix(error, "%s: ", study->scenario.network_where);
}

static bool is_dealt(const void *context, int count)
{
    const struct kerf_image_system_spec *spec = context;
    return count <= spec->work.batch;
}

/* Systems whose count is to be found. */
static enum kerf_status size_all(struct kerf_catalog *catalog, struct kerf_image_scenario *scenario,
                                 struct kerf_error *error)
{
    struct kerf_equal_system system[KERF_SYSTEMS_MAX];
    bool trains = false;
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_image_system_spec *spec = &scenario->system[i];
        trains = trains || spec->work.task == KERF_IMAGES_TRAIN;
        system[i] = (struct kerf_equal_system){.name = spec->name,
                                               .hardware = spec->hardware,
                                               .where = spec->where,
                                               .count = &spec->count,
                                               .is_legal = is_dealt,
                                               .context = spec};
    }
    return kerf_equal_counts(catalog, (enum kerf_equal)scenario->equal, trains, scenario->baseline, system,
                             scenario->systems, error);
}

static enum kerf_status fill(MPI_Comm comm, const struct kerf_yaml *yaml, const char *const *catalogs,
                             struct kerf_image_study *study, struct kerf_error *error)
{
    struct kerf_catalog catalog;
    KERF_TRY(kerf_image_scenario_read(yaml, &study->scenario, error));
    KERF_TRY(kerf_catalog_open(&catalog, comm, catalogs, error));
    if (kerf_system_network(&catalog, study->scenario.network, &study->network, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: network: ", study->scenario.network_where);
    KERF_TRY(check_network(study, error));
    KERF_TRY(size_all(&catalog, &study->scenario, error));
    kerf_network_layers(&study->network, &study->layers);
    for (int column = 0; column < KERF_COLUMN_COUNT; column++)
        if (column == KERF_COLUMN_NOMINAL || study->scenario.columns != 0)
            study->column[study->columns++] = (enum kerf_column)column;
    for (int i = 0; i < study->scenario.systems; i++)
        KERF_TRY(study_system(&catalog, study, i, error));
    return KERF_OK;
}

enum kerf_status kerf_image_study_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                       const char *const *catalogs, struct kerf_image_study **study,
                                       struct kerf_error *error)
{
    char *text;
    struct kerf_yaml *yaml;
    *study = NULL;
    enum kerf_status status = kerf_scenario_parse(comm, source, &text, &yaml, error);
    *study = calloc(1, sizeof **study);
    if (!*study) {
        free(text);
        kerf_yaml_free(yaml);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a study");
    }
    (*study)->text = text;
    if (status == KERF_OK)
        status = fill(comm, yaml, catalogs, *study, error);
    kerf_yaml_free(yaml);
    return status;
}

void kerf_image_study_free(struct kerf_image_study *study)
{
    if (study)
        free(study->text);
    free(study);
}
