/* The io room: lines of CSV. Knows libcsv; nothing of what the fields mean. */
#include "sim/io/csv_line.h"

#include <csv.h>
#include <string.h>

struct filling {
    struct kerf_csv_line *line;
    size_t used;
    bool fits;
    int rows;
};

static void keep_field(void *bytes, size_t length, void *context)
{
    struct filling *filling = context;
    struct kerf_csv_line *line = filling->line;
    filling->fits = filling->fits && line->fields < KERF_CSV_LINE_FIELDS &&
                    filling->used + length + 1 <= KERF_CSV_LINE_BYTES;
    if (!filling->fits)
        return;
    char *text = line->text + filling->used;
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    filling->used += length + 1;
    line->field[line->fields++] = text;
}

static void count_row(int terminator, void *context)
{
    (void)terminator;
    ((struct filling *)context)->rows++;
}

bool kerf_csv_line_split(const char *bytes, size_t length, struct kerf_csv_line *line)
{
    struct csv_parser parser;
    struct filling filling = {.line = line, .fits = true};
    line->fields = 0;
    if (csv_init(&parser, CSV_STRICT) != 0)
        return false;
    bool parsed = csv_parse(&parser, bytes, length, keep_field, count_row, &filling) == length &&
                  csv_fini(&parser, keep_field, count_row, &filling) == 0;
    csv_free(&parser);
    return parsed && filling.fits && filling.rows == 1;
}

int kerf_csv_line_find(const struct kerf_csv_line *line, const char *name)
{
    for (int i = 0; i < line->fields; i++)
        if (strcmp(line->field[i], name) == 0)
            return i;
    return -1;
}
