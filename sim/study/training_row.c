/* The study room: rows of training tables as jobs. Each assumption about what a row leaves out stands here.
 */
#include "sim/study/training_row.h"

#include "models/network/count.h"
#include "sim/study/system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum kerf_training_metric kind;
} metrics[] = {
    {"tokens/s/gpu", KERF_TRAINED_TOKENS},  {"step_time_s", KERF_TRAINED_STEP},
    {"tflops_per_gpu", KERF_TRAINED_FLOPS}, {"MFU", KERF_TRAINED_MFU},
    {"samples/s", KERF_TRAINED_SAMPLES},
};

/* Software by words of the source and, where one source has several, of the model or the notes: the first
 * that fits. */
static const struct {
    const char *source, *model, *notes, *hardware, *stack;
} stacks[] = {
    {"training_results_v3", "", "", "", "mlperf-2023"},
    {"training_results_v", "", "", "", "mlperf-2024"},
    {"[25.", "tokendrop", "", "h100", "megatron-bridge-2025-drop"},
    {"[25.", "tokendrop", "", "", "megatron-bridge-2025-drop-blackwell"},
    {"[25.", "", "", "h100", "megatron-bridge-2025"},
    {"[25.", "", "", "", "megatron-bridge-2025-blackwell"},
    {"[26.02", "", "", "", "megatron-bridge-26.02"},
    {"[26.04", "", "", "", "megatron-bridge-26.02"},
    {"[26.0", "", "", "", "megatron-bridge-26.06"},
    {"torchtitan", "", "async", "", "torchtitan-async"},
    {"torchtitan", "", "AsyncTP", "", "torchtitan-async"},
    {"torchtitan", "", "", "", "torchtitan"},
    {"README.md [H", "MPT", "", "", "llm-foundry-hopper"},
    {"llm-foundry", "", "", "", "llm-foundry"},
    {"vTrain", "", "", "", "megatron-deepspeed"},
    {"bigscience", "", "", "", "bloom"},
    {"2402.15627", "MegaScale", "", "", "megascale"},
    {"2402.15627", "ablation: +", "", "", "megascale"},
    {"2402.15627", "", "", "", "megatron-2023"},
    {"2104.04473", "ZeRO-3", "", "", "deepspeed-2021"},
    {"2205.05198", "", "", "", "megatron-2022"},
    {"2e90a342f5", "", "", "", "megatron-2022"},
    {"images/model_table", "", "", "", "megatron-2024"},
    {"examples/llama", "", "", "", "megatron-2024"},
    {"2407.21783", "", "", "", "llama-3"},
    {"Megatron-LM", "", "", "", "megatron-2021"},
    {"2104.04473", "", "", "", "megatron-2021"},
};

/* Precision by the beginning of `dtype`. NVIDIA's MLPerf language submissions use fp8, since v5.1 nvfp4. */
static const struct {
    const char *dtype, *source, *precision;
} precisions[] = {
    {"bf16", "", "bf16"},
    {"BF16", "", "bf16"},
    {"fp16", "", "fp16"},
    {"amp_bf16", "", "bf16"},
    {"amp_fp8", "", "fp8"},
    {"fp8 rowwise", "", "fp8-rowwise"},
    {"fp8 tensorwise", "", "fp8-cs"},
    {"fp8", "torchtitan", "fp8-cs"},
    {"fp8", "", "fp8"},
    {"FP8-MX", "", "mxfp8"},
    {"FP8", "", "fp8-cs"},
    {"MXFP8", "", "mxfp8"},
    {"NVFP4", "", "nvfp4"},
    {"nvfp4", "", "nvfp4"},
    {"", "training_results_v5.1", "nvfp4"},
    {"", "training_results", "fp8"},
    {"", "", "bf16"},
};

/* Networks of the catalog by the beginning of `model`: those whose columns do not say all. */
static const struct {
    const char *model, *network;
} networks[] = {
    {"GPT OSS 120B", "gpt-oss-120b"},    {"Qwen3_30B", "qwen3-30b-a3b"},
    {"Qwen3_235B", "qwen3-235b-a22b"},   {"LLAMA3_70B", "llama-3.1-70b"},
    {"LLAMA3.1_405B", "llama-3.1-405b"}, {"LLAMA3_8B", "llama-3.1-8b"},
    {"Llama-3 70B", "llama-3.1-70b"},    {"Llama-3 405B", "llama-3.1-405b"},
    {"Llama-3.1 70B", "llama-3.1-70b"},  {"Llama-3.1 405B", "llama-3.1-405b"},
    {"Llama-3.1 8B", "llama-3.1-8b"},    {"Llama-2 70B", "llama-2-70b"},
};

/* Hardware that another reader predicts, or nobody. */
static const struct {
    const char *hardware, *reason;
} elsewhere[] = {
    {"cs-", "wafers: not predicted by this reader"},
    {"tpu", "no leaves for this part's kernels"},
    {"mi2", "the row does not state the layout"},
};

/* NVIDIA's BERT drops padding: half of a sequence is filled in the mean. */
static const double bert_filled_share = 0.5;

struct row {
    const struct kerf_csv *csv;
    int row;
};

static const char *field(const struct row *r, const char *name)
{
    return kerf_csv_field(r->csv, r->row, kerf_csv_column(r->csv, name));
}

/* A field as a whole number; `missing` where it is empty. */
static int whole(const struct row *r, const char *name, int missing)
{
    const char *text = field(r, name);
    return *text ? (int)strtol(text, NULL, 10) : missing;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void refuse(struct kerf_training_row *out, const char *reason)
{
    if (!out->reason[0])
        snprintf(out->reason, sizeof out->reason, "%s", reason);
}

bool kerf_training_metric_find(const char *name, enum kerf_training_metric *kind)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (strcmp(metrics[i].name, name) == 0) {
            if (kind)
                *kind = metrics[i].kind;
            return true;
        }
    return false;
}

static void read_words(const struct row *r, struct kerf_training_row *out)
{
    const char *source = field(r, "source"), *dtype = field(r, "dtype"), *notes = field(r, "notes");
    snprintf(out->id, sizeof out->id, "%s", field(r, "id"));
    snprintf(out->model, sizeof out->model, "%s", field(r, "model"));
    snprintf(out->hardware, sizeof out->hardware, "%s", field(r, "hardware"));
    snprintf(out->metric, sizeof out->metric, "%s", field(r, "measured_metric"));
    if (!kerf_training_metric_find(out->metric, &out->kind))
        refuse(out, "context: this metric is not a step's");
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (begins(out->hardware, elsewhere[i].hardware))
            refuse(out, elsewhere[i].reason);
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0] && !out->job.stack; i++)
        if (strstr(source, stacks[i].source) && strstr(out->model, stacks[i].model) &&
            strstr(notes, stacks[i].notes) && begins(out->hardware, stacks[i].hardware))
            out->job.stack = kerf_training_stack_find(stacks[i].stack);
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0] && !out->job.precision; i++)
        if (begins(dtype, precisions[i].dtype) && strstr(source, precisions[i].source))
            out->job.precision = kerf_precision_find(precisions[i].precision);
    if (!out->job.stack)
        refuse(out, "the training software is not known");
    else
        snprintf(out->software, sizeof out->software, "%s", out->job.stack->name);
}

/* A decoder from the columns of the row: gated and without biases if it has fewer KV heads, else as GPT. */
static void network_of_columns(const struct row *r, struct kerf_training_row *out)
{
    struct kerf_decoder_dims *dims = &out->network.decoder;
    int hidden = whole(r, "hidden", 0), heads = whole(r, "heads", hidden / 128),
        kv_heads = whole(r, "kv_heads", heads);
    bool gated = kv_heads < heads, mpt = begins(out->model, "MPT");
    if (hidden == 0 || whole(r, "layers", 0) == 0) {
        refuse(out, "not a decoder whose dimensions the row or the catalog has");
        return;
    }
    snprintf(out->network.name, sizeof out->network.name, "%.60s", out->model);
    out->network.family = KERF_FAMILY_DECODER;
    *dims = (struct kerf_decoder_dims){
        .d_model = hidden,
        .vocab = whole(r, "vocab", 51200),
        .layers_dense = whole(r, "layers", 0),
        .d_ff_dense = whole(r, "ffn", 4 * hidden),
        .gated_ffn = gated,
        .ffn_bias = !gated && !mpt,
        .tied_embeddings = !gated,
        .layernorm = !gated,
        .final_norm = true,
        .norms_per_layer = 2,
        .learned_positions = gated ? 0 : 2048,
        .attention = {.type = KERF_ATTENTION_GQA,
                      .heads = heads,
                      .kv_heads = kv_heads,
                      .head_dim = hidden / heads,
                      .causal = !begins(out->model, "BERT")},
    };
}

static enum kerf_status read_network(const struct row *r, struct kerf_catalog *catalog,
                                     struct kerf_training_row *out, struct kerf_error *error)
{
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        if (begins(out->model, networks[i].model))
            return kerf_system_network(catalog, networks[i].network, &out->network, error);
    network_of_columns(r, out);
    return KERF_OK;
}

/* Stacks whose published tables leave the number of virtual stages open though they use them. */
static bool hides_virtual_stages(const char *stack)
{
    return strcmp(stack, "megatron-2024") == 0 || strcmp(stack, "llama-3") == 0 ||
           strcmp(stack, "megatron-2022") == 0 || begins(stack, "megatron-bridge");
}

/* torchtitan states the batch of a data-parallel rank; its pipelines cut it into as many micro-batches as
 * stages, and interleave two. */
static void read_torchtitan_batch(const struct row *r, struct kerf_training_row *out)
{
    struct kerf_training_layout *layout = &out->job.layout;
    int local = whole(r, "micro_batch", 1);
    int data = layout->gpus / (layout->tensor * layout->pipeline * layout->context);
    layout->global_batch = local * data;
    layout->micro_batch =
        layout->pipeline > 1 && local >= layout->pipeline ? local / layout->pipeline : local;
    layout->sharding = KERF_SHARDING_PARAMETERS;
    if (strstr(field(r, "notes"), "interleaved"))
        layout->virtual_stages = 2;
}

static enum kerf_sharding sharding_of(const struct row *r, const struct kerf_training_row *out)
{
    const char *notes = field(r, "notes"), *fsdp = strstr(notes, "FSDP ");
    if (strstr(notes, "FULL_SHARD") || strstr(out->model, "ZeRO-3"))
        return KERF_SHARDING_PARAMETERS;
    if (strstr(notes, "SHARD_GRAD_OP"))
        return KERF_SHARDING_GRADIENTS;
    if (fsdp && strtol(fsdp + strlen("FSDP "), NULL, 10) > 1)
        return KERF_SHARDING_PARAMETERS;
    if (strcmp(out->job.stack->name, "llama-3") == 0)
        return KERF_SHARDING_GRADIENTS;
    return out->job.stack->shards_optimizer ? KERF_SHARDING_OPTIMIZER : KERF_SHARDING_NONE;
}

static void read_layout(const struct row *r, struct kerf_training_row *out)
{
    struct kerf_training_layout *layout = &out->job.layout;
    const char *together = strstr(field(r, "notes"), "model-parallel size ");
    *layout = (struct kerf_training_layout){
        .gpus = whole(r, "n_accelerators", 0),
        .tensor = whole(r, "TP", 1),
        .pipeline = whole(r, "PP", 1),
        .virtual_stages = whole(r, "VPP", 1),
        .context = whole(r, "CP", 1),
        .expert = whole(r, "EP", 1),
        .expert_tensor = 1,
        .micro_batch = whole(r, "micro_batch", 1),
        .global_batch = whole(r, "global_batch", 0),
        .sharding = sharding_of(r, out),
        .sequence_parallel = out->job.stack->sequence_parallel,
    };
    if (layout->pipeline == 1)
        layout->virtual_stages = 1;
    out->open_split = !*field(r, "TP") && layout->gpus > 1;
    out->model_parallel = together ? (int)strtol(together + strlen("model-parallel size "), NULL, 10) : 0;
    out->open_virtual = layout->pipeline > 1 && !*field(r, "VPP") && hides_virtual_stages(out->software);
    out->open_micro_batch = !*field(r, "micro_batch");
    if (strstr(field(r, "source"), "torchtitan"))
        read_torchtitan_batch(r, out);
    if (layout->gpus < 1 || layout->global_batch < 1)
        refuse(out, "the row states no accelerators or no batch");
}

static void read_recompute(const struct row *r, struct kerf_training_row *out)
{
    const char *text = field(r, "recompute");
    /* the tables of 2021 and those of megatron-2023 recompute what their paper says */
    out->open_recompute = !*text && strcmp(out->software, "megatron-2021") != 0;
    if (!*text && !out->open_recompute)
        text = "full";
    out->job.recompute = begins(text, "full")        ? KERF_RECOMPUTE_FULL
                         : begins(text, "selective") ? KERF_RECOMPUTE_SELECTIVE
                                                     : KERF_RECOMPUTE_NONE;
    out->counts_recompute = out->job.recompute == KERF_RECOMPUTE_FULL;
}

enum kerf_status kerf_training_row_read(const struct kerf_csv *csv, int row, struct kerf_catalog *catalog,
                                        struct kerf_training_row *out, struct kerf_error *error)
{
    const struct row r = {csv, row};
    *out = (struct kerf_training_row){0};
    KERF_TRY(kerf_csv_number(csv, row, "value", &out->measured, error));
    read_words(&r, out);
    KERF_TRY(read_network(&r, catalog, out, error));
    if (out->reason[0])
        return KERF_OK;
    out->job.network = &out->network;
    out->job.optimizer = kerf_optimizer_find("adam");
    /* GPT-2's length, where the table states none */
    out->job.sequence = whole(&r, "seq", 1024);
    if (begins(out->model, "BERT"))
        out->job.sequence *= bert_filled_share;
    out->job.balanced = strstr(out->software, "megatron-bridge") != NULL;
    out->job.frozen = strstr(out->model, "LoRA") != NULL;
    read_layout(&r, out);
    read_recompute(&r, out);
    return KERF_OK;
}

double kerf_training_row_figure(const struct kerf_training_row *row, const struct kerf_training_step *step)
{
    switch (row->kind) {
    case KERF_TRAINED_TOKENS:
        return step->tokens_per_s_gpu;
    case KERF_TRAINED_STEP:
        return step->step_s;
    case KERF_TRAINED_FLOPS:
        return (row->counts_recompute ? step->hardware_flops_gpu : step->model_flops_gpu) / 1e12;
    case KERF_TRAINED_MFU:
        return 100.0 * step->mfu;
    case KERF_TRAINED_SAMPLES:
        return row->job.layout.global_batch / step->step_s;
    }
    return NAN;
}
