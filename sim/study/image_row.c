/* The study room: rows of training tables about vision and diffusion networks. Each assumption about what a
 * row leaves out stands here. */
#include "sim/study/image_row.h"

#include "models/training/image_step.h"
#include "sim/study/system.h"
#include "sim/study/training_machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Networks by the beginning of `model`, or why there is none. */
static const struct {
    const char *model, *network, *stack, *reason;
} models[] = {
    {"ResNet-50", "resnet50", "image-graph", NULL},
    {"RetinaNet", "retinanet-resnext50-mlperf", "image-graph", NULL},
    {"Stable Diffusion v2", "sd-v2-unet", "diffusion-graph", NULL},
    {"FLUX.1", "flux.1-schnell-256", "diffusion-graph", NULL},
    {"Wan 2.1 14B", "wan-2.1-14b", "diffusion-graph", NULL},
    {"3D U-Net", "unet3d-kits19", "image-graph", NULL},
    {"Mask R-CNN", NULL, NULL, "the catalog has no region proposals: their number depends on the image"},
};
enum { MODELS = sizeof models / sizeof models[0] };

/* NVIDIA's first submission of Stable Diffusion launched its kernels one by one. */
static const char early_source[] = "training_results_v3", early_model[] = "Stable Diffusion v2";
static const char early_stack[] = "diffusion-2023";

/* Submissions that a leaf or a stack was set with the help of (docs/vision.md), by their folder in the public
 * results. */
static const char *const fitted_sources[] = {
    "results_v3.1:NVIDIA/results/eos_n8_ngc23.09_nemo_mm/stable_diffusion",
    "results_v4.0:NVIDIA/results/eos_n8_ngc24.04_mxnet/resnet",
    "results_v4.1:NVIDIA/results/eos_ngc24.09_pytorch/ssd",
    "results_v4.1:NVIDIA/results/eos_n8_ngc24.09_pytorch/ssd",
    "results_v5.0:Google/results/h200_n8_nemo/stable_diffusion",
    "results_v5.0:NVIDIA/results/tyche_ngpu8_ngc25.04_nemo/stable_diffusion",
    "results_v5.0:NVIDIA/results/tyche_ngpu8_ngc25.04_pytorch/retinanet",
};

static bool is_fitted(const char *source)
{
    for (size_t i = 0; i < sizeof fitted_sources / sizeof fitted_sources[0]; i++)
        if (strstr(source, fitted_sources[i]))
            return true;
    return false;
}

static int find_model(const char *model)
{
    for (int i = 0; i < MODELS; i++)
        if (strncmp(model, models[i].model, strlen(models[i].model)) == 0)
            return i;
    return -1;
}

bool kerf_image_row_is(const char *model)
{
    return find_model(model) >= 0;
}

static const char *field(const struct kerf_row_table *table, int row, const char *name)
{
    return kerf_csv_field(table->csv, row, kerf_csv_column(table->csv, name));
}

/* What a row asks, read. */
struct question {
    struct kerf_network network;
    struct kerf_layer_list layers;
    struct kerf_training_entries entries;
    const struct kerf_image_stack *stack;
    double gpus, images;
    bool wants_flops; /* else seconds of a step */
};

static const char *stack_of(const struct kerf_row_table *table, int row, int model)
{
    bool early =
        strstr(field(table, row, "source"), early_source) && strcmp(models[model].model, early_model) == 0;
    return early ? early_stack : models[model].stack;
}

/* The reason why a row is no question, or NULL. */
static const char *reason_of(const struct kerf_row_table *table, int row, int model)
{
    const char *metric = field(table, row, "measured_metric"), *hardware = field(table, row, "hardware");
    if (models[model].reason)
        return models[model].reason;
    if (strncmp(metric, "time_to_train", strlen("time_to_train")) == 0)
        return "time to train depends on the samples to converge, which nothing here predicts";
    if (strcmp(metric, "step_time_s") != 0 && strcmp(metric, "tflops_per_gpu") != 0)
        return "context: this metric is not a step's";
    if (strncmp(hardware, "tpu", 3) == 0)
        return "no leaves for this part's kernels";
    return NULL;
}

static void name_row(const struct kerf_row_table *table, int row, int model, struct kerf_prediction *p)
{
    snprintf(p->id, sizeof p->id, "%s", field(table, row, "id"));
    const char *use = field(table, row, "use");
    snprintf(p->use, sizeof p->use, "%s", !*use && is_fitted(field(table, row, "source")) ? "fit" : use);
    snprintf(p->metric, sizeof p->metric, "%s", field(table, row, "measured_metric"));
    snprintf(p->subject, sizeof p->subject, "%s", field(table, row, "model"));
    snprintf(p->hardware, sizeof p->hardware, "%s", field(table, row, "hardware"));
    snprintf(p->software, sizeof p->software, "%s", models[model].stack ? stack_of(table, row, model) : "");
}

static enum kerf_status read_question(const struct kerf_row_table *table, int row, int model,
                                      struct question *q, struct kerf_error *error)
{
    KERF_TRY(kerf_system_network(table->catalog, models[model].network, &q->network, error));
    KERF_TRY(kerf_training_entries_read(table->catalog, field(table, row, "hardware"), &q->entries, error));
    kerf_network_layers(&q->network, &q->layers);
    q->stack = kerf_image_stack_find(stack_of(table, row, model));
    q->wants_flops = strcmp(field(table, row, "measured_metric"), "tflops_per_gpu") == 0;
    KERF_TRY(kerf_csv_number(table->csv, row, "n_accelerators", &q->gpus, error));
    return kerf_csv_number(table->csv, row, "global_batch", &q->images, error);
}

static void answer(const struct question *q, struct kerf_prediction *p)
{
    const struct kerf_image_job job = {
        .layers = &q->layers, .stack = q->stack, .gpus = q->gpus, .images = q->images};
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_training_machine machine;
        struct kerf_image_step step;
        struct kerf_error why = {0};
        kerf_training_entries_fill(&q->entries, (enum kerf_column)column, &machine);
        if (kerf_image_step(&machine, &job, &step, &why) != KERF_OK) {
            kerf_prediction_refuse(p, "%s", why.message);
            return;
        }
        p->predicted[column] = q->wants_flops ? step.model_flops_gpu / 1e12 : step.step_s;
    }
    /* without a model: FLOP/s of a GPU are those of the other rows on the same hardware */
    double flops = 6.0 * kerf_layers_macs(&q->layers) * q->images / q->gpus;
    snprintf(p->naive.pool, sizeof p->naive.pool, "images on %.60s", p->hardware);
    p->naive.value = q->wants_flops ? p->measured * 1e12 : flops / p->measured;
    p->naive.power = q->wants_flops ? 1 : -1;
}

enum kerf_status kerf_image_row_predict(const struct kerf_row_table *table, int row,
                                        struct kerf_prediction *prediction, struct kerf_error *error)
{
    int model = find_model(field(table, row, "model"));
    const char *reason = reason_of(table, row, model);
    name_row(table, row, model, prediction);
    KERF_TRY(kerf_csv_number(table->csv, row, "value", &prediction->measured, error));
    if (reason) {
        kerf_prediction_refuse(prediction, "%s", reason);
        return KERF_OK;
    }
    struct question *q = calloc(1, sizeof *q);
    KERF_CHECK(q, KERF_ERR_FAILURE, "out of memory for a row");
    enum kerf_status status = read_question(table, row, model, q, error);
    if (status == KERF_OK && (isnan(q->gpus) || isnan(q->images)))
        kerf_prediction_refuse(prediction, "the row states no accelerators or no batch");
    else if (status == KERF_OK)
        answer(q, prediction);
    free(q);
    return status;
}
