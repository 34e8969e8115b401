/* Comma-separated lines one at a time, for files of millions of them (libcsv does the quoting). */
#ifndef KERF_IO_CSV_LINE_H
#define KERF_IO_CSV_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum { KERF_CSV_LINE_FIELDS = 24, KERF_CSV_LINE_BYTES = 1024 };

struct kerf_csv_line {
    char text[KERF_CSV_LINE_BYTES]; /* the fields, one behind the other, each with its end */
    const char *field[KERF_CSV_LINE_FIELDS];
    int fields;
};

/* Splits one line, without or with its end; false: it is no line of CSV, or too long, or has too many fields.
 */
bool kerf_csv_line_split(const char *bytes, size_t length, struct kerf_csv_line *line);

/* Index of the field that reads `name`, or -1. */
int kerf_csv_line_find(const struct kerf_csv_line *line, const char *name);

#endif
