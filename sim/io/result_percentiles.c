/* The io room: percentiles of a result file. */
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = KERF_SYSTEMS_MAX * KERF_COLUMN_COUNT * KERF_PERCENTILES };

const double kerf_percentile_p[KERF_PERCENTILES] = {0.5, 0.9, 0.95, 0.99};
const char *const kerf_wait_names[] = {[KERF_WAIT_TTFT] = "ttft",
                                       [KERF_WAIT_TPOT] = "tpot",
                                       [KERF_WAIT_E2E] = "e2e",
                                       [KERF_WAIT_QUEUE] = "queue",
                                       [KERF_WAIT_COUNT] = NULL};

static const struct kerf_percentiles *percentiles_of(const struct kerf_report *report, int cell)
{
    return &report->system[cell / report->columns].column[cell % report->columns].percentiles;
}

/* Three columns of one wait: the estimates, and the ends of their intervals. */
static enum kerf_status write_wait(const struct kerf_result_writer *w, enum kerf_wait wait,
                                   struct kerf_error *error)
{
    static const char *const long_names[] = {
        [KERF_WAIT_TTFT] = "time to first token",
        [KERF_WAIT_TPOT] = "time per output token after the first",
        [KERF_WAIT_E2E] = "end-to-end time",
        [KERF_WAIT_QUEUE] = "time before the first pass",
    };
    static const struct {
        const char *ending, *what;
        size_t offset;
    } sides[] = {
        {"", "", offsetof(struct kerf_percentiles, value)},
        {"_low", ", low end of the 95 % confidence interval", offsetof(struct kerf_percentiles, low)},
        {"_high", ", high end of it", offsetof(struct kerf_percentiles, high)}};
    const struct kerf_report *report = w->result->report;
    for (size_t side = 0; side < sizeof sides / sizeof sides[0]; side++) {
        double cell[CELLS];
        char name[32], long_name[96];
        for (int i = 0; i < report->systems * report->columns; i++)
            memcpy(cell + i * KERF_PERCENTILES,
                   (const char *)percentiles_of(report, i) + sides[side].offset +
                       (size_t)wait * KERF_PERCENTILES * sizeof(double),
                   KERF_PERCENTILES * sizeof(double));
        snprintf(name, sizeof name, "%s%s", kerf_wait_names[wait], sides[side].ending);
        snprintf(long_name, sizeof long_name, "%s%s", long_names[wait], sides[side].what);
        struct kerf_table_column column = {.name = name,
                                           .units = "s",
                                           .long_name = long_name,
                                           .type = KERF_COLUMN_F64,
                                           .width = {(hsize_t)report->columns, KERF_PERCENTILES},
                                           .scale = {"system", "column", "percentile"}};
        KERF_TRY(kerf_write_known(w, column, (hsize_t)report->systems, cell, error));
    }
    return KERF_OK;
}

static enum kerf_status write_facts(const struct kerf_result_writer *w, struct kerf_error *error)
{
    static const struct {
        const char *name, *units, *long_name;
        size_t offset;
    } facts[] = {
        {"warmup", "1", "first requests that were left out", offsetof(struct kerf_percentiles, warmup)},
        {"measured", "1", "requests that were taken", offsetof(struct kerf_percentiles, measured)},
        {"steady", "1", "0 where MSER-5 found no steady state", offsetof(struct kerf_percentiles, steady)},
        {"slo_met", "1", "1 where the percentile of the SLO keeps its limits; NaN without one",
         offsetof(struct kerf_percentiles, slo_met)},
    };
    const struct kerf_report *report = w->result->report;
    for (size_t k = 0; k < sizeof facts / sizeof facts[0]; k++) {
        double cell[CELLS];
        for (int i = 0; i < report->systems * report->columns; i++)
            memcpy(&cell[i], (const char *)percentiles_of(report, i) + facts[k].offset, sizeof cell[i]);
        struct kerf_table_column column = {.name = facts[k].name,
                                           .units = facts[k].units,
                                           .long_name = facts[k].long_name,
                                           .type = KERF_COLUMN_F64,
                                           .width = {(hsize_t)report->columns},
                                           .scale = {"system", "column"}};
        KERF_TRY(kerf_write_known(w, column, (hsize_t)report->systems, cell, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_result_write_percentiles(struct kerf_result_writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const char *const *columns =
        report->columns == KERF_COLUMN_COUNT ? kerf_column_names : &kerf_column_names[KERF_COLUMN_NOMINAL];
    KERF_TRY(kerf_write_known_text(w, "system", "key of the system", NULL, report->system->name,
                                   sizeof *report->system, (size_t)report->systems, error));
    KERF_TRY(kerf_write_name_scale(w, "column", "where the uncertain leaves stand", columns,
                                   (size_t)report->columns, error));
    struct kerf_table_column scale = {.name = "percentile",
                                      .units = "1",
                                      .long_name = "share of the requests that waited no longer",
                                      .type = KERF_COLUMN_F64};
    KERF_TRY(kerf_write_known(w, scale, KERF_PERCENTILES, kerf_percentile_p, error));
    for (int wait = 0; wait < KERF_WAIT_COUNT; wait++)
        KERF_TRY(write_wait(w, (enum kerf_wait)wait, error));
    return write_facts(w, error);
}
