/* The study room: finds out what kind of table a file is, and has its rows predicted. */
#include "sim/study/validate.h"

#include "sim/io/text_file.h"
#include "sim/study/row_source.h"

#include <stdlib.h>
#include <string.h>

static const struct kerf_row_source *const sources[] = {&kerf_serving_rows, &kerf_training_rows};
enum { SOURCES = sizeof sources / sizeof sources[0] };

/* Whether the table has a column of a name, or of one of several names between bars. */
static bool has_column(const struct kerf_csv *csv, const char *names)
{
    char name[64];
    for (; *names; names += names[strcspn(names, "|")] ? strcspn(names, "|") + 1 : strcspn(names, "|")) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(names, "|"), names);
        if (kerf_csv_column(csv, name) >= 0)
            return true;
    }
    return false;
}

/* The first column that the table lacks to be of a kind, or NULL; and the share that it has. */
static const char *missing_column(const struct kerf_csv *csv, const struct kerf_row_source *source,
                                  double *share)
{
    const char *missing = NULL;
    int count = 0, found = 0;
    for (; source->column[count]; count++) {
        bool has = has_column(csv, source->column[count]);
        found += has;
        if (!has && !missing)
            missing = source->column[count];
    }
    *share = (double)found / count;
    return missing;
}

/* The kind whose columns the table has, most of them if not all. */
static enum kerf_status find_source(const char *file, const struct kerf_csv *csv,
                                    const struct kerf_row_source **source, struct kerf_error *error)
{
    const char *missing = NULL;
    double best = -1.0;
    for (int i = 0; i < SOURCES; i++) {
        double share;
        const char *lacks = missing_column(csv, sources[i], &share);
        if (share > best) {
            best = share;
            *source = sources[i];
            missing = lacks;
        }
    }
    KERF_CHECK(!missing, KERF_ERR_USAGE, "%s:1: column '%s' is missing for a table of %s", file, missing,
               (*source)->name);
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

static enum kerf_status predict_table(const struct kerf_row_table *table, struct kerf_validation *v,
                                      struct kerf_error *error)
{
    const struct kerf_row_source *source = NULL;
    int rows = kerf_csv_rows(table->csv);
    KERF_TRY(find_source(table->file, table->csv, &source, error));
    KERF_CHECK(rows > 0, KERF_ERR_USAGE, "%s:1: no rows below the header", table->file);
    KERF_TRY(make_room(v, rows, error));
    v->rows += rows;
    return source->predict(table, v->row + v->rows - rows, error);
}

enum kerf_status kerf_validate(MPI_Comm comm, int files, const char *const *file, const char *const *catalogs,
                               struct kerf_validation *validation, const struct kerf_engine_calls *calls,
                               struct kerf_error *error)
{
    struct kerf_catalog catalog;
    *validation = (struct kerf_validation){0};
    KERF_TRY(kerf_catalog_open(&catalog, comm, catalogs, error));
    for (int i = 0; i < files; i++) {
        struct kerf_csv *csv;
        KERF_TRY(read_table(comm, file[i], &csv, error));
        const struct kerf_row_table table = {
            .comm = comm, .file = file[i], .csv = csv, .catalog = &catalog, .calls = calls};
        enum kerf_status status = predict_table(&table, validation, error);
        kerf_csv_free(csv);
        KERF_TRY(status);
    }
    return KERF_OK;
}

void kerf_validation_free(struct kerf_validation *validation)
{
    free(validation->row);
    *validation = (struct kerf_validation){0};
}
