/* The study room: rows of serving. All of a table are one run of the engine, three columns each. */
#include "models/network/count.h"
#include "sim/engine/agree.h"
#include "sim/study/kernel_block.h"
#include "sim/study/lp_partition.h"
#include "sim/study/row_source.h"
#include "sim/study/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where an endpoint may have a drafter, networks from this size on are taken to have one: a drafter must be
 * many times smaller than what it drafts for. */
static const double speculated_params_least = 30e9;
static const char endpoint_drafter[] = "draft-model", own_drafter[] = "mtp-deepseek-v3";

/* One simulated question; rows that ask the same share it. */
struct trial {
    int row; /* that asked first */
    struct kerf_network network;
    struct kerf_system_spec spec[KERF_COLUMN_COUNT];
    struct kerf_system system[KERF_COLUMN_COUNT];
    struct kerf_serving serving[KERF_COLUMN_COUNT];
    struct kerf_summary summary[KERF_COLUMN_COUNT];
};

struct bench {
    const struct kerf_row_table *table;
    struct kerf_catalog *catalog;
    struct kerf_scenario scenario; /* name of the table and the seed, for planning */
    int rows;
    struct kerf_measurement *row; /* owned */
    struct trial **trial;         /* owned */
    int trials, capacity;
    int *trial_of_row; /* owned: -1 for rows that need no simulation */
};

static bool same_question(const struct kerf_measurement *a, const struct kerf_measurement *b)
{
    struct kerf_system_spec left = a->spec, right = b->spec;
    memset(left.name, 0, sizeof left.name);
    memset(right.name, 0, sizeof right.name);
    return strcmp(a->network, b->network) == 0 && a->speculation_unknown == b->speculation_unknown &&
           a->count_unknown == b->count_unknown && memcmp(&left, &right, sizeof left) == 0;
}

static void free_trial(struct trial *trial)
{
    for (int column = 0; trial && column < KERF_COLUMN_COUNT; column++) {
        kerf_serving_free(&trial->serving[column]);
        kerf_system_free(&trial->system[column]);
    }
    free(trial);
}

/* The fewest wafers that hold the network; the row does not say how many there were. */
static int fewest_wafers(const struct kerf_system *system, struct kerf_scenario *scenario)
{
    struct kerf_serving serving;
    struct kerf_error ignored;
    if (kerf_system_plan(system, scenario, KERF_COLUMN_NOMINAL, &serving, &ignored) == KERF_OK) {
        kerf_serving_free(&serving);
        return system->spec->count;
    }
    int needed = serving.wafer.placement.wafers_needed;
    kerf_serving_free(&serving);
    return needed > 0 ? needed : system->spec->count;
}

/* Speculation that a row does not state is tried with and without, and the range spans both. On GPUs that is
 * the network's own head for multi-token prediction, where it has one; nominally it is off. */
static void choose_drafter(const struct kerf_measurement *m, const struct kerf_network *network, int column,
                           struct kerf_system_spec *spec)
{
    bool large = kerf_network_count(network).params >= speculated_params_least;
    bool drafts = column == KERF_COLUMN_HIGH || (column == KERF_COLUMN_NOMINAL && m->endpoint);
    if (!m->speculation_unknown || !drafts)
        return;
    if (m->endpoint && large)
        snprintf(spec->drafter, sizeof spec->drafter, "%s", endpoint_drafter);
    if (!m->endpoint && network->decoder.mtp_layers > 0)
        snprintf(spec->drafter, sizeof spec->drafter, "%s", own_drafter);
}

/* What a row leaves open about a mixture of experts. */
static void settle_mixture(const struct kerf_measurement *m, const struct kerf_network *network,
                           struct kerf_system_spec *spec)
{
    enum kerf_format stated;
    if (network->decoder.moe.experts == 0)
        return;
    /* Nobody serves more bits than the checkpoint has: the row names the format of the activations. */
    const struct kerf_weight_formats own = kerf_network_native_formats(network);
    if (kerf_format_find(spec->weights, &stated) &&
        kerf_format_facts(stated)->bytes_per_element >
            1.5 * kerf_format_facts(own.experts)->bytes_per_element)
        snprintf(spec->weights, sizeof spec->weights, "native");
    /* TensorRT-LLM's performance overview runs mixtures with data parallel attention ("Running the
     * Benchmark": enable_attention_dp), also where the table says only how many GPUs. */
    if (m->max_load && spec->attention_data == 0 && spec->count > 1) {
        spec->tensor = 1;
        spec->attention_data = spec->expert = spec->count;
    }
}

static enum kerf_status plan_trial(struct bench *bench, const struct kerf_measurement *m, struct trial *trial,
                                   struct kerf_error *error)
{
    int count = m->spec.count;
    KERF_TRY(kerf_system_network(bench->catalog, m->network, &trial->network, error));
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_system_spec *spec = &trial->spec[column];
        *spec = m->spec;
        choose_drafter(m, &trial->network, column, spec);
        settle_mixture(m, &trial->network, spec);
        KERF_TRY(kerf_system_open(bench->catalog, &bench->scenario, spec, &trial->network,
                                  &trial->system[column], error));
        if (m->count_unknown && column == 0 && trial->system[column].on_wafers)
            count = fewest_wafers(&trial->system[column], &bench->scenario);
        spec->count = count;
        KERF_TRY(kerf_system_plan(&trial->system[column], &bench->scenario, (enum kerf_column)column,
                                  &trial->serving[column], error));
    }
    return KERF_OK;
}

static enum kerf_status add_trial(struct bench *bench, int row, struct kerf_error *error)
{
    struct kerf_measurement *m = &bench->row[row];
    for (int i = 0; i < bench->trials; i++) {
        if (same_question(m, &bench->row[bench->trial[i]->row])) {
            bench->trial_of_row[row] = i;
            return KERF_OK;
        }
    }
    if (bench->trials == bench->capacity) {
        int capacity = bench->capacity ? 2 * bench->capacity : 64;
        struct trial **grown = realloc(bench->trial, (size_t)capacity * sizeof(struct trial *));
        KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %d simulations", capacity);
        bench->trial = grown;
        bench->capacity = capacity;
    }
    struct trial *trial = calloc(1, sizeof *trial);
    KERF_CHECK(trial, KERF_ERR_FAILURE, "out of memory for a simulation");
    struct kerf_error why;
    trial->row = row;
    if (plan_trial(bench, m, trial, &why) != KERF_OK) {
        const char *message = strstr(why.message, m->spec.name); /* after "FILE:LINE: systems.ID: " */
        kerf_prediction_refuse(m->answer, "%s", message ? message + strlen(m->spec.name) + 2 : why.message);
        free_trial(trial);
        return KERF_OK;
    }
    bench->trial_of_row[row] = bench->trials;
    bench->trial[bench->trials++] = trial;
    return KERF_OK;
}

static enum kerf_status ask_rows(struct bench *bench, struct kerf_error *error)
{
    struct kerf_catalog_names hardware, networks;
    KERF_TRY(kerf_catalog_list(bench->catalog, "hardware", &hardware, error));
    KERF_TRY(kerf_catalog_list(bench->catalog, "networks", &networks, error));
    for (int row = 0; row < bench->rows; row++) {
        struct kerf_measurement *m = &bench->row[row];
        bench->trial_of_row[row] = -1;
        if (!kerf_catalog_lists(&hardware, m->hardware))
            kerf_prediction_refuse(m->answer, "hardware not in the catalog: %s", m->hardware);
        if (!kerf_catalog_lists(&networks, m->network))
            kerf_prediction_refuse(m->answer, "network not in the catalog: %s", m->network);
        if (!kerf_prediction_made(m->answer))
            continue;
        if (m->block.prefill_pes > 0.0)
            KERF_TRY(kerf_kernel_block_predict(bench->catalog, &bench->scenario, m, error));
        else
            KERF_TRY(add_trial(bench, row, error));
    }
    return KERF_OK;
}

/* The row's quantity from a summary. */
static double answer_of(const struct kerf_measurement *m, const struct kerf_summary *summary)
{
    const struct kerf_workload_spec *workload = &m->spec.workload;
    double output_tok_s = summary->metric[KERF_METRIC_THROUGHPUT];
    switch (m->kind) {
    case KERF_MEASURED_TPOT:
        return m->statistic == KERF_STATISTIC_MEAN ? summary->mean_tpot_s : summary->metric[KERF_METRIC_TPOT];
    case KERF_MEASURED_TTFT:
        return m->statistic == KERF_STATISTIC_MEAN   ? summary->mean_ttft_s
               : m->statistic == KERF_STATISTIC_LAST ? summary->last_ttft_s
                                                     : summary->metric[KERF_METRIC_TTFT];
    case KERF_MEASURED_PREFILL_SPEED:
        return workload->prompt_tokens / summary->metric[KERF_METRIC_TTFT];
    case KERF_MEASURED_USER_SPEED:
        return summary->metric[KERF_METRIC_SPEED_PER_USER];
    case KERF_MEASURED_REQUEST_SPEED:
        return workload->answer_tokens / summary->metric[KERF_METRIC_E2E];
    case KERF_MEASURED_TOTAL_SPEED:
        return output_tok_s * (workload->prompt_tokens + workload->answer_tokens) / workload->answer_tokens;
    case KERF_MEASURED_E2E:
        return summary->metric[KERF_METRIC_E2E];
    case KERF_MEASURED_OUTPUT_SPEED:
        return output_tok_s;
    case KERF_MEASURED_OUTPUT_SPEED_PER_ACCELERATOR:
        return output_tok_s / summary->accelerators;
    case KERF_MEASURED_ENERGY:
        return summary->energy_per_output_token_J;
    default:
        return NAN;
    }
}

static void answer_rows(struct bench *bench)
{
    for (int row = 0; row < bench->rows; row++) {
        struct kerf_measurement *m = &bench->row[row];
        int trial = bench->trial_of_row[row];
        for (int column = 0; trial >= 0 && column < KERF_COLUMN_COUNT; column++) {
            m->answer->predicted[column] = answer_of(m, &bench->trial[trial]->summary[column]);
            if (!(m->answer->predicted[column] > 0.0))
                kerf_prediction_refuse(m->answer, "a request does not fit the KV cache");
        }
    }
}

static enum kerf_status simulate(struct bench *bench, const struct kerf_engine_calls *calls,
                                 struct kerf_error *error)
{
    /* A row that does not fit is a row without prediction. */
    const struct kerf_engine_options options = {
        .fold = true, .may_end_waiting = true, .partitioner = kerf_lp_partition};
    struct kerf_engine *engine = NULL;
    enum kerf_wish stopped;
    enum kerf_status status = kerf_engine_create(bench->table->comm, &options, &engine, error);
    for (int i = 0; i < bench->trials && status == KERF_OK; i++)
        for (int column = 0; column < KERF_COLUMN_COUNT && status == KERF_OK; column++)
            status = kerf_serving_add(&bench->trial[i]->serving[column], engine, error);
    status = kerf_error_agree(bench->table->comm, status, error);
    if (status == KERF_OK)
        status = kerf_engine_run(engine, calls, &stopped, error);
    if (status == KERF_OK && stopped != KERF_WISH_NONE)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "interrupted; nothing was written");
    for (int i = 0; i < bench->trials && status == KERF_OK; i++) {
        for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
            int answered;
            kerf_trial_summary(bench->table->comm, engine, &bench->trial[i]->serving[column],
                               &bench->trial[i]->summary[column], &answered);
        }
    }
    kerf_engine_free(engine);
    return status;
}

static enum kerf_status read_rows(struct bench *bench, struct kerf_prediction *prediction,
                                  struct kerf_error *error)
{
    bench->rows = kerf_csv_rows(bench->table->csv);
    bench->row = calloc((size_t)bench->rows + 1, sizeof *bench->row);
    bench->trial_of_row = calloc((size_t)bench->rows + 1, sizeof *bench->trial_of_row);
    KERF_CHECK(bench->row && bench->trial_of_row, KERF_ERR_FAILURE, "out of memory for %d rows", bench->rows);
    for (int row = 0; row < bench->rows; row++) {
        double ignored;
        KERF_TRY(kerf_csv_number(bench->table->csv, row, "value", &ignored, error));
        kerf_measurement_read(bench->table->csv, row, &bench->row[row], &prediction[row]);
    }
    return KERF_OK;
}

static enum kerf_status predict(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error)
{
    struct bench *bench = calloc(1, sizeof *bench);
    KERF_CHECK(bench, KERF_ERR_FAILURE, "out of memory for a validation");
    bench->table = table;
    bench->catalog = table->catalog;
    bench->scenario.seed = 1;
    snprintf(bench->scenario.file, sizeof bench->scenario.file, "%s", table->file);
    enum kerf_status status = read_rows(bench, prediction, error);
    if (status == KERF_OK)
        status = ask_rows(bench, error);
    if (status == KERF_OK)
        status = simulate(bench, table->calls, error);
    if (status == KERF_OK)
        answer_rows(bench);
    for (int i = 0; i < bench->trials; i++)
        free_trial(bench->trial[i]);
    free(bench->trial);
    free(bench->trial_of_row);
    free(bench->row);
    free(bench);
    return status;
}

const struct kerf_row_source kerf_serving_rows = {
    .name = "serving",
    .column = {{"id"}, {"network"}, {"hardware"}, {"metric"}, {"value"}},
    .answers = 1,
    .predict = predict,
};
