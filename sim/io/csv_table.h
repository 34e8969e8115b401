/* CSV files with a header line, read by column name (libcsv does the quoting). */
#ifndef KERF_IO_CSV_TABLE_H
#define KERF_IO_CSV_TABLE_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct kerf_csv;

/* Parses `text`; `file` is the name for messages. The first row is the header. Every row must have as many
 * fields. Blank lines are passed over. */
enum kerf_status kerf_csv_parse(const char *text, const char *file, struct kerf_csv **csv,
                                struct kerf_error *error);
void kerf_csv_free(struct kerf_csv *csv);

int kerf_csv_rows(const struct kerf_csv *csv);          /* header not counted */
int kerf_csv_line(const struct kerf_csv *csv, int row); /* of the file, where the row begins; from 1 */

/* Index of a column, or -1. */
int kerf_csv_column(const struct kerf_csv *csv, const char *name);

/* A field, "" for column -1. Valid as long as the table. */
const char *kerf_csv_field(const struct kerf_csv *csv, int row, int column);

/* A field that is a number above 0; NAN where it is empty or there is no such column. Anything else is
 * refused with FILE:LINE. */
enum kerf_status kerf_csv_number(const struct kerf_csv *csv, int row, const char *column, double *value,
                                 struct kerf_error *error);

/* Sets a message that begins with the FILE:LINE of a row (printf style); returns KERF_ERR_USAGE. */
enum kerf_status kerf_csv_refuse(const struct kerf_csv *csv, int row, struct kerf_error *error,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes one field with quotes where they are needed, and a comma or the end of the line after it. */
void kerf_csv_write(FILE *out, const char *field, bool last);

#endif
