/* The io room: requests and accelerators of a result file, each rank writing its own rows. */
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    const double cells[] = {record->arrival_s,
                            record->first_token_s,
                            record->finish_s,
                            record->prompt_tokens,
                            record->output_tokens,
                            record->rounds,
                            record->replica,
                            record->prefill_queue_s,
                            record->pool_queue_s,
                            record->kv_transfer_s,
                            record->reasoning_tokens,
                            record->cached_tokens,
                            record->preemptions,
                            record->session == KERF_NO_SESSION ? -1.0 : record->session,
                            record->call};
    return cells[column];
}

static const struct kerf_cell_column request_columns[] = {
    {"arrival", "s", "when the user asked", KERF_COLUMN_F64},
    {"first_token", "s", "when the first token came", KERF_COLUMN_F64},
    {"finish", "s", "when the last token came", KERF_COLUMN_F64},
    {"prompt_tokens", "token", "prompt length", KERF_COLUMN_I64},
    {"output_tokens", "token", "reasoning and answer length", KERF_COLUMN_I64},
    {"rounds", "1", "decode rounds", KERF_COLUMN_I64},
    {"replica", "1", "replica that answered, or of two pools the one that computed the prompt",
     KERF_COLUMN_I64},
    {"queue", "s", "wait before the first pass", KERF_COLUMN_F64},
    {"pool_queue", "s", "two pools: wait for room in the pool that decodes", KERF_COLUMN_F64},
    {"kv_transfer", "s", "two pools: what the way of its KV cache added", KERF_COLUMN_F64},
    {"reasoning_tokens", "token", "reasoning, of the output", KERF_COLUMN_I64},
    {"cached_tokens", "token", "of the prompt, found in the prefix cache", KERF_COLUMN_I64},
    {"preemptions", "1", "times it lost its cache and began again", KERF_COLUMN_I64},
    {"session", "1", "conversation that it is of; -1: none", KERF_COLUMN_I64},
    {"call", "1", "place in it, from 0", KERF_COLUMN_I64},
};

static enum kerf_status write_request_columns(const struct kerf_result_writer *w,
                                              const struct request_rows *r, double *cells,
                                              struct kerf_error *error)
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
        KERF_TRY(kerf_write_cells(w, &request_columns[k], "request", &r->rows, cells, r->here, error));
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

enum kerf_status kerf_result_write_requests(struct kerf_result_writer *w, struct kerf_error *error)
{
    struct request_rows r;
    enum kerf_status status = find_request_rows(w->result, &r, error);
    double *cells = calloc((r.here + 1) * KERF_TIME_PARTS, sizeof *cells);
    if (status == KERF_OK && !cells)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for requests");
    if (status == KERF_OK)
        status = kerf_write_row_numbers(w, "request", "row of the request table", r.rows.total, error);
    if (status == KERF_OK)
        status =
            kerf_write_name_scale(w, "part", "where time goes", kerf_time_part_names, KERF_TIME_PARTS, error);
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

static const struct kerf_cell_column accelerator_columns[] = {
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

enum kerf_status kerf_result_write_accelerators(struct kerf_result_writer *w, struct kerf_error *error)
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
        status = kerf_write_row_numbers(w, "accelerator", "row of the accelerator table", rows.total, error);
    for (size_t k = 0; k < sizeof accelerator_columns / sizeof accelerator_columns[0] && status == KERF_OK;
         k++) {
        for (size_t i = 0; i < here; i++)
            cells[i] = accelerator_cell(&result->accelerator[i], (int)k);
        status = kerf_write_cells(w, &accelerator_columns[k], "accelerator", &rows, cells, here, error);
    }
    free(offset);
    free(count);
    free(cells);
    return status;
}
