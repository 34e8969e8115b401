/* The study room: rows of measured collectives, predicted with the library that a GPU names. */
#include "sim/study/collective_part.h"
#include "sim/study/collective_table.h"
#include "sim/study/fitted_tables.h"
#include "sim/study/row_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a table needs: the GPUs that it names, and its rows. */
struct bench {
    const struct kerf_row_table *table;
    enum kerf_collective_layout layout;
    struct kerf_collective_part **part; /* owned, each */
    int parts;
    int rows, answers;
    struct kerf_collective_row *row;                 /* owned: all answers of all rows */
    const struct kerf_collective_part **part_of_row; /* owned */
};

static const char *text_at(const struct kerf_row_table *table, int row, const char *column)
{
    return kerf_csv_field(table->csv, row, kerf_csv_column(table->csv, column));
}

/* The GPU of a row: its catalog entry, else what the driver calls it, else what the command line says. */
static enum kerf_status part_name(const struct kerf_row_table *table, int row, const char **name,
                                  struct kerf_error *error)
{
    *name = text_at(table, row, "hardware");
    if (!**name)
        *name = text_at(table, row, "device");
    if (!**name && table->hardware)
        *name = table->hardware;
    return **name ? KERF_OK
                  : kerf_csv_refuse(
                        table->csv, row, error,
                        "which GPU was measured? A column 'hardware' or 'device', or --hardware NAME "
                        "is wanted");
}

static enum kerf_status find_part(struct bench *b, int row, const struct kerf_collective_part **part,
                                  struct kerf_error *error)
{
    const char *name;
    KERF_TRY(part_name(b->table, row, &name, error));
    for (int i = 0; i < b->parts; i++)
        if (strcmp(b->part[i]->called, name) == 0) {
            *part = b->part[i];
            return KERF_OK;
        }
    struct kerf_collective_part **grown = realloc(b->part, ((size_t)b->parts + 1) * sizeof *grown);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %s", name);
    b->part = grown;
    grown[b->parts] = calloc(1, sizeof **grown);
    KERF_CHECK(grown[b->parts], KERF_ERR_FAILURE, "out of memory for %s", name);
    *part = grown[b->parts++];
    if (kerf_collective_part_open(b->table->catalog, name, grown[b->parts - 1], error) != KERF_OK)
        return kerf_error_prefix(error, "%s:%d: ", b->table->file, kerf_csv_line(b->table->csv, row));
    return KERF_OK;
}

static enum kerf_status read_rows(struct bench *b, struct kerf_error *error)
{
    for (int row = 0; row < b->rows; row++) {
        const struct kerf_collective_part **part = &b->part_of_row[row];
        struct kerf_collective_row answer[KERF_COLLECTIVE_ANSWERS_MAX];
        KERF_TRY(find_part(b, row, part, error));
        KERF_TRY(kerf_collective_row_read(b->table->csv, b->layout, row,
                                          &(*part)->cluster[KERF_COLUMN_NOMINAL], answer, error));
        memcpy(&b->row[row * b->answers], answer, (size_t)b->answers * sizeof *answer);
    }
    return kerf_collective_hold_out(b->row, b->rows * b->answers, error);
}

static void describe(const struct bench *b, int row, const struct kerf_collective_row *in,
                     struct kerf_prediction *p)
{
    const struct kerf_collective_part *part = b->part_of_row[row];
    const char *use = text_at(b->table, row, "use"), *family = kerf_collective_family_name(in->family);
    bool fitted = kerf_fitted_to(part->entry, family, b->table->file);
    snprintf(p->id, sizeof p->id, "%s:%d", b->table->file, kerf_csv_line(b->table->csv, row));
    snprintf(p->metric, sizeof p->metric, "%s", kerf_collective_metric(in));
    snprintf(p->subject, sizeof p->subject, in->call.in_graph ? "%s, %s" : "%s", family,
             text_at(b->table, row, "kernel_source"));
    snprintf(p->hardware, sizeof p->hardware, "%s", part->hardware.name);
    snprintf(p->software, sizeof p->software, "%s", text_at(b->table, row, "kernel_source"));
    snprintf(p->use, sizeof p->use, "%s", *use ? use : !fitted ? "" : in->held ? "held" : "fit");
    p->measured = in->measured_s;
    p->naive.value = kerf_collective_row_bytes(in) / in->measured_s;
    p->naive.power = -1;
    snprintf(p->naive.pool, sizeof p->naive.pool, "%.64s %s", p->hardware, p->metric);
}

static void predict_row(const struct bench *b, int row, const struct kerf_collective_row *in,
                        struct kerf_prediction *p)
{
    const struct kerf_collective_part *part = b->part_of_row[row];
    describe(b, row, in, p);
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
    struct bench b = {.table = table,
                      .layout = (enum kerf_collective_layout)table->variant,
                      .rows = kerf_csv_rows(table->csv),
                      .answers = kerf_collective_answers((enum kerf_collective_layout)table->variant)};
    b.row = calloc((size_t)b.rows * (size_t)b.answers, sizeof *b.row);
    b.part_of_row = calloc((size_t)b.rows, sizeof *b.part_of_row);
    enum kerf_status status =
        b.row && b.part_of_row ? read_rows(&b, error)
                               : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d rows", b.rows);
    for (int i = 0; i < b.rows * b.answers && status == KERF_OK; i++)
        predict_row(&b, i / b.answers, &b.row[i], &prediction[i]);
    for (int i = 0; i < b.parts; i++) {
        kerf_collective_part_close(b.part[i]);
        free(b.part[i]);
    }
    free(b.part);
    free(b.part_of_row);
    free(b.row);
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
