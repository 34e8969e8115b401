/* The study room: rows of measured kernels, predicted with the leaves of one GPU. */
#include "sim/study/calibrate.h"
#include "sim/study/fitted_tables.h"
#include "sim/study/row_source.h"

#include <stdio.h>
#include <string.h>

/* FLOP of a kernel, for the naive baseline: the rate of its kind. */
static double gemm_flop(const struct kerf_kernel_row *row)
{
    return 2.0 * row->dimension[KERF_GEMM_M] * row->dimension[KERF_GEMM_N] * row->dimension[KERF_GEMM_K];
}

static double experts_flop(const struct kerf_kernel_row *row)
{
    return 6.0 * row->load.rows * row->dimension[KERF_MOE_MODEL] * row->dimension[KERF_MOE_INNER] /
           row->dimension[KERF_MOE_CUT];
}

static double attention_flop(const struct kerf_kernel_row *row)
{
    return 4.0 * row->dimension[KERF_ATTENTION_BATCH] * row->dimension[KERF_ATTENTION_HEADS] *
           row->dimension[KERF_ATTENTION_HEAD_DIM] * row->dimension[KERF_ATTENTION_CONTEXT];
}

/* Modules of MLA have no baseline: projections and attention grow in different ways. */
static double (*const flop_of[KERF_KERNEL_COUNT])(const struct kerf_kernel_row *) = {
    [KERF_KERNEL_GEMM] = gemm_flop,
    [KERF_KERNEL_EXPERTS] = experts_flop,
    [KERF_KERNEL_ATTENTION] = attention_flop,
};

static const char *const use_names[KERF_KERNEL_USES] = {[KERF_KERNEL_FITTED] = "fit",
                                                        [KERF_KERNEL_FAMILY_HELD] = "family",
                                                        [KERF_KERNEL_EXTREME_HELD] = "extreme"};

struct part {
    struct kerf_leaf_set leaves;
    struct kerf_gpu_params gpu[KERF_COLUMN_COUNT];
    bool fitted; /* to this table */
};

/* Tables of MLA have the same columns; those of prompts have nothing cached before. */
static enum kerf_kernel told_by_rows(const struct kerf_kernel_table *kernels)
{
    if (kernels->kernel != KERF_KERNEL_MLA_DECODE)
        return kernels->kernel;
    for (int i = 0; i < kernels->rows; i++)
        if (kernels->row[i].dimension[KERF_ATTENTION_EARLIER] > 0.0)
            return KERF_KERNEL_MLA_DECODE;
    return KERF_KERNEL_MLA_PREFILL;
}

static enum kerf_status open_part(const struct kerf_row_table *table, enum kerf_kernel kernel,
                                  struct part *part, struct kerf_error *error)
{
    struct kerf_yaml *entry;
    KERF_CHECK(table->hardware, KERF_ERR_USAGE,
               "%s: a table of kernels does not say what was measured; --hardware NAME is wanted",
               table->file);
    KERF_TRY(kerf_catalog_load(table->catalog, "hardware", table->hardware, &entry, error));
    enum kerf_status status = kerf_leaf_set_read(entry, &kerf_gpu_leaves, &part->leaves, error);
    part->fitted = kerf_fitted_to(entry, kerf_kernel_name(kernel), table->file);
    kerf_yaml_free(entry);
    for (int column = 0; column < KERF_COLUMN_COUNT && status == KERF_OK; column++)
        kerf_leaf_set_fill(&part->leaves, (enum kerf_column)column, &part->gpu[column]);
    return status;
}

static void describe(const struct kerf_row_table *table, enum kerf_kernel kernel, const struct part *part,
                     int index, const struct kerf_kernel_row *row, struct kerf_prediction *p)
{
    const char *name = kerf_kernel_name(kernel), *format = kerf_format_facts(row->format)->name;
    const char *use = kerf_csv_field(table->csv, index, kerf_csv_column(table->csv, "use"));
    snprintf(p->id, sizeof p->id, "%s:%d", table->file, kerf_csv_line(table->csv, index));
    snprintf(p->metric, sizeof p->metric, "%s_s", name);
    snprintf(p->subject, sizeof p->subject, "%s", format);
    snprintf(p->hardware, sizeof p->hardware, "%s", part->leaves.name);
    snprintf(p->use, sizeof p->use, "%s", *use ? use : part->fitted ? use_names[row->use] : "");
    p->measured = row->measured_s;
    if (!flop_of[kernel])
        return;
    snprintf(p->naive.pool, sizeof p->naive.pool, "%s %s %s", part->leaves.name, name, format);
    p->naive.value = flop_of[kernel](row) / row->measured_s;
    p->naive.power = -1;
}

static enum kerf_status predict_rows(const struct kerf_row_table *table,
                                     const struct kerf_kernel_table *kernels,
                                     struct kerf_prediction *prediction, struct kerf_error *error)
{
    struct part part;
    KERF_TRY(open_part(table, kernels->kernel, &part, error));
    for (int i = 0; i < kernels->rows; i++) {
        const struct kerf_kernel_row *row = &kernels->row[i];
        struct kerf_prediction *p = &prediction[i];
        describe(table, kernels->kernel, &part, i, row, p);
        for (int column = 0; column < KERF_COLUMN_COUNT; column++)
            p->predicted[column] = kerf_kernel_predict_s(&part.gpu[column], kernels->kernel, row);
        if (!(p->predicted[KERF_COLUMN_NOMINAL] > 0.0))
            kerf_prediction_refuse(p, "%s has no %s unit", part.leaves.name, p->subject);
    }
    return KERF_OK;
}

static enum kerf_status predict(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error)
{
    struct kerf_kernel_table kernels;
    KERF_TRY(
        kerf_kernel_table_take(table->csv, table->file, (enum kerf_kernel)table->variant, &kernels, error));
    kernels.kernel = told_by_rows(&kernels);
    enum kerf_status status = kerf_kernel_table_hold_out(&kernels, KERF_KERNEL_EVERY_FAMILY, error);
    if (status == KERF_OK)
        status = predict_rows(table, &kernels, prediction, error);
    kerf_kernel_table_free(&kernels);
    return status;
}

struct kerf_row_source kerf_kernel_rows(int kernel)
{
    struct kerf_row_source source = {
        .name = kerf_kernel_name(kernel), .variant = kernel, .answers = 1, .predict = predict};
    for (int i = 0; i + 1 < KERF_ROW_COLUMNS_MAX; i++)
        if (!kerf_kernel_column((enum kerf_kernel)kernel, i, source.column[i]))
            break;
    return source;
}
