/* The io room: CSV tables. Knows libcsv; nobody else does. */
#include "sim/io/csv_table.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

struct kerf_csv {
    char **field; /* owned, with every text */
    size_t fields, capacity;
    size_t columns; /* 0 until the header is whole */
    size_t ragged_row;
    size_t row_start;
    bool out_of_memory;
};

static void keep_field(void *bytes, size_t length, void *context)
{
    struct kerf_csv *csv = context;
    if (csv->fields == csv->capacity) {
        size_t capacity = csv->capacity ? 2 * csv->capacity : 256;
        char **grown = realloc(csv->field, capacity * sizeof *grown);
        if (!grown) {
            csv->out_of_memory = true;
            return;
        }
        csv->field = grown;
        csv->capacity = capacity;
    }
    char *text = malloc(length + 1);
    if (!text) {
        csv->out_of_memory = true;
        return;
    }
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    csv->field[csv->fields++] = text;
}

static void end_row(int terminator, void *context)
{
    struct kerf_csv *csv = context;
    (void)terminator;
    size_t fields = csv->fields - csv->row_start;
    if (csv->columns == 0)
        csv->columns = fields;
    else if (fields != csv->columns && csv->ragged_row == 0)
        csv->ragged_row = csv->row_start / csv->columns + 1;
    csv->row_start = csv->fields;
}

void kerf_csv_free(struct kerf_csv *csv)
{
    for (size_t i = 0; csv && i < csv->fields; i++)
        free(csv->field[i]);
    if (csv)
        free(csv->field);
    free(csv);
}

enum kerf_status kerf_csv_parse(const char *text, const char *file, struct kerf_csv **csv,
                                struct kerf_error *error)
{
    struct csv_parser parser;
    struct kerf_csv *made = calloc(1, sizeof *made);
    KERF_CHECK(made && csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0, KERF_ERR_FAILURE,
               "%s: out of memory", file);
    size_t length = strlen(text);
    bool parsed = csv_parse(&parser, text, length, keep_field, end_row, made) == length &&
                  csv_fini(&parser, keep_field, end_row, made) == 0;
    const char *why = csv_strerror(csv_error(&parser));
    csv_free(&parser);
    *csv = made;
    if (parsed && !made->out_of_memory && made->ragged_row == 0 && made->columns > 0)
        return KERF_OK;
    *csv = NULL;
    enum kerf_status status;
    if (made->ragged_row > 0)
        status = kerf_error_set(error, KERF_ERR_USAGE, "%s: row %zu has not the %zu fields of the header",
                                file, made->ragged_row, made->columns);
    else
        status = kerf_error_set(error, KERF_ERR_USAGE, "%s: not a CSV table: %s", file,
                                parsed ? "it is empty" : why);
    kerf_csv_free(made);
    return status;
}

int kerf_csv_rows(const struct kerf_csv *csv)
{
    return (int)(csv->fields / csv->columns) - 1;
}

int kerf_csv_column(const struct kerf_csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns; i++)
        if (strcmp(csv->field[i], name) == 0)
            return (int)i;
    return -1;
}

const char *kerf_csv_field(const struct kerf_csv *csv, int row, int column)
{
    return column < 0 ? "" : csv->field[((size_t)row + 1) * csv->columns + (size_t)column];
}

void kerf_csv_write(FILE *out, const char *field, bool last)
{
    if (strpbrk(field, ",\"\n\r"))
        csv_fwrite(out, field, strlen(field));
    else
        fputs(field, out);
    fputc(last ? '\n' : ',', out);
}
