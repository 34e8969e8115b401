/* The io room: CSV tables. Knows libcsv; nobody else does. */
#include "sim/io/csv_table.h"

#include <csv.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct kerf_csv {
    char *file;   /* owned: name for messages */
    char **field; /* owned, with every text */
    size_t fields, capacity;
    int *line; /* owned: where each row begins, the header first */
    size_t rows, row_capacity;
    size_t columns;  /* 0 until the header is whole */
    int ragged_line; /* the first that has not as many fields; 0: none */
    size_t row_start;
    int this_line, first_line; /* being read; where the row in it began, 0 between rows */
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

static void keep_line(struct kerf_csv *csv)
{
    if (csv->rows == csv->row_capacity) {
        size_t capacity = csv->row_capacity ? 2 * csv->row_capacity : 64;
        int *grown = realloc(csv->line, capacity * sizeof *grown);
        if (!grown) {
            csv->out_of_memory = true;
            return;
        }
        csv->line = grown;
        csv->row_capacity = capacity;
    }
    csv->line[csv->rows++] = csv->first_line;
}

static void end_row(int terminator, void *context)
{
    struct kerf_csv *csv = context;
    (void)terminator;
    size_t fields = csv->fields - csv->row_start;
    if (csv->columns == 0)
        csv->columns = fields;
    else if (fields != csv->columns && csv->ragged_line == 0)
        csv->ragged_line = csv->first_line;
    keep_line(csv);
    csv->row_start = csv->fields;
    csv->first_line = 0;
}

void kerf_csv_free(struct kerf_csv *csv)
{
    for (size_t i = 0; csv && i < csv->fields; i++)
        free(csv->field[i]);
    if (csv) {
        free(csv->field);
        free(csv->line);
        free(csv->file);
    }
    free(csv);
}

/* Line by line, so that it is known where a row begins: it may go over several lines, or none. */
static bool parse_lines(struct csv_parser *parser, const char *text, struct kerf_csv *csv)
{
    while (*text) {
        size_t length = strcspn(text, "\n") + 1;
        if (!text[length - 1])
            length--; /* the last line, without an end */
        csv->this_line++;
        bool blank = strspn(text, " \t\r\n") >= length; /* libcsv passes over it */
        if (csv->first_line == 0 && !blank)
            csv->first_line = csv->this_line;
        if (csv_parse(parser, text, length, keep_field, end_row, csv) != length)
            return false;
        text += length;
    }
    return csv_fini(parser, keep_field, end_row, csv) == 0;
}

/* Says why the table was not read. */
static enum kerf_status refuse(const struct kerf_csv *csv, bool parsed, const char *why,
                               struct kerf_error *error)
{
    KERF_CHECK(!csv->out_of_memory, KERF_ERR_FAILURE, "%s: out of memory", csv->file);
    KERF_CHECK(parsed, KERF_ERR_USAGE, "%s:%d: not a CSV table: %s", csv->file,
               csv->first_line ? csv->first_line : csv->this_line, why);
    KERF_CHECK(csv->columns > 0, KERF_ERR_USAGE, "%s:1: the file is empty; a header is wanted", csv->file);
    return kerf_error_set(error, KERF_ERR_USAGE, "%s:%d: the row has not the %zu fields of the header",
                          csv->file, csv->ragged_line, csv->columns);
}

enum kerf_status kerf_csv_parse(const char *text, const char *file, struct kerf_csv **csv,
                                struct kerf_error *error)
{
    struct csv_parser parser;
    struct kerf_csv *made = calloc(1, sizeof *made);
    bool ready = made && (made->file = strdup(file)) != NULL;
    if (!ready || csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        kerf_csv_free(made);
        return kerf_error_set(error, KERF_ERR_FAILURE, "%s: out of memory", file);
    }
    bool parsed = parse_lines(&parser, text, made);
    const char *why = csv_strerror(csv_error(&parser));
    csv_free(&parser);
    *csv = made;
    if (parsed && !made->out_of_memory && made->ragged_line == 0 && made->columns > 0)
        return KERF_OK;
    *csv = NULL;
    enum kerf_status status = refuse(made, parsed, why, error);
    kerf_csv_free(made);
    return status;
}

int kerf_csv_rows(const struct kerf_csv *csv)
{
    return (int)csv->rows - 1;
}

int kerf_csv_line(const struct kerf_csv *csv, int row)
{
    return csv->line[row + 1];
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

enum kerf_status kerf_csv_refuse(const struct kerf_csv *csv, int row, struct kerf_error *error,
                                 const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return kerf_error_set(error, KERF_ERR_USAGE, "%s:%d: %s", csv->file, kerf_csv_line(csv, row), text);
}

enum kerf_status kerf_csv_number(const struct kerf_csv *csv, int row, const char *column, double *value,
                                 struct kerf_error *error)
{
    const char *text = kerf_csv_field(csv, row, kerf_csv_column(csv, column));
    char *end;
    *value = NAN;
    if (!*text)
        return KERF_OK;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number))
        return kerf_csv_refuse(csv, row, error, "%s: '%s' is not a number", column, text);
    if (number <= 0.0)
        return kerf_csv_refuse(csv, row, error, "%s must be above 0, is %s", column, text);
    *value = number;
    return KERF_OK;
}

void kerf_csv_write(FILE *out, const char *field, bool last)
{
    if (strpbrk(field, ",\"\n\r"))
        csv_fwrite(out, field, strlen(field));
    else
        fputs(field, out);
    fputc(last ? '\n' : ',', out);
}
