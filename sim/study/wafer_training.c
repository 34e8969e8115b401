/* The study room: training rows of wafers. */
#include "sim/study/wafer_training.h"

#include "sim/study/system.h"

#include "models/network/count.h"
#include "models/training/weight_streaming.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double thousand = 1e3, million = 1e6, billion = 1e9;

/* Samples of the PILE in one epoch, as the table that reports hours per epoch counts them (arXiv 2409.00287).
 */
static const double pile_samples = 211043181.0;

/* What the published examples say where a row does not: Cerebras/modelzoo, bert_large_MSL128.yaml and
 * params_esm2_t12_35M_UR50D.yaml; batches as the run logs print them. */
struct example {
    const char *model; /* beginning of the row's model */
    double sequence, batch, vocab;
    bool encoder;
};

static const struct example examples[] = {
    {"BERT-Large", 128.0, 1024.0, 30522.0, true},
    {"ESM-2 t12", 1026.0, 2048.0, 33.0, true},
};

static const struct example *example_of(const char *model)
{
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
        if (strncmp(model, examples[i].model, strlen(examples[i].model)) == 0)
            return &examples[i];
    return NULL;
}

static const char *field(const struct kerf_row_table *table, int row, const char *name)
{
    int column = kerf_csv_column(table->csv, name);
    return column < 0 ? "" : kerf_csv_field(table->csv, row, column);
}

/* The number at the beginning of a field, with its suffix; `otherwise` when there is none. */
static double number(const struct kerf_row_table *table, int row, const char *name, double otherwise)
{
    char *end;
    const char *text = field(table, row, name);
    double value = strtod(text, &end);
    if (end == text)
        return otherwise;
    return *end == 'B'   ? value * billion
           : *end == 'M' ? value * million
           : *end == 'K' ? value * thousand
                         : value;
}

/* Gated or plain feed-forward: whichever counts closer to the row's parameters. */
static void choose_feed_forward(struct kerf_network *network, double params)
{
    double error[2];
    for (int gated = 0; gated < 2; gated++) {
        network->decoder.gated_ffn = gated;
        error[gated] = fabs(kerf_network_count(network).params - params);
    }
    network->decoder.gated_ffn = error[1] < error[0];
}

static bool read_network(const struct kerf_row_table *table, int row, struct kerf_network *network,
                         struct kerf_prediction *prediction)
{
    const struct example *example = example_of(prediction->subject);
    double hidden = number(table, row, "hidden", 0.0), heads = number(table, row, "heads", 0.0);
    double layers = number(table, row, "layers", 0.0);
    if (hidden < 1.0 || heads < 1.0 || layers < 1.0) {
        kerf_prediction_refuse(prediction, "the row gives no layers, hidden size and heads");
        return false;
    }
    *network = (struct kerf_network){.family = KERF_FAMILY_DECODER};
    struct kerf_decoder_dims *d = &network->decoder;
    d->d_model = (int)hidden;
    d->layers_dense = (int)layers;
    d->vocab = (int)number(table, row, "vocab", example ? example->vocab : 0.0);
    d->d_ff_dense = (int)number(table, row, "ffn", 4.0 * hidden);
    d->norms_per_layer = 2;
    d->final_norm = d->layernorm = true;
    d->tied_embeddings = strncmp(prediction->subject, "Llama", 5) != 0;
    d->attention = (struct kerf_attention_dims){.type = KERF_ATTENTION_GQA,
                                                .heads = (int)heads,
                                                .kv_heads = (int)number(table, row, "kv_heads", heads),
                                                .head_dim = (int)(hidden / heads),
                                                .causal = !(example && example->encoder)};
    d->routed_expert_format = d->embedding_format = d->other_format = KERF_FORMAT_BF16;
    choose_feed_forward(network, number(table, row, "params", 0.0));
    return true;
}

static bool read_job(const struct kerf_row_table *table, int row, struct kerf_streaming_job *job,
                     struct kerf_prediction *prediction)
{
    const struct example *example = example_of(prediction->subject);
    job->systems = (int)number(table, row, "n_accelerators", 1.0);
    job->sequence = number(table, row, "seq", example ? example->sequence : 0.0);
    job->global_batch = number(table, row, "global_batch", example ? example->batch : 0.0);
    /* Masked language models predict 15 % of their tokens (Devlin et al., arXiv 1810.04805). */
    job->logit_share = example && example->encoder ? 0.15 : 1.0;
    if (job->sequence < 1.0 || job->global_batch < 1.0) {
        kerf_prediction_refuse(prediction, "the row gives no sequence length or no batch");
        return false;
    }
    return true;
}

static bool figure_of(const char *metric, const struct kerf_streaming_step *step, double *figure)
{
    const double hour_s = 3600.0;
    if (strcmp(metric, "samples/s") == 0)
        *figure = step->samples_per_s;
    else if (strcmp(metric, "tokens/s") == 0)
        *figure = step->tokens_per_s;
    else if (strcmp(metric, "step_time_s") == 0)
        *figure = step->step_s;
    else if (strcmp(metric, "hours_per_PILE_epoch") == 0)
        *figure = pile_samples / step->samples_per_s / hour_s;
    else
        return false;
    return true;
}

static void entry_name(const char *hardware, char *name, size_t size)
{
    snprintf(name, size, "weight-streaming-%s", hardware);
}

enum kerf_status kerf_wafer_training_knows(struct kerf_catalog *catalog, const char *hardware, bool *known,
                                           struct kerf_error *error)
{
    struct kerf_catalog_names names;
    char name[KERF_CATALOG_NAME_BYTES];
    entry_name(hardware, name, sizeof name);
    KERF_TRY(kerf_catalog_list(catalog, "streaming", &names, error));
    *known = kerf_catalog_lists(&names, name);
    return KERF_OK;
}

/* The two entries that a row needs. */
struct entries {
    struct kerf_leaf_set wafer, streaming;
};

static enum kerf_status load_entries(struct kerf_catalog *catalog, const char *hardware,
                                     struct entries *entries, struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES];
    entry_name(hardware, name, sizeof name);
    KERF_TRY(kerf_system_leaves(catalog, "hardware", hardware, &kerf_wafer_leaves, &entries->wafer, error));
    return kerf_system_leaves(catalog, "streaming", name, &kerf_streaming_leaves, &entries->streaming, error);
}

static void predict_columns(const struct entries *entries, const struct kerf_streaming_job *job,
                            struct kerf_prediction *prediction)
{
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_wafer_params wafer;
        struct kerf_streaming_params streaming;
        struct kerf_streaming_step step;
        struct kerf_error why;
        kerf_leaf_set_fill(&entries->wafer, (enum kerf_column)column, &wafer);
        kerf_leaf_set_fill(&entries->streaming, (enum kerf_column)column, &streaming);
        if (kerf_streaming_step(&wafer, &streaming, job, &step, &why) != KERF_OK)
            kerf_prediction_refuse(prediction, "%s", why.message);
        else if (!figure_of(prediction->metric, &step, &prediction->predicted[column]))
            kerf_prediction_refuse(prediction, "the metric is not predicted: %s", prediction->metric);
    }
}

enum kerf_status kerf_wafer_training_predict(const struct kerf_row_table *table, int row,
                                             struct kerf_prediction *prediction, struct kerf_error *error)
{
    struct kerf_network network;
    struct kerf_streaming_job job = {.network_name = prediction->subject, .wafer_name = prediction->hardware};
    snprintf(prediction->software, sizeof prediction->software, "weight streaming");
    KERF_TRY(kerf_csv_number(table->csv, row, "value", &prediction->measured, error));
    if (!read_network(table, row, &network, prediction) || !read_job(table, row, &job, prediction))
        return KERF_OK;
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    job.list = &list;
    job.d_model = network.decoder.d_model;
    struct entries *entries = malloc(sizeof *entries);
    KERF_CHECK(entries, KERF_ERR_FAILURE, "out of memory for a row");
    enum kerf_status status = load_entries(table->catalog, prediction->hardware, entries, error);
    if (status == KERF_OK)
        predict_columns(entries, &job, prediction);
    free(entries);
    return status;
}
