/* The io room: writes a result file in parallel. */
#include "sim/engine/agree.h"
#include "sim/io/hdf5_table.h"
#include "sim/io/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAYOUT_VERSION = 1, PATH_BYTES = 4096, TEXT_CELL_BYTES = KERF_REPORT_TEXT_BYTES };

static enum kerf_status reserve(const char *path, struct kerf_error *error)
{
    char part[PATH_BYTES];
    struct stat facts;
    KERF_CHECK(strlen(path) + 6 < sizeof part, KERF_ERR_USAGE, "output %s: the path is too long", path);
    KERF_CHECK(stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode), KERF_ERR_USAGE,
               "output %s: is a directory; give a file name, such as %s/result.h5", path, path);
    snprintf(part, sizeof part, "%s.part", path);
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
    close(file);
    return KERF_OK;
}

enum kerf_status kerf_result_prepare(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    return kerf_error_share(comm, 0, rank == 0 ? reserve(path, error) : KERF_OK, error);
}

void kerf_result_discard(MPI_Comm comm, const char *path)
{
    int rank;
    char part[PATH_BYTES];
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    if (rank == 0)
        unlink(part);
}

/* Rows that rank 0 writes for all. */
static struct kerf_rows rows_of_first(MPI_Comm comm, const hsize_t *zero, const hsize_t *total)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    return (struct kerf_rows){.blocks = rank == 0, .offset = zero, .count = total, .total = *total};
}

/* A column of a table that is filled cell by cell. */
struct cell_column {
    const char *name, *units, *long_name;
    enum kerf_column_type type; /* F64, or I64 for whole numbers */
};

struct writer {
    MPI_Comm comm;
    hid_t group;
    const struct kerf_result *result;
};

/* Writes one column of cells that were computed as doubles; whole numbers are stored as such. `cells` is used
 * up. */
static enum kerf_status write_cells(const struct writer *w, const struct cell_column *cell, const char *scale,
                                    const struct kerf_rows *rows, double *cells, size_t count,
                                    struct kerf_error *error)
{
    struct kerf_table_column column = {.name = cell->name,
                                       .units = cell->units,
                                       .long_name = cell->long_name,
                                       .type = cell->type,
                                       .scale = {scale}};
    for (size_t i = 0; i < count && cell->type == KERF_COLUMN_I64; i++) {
        long long whole = (long long)cells[i];
        memcpy(&cells[i], &whole, sizeof whole);
    }
    return kerf_table_write(w->group, &column, rows, cells, error);
}

/* A column that every rank knows whole; rank 0 writes it. */
static enum kerf_status known(const struct writer *w, struct kerf_table_column column, hsize_t total,
                              const void *data, struct kerf_error *error)
{
    const hsize_t zero = 0;
    struct kerf_rows rows = rows_of_first(w->comm, &zero, &total);
    return kerf_table_write(w->group, &column, &rows, data, error);
}

/* Text cells of one field of an array of structs. */
static char *text_cells(const void *first, size_t stride, size_t count, size_t bytes)
{
    char *cells = calloc(count + 1, bytes);
    for (size_t i = 0; cells && i < count; i++)
        snprintf(cells + i * bytes, bytes, "%s", (const char *)first + i * stride);
    return cells;
}

static enum kerf_status known_text(const struct writer *w, const char *name, const char *long_name,
                                   const char *scale, const void *first, size_t stride, size_t count,
                                   struct kerf_error *error)
{
    char *cells = text_cells(first, stride, count, TEXT_CELL_BYTES);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for %s", name);
    struct kerf_table_column column = {.name = name,
                                       .units = "1",
                                       .long_name = long_name,
                                       .type = KERF_COLUMN_TEXT,
                                       .text_bytes = TEXT_CELL_BYTES,
                                       .scale = {scale}};
    enum kerf_status status = known(w, column, count, cells, error);
    free(cells);
    return status;
}

/* A scale that numbers the rows of a table, so that every dimension has a name. */
static enum kerf_status row_numbers(const struct writer *w, const char *name, const char *long_name,
                                    hsize_t count, struct kerf_error *error)
{
    long long *number = malloc((count + 1) * sizeof *number);
    KERF_CHECK(number, KERF_ERR_FAILURE, "out of memory for %s", name);
    for (hsize_t i = 0; i < count; i++)
        number[i] = (long long)i;
    struct kerf_table_column column = {
        .name = name, .units = "1", .long_name = long_name, .type = KERF_COLUMN_I64};
    enum kerf_status status = known(w, column, count, number, error);
    free(number);
    return status;
}

static enum kerf_status name_scale(const struct writer *w, const char *name, const char *long_name,
                                   const char *const *names, size_t count, struct kerf_error *error)
{
    char cells[16][TEXT_CELL_BYTES] = {{0}};
    for (size_t i = 0; i < count; i++)
        snprintf(cells[i], sizeof cells[i], "%s", names[i]);
    return known_text(w, name, long_name, NULL, cells, sizeof cells[0], count, error);
}

/* One number of every summary: systems x columns, or with parts. */
typedef const double *summary_field(const struct kerf_summary *summary);

static const double *ttft_field(const struct kerf_summary *s)
{
    return &s->metric[KERF_METRIC_TTFT];
}
static const double *tpot_field(const struct kerf_summary *s)
{
    return &s->metric[KERF_METRIC_TPOT];
}
static const double *speed_field(const struct kerf_summary *s)
{
    return &s->metric[KERF_METRIC_SPEED_PER_USER];
}
static const double *e2e_field(const struct kerf_summary *s)
{
    return &s->metric[KERF_METRIC_E2E];
}
static const double *throughput_field(const struct kerf_summary *s)
{
    return &s->metric[KERF_METRIC_THROUGHPUT];
}
static const double *ttft_part_field(const struct kerf_summary *s)
{
    return s->ttft_part_s;
}
static const double *tpot_part_field(const struct kerf_summary *s)
{
    return s->tpot_part_s;
}
static const double *e2e_part_field(const struct kerf_summary *s)
{
    return s->e2e_part_s;
}
static const double *used_field(const struct kerf_summary *s)
{
    return &s->memory_used_bytes;
}
static const double *capacity_field(const struct kerf_summary *s)
{
    return &s->memory_capacity_bytes;
}
static const double *accelerators_field(const struct kerf_summary *s)
{
    return &s->accelerators;
}
static const double *requests_field(const struct kerf_summary *s)
{
    return &s->requests;
}
static const double *rounds_field(const struct kerf_summary *s)
{
    return &s->rounds;
}
static const double *tokens_field(const struct kerf_summary *s)
{
    return &s->output_tokens;
}

static const struct {
    const char *name, *units, *long_name;
    summary_field *field;
    hsize_t parts;
} summary_columns[] = {
    {"ttft", "s", "time to first token, median over requests", ttft_field, 0},
    {"tpot", "s", "time per output token after the first, median over requests", tpot_field, 0},
    {"output_speed_per_user", "token/s", "output speed of one user after the first token, median",
     speed_field, 0},
    {"e2e", "s", "end-to-end time of a request, median", e2e_field, 0},
    {"throughput", "token/s", "output tokens of all users over the span of the run", throughput_field, 0},
    {"ttft_part", "s", "where the time to first token went, mean over requests", ttft_part_field,
     KERF_TIME_PARTS},
    {"tpot_part", "s", "where the time of an output token went, mean over tokens", tpot_part_field,
     KERF_TIME_PARTS},
    {"e2e_part", "s", "where the time of a request went, mean over requests", e2e_part_field,
     KERF_TIME_PARTS},
    {"memory_used", "B", "memory in use on all accelerators: weights and the largest reservation of KV cache",
     used_field, 0},
    {"memory_capacity", "B", "memory of all accelerators that may be used", capacity_field, 0},
    {"accelerators", "1", "accelerators used", accelerators_field, 0},
    {"requests", "1", "requests answered", requests_field, 0},
    {"output_tokens", "token", "output tokens of all requests", tokens_field, 0},
    {"rounds", "1", "decode rounds; fewer than tokens with speculation", rounds_field, 0},
};

static enum kerf_status write_summary_columns(const struct writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    size_t cells = (size_t)report->systems * (size_t)report->columns * KERF_TIME_PARTS;
    double *values = calloc(cells, sizeof *values);
    KERF_CHECK(values, KERF_ERR_FAILURE, "out of memory for the summary");
    enum kerf_status status = KERF_OK;
    for (size_t k = 0; k < sizeof summary_columns / sizeof summary_columns[0] && status == KERF_OK; k++) {
        size_t width = summary_columns[k].parts ? (size_t)summary_columns[k].parts : 1;
        for (int i = 0; i < report->systems * report->columns; i++) {
            const struct kerf_summary *summary =
                &report->system[i / report->columns].column[i % report->columns];
            memcpy(values + (size_t)i * width, summary_columns[k].field(summary), width * sizeof *values);
        }
        struct kerf_table_column column = {.name = summary_columns[k].name,
                                           .units = summary_columns[k].units,
                                           .long_name = summary_columns[k].long_name,
                                           .type = KERF_COLUMN_F64,
                                           .width = {(hsize_t)report->columns, summary_columns[k].parts},
                                           .scale = {"system", "column", "part"}};
        status = known(w, column, (hsize_t)report->systems, values, error);
    }
    free(values);
    return status;
}

static enum kerf_status write_published(const struct writer *w, struct kerf_error *error)
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
        KERF_TRY(known(w, column, (hsize_t)report->systems, values, error));
    }
    return KERF_OK;
}

static enum kerf_status write_summary(struct writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const struct kerf_report_system *system = report->system;
    size_t count = (size_t)report->systems, stride = sizeof *system;
    const char *const *columns =
        report->columns == KERF_COLUMN_COUNT ? kerf_column_names : &kerf_column_names[KERF_COLUMN_NOMINAL];
    KERF_TRY(known_text(w, "system", "key of the system", NULL, system->name, stride, count, error));
    KERF_TRY(
        name_scale(w, "column", "where the uncertain leaves stand", columns, (size_t)report->columns, error));
    KERF_TRY(name_scale(w, "part", "where time goes", kerf_time_part_names, KERF_TIME_PARTS, error));
    KERF_TRY(known_text(w, "title", "name of the system", "system", system->title, stride, count, error));
    KERF_TRY(known_text(w, "hardware", "catalog entry of the accelerator", "system", system->hardware, stride,
                        count, error));
    KERF_TRY(known_text(w, "claim", "where the published figures come from", "system", system->claim, stride,
                        count, error));
    KERF_TRY(write_published(w, error));
    return write_summary_columns(w, error);
}

/* This rank's rows of the request table: a block per case whose client it holds. */
struct request_rows {
    struct kerf_rows rows;
    hsize_t *offset, *count;
    size_t here;
    const struct kerf_request_record **record;
    int *result_case;
};

static void free_request_rows(struct request_rows *r)
{
    free(r->offset);
    free(r->count);
    free(r->record);
    free(r->result_case);
}

static enum kerf_status find_request_rows(const struct kerf_result *result, struct request_rows *r,
                                          struct kerf_error *error)
{
    size_t cases = (size_t)result->cases + 1;
    *r = (struct request_rows){0};
    for (int i = 0; i < result->cases; i++)
        r->here += result->result_case[i].requests ? (size_t)result->result_case[i].request_count : 0;
    r->offset = calloc(cases, sizeof *r->offset);
    r->count = calloc(cases, sizeof *r->count);
    r->record = calloc(r->here + 1, sizeof *r->record);
    r->result_case = calloc(r->here + 1, sizeof *r->result_case);
    KERF_CHECK(r->offset && r->count && r->record && r->result_case, KERF_ERR_FAILURE,
               "out of memory for requests");
    size_t row = 0;
    hsize_t place = 0;
    for (int i = 0; i < result->cases; i++) {
        const struct kerf_result_case *one = &result->result_case[i];
        if (one->requests) {
            r->offset[r->rows.blocks] = place;
            r->count[r->rows.blocks++] = (hsize_t)one->request_count;
            for (int k = 0; k < one->request_count; k++, row++) {
                r->record[row] = &one->requests[k];
                r->result_case[row] = i;
            }
        }
        place += (hsize_t)one->request_count;
    }
    r->rows.offset = r->offset;
    r->rows.count = r->count;
    r->rows.total = place;
    return KERF_OK;
}

/* Columns of the request table, computed cell by cell. */
static double request_cell(const struct kerf_request_record *record, int column)
{
    const double cells[] = {record->arrival_s,     record->first_token_s, record->finish_s,
                            record->prompt_tokens, record->output_tokens, record->rounds,
                            record->replica};
    return cells[column];
}

static const struct cell_column request_columns[] = {
    {"arrival", "s", "when the user asked", KERF_COLUMN_F64},
    {"first_token", "s", "when the first token came", KERF_COLUMN_F64},
    {"finish", "s", "when the last token came", KERF_COLUMN_F64},
    {"prompt_tokens", "token", "prompt length", KERF_COLUMN_I64},
    {"output_tokens", "token", "reasoning and answer length", KERF_COLUMN_I64},
    {"rounds", "1", "decode rounds", KERF_COLUMN_I64},
    {"replica", "1", "replica that answered", KERF_COLUMN_I64},
};

static enum kerf_status write_request_columns(const struct writer *w, const struct request_rows *r,
                                              double *cells, struct kerf_error *error)
{
    long long *index = (long long *)cells;
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < r->here; i++) {
            const struct kerf_result_case *one = &w->result->result_case[r->result_case[i]];
            index[i] = which == 0 ? one->system : one->column;
        }
        struct kerf_table_column column = {.name = which == 0 ? "system" : "column",
                                           .units = "1",
                                           .long_name = which == 0 ? "index into /summary/system"
                                                                   : "index into /summary/column",
                                           .type = KERF_COLUMN_I64,
                                           .scale = {"request"}};
        KERF_TRY(kerf_table_write(w->group, &column, &r->rows, index, error));
    }
    for (size_t k = 0; k < sizeof request_columns / sizeof request_columns[0]; k++) {
        for (size_t i = 0; i < r->here; i++)
            cells[i] = request_cell(r->record[i], (int)k);
        KERF_TRY(write_cells(w, &request_columns[k], "request", &r->rows, cells, r->here, error));
    }
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < r->here; i++)
            memcpy(cells + i * KERF_TIME_PARTS,
                   which == 0 ? r->record[i]->first_part_s : r->record[i]->decode_part_s,
                   KERF_TIME_PARTS * sizeof *cells);
        struct kerf_table_column column = {.name = which == 0 ? "first_part" : "decode_part",
                                           .units = "s",
                                           .long_name = which == 0
                                                            ? "where the time to the first token went"
                                                            : "where the time after the first token went",
                                           .type = KERF_COLUMN_F64,
                                           .width = {KERF_TIME_PARTS},
                                           .scale = {"request", "part"}};
        KERF_TRY(kerf_table_write(w->group, &column, &r->rows, cells, error));
    }
    return KERF_OK;
}

static enum kerf_status write_requests(struct writer *w, struct kerf_error *error)
{
    struct request_rows r;
    enum kerf_status status = find_request_rows(w->result, &r, error);
    double *cells = calloc((r.here + 1) * KERF_TIME_PARTS, sizeof *cells);
    if (status == KERF_OK && !cells)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for requests");
    if (status == KERF_OK)
        status = row_numbers(w, "request", "row of the request table", r.rows.total, error);
    if (status == KERF_OK)
        status = name_scale(w, "part", "where time goes", kerf_time_part_names, KERF_TIME_PARTS, error);
    if (status == KERF_OK)
        status = write_request_columns(w, &r, cells, error);
    free(cells);
    free_request_rows(&r);
    return status;
}

static double accelerator_cell(const struct kerf_accelerator_row *row, int column)
{
    const struct kerf_accelerator_record *record = &row->record;
    const double cells[] = {row->system,
                            row->column,
                            row->replica,
                            row->index,
                            (double)row->events,
                            (double)record->passes,
                            (double)record->tokens,
                            (double)record->tokens_sent_on,
                            record->busy_s,
                            record->flops,
                            record->bytes};
    return cells[column];
}

static const struct cell_column accelerator_columns[] = {
    {"system", "1", "index into /summary/system", KERF_COLUMN_I64},
    {"column", "1", "index into /summary/column", KERF_COLUMN_I64},
    {"replica", "1", "replica that it serves", KERF_COLUMN_I64},
    {"index", "1", "place in the replica", KERF_COLUMN_I64},
    {"events", "1", "events that it handled", KERF_COLUMN_I64},
    {"passes", "1", "passes that it computed", KERF_COLUMN_I64},
    {"tokens", "token", "tokens in them, guesses included", KERF_COLUMN_I64},
    {"tokens_sent_on", "token", "tokens whose activations went to the next wafer", KERF_COLUMN_I64},
    {"busy", "s", "time at work; of a wafer, of its busiest stage", KERF_COLUMN_F64},
    {"flops", "FLOP", "floating-point operations done", KERF_COLUMN_F64},
    {"bytes", "B", "bytes moved in its memory", KERF_COLUMN_F64},
};

static enum kerf_status write_accelerators(struct writer *w, struct kerf_error *error)
{
    const struct kerf_result *result = w->result;
    size_t here = (size_t)result->accelerators_here;
    hsize_t *offset = calloc(here + 1, sizeof *offset), *count = calloc(here + 1, sizeof *count);
    double *cells = calloc(here + 1, sizeof *cells);
    enum kerf_status status = KERF_OK;
    if (!offset || !count || !cells)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for accelerators");
    int blocks = 0; /* runs of neighbouring places */
    for (size_t i = 0; i < here && status == KERF_OK; i++) {
        hsize_t place = (hsize_t)result->accelerator_place[i];
        if (blocks > 0 && place == offset[blocks - 1] + count[blocks - 1]) {
            count[blocks - 1]++;
        } else {
            offset[blocks] = place;
            count[blocks++] = 1;
        }
    }
    struct kerf_rows rows = {
        .blocks = blocks, .offset = offset, .count = count, .total = (hsize_t)result->accelerators};
    if (status == KERF_OK)
        status = row_numbers(w, "accelerator", "row of the accelerator table", rows.total, error);
    for (size_t k = 0; k < sizeof accelerator_columns / sizeof accelerator_columns[0] && status == KERF_OK;
         k++) {
        for (size_t i = 0; i < here; i++)
            cells[i] = accelerator_cell(&result->accelerator[i], (int)k);
        status = write_cells(w, &accelerator_columns[k], "accelerator", &rows, cells, here, error);
    }
    free(offset);
    free(count);
    free(cells);
    return status;
}

static double stage_cell(const struct kerf_placed_stage *placed, int column)
{
    const struct kerf_stage *stage = &placed->stage;
    const double cells[] = {placed->system,    placed->index,       stage->wafer,    stage->pe_rows,
                            stage->pe_columns, stage->weight_bytes, stage->kv_bytes, stage->activation_bytes};
    return cells[column];
}

static const struct cell_column stage_columns[] = {
    {"system", "1", "index into /summary/system", KERF_COLUMN_I64},
    {"index", "1", "place in the pipeline", KERF_COLUMN_I64},
    {"wafer", "1", "wafer that holds it", KERF_COLUMN_I64},
    {"pe_rows", "1", "rows of processing elements", KERF_COLUMN_I64},
    {"pe_columns", "1", "columns of processing elements", KERF_COLUMN_I64},
    {"weight_bytes", "B", "weights held", KERF_COLUMN_F64},
    {"kv_bytes", "B", "KV cache that there is room for", KERF_COLUMN_F64},
    {"activation_bytes", "B", "activations held", KERF_COLUMN_F64},
};

static enum kerf_status write_stage_kinds(const struct writer *w, size_t count, struct kerf_error *error)
{
    static const char *const names[] = {[KERF_STAGE_EMBEDDING] = "embedding",
                                        [KERF_STAGE_DENSE_LAYER] = "dense layer",
                                        [KERF_STAGE_MOE_LAYER] = "moe layer",
                                        [KERF_STAGE_HEAD] = "head"};
    char(*kinds)[TEXT_CELL_BYTES] = calloc(count + 1, sizeof *kinds);
    KERF_CHECK(kinds, KERF_ERR_FAILURE, "out of memory for the placement");
    for (size_t i = 0; i < count; i++)
        snprintf(kinds[i], sizeof kinds[i], "%s", names[w->result->stage[i].stage.kind]);
    enum kerf_status status =
        known_text(w, "kind", "what the stage is", "stage", kinds, sizeof kinds[0], count, error);
    free(kinds);
    return status;
}

static enum kerf_status write_placement(struct writer *w, struct kerf_error *error)
{
    const hsize_t zero = 0, count = (hsize_t)w->result->stages;
    struct kerf_rows rows = rows_of_first(w->comm, &zero, &count);
    double *cells = calloc(count + 1, sizeof *cells);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for the placement");
    enum kerf_status status = row_numbers(w, "stage", "row of the placement table", count, error);
    if (status == KERF_OK)
        status = write_stage_kinds(w, count, error);
    for (size_t k = 0; k < sizeof stage_columns / sizeof stage_columns[0] && status == KERF_OK; k++) {
        for (size_t i = 0; i < count; i++)
            cells[i] = stage_cell(&w->result->stage[i], (int)k);
        status = write_cells(w, &stage_columns[k], "stage", &rows, cells, count, error);
    }
    free(cells);
    return status;
}

static const struct cell_column leaf_columns[] = {
    {"value_low_column", "1", "value in the low column, SI in the unit beside it", KERF_COLUMN_F64},
    {"value_nominal", "1", "nominal value, SI in the unit beside it", KERF_COLUMN_F64},
    {"value_high_column", "1", "value in the high column, SI in the unit beside it", KERF_COLUMN_F64},
    {"system", "1", "index into /summary/system", KERF_COLUMN_I64},
};

static enum kerf_status write_leaf_numbers(const struct writer *w, double *cells, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const hsize_t zero = 0, count = (hsize_t)report->leaves;
    struct kerf_rows rows = rows_of_first(w->comm, &zero, &count);
    for (int which = 0; which <= KERF_COLUMN_COUNT; which++) {
        for (int i = 0; i < report->leaves; i++)
            cells[i] = which < KERF_COLUMN_COUNT ? report->leaf[i].value[which] : report->leaf[i].system;
        KERF_TRY(write_cells(w, &leaf_columns[which], "leaf", &rows, cells, count, error));
    }
    return KERF_OK;
}

static enum kerf_status write_leaves(struct writer *w, struct kerf_error *error)
{
    const struct kerf_report *report = w->result->report;
    const struct kerf_report_leaf none = {0}, *leaf = report->leaves ? report->leaf : &none;
    size_t count = (size_t)report->leaves, stride = sizeof *leaf;
    KERF_TRY(row_numbers(w, "leaf", "row of the table of uncertain leaves", count, error));
    KERF_TRY(known_text(w, "entry", "catalog entry", "leaf", leaf->entry, stride, count, error));
    KERF_TRY(known_text(w, "key", "leaf", "leaf", leaf->key, stride, count, error));
    KERF_TRY(known_text(w, "unit", "SI unit of the values", "leaf", leaf->unit, stride, count, error));
    KERF_TRY(
        known_text(w, "source", "ids of the entry's sources", "leaf", leaf->source, stride, count, error));
    KERF_TRY(
        known_text(w, "confidence", "high, medium or low", "leaf", leaf->confidence, stride, count, error));
    double *cells = calloc(count + 1, sizeof *cells);
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for leaves");
    enum kerf_status status = write_leaf_numbers(w, cells, error);
    free(cells);
    return status;
}

static enum kerf_status write_provenance(struct writer *w, struct kerf_error *error)
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
                                    {"hdf5_version", hdf5}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        KERF_TRY(kerf_attribute_text(w->group, texts[i][0], texts[i][1], error));
    KERF_TRY(kerf_attribute_integer(w->group, "ranks", p->ranks, error));
    KERF_TRY(kerf_attribute_integer(w->group, "windows", (long long)p->stats.windows, error));
    KERF_TRY(kerf_attribute_integer(w->group, "remote_events", (long long)p->stats.remote_events, error));
    const double speed[2] = {p->wall_s, (double)p->stats.events / p->wall_s};
    struct kerf_table_column wall = {
        .name = "wall", .units = "s", .long_name = "wall time of the simulation"};
    struct kerf_table_column rate = {.name = "events_per_second",
                                     .units = "1/s",
                                     .long_name = "events per second of wall time, all ranks"};
    wall.scale[0] = rate.scale[0] = "run";
    KERF_TRY(row_numbers(w, "run", "this run", 1, error));
    KERF_TRY(known(w, wall, 1, &speed[0], error));
    KERF_TRY(known(w, rate, 1, &speed[1], error));
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
    enum kerf_status status = row_numbers(w, "accelerator", "row of the accelerator table", count, error);
    if (status == KERF_OK)
        status = known(w, column, count, ranks, error);
    free(ranks);
    return status;
}

static enum kerf_status write_head(hid_t file, const struct kerf_result *result, struct kerf_error *error)
{
    const struct kerf_report *report = result->report;
    char digest[32];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)report->digest);
    KERF_TRY(kerf_attribute_text(file, "title", report->title, error));
    KERF_TRY(kerf_attribute_text(file, "kerf_version", result->version, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(kerf_attribute_text(file, "network", report->network, error));
    KERF_TRY(kerf_attribute_text(file, "baseline", report->system[report->baseline].name, error));
    KERF_TRY(kerf_attribute_integer(file, "seed", report->seed, error));
    KERF_TRY(kerf_attribute_integer(file, "metrics", report->metrics, error));
    KERF_TRY(kerf_attribute_text(file, "digest", digest, error));
    KERF_TRY(kerf_table_text(file, "scenario", "the scenario file as given", result->scenario_text, error));
    return kerf_table_text(file, "scenario_resolved", "the scenario with every default and override",
                           result->scenario_resolved, error);
}

static enum kerf_status write_group(MPI_Comm comm, hid_t file, const char *name,
                                    const struct kerf_result *result,
                                    enum kerf_status (*write)(struct writer *, struct kerf_error *),
                                    struct kerf_error *error)
{
    struct writer w = {.comm = comm, .result = result};
    w.group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(w.group >= 0, KERF_ERR_FAILURE, "cannot make group %s", name);
    enum kerf_status status = write(&w, error);
    H5Gclose(w.group);
    if (status != KERF_OK)
        return kerf_error_prefix(error, "%s: ", name);
    return KERF_OK;
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const struct kerf_result *result,
                                  struct kerf_error *error)
{
    static const struct {
        const char *name;
        enum kerf_status (*write)(struct writer *, struct kerf_error *);
    } groups[] = {
        {"summary", write_summary},     {"requests", write_requests}, {"accelerators", write_accelerators},
        {"placement", write_placement}, {"leaves", write_leaves},     {"provenance", write_provenance}};
    KERF_TRY(write_head(file, result, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        KERF_TRY(write_group(comm, file, groups[i].name, result, groups[i].write, error));
    return KERF_OK;
}

static hid_t create_file(MPI_Comm comm, const char *part)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), make = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
    H5Pset_coll_metadata_write(access, 1);
    H5Pset_all_coll_metadata_ops(access, 1);
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, make, access);
    H5Pclose(make);
    H5Pclose(access);
    return file;
}

/* Makes the complete file durable, then gives it its name. */
static enum kerf_status publish(const char *part, const char *path, struct kerf_error *error)
{
    int file = open(part, O_RDONLY);
    bool synced = file >= 0 && fsync(file) == 0;
    int why = errno;
    if (file >= 0)
        close(file);
    KERF_CHECK(synced, KERF_ERR_FAILURE, "output %s: cannot be made durable: %s", path, strerror(why));
    KERF_CHECK(rename(part, path) == 0, KERF_ERR_FAILURE, "output %s: %s", path, strerror(errno));
    return KERF_OK;
}

enum kerf_status kerf_result_write(MPI_Comm comm, const char *path, const struct kerf_result *result,
                                   struct kerf_error *error)
{
    char part[PATH_BYTES];
    int rank;
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our own messages instead of HDF5's stack */
    hid_t file = create_file(comm, part);
    enum kerf_status status = file >= 0 ? write_all(comm, file, result, error)
                                        : kerf_error_set(error, KERF_ERR_FAILURE, "cannot create it");
    if (file >= 0 && H5Fclose(file) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write all of it");
    if (status != KERF_OK)
        kerf_error_prefix(error, "output %s: (is the disk full?) ", path);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK)
        status = kerf_error_share(comm, 0, rank == 0 ? publish(part, path, error) : KERF_OK, error);
    if (status != KERF_OK)
        kerf_result_discard(comm, path);
    return status;
}
