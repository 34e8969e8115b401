/* The study room: reads tables of measured collectives. Knows how the measurers count bytes and ranks. */
#include "sim/study/collective_table.h"

#include "models/network/format.h"
#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double s_per_ms = 1e-3, s_per_us = 1e-6;

/* The tables of DeepEP state nodes, not ranks. A node of 8 GPUs has them all in its NVLink domain; of a rack
 * whose domain is larger a node is a tray of 4 (NVIDIA GB200 NVL72: 18 trays of 4 GPUs). */
static const double largest_node = 8.0, gpus_of_a_tray = 4.0;

/* DeepEP sends fp8 with a 4-byte scale per 128 elements and 16 bytes that say where the token came from
 * (deep_ep/kernels/internode_ll.cu), and bf16 back. */
static const double scale_block = 128.0, scale_bytes = 4.0, message_head_bytes = 16.0, bf16_bytes = 2.0;

enum { COLUMNS_MAX = 8 };

static const struct {
    const char *name;
    const char *column[COLUMNS_MAX][2];
    int answers;
} layouts[KERF_COLLECTIVE_LAYOUTS] = {
    [KERF_COLLECTIVE_SIZES] = {.name = "collectives",
                               .column = {{"op_name"},
                                          {"nccl_dtype", "allreduce_dtype"},
                                          {"num_gpus"},
                                          {"message_size"},
                                          {"latency"}},
                               .answers = 1},
    [KERF_COLLECTIVE_EXCHANGES] = {.name = "expert exchanges",
                                   .column = {{"hidden_size"},
                                              {"num_token"},
                                              {"num_topk"},
                                              {"num_experts"},
                                              {"dispatch_avg_t_us"},
                                              {"combine_avg_t_us"}},
                                   .answers = 2},
};

static const char *const family_names[KERF_FAMILIES] = {
    [KERF_FAMILY_RINGS] = "rings",       [KERF_FAMILY_ALL_TO_ALL] = "all-to-all",
    [KERF_FAMILY_IN_GRAPH] = "in-graph", [KERF_FAMILY_DISPATCH] = "dispatch",
    [KERF_FAMILY_COMBINE] = "combine",
};

static const struct {
    const char *name, *metric;
    enum kerf_collective_op op;
    enum kerf_collective_family family; /* where the library carries it */
} operations[] = {
    {"all_reduce", "all_reduce_s", KERF_COLLECTIVE_ALL_REDUCE, KERF_FAMILY_RINGS},
    {"all_gather", "all_gather_s", KERF_COLLECTIVE_ALL_GATHER, KERF_FAMILY_RINGS},
    {"reduce_scatter", "reduce_scatter_s", KERF_COLLECTIVE_REDUCE_SCATTER, KERF_FAMILY_RINGS},
    {"alltoall", "all_to_all_s", KERF_COLLECTIVE_ALL_TO_ALL, KERF_FAMILY_ALL_TO_ALL},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

/* Kernels by the words of a row; without words it is the library's. */
static const struct {
    const char *name;
    bool in_graph;
    const char *refused;
} kernels[] = {
    {"", false, NULL},
    {"NCCL", false, NULL},
    {"TRTLLM", true, NULL},
    {"SGLang_CustomAllReduce_graph", true, NULL},
    {"SGLang_CustomAllReduce_eager", true, "a kernel launched outside a graph: the host decides"},
};
enum { KERNELS = sizeof kernels / sizeof kernels[0] };

/* Names of nccl-tests for formats. */
static const struct {
    const char *name, *format;
} format_names[] = {{"half", "fp16"}, {"float", "fp32"}, {"uint8", "int8"}};

const char *kerf_collective_layout_name(enum kerf_collective_layout layout)
{
    return layouts[layout].name;
}

bool kerf_collective_column(enum kerf_collective_layout layout, int index, const char *name[2])
{
    if (index >= COLUMNS_MAX || !layouts[layout].column[index][0])
        return false;
    name[0] = layouts[layout].column[index][0];
    name[1] = layouts[layout].column[index][1];
    return true;
}

enum kerf_status kerf_collective_check(const struct kerf_csv *csv, enum kerf_collective_layout layout,
                                       const char *file, struct kerf_error *error)
{
    const char *name[2];
    for (int i = 0; kerf_collective_column(layout, i, name); i++)
        KERF_CHECK(kerf_csv_column(csv, name[0]) >= 0 || (name[1] && kerf_csv_column(csv, name[1]) >= 0),
                   KERF_ERR_USAGE, "%s:1: column '%s' is missing for a table of %s", file, name[0],
                   layouts[layout].name);
    KERF_CHECK(kerf_csv_rows(csv) > 0, KERF_ERR_USAGE, "%s:1: no rows below the header", file);
    return KERF_OK;
}

int kerf_collective_answers(enum kerf_collective_layout layout)
{
    return layouts[layout].answers;
}

const char *kerf_collective_family_name(int family)
{
    return family < KERF_FAMILIES ? family_names[family] : NULL;
}

const char *kerf_collective_metric(const struct kerf_collective_row *row)
{
    if (row->family == KERF_FAMILY_DISPATCH)
        return "dispatch_s";
    if (row->family == KERF_FAMILY_COMBINE)
        return "combine_s";
    int i = 0;
    while (operations[i].op != row->call.op)
        i++;
    return operations[i].metric;
}

static const char *text_at(const struct kerf_csv *csv, int row, const char *column)
{
    return kerf_csv_field(csv, row, kerf_csv_column(csv, column));
}

/* A number that must be there. */
static enum kerf_status number_at(const struct kerf_csv *csv, int row, const char *column, double *value,
                                  struct kerf_error *error)
{
    KERF_TRY(kerf_csv_number(csv, row, column, value, error));
    return isnan(*value) ? kerf_csv_refuse(csv, row, error, "%s is missing", column) : KERF_OK;
}

static enum kerf_status read_bytes(const struct kerf_csv *csv, int row, struct kerf_collective_row *out,
                                   struct kerf_error *error)
{
    const char *column = kerf_csv_column(csv, "nccl_dtype") >= 0 ? "nccl_dtype" : "allreduce_dtype";
    const char *name = text_at(csv, row, column);
    enum kerf_format format;
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++)
        name = strcmp(name, format_names[i].name) == 0 ? format_names[i].format : name;
    if (!kerf_format_find(name, &format))
        return kerf_csv_refuse(csv, row, error,
                               "%s: unknown number format '%s'; half, bfloat16, int8 and others are known",
                               column, name);
    KERF_TRY(number_at(csv, row, "message_size", &out->call.bytes, error)); /* in elements */
    out->call.bytes *= kerf_format_facts(format)->bytes_per_element;
    out->in_switch = format != KERF_FORMAT_INT8; /* NCCL, ncclNvlsSupported() */
    return KERF_OK;
}

static enum kerf_status read_kernel(const struct kerf_csv *csv, int row, struct kerf_collective_row *out,
                                    struct kerf_error *error)
{
    const char *kernel = text_at(csv, row, "kernel_source");
    int k = 0;
    while (k < KERNELS && strcmp(kernel, kernels[k].name) != 0)
        k++;
    if (k == KERNELS)
        return kerf_csv_refuse(
            csv, row, error,
            "unknown kernel_source '%s'; NCCL, TRTLLM, SGLang_CustomAllReduce_graph are known", kernel);
    out->call.in_graph = kernels[k].in_graph;
    out->refused = kernels[k].refused;
    if (kernels[k].in_graph)
        out->family = KERF_FAMILY_IN_GRAPH;
    return KERF_OK;
}

static enum kerf_status read_size(const struct kerf_csv *csv, int row, const struct kerf_cluster *cluster,
                                  struct kerf_collective_row *out, struct kerf_error *error)
{
    const char *name = text_at(csv, row, "op_name");
    int o = 0;
    (void)cluster;
    while (o < OPERATIONS && strcmp(name, operations[o].name) != 0)
        o++;
    if (o == OPERATIONS)
        return kerf_csv_refuse(
            csv, row, error,
            "unknown op_name '%s'; all_reduce, all_gather, reduce_scatter, alltoall are known", name);
    out->call.op = operations[o].op;
    out->family = operations[o].family;
    KERF_TRY(read_kernel(csv, row, out, error));
    KERF_TRY(read_bytes(csv, row, out, error));
    KERF_TRY(number_at(csv, row, "num_gpus", &out->call.ranks, error));
    KERF_TRY(number_at(csv, row, "latency", &out->measured_s, error));
    out->measured_s *= s_per_ms;
    return KERF_OK;
}

static enum kerf_status read_exchange(const struct kerf_csv *csv, int row, const struct kerf_cluster *cluster,
                                      struct kerf_collective_row out[2], struct kerf_error *error)
{
    double width, nodes;
    struct kerf_expert_exchange exchange;
    KERF_TRY(number_at(csv, row, "hidden_size", &width, error));
    KERF_TRY(number_at(csv, row, "num_token", &exchange.tokens, error));
    KERF_TRY(number_at(csv, row, "num_topk", &exchange.top_k, error));
    KERF_TRY(number_at(csv, row, "num_experts", &exchange.experts, error));
    KERF_TRY(kerf_csv_number(csv, row, "node_num", &nodes, error));
    exchange.ranks =
        (isnan(nodes) ? 1.0 : nodes) * (cluster->domain > largest_node ? gpus_of_a_tray : cluster->domain);
    out[0] = (struct kerf_collective_row){.family = KERF_FAMILY_DISPATCH, .exchange = exchange};
    out[1] = (struct kerf_collective_row){.family = KERF_FAMILY_COMBINE, .exchange = exchange};
    out[0].exchange.bytes_per_copy = width + width / scale_block * scale_bytes + message_head_bytes;
    out[1].exchange.bytes_per_copy = width * bf16_bytes;
    KERF_TRY(number_at(csv, row, "dispatch_avg_t_us", &out[0].measured_s, error));
    KERF_TRY(number_at(csv, row, "combine_avg_t_us", &out[1].measured_s, error));
    out[0].measured_s *= s_per_us;
    out[1].measured_s *= s_per_us;
    return KERF_OK;
}

enum kerf_status kerf_collective_row_read(const struct kerf_csv *csv, enum kerf_collective_layout layout,
                                          int row, const struct kerf_cluster *cluster,
                                          struct kerf_collective_row out[KERF_COLLECTIVE_ANSWERS_MAX],
                                          struct kerf_error *error)
{
    memset(out, 0, KERF_COLLECTIVE_ANSWERS_MAX * sizeof *out);
    if (layout == KERF_COLLECTIVE_SIZES)
        return read_size(csv, row, cluster, out, error);
    return read_exchange(csv, row, cluster, out, error);
}

double kerf_collective_row_predict_s(const struct kerf_collective_params *params,
                                     const struct kerf_cluster *cluster,
                                     const struct kerf_collective_row *row)
{
    struct kerf_collective_params own = *params;
    double time_s;
    if (!row->in_switch)
        own.nvls_share = 0.0;
    if (row->family == KERF_FAMILY_DISPATCH)
        return kerf_expert_dispatch_s(params, cluster, &row->exchange);
    if (row->family == KERF_FAMILY_COMBINE)
        return kerf_expert_combine_s(params, cluster, &row->exchange);
    return kerf_collective_s(&own, cluster, &row->call, NULL, &time_s, NULL, NULL) == KERF_OK ? time_s : 0.0;
}

static bool is_exchange(const struct kerf_collective_row *row)
{
    return row->family == KERF_FAMILY_DISPATCH || row->family == KERF_FAMILY_COMBINE;
}

double kerf_collective_row_bytes(const struct kerf_collective_row *row)
{
    const struct kerf_expert_exchange *x = &row->exchange;
    return is_exchange(row) ? x->tokens * x->top_k * x->bytes_per_copy : row->call.bytes;
}

/* What decides whether a fit may see a row. */
static double held_by(const struct kerf_collective_row *row)
{
    return is_exchange(row) ? row->exchange.experts : row->call.ranks;
}

enum kerf_status kerf_collective_hold_out(struct kerf_collective_row *row, int rows, int every,
                                          struct kerf_error *error)
{
    double *value = malloc(((size_t)rows + 1) * sizeof *value);
    int values = 0;
    KERF_CHECK(value, KERF_ERR_FAILURE, "out of memory for %d rows", rows);
    for (int i = 0; i < rows; i++)
        value[i] = held_by(&row[i]);
    qsort(value, (size_t)rows, sizeof *value, kerf_compare_doubles);
    for (int i = 0; i < rows; i++)
        if (i == 0 || value[i] > value[values - 1])
            value[values++] = value[i];
    for (int i = 0; i < rows; i++) {
        double own = held_by(&row[i]);
        const double *at = bsearch(&own, value, (size_t)values, sizeof own, kerf_compare_doubles);
        row[i].held = every > 0 && (at - value) % every == 1;
    }
    free(value);
    return KERF_OK;
}
