/* The io room: the summary table of a result file. */
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kerf_status write_summary_columns(const struct kerf_result_writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    size_t cells = (size_t)report->systems * (size_t)report->columns * KERF_TIME_PARTS;
    double *values = calloc(cells, sizeof *values);
    KERF_CHECK(values, KERF_ERR_FAILURE, "out of memory for the summary");
    enum kerf_status status = KERF_OK;
    for (int k = 0; k < kerf_summary_field_count && status == KERF_OK; k++) {
        const struct kerf_summary_field *field = &kerf_summary_fields[k];
        size_t width = field->parts > 0 ? (size_t)field->parts : 1;
        for (int i = 0; i < report->systems * report->columns; i++) {
            const struct kerf_summary *summary =
                &report->system[i / report->columns].column[i % report->columns];
            memcpy(values + (size_t)i * width, (const char *)summary + field->offset, width * sizeof *values);
        }
        struct kerf_table_column column = {.name = field->name,
                                           .units = field->units,
                                           .long_name = field->long_name,
                                           .type = KERF_COLUMN_F64,
                                           .width = {(hsize_t)report->columns, (hsize_t)field->parts},
                                           .scale = {"system", "column", "part"}};
        status = kerf_write_known(w, column, (hsize_t)report->systems, values, error);
    }
    free(values);
    return status;
}

static enum kerf_status write_published(const struct kerf_result_writer *w, struct kerf_error *error)
{
    static const char *const units[KERF_METRIC_COUNT] = {"s", "s", "token/s", "s", "token/s"};
    const struct kerf_report *report = w->result->report;
    for (int metric = 0; metric < KERF_METRIC_COUNT; metric++) {
        double values[KERF_SYSTEMS_MAX];
        char name[96];
        for (int i = 0; i < report->systems; i++)
            values[i] = report->system[i].published[metric];
        snprintf(name, sizeof name, "published_%s", kerf_metric_names[metric]);
        struct kerf_table_column column = {.name = name,
                                           .units = units[metric],
                                           .long_name =
                                               "figure that others published; NaN where there is none",
                                           .type = KERF_COLUMN_F64,
                                           .scale = {"system"}};
        KERF_TRY(kerf_write_known(w, column, (hsize_t)report->systems, values, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_result_write_summary(struct kerf_result_writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const struct kerf_report_system *system = report->system;
    size_t count = (size_t)report->systems, stride = sizeof *system;
    const char *const *columns =
        report->columns == KERF_COLUMN_COUNT ? kerf_column_names : &kerf_column_names[KERF_COLUMN_NOMINAL];
    KERF_TRY(
        kerf_write_known_text(w, "system", "key of the system", NULL, system->name, stride, count, error));
    KERF_TRY(kerf_write_name_scale(w, "column", "where the uncertain leaves stand", columns,
                                   (size_t)report->columns, error));
    KERF_TRY(
        kerf_write_name_scale(w, "part", "where time goes", kerf_time_part_names, KERF_TIME_PARTS, error));
    KERF_TRY(kerf_write_known_text(w, "title", "name of the system", "system", system->title, stride, count,
                                   error));
    KERF_TRY(kerf_write_known_text(w, "hardware", "catalog entry of the accelerator", "system",
                                   system->hardware, stride, count, error));
    KERF_TRY(kerf_write_known_text(w, "claim", "where the published figures come from", "system",
                                   system->claim, stride, count, error));
    KERF_TRY(write_published(w, error));
    return write_summary_columns(w, error);
}
