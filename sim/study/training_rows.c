/* The study room: rows of training steps, predicted. */
#include "sim/study/image_row.h"
#include "sim/study/row_source.h"
#include "sim/study/training_choice.h"
#include "sim/study/training_machine.h"
#include "sim/study/wafer_training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows that scalars were fitted on (docs/model.md): of each generation's training entry and of stacks. */
static const char *const fitted[] = {
    "T0202", "T0211", "T0215", "T0222", "T0230", "T0238", "T0246", "T0265", "T0274", "T0809",
    "T0851", "T0868", "T0904", /* Ampere */
    "T0059", "T0128", "T0131", "T0152", "T0155", "T0158", "T0164", "T0168", "T0184", "T0640",
    "T0672", "T0766",                                                                         /* Hopper */
    "T0414", "T0418", "T0441", "T0442", "T0448", "T0450", "T0464", "T0470", "T0472", "T0594", /* Blackwell */
};

static void name_row(const struct kerf_training_row *row, struct kerf_prediction *p)
{
    snprintf(p->id, sizeof p->id, "%s", row->id);
    snprintf(p->metric, sizeof p->metric, "%s", row->metric);
    snprintf(p->subject, sizeof p->subject, "%s", row->model);
    snprintf(p->hardware, sizeof p->hardware, "%s", row->hardware);
    snprintf(p->software, sizeof p->software, "%s", row->software);
    p->measured = row->measured;
    for (size_t i = 0; i < sizeof fitted / sizeof fitted[0]; i++)
        if (strcmp(fitted[i], row->id) == 0)
            snprintf(p->use, sizeof p->use, "fit");
}

/* Model FLOP/s of a GPU: what a table of like rows would take for a constant. */
static void fill_naive(const struct kerf_training_row *row, const struct kerf_training_step *step,
                       struct kerf_prediction *p)
{
    double ratio = row->measured / kerf_training_row_figure(row, step);
    snprintf(p->naive.pool, sizeof p->naive.pool, "training, %s, %s", row->hardware,
             row->job.precision->name);
    p->naive.power = row->kind == KERF_TRAINED_STEP ? -1 : 1;
    p->naive.value = step->model_flops_gpu * (p->naive.power > 0 ? ratio : 1.0 / ratio);
}

/* All three columns of one row; what it leaves open is chosen in the nominal one. */
static enum kerf_status predict_row(const struct kerf_training_entries *entries,
                                    struct kerf_training_row *row, struct kerf_prediction *p)
{
    static const enum kerf_column columns[] = {KERF_COLUMN_NOMINAL, KERF_COLUMN_LOW, KERF_COLUMN_HIGH};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct kerf_training_machine machine;
        struct kerf_training_step step;
        struct kerf_error why = {0};
        kerf_training_entries_fill(entries, columns[i], &machine);
        enum kerf_status status = columns[i] == KERF_COLUMN_NOMINAL
                                      ? kerf_training_choose(&machine, row, &step, &why)
                                      : kerf_training_step(&machine, &row->job, &step, &why);
        if (status != KERF_OK) {
            kerf_prediction_refuse(p, "%s", why.message);
            return KERF_OK;
        }
        if (columns[i] == KERF_COLUMN_NOMINAL)
            fill_naive(row, &step, p);
        p->predicted[columns[i]] = kerf_training_row_figure(row, &step);
    }
    return KERF_OK;
}

static enum kerf_status predict(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error)
{
    struct kerf_training_row *row = malloc(sizeof *row);
    struct kerf_training_entries *entries = malloc(sizeof *entries);
    char loaded[sizeof row->hardware] = "";
    enum kerf_status status =
        row && entries ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory");
    for (int i = 0; status == KERF_OK && i < kerf_csv_rows(table->csv); i++) {
        const char *model = kerf_csv_field(table->csv, i, kerf_csv_column(table->csv, "model"));
        if (kerf_image_row_is(model)) {
            status = kerf_image_row_predict(table, i, &prediction[i], error);
            continue;
        }
        status = kerf_training_row_read(table->csv, i, table->catalog, row, error);
        if (status != KERF_OK)
            break;
        name_row(row, &prediction[i]);
        bool streams;
        status = kerf_wafer_training_knows(table->catalog, row->hardware, &streams, error);
        if (status == KERF_OK && streams)
            status = kerf_wafer_training_predict(table, i, &prediction[i], error);
        if (status != KERF_OK || streams)
            continue;
        if (row->reason[0]) {
            kerf_prediction_refuse(&prediction[i], "%s", row->reason);
            continue;
        }
        if (strcmp(loaded, row->hardware) != 0)
            status = kerf_training_entries_read(table->catalog, row->hardware, entries, error);
        snprintf(loaded, sizeof loaded, "%s", row->hardware);
        if (status == KERF_OK)
            status = predict_row(entries, row, &prediction[i]);
    }
    free(row);
    free(entries);
    return status;
}

const struct kerf_row_source kerf_training_rows = {
    .name = "training",
    .column = {{"id"}, {"model"}, {"hardware"}, {"measured_metric"}, {"value"}},
    .answers = 1,
    .predict = predict,
};
