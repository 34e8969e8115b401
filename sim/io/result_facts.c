/* The io room: placement, leaves and provenance of a result file, which every rank knows whole. */
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double stage_cell(const struct kerf_placed_stage *placed, int column)
{
    const struct kerf_stage *stage = &placed->stage;
    const double cells[] = {placed->system,    placed->index,       stage->wafer,    stage->pe_rows,
                            stage->pe_columns, stage->weight_bytes, stage->kv_bytes, stage->activation_bytes};
    return cells[column];
}

static const struct kerf_cell_column stage_columns[] = {
    {"system", "1", "index into /summary/system", KERF_COLUMN_I64},
    {"index", "1", "place in the pipeline", KERF_COLUMN_I64},
    {"wafer", "1", "wafer that holds it", KERF_COLUMN_I64},
    {"pe_rows", "1", "rows of processing elements", KERF_COLUMN_I64},
    {"pe_columns", "1", "columns of processing elements", KERF_COLUMN_I64},
    {"weight_bytes", "B", "weights held", KERF_COLUMN_F64},
    {"kv_bytes", "B", "KV cache that there is room for", KERF_COLUMN_F64},
    {"activation_bytes", "B", "activations held", KERF_COLUMN_F64},
};

static enum kerf_status write_stage_kinds(const struct kerf_result_writer *w, size_t count,
                                          struct kerf_error *error)
{
    char(*kinds)[KERF_TEXT_CELL_BYTES] = calloc(count + 1, sizeof *kinds);
    KERF_CHECK(kinds, KERF_ERR_FAILURE, "out of memory for the placement");
    for (size_t i = 0; i < count; i++)
        snprintf(kinds[i], sizeof kinds[i], "%s", kerf_stage_kind_names[w->result->stage[i].stage.kind]);
    enum kerf_status status =
        kerf_write_known_text(w, "kind", "what the stage is", "stage", kinds, sizeof kinds[0], count, error);
    free(kinds);
    return status;
}

enum kerf_status kerf_result_write_placement(struct kerf_result_writer *w, struct kerf_error *error)
{
    const hsize_t zero = 0, count = (hsize_t)w->result->stages;
    struct kerf_rows rows = kerf_rows_of_first(w->comm, &zero, &count);
    double *cells = calloc(count + 1, sizeof *cells);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for the placement");
    enum kerf_status status = kerf_write_row_numbers(w, "stage", "row of the placement table", count, error);
    if (status == KERF_OK)
        status = write_stage_kinds(w, count, error);
    for (size_t k = 0; k < sizeof stage_columns / sizeof stage_columns[0] && status == KERF_OK; k++) {
        for (size_t i = 0; i < count; i++)
            cells[i] = stage_cell(&w->result->stage[i], (int)k);
        status = kerf_write_cells(w, &stage_columns[k], "stage", &rows, cells, count, error);
    }
    free(cells);
    return status;
}

static const struct kerf_cell_column leaf_columns[] = {
    {"value_low_column", "1", "value in the low column, SI in the unit beside it", KERF_COLUMN_F64},
    {"value_nominal", "1", "nominal value, SI in the unit beside it", KERF_COLUMN_F64},
    {"value_high_column", "1", "value in the high column, SI in the unit beside it", KERF_COLUMN_F64},
    {"system", "1", "index into /summary/system", KERF_COLUMN_I64},
};

static enum kerf_status write_leaf_numbers(const struct kerf_result_writer *w, double *cells,
                                           struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const hsize_t zero = 0, count = (hsize_t)report->leaves;
    struct kerf_rows rows = kerf_rows_of_first(w->comm, &zero, &count);
    for (int which = 0; which <= KERF_COLUMN_COUNT; which++) {
        for (int i = 0; i < report->leaves; i++)
            cells[i] = which < KERF_COLUMN_COUNT ? report->leaf[i].value[which] : report->leaf[i].system;
        KERF_TRY(kerf_write_cells(w, &leaf_columns[which], "leaf", &rows, cells, count, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_result_write_leaves(struct kerf_result_writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const struct kerf_report_leaf none = {0}, *leaf = report->leaves ? report->leaf : &none;
    size_t count = (size_t)report->leaves, stride = sizeof *leaf;
    KERF_TRY(kerf_write_row_numbers(w, "leaf", "row of the table of uncertain leaves", count, error));
    KERF_TRY(kerf_write_known_text(w, "entry", "catalog entry", "leaf", leaf->entry, stride, count, error));
    KERF_TRY(kerf_write_known_text(w, "key", "leaf", "leaf", leaf->key, stride, count, error));
    KERF_TRY(
        kerf_write_known_text(w, "unit", "SI unit of the values", "leaf", leaf->unit, stride, count, error));
    KERF_TRY(kerf_write_known_text(w, "source", "ids of the entry's sources", "leaf", leaf->source, stride,
                                   count, error));
    KERF_TRY(kerf_write_known_text(w, "confidence", "high, medium or low", "leaf", leaf->confidence, stride,
                                   count, error));
    double *cells = calloc(count + 1, sizeof *cells);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for leaves");
    enum kerf_status status = write_leaf_numbers(w, cells, error);
    free(cells);
    return status;
}

enum kerf_status kerf_result_write_provenance(struct kerf_result_writer *w, struct kerf_error *error)
{
    const struct kerf_provenance *p = &w->result->provenance;
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[64];
    int length;
    unsigned major, minor, release;
    MPI_Get_library_version(mpi, &length);
    H5get_libversion(&major, &minor, &release);
    snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
    const char *const texts[][2] = {{"date", p->date},       {"host", p->host},
                                    {"command", p->command}, {"scenario_path", p->scenario_path},
                                    {"catalog", p->catalog}, {"mpi_version", mpi},
                                    {"hdf5_version", hdf5},  {"restarted_from", p->restarted_from}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        KERF_TRY(kerf_attribute_text(w->group, texts[i][0], texts[i][1], error));
    KERF_TRY(kerf_attribute_integer(w->group, "ranks", p->ranks, error));
    KERF_TRY(kerf_attribute_integer(w->group, "restarts", p->restarts, error));
    KERF_TRY(kerf_attribute_integer(w->group, "windows", (long long)p->stats.windows, error));
    KERF_TRY(kerf_attribute_integer(w->group, "remote_events", (long long)p->stats.remote_events, error));
    const double speed[2] = {p->wall_s, (double)p->stats.events_now / p->wall_s};
    struct kerf_table_column wall = {
        .name = "wall", .units = "s", .long_name = "wall time of the simulation"};
    struct kerf_table_column rate = {.name = "events_per_second",
                                     .units = "1/s",
                                     .long_name = "events per second of wall time, all ranks"};
    wall.scale[0] = rate.scale[0] = "run";
    KERF_TRY(kerf_write_row_numbers(w, "run", "this run", 1, error));
    KERF_TRY(kerf_write_known(w, wall, 1, &speed[0], error));
    KERF_TRY(kerf_write_known(w, rate, 1, &speed[1], error));
    size_t count = (size_t)w->result->accelerators;
    long long *ranks = calloc(count + 1, sizeof *ranks);
    KERF_CHECK(ranks, KERF_ERR_FAILURE, "out of memory for the provenance");
    for (size_t i = 0; i < count; i++)
        ranks[i] = p->rank_of_accelerator[i];
    struct kerf_table_column column = {.name = "rank_of_accelerator",
                                       .units = "1",
                                       .long_name = "MPI rank that simulated each row of /accelerators",
                                       .type = KERF_COLUMN_I64,
                                       .scale = {"accelerator"}};
    enum kerf_status status =
        kerf_write_row_numbers(w, "accelerator", "row of the accelerator table", count, error);
    if (status == KERF_OK)
        status = kerf_write_known(w, column, count, ranks, error);
    free(ranks);
    return status;
}
