/* The study room: rows of measured collectives, predicted with the library that a GPU names. */
#include "sim/study/collective_set.h"
#include "sim/study/fitted_tables.h"
#include "sim/study/row_source.h"

#include <stdio.h>

static const char *text_at(const struct kerf_row_table *table, int row, const char *column)
{
    return kerf_csv_field(table->csv, row, kerf_csv_column(table->csv, column));
}

static void describe(const struct kerf_row_table *table, const struct kerf_collective_set *set, int index,
                     struct kerf_prediction *p)
{
    const struct kerf_collective_part *part = set->part_of_row[index];
    const struct kerf_collective_row *in = &set->row[index];
    int row = index / set->answers;
    const char *use = text_at(table, row, "use"), *family = kerf_collective_family_name(in->family);
    bool fitted = kerf_fitted_to(part->entry, family, table->file);
    snprintf(p->id, sizeof p->id, "%s:%d", table->file, kerf_csv_line(table->csv, row));
    snprintf(p->metric, sizeof p->metric, "%s", kerf_collective_metric(in));
    snprintf(p->subject, sizeof p->subject, in->call.in_graph ? "%s, %s" : "%s", family,
             text_at(table, row, "kernel_source"));
    snprintf(p->hardware, sizeof p->hardware, "%s", part->hardware.name);
    snprintf(p->software, sizeof p->software, "%s", text_at(table, row, "kernel_source"));
    snprintf(p->use, sizeof p->use, "%s", *use ? use : !fitted ? "" : in->held ? "held" : "fit");
    p->measured = in->measured_s;
    p->naive.value = kerf_collective_row_bytes(in) / in->measured_s;
    p->naive.power = -1;
    snprintf(p->naive.pool, sizeof p->naive.pool, "%.64s %s", p->hardware, p->metric);
}

static void predict_row(const struct kerf_collective_set *set, int index, struct kerf_prediction *p)
{
    const struct kerf_collective_part *part = set->part_of_row[index];
    const struct kerf_collective_row *in = &set->row[index];
    if (in->refused)
        kerf_prediction_refuse(p, "%s", in->refused);
    for (int column = 0; column < KERF_COLUMN_COUNT; column++)
        p->predicted[column] =
            kerf_collective_row_predict_s(&part->params[column], &part->cluster[column], in);
    if (!(p->predicted[KERF_COLUMN_NOMINAL] > 0.0))
        kerf_prediction_refuse(p, "%s cannot run it on these ranks", part->library.name);
}

static enum kerf_status predict(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error)
{
    struct kerf_collective_set set;
    enum kerf_status status = kerf_collective_set_read(
        table->catalog, table->csv, table->file, (enum kerf_collective_layout)table->variant, table->hardware,
        KERF_COLLECTIVE_HOLD_OUT, &set, error);
    for (int i = 0; i < set.rows && status == KERF_OK; i++) {
        describe(table, &set, i, &prediction[i]);
        predict_row(&set, i, &prediction[i]);
    }
    kerf_collective_set_free(&set);
    return status;
}

struct kerf_row_source kerf_collective_rows(int layout)
{
    const enum kerf_collective_layout which = (enum kerf_collective_layout)layout;
    struct kerf_row_source source = {.name = kerf_collective_layout_name(which),
                                     .variant = layout,
                                     .answers = kerf_collective_answers(which),
                                     .predict = predict};
    for (int i = 0; i + 1 < KERF_ROW_COLUMNS_MAX; i++)
        if (!kerf_collective_column(which, i, source.column[i]))
            break;
    return source;
}

/* TensorRT-LLM's all-to-all over NVLink: listed, so that the rows have a reason. */
static enum kerf_status refuse_nvlink(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                      struct kerf_error *error)
{
    for (int row = 0; row < kerf_csv_rows(table->csv); row++) {
        struct kerf_prediction *p = &prediction[row];
        KERF_TRY(kerf_csv_number(table->csv, row, "latency", &p->measured, error));
        p->measured *= 1e-3;
        snprintf(p->id, sizeof p->id, "%s:%d", table->file, kerf_csv_line(table->csv, row));
        snprintf(p->metric, sizeof p->metric, "%.40s_s", text_at(table, row, "op_name"));
        snprintf(p->hardware, sizeof p->hardware, "%s", text_at(table, row, "device"));
        snprintf(p->software, sizeof p->software, "%s", text_at(table, row, "kernel_source"));
        kerf_prediction_refuse(p, "TensorRT-LLM's %s all-to-all is not modelled", p->software);
    }
    return KERF_OK;
}

const struct kerf_row_source kerf_nvlink_rows = {
    .name = "NVLink all-to-all",
    .column = {{"op_name"},
               {"kernel_source"},
               {"num_tokens"},
               {"topk"},
               {"num_experts"},
               {"moe_ep_size"},
               {"latency"}},
    .answers = 1,
    .predict = refuse_nvlink,
};
