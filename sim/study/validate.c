/* The study room: finds out what kind of table a file is, and has its rows predicted. */
#include "sim/study/validate.h"

#include "sim/io/text_file.h"
#include "sim/study/collective_table.h"
#include "sim/study/kernel_table.h"
#include "sim/study/naive.h"
#include "sim/study/row_source.h"

#include <stdlib.h>
#include <string.h>

/* Kinds of tables: those of these sources, kernels and collectives. */
static const struct kerf_row_source *const sources[] = {&kerf_serving_rows, &kerf_training_rows,
                                                        &kerf_nvlink_rows};
enum {
    NAMED = sizeof sources / sizeof sources[0],
    KERNELS = NAMED + KERF_KERNEL_COUNT,
    SOURCES = KERNELS + KERF_COLLECTIVE_LAYOUTS
};

/* A table with less of a kind's columns does not even resemble it. */
static const double known_share = 0.5;

static struct kerf_row_source source_at(int index)
{
    if (index < NAMED)
        return *sources[index];
    return index < KERNELS ? kerf_kernel_rows(index - NAMED) : kerf_collective_rows(index - KERNELS);
}

/* The first column that the table lacks to be of a kind, or NULL; and the share that it has. */
static const char *missing_column(const struct kerf_csv *csv, const struct kerf_row_source *source,
                                  double *share)
{
    const char *missing = NULL;
    int count = 0, found = 0;
    for (; source->column[count][0]; count++) {
        const char *other = source->column[count][1];
        bool has = kerf_csv_column(csv, source->column[count][0]) >= 0 ||
                   (other && kerf_csv_column(csv, other) >= 0);
        found += has;
        if (!has && !missing)
            missing = source->column[count][0];
    }
    *share = (double)found / count;
    return missing;
}

/* Says which kinds there are, and what they are known by. */
static enum kerf_status refuse_kind(const char *file, struct kerf_error *error)
{
    char kinds[1024] = "";
    for (int i = 0; i < SOURCES; i++) {
        struct kerf_row_source source = source_at(i);
        size_t used = strlen(kinds);
        snprintf(kinds + used, sizeof kinds - used, "%s%s (", i ? "; " : "", source.name);
        for (int c = 0; source.column[c][0]; c++) {
            used = strlen(kinds);
            snprintf(kinds + used, sizeof kinds - used, "%s%s", c ? ", " : "", source.column[c][0]);
        }
        used = strlen(kinds);
        snprintf(kinds + used, sizeof kinds - used, ")");
    }
    return kerf_error_set(error, KERF_ERR_USAGE,
                          "%s:1: a table of no known kind; kinds and their columns: %s", file, kinds);
}

/* The kind whose columns the table has, most of them if not all; of several the one with most columns. */
static enum kerf_status find_source(const char *file, const struct kerf_csv *csv,
                                    struct kerf_row_source *source, struct kerf_error *error)
{
    const char *missing = NULL;
    double best = -1.0;
    for (int i = 0; i < SOURCES; i++) {
        struct kerf_row_source candidate = source_at(i);
        double share;
        const char *lacks = missing_column(csv, &candidate, &share);
        if (share > best) {
            best = share;
            *source = candidate;
            missing = lacks;
        }
    }
    if (best < known_share)
        return refuse_kind(file, error);
    KERF_CHECK(!missing, KERF_ERR_USAGE, "%s:1: column '%s' is missing for a table of %s", file, missing,
               source->name);
    return KERF_OK;
}

static enum kerf_status read_table(MPI_Comm comm, const char *file, struct kerf_csv **csv,
                                   struct kerf_error *error)
{
    char *text;
    KERF_TRY(kerf_text_file_read(comm, file, &text, error));
    enum kerf_status status = kerf_csv_parse(text, file, csv, error);
    free(text);
    return status;
}

/* Adds room for the rows of a table, zeroed. */
static enum kerf_status make_room(struct kerf_validation *v, int rows, struct kerf_error *error)
{
    struct kerf_prediction *grown = realloc(v->row, ((size_t)v->rows + (size_t)rows) * sizeof *grown);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %d rows", v->rows + rows);
    memset(grown + v->rows, 0, (size_t)rows * sizeof *grown);
    v->row = grown;
    return KERF_OK;
}

static enum kerf_status predict_table(struct kerf_row_table *table, struct kerf_validation *v,
                                      struct kerf_error *error)
{
    struct kerf_row_source source = {0};
    int rows = kerf_csv_rows(table->csv);
    KERF_TRY(find_source(table->file, table->csv, &source, error));
    KERF_CHECK(rows > 0, KERF_ERR_USAGE, "%s:1: no rows below the header", table->file);
    rows *= source.answers;
    KERF_TRY(make_room(v, rows, error));
    v->rows += rows;
    table->variant = source.variant;
    return source.predict(table, v->row + v->rows - rows, error);
}

enum kerf_status kerf_validate(MPI_Comm comm, const struct kerf_validation_request *request,
                               struct kerf_validation *validation, struct kerf_error *error)
{
    struct kerf_catalog catalog;
    *validation = (struct kerf_validation){0};
    KERF_TRY(kerf_catalog_open(&catalog, comm, request->catalogs, error));
    for (int i = 0; i < request->files; i++) {
        struct kerf_csv *csv;
        KERF_TRY(read_table(comm, request->file[i], &csv, error));
        struct kerf_row_table table = {.comm = comm,
                                       .file = request->file[i],
                                       .csv = csv,
                                       .catalog = &catalog,
                                       .hardware = request->hardware,
                                       .calls = request->calls};
        enum kerf_status status = predict_table(&table, validation, error);
        kerf_csv_free(csv);
        KERF_TRY(status);
    }
    return kerf_naive_predict(validation->row, validation->rows, error);
}

void kerf_validation_free(struct kerf_validation *validation)
{
    free(validation->row);
    *validation = (struct kerf_validation){0};
}
