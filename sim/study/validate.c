/* The study room: predicts rows of measurement tables. */
#include "sim/study/validate.h"

#include "models/network/count.h"
#include "sim/engine/agree.h"
#include "sim/io/text_file.h"
#include "sim/study/lp_partition.h"
#include "sim/study/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where an endpoint may have a drafter, networks from this size on are taken to have one: a drafter must be
 * many times smaller than what it drafts for. */
static const double speculated_params_least = 30e9;
static const char endpoint_drafter[] = "draft-model";

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
    MPI_Comm comm;
    struct kerf_catalog catalog;
    struct kerf_scenario scenario; /* name of the table and the seed, for planning */
    struct kerf_validation *validation;
    struct trial **trial; /* owned */
    int trials, capacity;
    int *trial_of_row; /* owned: -1 for rows that need no simulation */
};

static void set_reason(struct kerf_measurement *m, const char *start, const char *message)
{
    snprintf(m->reason, sizeof m->reason, "%s%s", start, message);
}

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
    for (int column = 0; trial && column < KERF_COLUMN_COUNT; column++)
        kerf_serving_free(&trial->serving[column]);
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

static void choose_drafter(const struct kerf_measurement *m, const struct kerf_network *network, int column,
                           struct kerf_system_spec *spec)
{
    bool large = kerf_network_count(network).params >= speculated_params_least;
    bool drafts = column == KERF_COLUMN_HIGH || (column == KERF_COLUMN_NOMINAL && large);
    if (m->speculation_unknown && drafts && large)
        snprintf(spec->drafter, sizeof spec->drafter, "%s", endpoint_drafter);
}

static enum kerf_status plan_trial(struct bench *bench, const struct kerf_measurement *m, struct trial *trial,
                                   struct kerf_error *error)
{
    int count = m->spec.count;
    KERF_TRY(kerf_system_network(&bench->catalog, m->network, &trial->network, error));
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_system_spec *spec = &trial->spec[column];
        *spec = m->spec;
        choose_drafter(m, &trial->network, column, spec);
        KERF_TRY(kerf_system_open(&bench->catalog, &bench->scenario, spec, &trial->network,
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
    struct kerf_measurement *m = &bench->validation->row[row];
    for (int i = 0; i < bench->trials; i++) {
        if (same_question(m, &bench->validation->row[bench->trial[i]->row])) {
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
        set_reason(m, "", message ? message + strlen(m->spec.name) + 2 : why.message);
        free_trial(trial);
        return KERF_OK;
    }
    bench->trial_of_row[row] = bench->trials;
    bench->trial[bench->trials++] = trial;
    return KERF_OK;
}

/* One token, or `tokens` of a prompt, through all layers on one block of PEs: how WaferLLM (OSDI'25) reports
 * its kernels. */
static double block_pass_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                           double pes, const struct kerf_pass *pass, double d_model)
{
    struct kerf_slice block = {.pe_rows = pes, .pe_columns = pes};
    double tokens = kerf_pass_tokens(pass);
    struct kerf_cost dense =
        kerf_device_list_cost(&kerf_wafer_device, wafer, &list->dense_layer, pass, &block);
    struct kerf_cost moe = kerf_device_list_cost(&kerf_wafer_device, wafer, &list->moe_layer, pass, &block);
    struct kerf_cost next = kerf_wafer_handover_cost(wafer, &block, tokens, d_model);
    return list->dense_layers * (dense.latency_s + next.latency_s) +
           list->moe_layers * (moe.latency_s + next.latency_s);
}

static double block_decode_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                             double pes, double context, double d_model)
{
    struct kerf_pass pass = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = context, .context_tokens = context},
        .kv = KERF_FORMAT_FP16,
        .activations = KERF_FORMAT_FP16};
    return block_pass_s(wafer, list, pes, &pass, d_model);
}

static double block_prefill_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                              double pes, double prompt, double d_model)
{
    struct kerf_pass pass = {.prefill = {.tokens = prompt,
                                         .sequences = 1.0,
                                         .attended = prompt * (prompt + 1.0) / 2.0,
                                         .context_tokens = prompt},
                             .kv = KERF_FORMAT_FP16,
                             .activations = KERF_FORMAT_FP16};
    return block_pass_s(wafer, list, pes, &pass, d_model);
}

static double block_answer(const struct kerf_measurement *m, const struct kerf_wafer_params *wafer,
                           const struct kerf_decoder_list *list, double d_model)
{
    double prompt = m->spec.workload.prompt_tokens, output = m->spec.workload.answer_tokens;
    double prefill_s = block_prefill_s(wafer, list, m->block.prefill_pes, prompt, d_model);
    if (m->kind == KERF_MEASURED_PREFILL_SPEED)
        return prompt / prefill_s;
    if (m->kind == KERF_MEASURED_USER_SPEED)
        return 1.0 / block_decode_s(wafer, list, m->block.decode_pes, prompt, d_model);
    double middle = prompt + output / 2.0;
    return output / (prefill_s + output * block_decode_s(wafer, list, m->block.decode_pes, middle, d_model));
}

static enum kerf_status predict_on_block(struct bench *bench, struct kerf_measurement *m,
                                         struct kerf_error *error)
{
    struct kerf_network network;
    struct kerf_system system;
    struct kerf_error why;
    if (kerf_system_network(&bench->catalog, m->network, &network, &why) != KERF_OK ||
        kerf_system_open(&bench->catalog, &bench->scenario, &m->spec, &network, &system, &why) != KERF_OK) {
        set_reason(m, "", why.message);
        return KERF_OK;
    }
    KERF_CHECK(system.on_wafers, KERF_ERR_USAGE, "%s: %s is no wafer, but its notes name a block of cores",
               m->id, m->hardware);
    const struct kerf_weight_formats formats = {KERF_FORMAT_FP16, KERF_FORMAT_FP16, KERF_FORMAT_FP16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_wafer_params wafer;
        kerf_leaf_set_fill(&system.hardware, (enum kerf_column)column, &wafer);
        m->predicted[column] = block_answer(m, &wafer, &list, network.decoder.d_model);
    }
    return KERF_OK;
}

static enum kerf_status ask_rows(struct bench *bench, struct kerf_error *error)
{
    struct kerf_catalog_names hardware, networks;
    KERF_TRY(kerf_catalog_list(&bench->catalog, "hardware", &hardware, error));
    KERF_TRY(kerf_catalog_list(&bench->catalog, "networks", &networks, error));
    for (int row = 0; row < bench->validation->rows; row++) {
        struct kerf_measurement *m = &bench->validation->row[row];
        bench->trial_of_row[row] = -1;
        if (!m->reason[0] && !kerf_catalog_lists(&hardware, m->hardware))
            set_reason(m, "hardware not in the catalog: ", m->hardware);
        if (!m->reason[0] && !kerf_catalog_lists(&networks, m->network))
            set_reason(m, "network not in the catalog: ", m->network);
        if (m->reason[0])
            continue;
        if (m->block.prefill_pes > 0.0)
            KERF_TRY(predict_on_block(bench, m, error));
        else
            KERF_TRY(add_trial(bench, row, error));
    }
    return KERF_OK;
}

/* The row's quantity from a summary. */
static double answer_of(const struct kerf_measurement *m, const struct kerf_summary *summary)
{
    const struct kerf_workload_spec *workload = &m->spec.workload;
    switch (m->kind) {
    case KERF_MEASURED_TPOT:
        return summary->metric[KERF_METRIC_TPOT];
    case KERF_MEASURED_TTFT:
        return summary->metric[KERF_METRIC_TTFT];
    case KERF_MEASURED_USER_SPEED:
        return summary->metric[KERF_METRIC_SPEED_PER_USER];
    case KERF_MEASURED_REQUEST_SPEED:
        return workload->answer_tokens / summary->metric[KERF_METRIC_E2E];
    case KERF_MEASURED_TOTAL_SPEED:
        return summary->metric[KERF_METRIC_THROUGHPUT] * (workload->prompt_tokens + workload->answer_tokens) /
               workload->answer_tokens;
    default:
        return NAN;
    }
}

static void answer_rows(struct bench *bench)
{
    for (int row = 0; row < bench->validation->rows; row++) {
        struct kerf_measurement *m = &bench->validation->row[row];
        int trial = bench->trial_of_row[row];
        for (int column = 0; trial >= 0 && column < KERF_COLUMN_COUNT; column++) {
            m->predicted[column] = answer_of(m, &bench->trial[trial]->summary[column]);
            if (!(m->predicted[column] > 0.0))
                set_reason(m, "", "a request does not fit the KV cache");
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
    enum kerf_status status = kerf_engine_create(bench->comm, &options, &engine, error);
    for (int i = 0; i < bench->trials && status == KERF_OK; i++)
        for (int column = 0; column < KERF_COLUMN_COUNT && status == KERF_OK; column++)
            status = kerf_serving_add(&bench->trial[i]->serving[column], engine, error);
    status = kerf_error_agree(bench->comm, status, error);
    if (status == KERF_OK)
        status = kerf_engine_run(engine, calls, &stopped, error);
    if (status == KERF_OK && stopped != KERF_WISH_NONE)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "interrupted; nothing was written");
    for (int i = 0; i < bench->trials && status == KERF_OK; i++) {
        for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
            int answered;
            kerf_trial_summary(bench->comm, engine, &bench->trial[i]->serving[column],
                               &bench->trial[i]->summary[column], &answered);
        }
    }
    kerf_engine_free(engine);
    return status;
}

static enum kerf_status read_rows(struct bench *bench, const char *path, struct kerf_error *error)
{
    char *text;
    struct kerf_csv *csv;
    KERF_TRY(kerf_text_file_read(bench->comm, path, &text, error));
    enum kerf_status status = kerf_csv_parse(text, path, &csv, error);
    free(text);
    KERF_TRY(status);
    static const char *const needed[] = {"id", "network", "hardware", "metric", "value"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0] && status == KERF_OK; i++)
        if (kerf_csv_column(csv, needed[i]) < 0)
            status =
                kerf_error_set(error, KERF_ERR_USAGE, "%s:1: the column '%s' is missing", path, needed[i]);
    struct kerf_validation *v = bench->validation;
    if (status == KERF_OK) {
        v->rows = kerf_csv_rows(csv);
        v->row = calloc((size_t)v->rows + 1, sizeof *v->row);
        bench->trial_of_row = calloc((size_t)v->rows + 1, sizeof *bench->trial_of_row);
        if (!v->row || !bench->trial_of_row)
            status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d rows", v->rows);
    }
    for (int row = 0; row < v->rows && status == KERF_OK; row++)
        kerf_measurement_read(csv, row, &v->row[row]);
    kerf_csv_free(csv);
    return status;
}

enum kerf_status kerf_validate(MPI_Comm comm, const char *path, const char *const *catalogs,
                               struct kerf_validation *validation, const struct kerf_engine_calls *calls,
                               struct kerf_error *error)
{
    struct bench *bench = calloc(1, sizeof *bench);
    KERF_CHECK(bench, KERF_ERR_FAILURE, "out of memory for a validation");
    *validation = (struct kerf_validation){0};
    bench->comm = comm;
    bench->validation = validation;
    bench->scenario.seed = 1;
    snprintf(bench->scenario.file, sizeof bench->scenario.file, "%s", path);
    enum kerf_status status = read_rows(bench, path, error);
    if (status == KERF_OK)
        status = kerf_catalog_open(&bench->catalog, comm, catalogs, error);
    if (status == KERF_OK)
        status = ask_rows(bench, error);
    if (status == KERF_OK)
        status = simulate(bench, calls, error);
    if (status == KERF_OK)
        answer_rows(bench);
    for (int i = 0; i < bench->trials; i++)
        free_trial(bench->trial[i]);
    free(bench->trial);
    free(bench->trial_of_row);
    free(bench);
    return status;
}

void kerf_validation_free(struct kerf_validation *validation)
{
    free(validation->row);
    *validation = (struct kerf_validation){0};
}
