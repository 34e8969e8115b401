/* The study room: reads tables of measured kernels. Knows columns and what is wrong with them; no model. */
#include "sim/study/kernel_table.h"

#include "sim/io/text_file.h"
#include "sim/study/expert_load.h"
#include "sim/study/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double s_per_ms = 1e-3;

/* How held-out families spread over a grid, and how many sizes there must be for the ends to be spared. */
enum { FIRST_STRIDE = 3, SECOND_STRIDE = 2, SIZES_LEAST = 4 };

/* The columns of one kind of table. A family is two dimensions; `size` is the one whose ends are held out. */
static const struct layout {
    const char *name;
    const char *format[2];                         /* the column may have either name */
    const char *dimension[KERF_KERNEL_DIMENSIONS]; /* NULL: no column */
    int family[2], size;
    int may_be_zero;    /* this dimension; -1: none */
    const char *spread; /* column that says how tokens fall on experts */
    const char *cache;  /* column of the format of the cache */
} layouts[KERF_KERNEL_COUNT] = {
    [KERF_KERNEL_GEMM] = {.name = "gemm",
                          .format = {"gemm_dtype", "dtype"},
                          .dimension = {"m", "n", "k"},
                          .family = {KERF_GEMM_N, KERF_GEMM_K},
                          .size = KERF_GEMM_M,
                          .may_be_zero = -1},
    [KERF_KERNEL_EXPERTS] = {.name = "experts",
                             .format = {"moe_dtype", "dtype"},
                             .dimension = {"num_tokens", "hidden_size", "inter_size", "topk", "num_experts",
                                           "moe_tp_size", "moe_ep_size"},
                             .family = {KERF_MOE_CUT, KERF_MOE_RANKS},
                             .size = KERF_MOE_TOKENS,
                             .may_be_zero = -1,
                             .spread = "distribution"},
    [KERF_KERNEL_ATTENTION] = {.name = "attention",
                               .format = {"kv_cache_dtype", "kv_cache_dtype"},
                               .dimension = {"batch_size", "isl", "step", "num_heads", "num_key_value_heads",
                                             "head_dim"},
                               .family = {KERF_ATTENTION_HEADS, KERF_ATTENTION_KV_HEADS},
                               .size = KERF_ATTENTION_CONTEXT,
                               .may_be_zero = KERF_ATTENTION_EARLIER,
                               .cache = "kv_cache_dtype"},
    [KERF_KERNEL_MLA_DECODE] = {.name = "mla-decode",
                                .format = {"gemm_type", "dtype"},
                                .dimension = {"batch_size", "isl", "step", "num_heads"},
                                .family = {KERF_ATTENTION_HEADS, KERF_ATTENTION_CACHE_BYTES},
                                .size = KERF_ATTENTION_CONTEXT,
                                .may_be_zero = KERF_ATTENTION_EARLIER,
                                .cache = "kv_cache_dtype"},
    [KERF_KERNEL_MLA_PREFILL] = {.name = "mla-prefill",
                                 .format = {"gemm_type", "dtype"},
                                 .dimension = {"batch_size", "isl", "step", "num_heads"},
                                 .family = {KERF_ATTENTION_HEADS, KERF_ATTENTION_CACHE_BYTES},
                                 .size = KERF_ATTENTION_CONTEXT,
                                 .may_be_zero = KERF_ATTENTION_EARLIER,
                                 .cache = "kv_cache_dtype"},
};

/* Columns that a table may have and that must say that the plain kernel was measured. */
static const struct {
    const char *column;
    double value;
    const char *why;
} plain[] = {{"window_size", 0.0, "sliding windows are not calibrated"},
             {"beam_width", 1.0, "beams are not calibrated"},
             {"tp_size", 1.0, "num_heads is per rank, so tp_size is 1"}};
enum { PLAIN_COLUMNS = sizeof plain / sizeof plain[0] };

const char *kerf_kernel_name(int kernel)
{
    return kernel < KERF_KERNEL_COUNT ? layouts[kernel].name : NULL;
}

bool kerf_kernel_column(enum kerf_kernel kernel, int index, const char *name[2])
{
    const struct layout *layout = &layouts[kernel];
    int dimensions = 0;
    while (dimensions < KERF_KERNEL_DIMENSIONS && layout->dimension[dimensions])
        dimensions++;
    const char *const last[][2] = {
        {layout->format[0], layout->format[1]}, {"latency", NULL}, {layout->cache, NULL}};
    int columns = dimensions + (layout->cache ? 3 : 2);
    if (index >= columns)
        return false;
    name[0] = index < dimensions ? layout->dimension[index] : last[index - dimensions][0];
    name[1] = index < dimensions ? NULL : last[index - dimensions][1];
    return true;
}

struct reader {
    const struct kerf_csv *csv;
    const struct layout *layout;
    const char *path;
    int format, dimension[KERF_KERNEL_DIMENSIONS], latency, spread, cache;
};

static enum kerf_status find_column(const struct reader *r, const char *name, int *column,
                                    struct kerf_error *error)
{
    *column = kerf_csv_column(r->csv, name);
    KERF_CHECK(*column >= 0, KERF_ERR_USAGE, "%s:1: column '%s' is missing", r->path, name);
    return KERF_OK;
}

static enum kerf_status find_columns(struct reader *r, struct kerf_error *error)
{
    r->format = kerf_csv_column(r->csv, r->layout->format[0]);
    if (r->format < 0)
        r->format = kerf_csv_column(r->csv, r->layout->format[1]);
    KERF_CHECK(r->format >= 0, KERF_ERR_USAGE, "%s:1: column '%s' (or '%s') is missing", r->path,
               r->layout->format[0], r->layout->format[1]);
    for (int i = 0; i < KERF_KERNEL_DIMENSIONS && r->layout->dimension[i]; i++)
        KERF_TRY(find_column(r, r->layout->dimension[i], &r->dimension[i], error));
    if (r->layout->cache)
        KERF_TRY(find_column(r, r->layout->cache, &r->cache, error));
    if (r->layout->spread)
        KERF_TRY(find_column(r, r->layout->spread, &r->spread, error));
    return find_column(r, "latency", &r->latency, error);
}

/* A row's line: one line a row, the first under the header. */
static int line_of(int row)
{
    return row + 2;
}

static enum kerf_status read_number(const struct reader *r, int row, int column, const char *name,
                                    double *value, struct kerf_error *error)
{
    const char *text = kerf_csv_field(r->csv, row, column);
    char *end;
    *value = strtod(text, &end);
    KERF_CHECK(end != text && !*end && isfinite(*value), KERF_ERR_USAGE, "%s:%d: %s: '%s' is not a number",
               r->path, line_of(row), name, text);
    return KERF_OK;
}

static enum kerf_status read_positive(const struct reader *r, int row, int column, const char *name,
                                      double *value, struct kerf_error *error)
{
    KERF_TRY(read_number(r, row, column, name, value, error));
    KERF_CHECK(*value > 0.0, KERF_ERR_USAGE, "%s:%d: %s must be above 0, is %s", r->path, line_of(row), name,
               kerf_csv_field(r->csv, row, column));
    return KERF_OK;
}

static enum kerf_status read_dimension(const struct reader *r, int row, int which, double *value,
                                       struct kerf_error *error)
{
    const char *name = r->layout->dimension[which];
    if (which != r->layout->may_be_zero)
        return read_positive(r, row, r->dimension[which], name, value, error);
    KERF_TRY(read_number(r, row, r->dimension[which], name, value, error));
    KERF_CHECK(*value >= 0.0, KERF_ERR_USAGE, "%s:%d: %s must not be negative, is %s", r->path, line_of(row),
               name, kerf_csv_field(r->csv, row, r->dimension[which]));
    return KERF_OK;
}

static enum kerf_status read_format(const struct reader *r, int row, int column, enum kerf_format *format,
                                    struct kerf_error *error)
{
    const char *name = kerf_csv_field(r->csv, row, column);
    KERF_CHECK(kerf_format_find(name, format), KERF_ERR_USAGE,
               "%s:%d: unknown number format '%s'; bfloat16, fp8, fp8_block, nvfp4 and others are known",
               r->path, line_of(row), name);
    return KERF_OK;
}

static enum kerf_status read_attention(const struct reader *r, int row, struct kerf_kernel_row *out,
                                       struct kerf_error *error)
{
    KERF_TRY(read_format(r, row, r->cache, &out->cache, error));
    for (int i = 0; i < PLAIN_COLUMNS; i++) {
        double value;
        int column = kerf_csv_column(r->csv, plain[i].column);
        if (column < 0)
            continue;
        KERF_TRY(read_number(r, row, column, plain[i].column, &value, error));
        KERF_CHECK(value == plain[i].value, KERF_ERR_USAGE, "%s:%d: %s must be %g: %s", r->path, line_of(row),
                   plain[i].column, plain[i].value, plain[i].why);
    }
    out->dimension[KERF_ATTENTION_CONTEXT] =
        out->dimension[KERF_ATTENTION_TOKENS] + out->dimension[KERF_ATTENTION_EARLIER];
    out->dimension[KERF_ATTENTION_CACHE_BYTES] = kerf_format_facts(out->cache)->bytes_per_element;
    return KERF_OK;
}

static enum kerf_status read_spread(const struct reader *r, int row, struct kerf_kernel_row *out,
                                    struct kerf_error *error)
{
    const char *name = kerf_csv_field(r->csv, row, r->spread);
    struct kerf_expert_spread spread = {.tokens = out->dimension[KERF_MOE_TOKENS],
                                        .experts = out->dimension[KERF_MOE_EXPERTS],
                                        .top_k = out->dimension[KERF_MOE_TOP_K],
                                        .ranks = out->dimension[KERF_MOE_RANKS]};
    KERF_CHECK(kerf_expert_spread_find(name, &spread.exponent), KERF_ERR_USAGE,
               "%s:%d: unknown distribution '%s'; balanced or power_law_1.2 (any exponent above 1) is wanted",
               r->path, line_of(row), name);
    KERF_CHECK(spread.ranks <= spread.experts, KERF_ERR_USAGE, "%s:%d: more ranks than experts", r->path,
               line_of(row));
    out->load = kerf_expert_load_of(&spread);
    return KERF_OK;
}

static enum kerf_status read_row(const struct reader *r, int row, struct kerf_kernel_row *out,
                                 struct kerf_error *error)
{
    KERF_TRY(read_format(r, row, r->format, &out->format, error));
    for (int i = 0; i < KERF_KERNEL_DIMENSIONS && r->layout->dimension[i]; i++)
        KERF_TRY(read_dimension(r, row, i, &out->dimension[i], error));
    KERF_TRY(read_positive(r, row, r->latency, "latency", &out->measured_s, error));
    out->measured_s *= s_per_ms;
    if (r->layout->cache)
        return read_attention(r, row, out, error);
    return r->layout->spread ? read_spread(r, row, out, error) : KERF_OK;
}

static enum kerf_status read_rows(struct reader *r, struct kerf_kernel_table *table, struct kerf_error *error)
{
    KERF_TRY(find_columns(r, error));
    table->rows = kerf_csv_rows(r->csv);
    KERF_CHECK(table->rows > 0, KERF_ERR_USAGE, "%s:1: no rows below the header", r->path);
    table->row = calloc((size_t)table->rows, sizeof *table->row);
    KERF_CHECK(table->row, KERF_ERR_FAILURE, "%s: out of memory for %d rows", r->path, table->rows);
    for (int row = 0; row < table->rows; row++)
        KERF_TRY(read_row(r, row, &table->row[row], error));
    return KERF_OK;
}

enum kerf_status kerf_kernel_table_take(const struct kerf_csv *csv, const char *path, enum kerf_kernel kernel,
                                        struct kerf_kernel_table *table, struct kerf_error *error)
{
    struct reader reader = {.csv = csv, .layout = &layouts[kernel], .path = path};
    *table = (struct kerf_kernel_table){.kernel = kernel};
    snprintf(table->file, sizeof table->file, "%s", path);
    enum kerf_status status = read_rows(&reader, table, error);
    if (status != KERF_OK)
        kerf_kernel_table_free(table);
    return status;
}

enum kerf_status kerf_kernel_table_read(MPI_Comm comm, const char *path, enum kerf_kernel kernel,
                                        struct kerf_kernel_table *table, struct kerf_error *error)
{
    struct kerf_csv *csv;
    char *text;
    KERF_TRY(kerf_text_file_read(comm, path, &text, error));
    enum kerf_status status = kerf_csv_parse(text, path, &csv, error);
    free(text);
    KERF_TRY(status);
    status = kerf_kernel_table_take(csv, path, kernel, table, error);
    kerf_csv_free(csv);
    return status;
}

void kerf_kernel_table_free(struct kerf_kernel_table *table)
{
    free(table->row);
    table->row = NULL;
}

/* The different values of a dimension, ascending. */
struct values {
    int count;
    double *value; /* owned */
};

static enum kerf_status gather(const struct kerf_kernel_table *table, int dimension, struct values *values,
                               struct kerf_error *error)
{
    values->value = malloc((size_t)table->rows * sizeof *values->value);
    KERF_CHECK(values->value, KERF_ERR_FAILURE, "%s: out of memory", table->file);
    for (int i = 0; i < table->rows; i++)
        values->value[i] = table->row[i].dimension[dimension];
    qsort(values->value, (size_t)table->rows, sizeof *values->value, kerf_compare_doubles);
    values->count = 0;
    for (int i = 0; i < table->rows; i++)
        if (i == 0 || values->value[i] > values->value[values->count - 1])
            values->value[values->count++] = values->value[i];
    return KERF_OK;
}

static int rank_in(const struct values *values, double value)
{
    const double *at =
        bsearch(&value, values->value, (size_t)values->count, sizeof value, kerf_compare_doubles);
    return (int)(at - values->value);
}

static void mark(struct kerf_kernel_table *table, const struct values *values, int every)
{
    const struct layout *layout = &layouts[table->kernel];
    int last = values[2].count - 1;
    for (int i = 0; i < table->rows; i++) {
        struct kerf_kernel_row *row = &table->row[i];
        int a = rank_in(&values[0], row->dimension[layout->family[0]]);
        int b = rank_in(&values[1], row->dimension[layout->family[1]]);
        int size = rank_in(&values[2], row->dimension[layout->size]);
        row->family = a * values[1].count + b;
        row->use = KERF_KERNEL_FITTED;
        if (every > 0 && last >= SIZES_LEAST && (size == 0 || size == last))
            row->use = KERF_KERNEL_EXTREME_HELD;
        if (every > 0 && (FIRST_STRIDE * a + SECOND_STRIDE * b) % every == 0)
            row->use = KERF_KERNEL_FAMILY_HELD;
    }
    table->families = values[0].count * values[1].count;
}

enum kerf_status kerf_kernel_table_hold_out(struct kerf_kernel_table *table, int every,
                                            struct kerf_error *error)
{
    const struct layout *layout = &layouts[table->kernel];
    const int dimension[3] = {layout->family[0], layout->family[1], layout->size};
    struct values values[3] = {0};
    enum kerf_status status = KERF_OK;
    for (int i = 0; i < 3 && status == KERF_OK; i++)
        status = gather(table, dimension[i], &values[i], error);
    if (status == KERF_OK)
        mark(table, values, every);
    for (int i = 0; i < 3; i++)
        free(values[i].value);
    return status;
}
