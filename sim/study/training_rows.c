/* The study room: rows of training steps. */
#include "sim/study/row_source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *field(const struct kerf_row_table *table, int row, const char *name)
{
    return kerf_csv_field(table->csv, row, kerf_csv_column(table->csv, name));
}

static enum kerf_status predict(const struct kerf_row_table *table, struct kerf_prediction *prediction,
                                struct kerf_error *error)
{
    for (int row = 0; row < kerf_csv_rows(table->csv); row++) {
        struct kerf_prediction *p = &prediction[row];
        snprintf(p->id, sizeof p->id, "%s", field(table, row, "id"));
        snprintf(p->use, sizeof p->use, "%s", field(table, row, "use"));
        snprintf(p->metric, sizeof p->metric, "%s", field(table, row, "measured_metric"));
        snprintf(p->subject, sizeof p->subject, "%s", field(table, row, "model"));
        snprintf(p->hardware, sizeof p->hardware, "%s", field(table, row, "hardware"));
        KERF_TRY(kerf_csv_number(table->csv, row, "value", &p->measured, error));
        kerf_prediction_refuse(p, "training is not predicted yet");
    }
    return KERF_OK;
}

const struct kerf_row_source kerf_training_rows = {
    .name = "training",
    .column = {"id", "model", "hardware", "measured_metric", "value"},
    .predict = predict,
};
