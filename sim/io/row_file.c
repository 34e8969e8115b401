/* The io room: tables of rows as HDF5 files. */
#include "sim/io/row_file.h"

#include "sim/io/hdf5_table.h"
#include "sim/io/part_file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LAYOUT_VERSION = 1 };

struct writer {
    MPI_Comm comm;
    const struct kerf_row_file *file;
    struct kerf_rows rows; /* that this rank writes: all on the first, else none */
};

/* Bytes of the longest text of a column, at least one. */
static size_t longest_text(const struct kerf_row_column *column, size_t rows)
{
    size_t longest = 1;
    for (size_t i = 0; i < rows; i++) {
        size_t length = strlen(column->text + i * column->stride);
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* The cells of a column side by side, which the caller frees; NULL without memory. */
static void *cells_of(const struct kerf_row_column *column, size_t rows, size_t cell_bytes)
{
    const char *first = column->text ? column->text : (const char *)column->number;
    char *cells = calloc(rows + 1, cell_bytes);
    for (size_t i = 0; cells && i < rows; i++) {
        const char *cell = first + i * column->stride;
        memcpy(cells + i * cell_bytes, cell, column->text ? strlen(cell) : cell_bytes);
    }
    return cells;
}

static enum kerf_status write_column(const struct writer *w, hid_t group,
                                     const struct kerf_row_column *column, struct kerf_error *error)
{
    size_t bytes = column->text ? longest_text(column, w->file->rows) : sizeof(double);
    void *cells = cells_of(column, w->file->rows, bytes);
    const struct kerf_table_column out = {.name = column->name,
                                          .units = column->units,
                                          .long_name = column->long_name,
                                          .type = column->text ? KERF_COLUMN_TEXT : KERF_COLUMN_F64,
                                          .text_bytes = bytes,
                                          .scale = {w->file->row}};
    KERF_CHECK(cells, KERF_ERR_FAILURE, "out of memory for %s", column->name);
    enum kerf_status status = kerf_table_write(group, &out, &w->rows, cells, error);
    free(cells);
    return status;
}

/* Numbers the rows, so that their dimension has a name. */
static enum kerf_status write_scale(const struct writer *w, hid_t group, struct kerf_error *error)
{
    long long *number = malloc((w->file->rows + 1) * sizeof *number);
    const struct kerf_table_column scale = {.name = w->file->row,
                                            .units = "1",
                                            .long_name = "number of the row, from 0",
                                            .type = KERF_COLUMN_I64};
    KERF_CHECK(number, KERF_ERR_FAILURE, "out of memory for %zu rows", w->file->rows);
    for (size_t i = 0; i < w->file->rows; i++)
        number[i] = (long long)i;
    enum kerf_status status = kerf_table_write(group, &scale, &w->rows, number, error);
    free(number);
    return status;
}

static enum kerf_status write_rows(const struct writer *w, hid_t group, struct kerf_error *error)
{
    KERF_TRY(write_scale(w, group, error));
    for (int i = 0; i < w->file->columns; i++)
        KERF_TRY(write_column(w, group, &w->file->column[i], error));
    return KERF_OK;
}

/* What may differ between two runs of the same. */
static enum kerf_status write_provenance(const struct writer *w, hid_t group, struct kerf_error *error)
{
    struct {
        char date[64], host[256];
    } here = {0};
    int ranks;
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(here.date, sizeof here.date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    gethostname(here.host, sizeof here.host - 1);
    MPI_Comm_size(w->comm, &ranks);
    MPI_Bcast(&here, sizeof here, MPI_BYTE, 0, w->comm);
    KERF_TRY(kerf_attribute_text(group, "date", here.date, error));
    KERF_TRY(kerf_attribute_text(group, "host", here.host, error));
    KERF_TRY(kerf_attribute_text(group, "command", w->file->command, error));
    return kerf_attribute_integer(group, "ranks", ranks, error);
}

static enum kerf_status write_group(const struct writer *w, hid_t file, const char *name,
                                    enum kerf_status (*write)(const struct writer *, hid_t,
                                                              struct kerf_error *),
                                    struct kerf_error *error)
{
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(group >= 0, KERF_ERR_FAILURE, "cannot make group %s", name);
    enum kerf_status status = write(w, group, error);
    H5Gclose(group);
    return status;
}

static enum kerf_status write_all(const struct writer *w, hid_t file, struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(file, "title", w->file->title, error));
    KERF_TRY(kerf_attribute_text(file, "kerf_version", w->file->version, error));
    KERF_TRY(kerf_attribute_text(file, "content", w->file->group, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(write_group(w, file, w->file->group, write_rows, error));
    return write_group(w, file, "provenance", write_provenance, error);
}

/* More bytes than the file will have. */
static long long bytes_at_most(const struct kerf_row_file *file)
{
    enum { DESCRIPTIONS = 64 << 10 };
    long long row = sizeof(long long);
    for (int i = 0; i < file->columns; i++)
        row +=
            (long long)(file->column[i].text ? longest_text(&file->column[i], file->rows) : sizeof(double));
    return DESCRIPTIONS + (long long)file->rows * row;
}

enum kerf_status kerf_row_file_write(MPI_Comm comm, const char *path, const struct kerf_row_file *file,
                                     struct kerf_error *error)
{
    const struct kerf_part_file part = {
        .comm = comm, .what = "output", .example = "validation.h5", .path = path};
    const hsize_t zero = 0, total = file->rows;
    int rank;
    hid_t handle;
    MPI_Comm_rank(comm, &rank);
    const struct writer w = {.comm = comm,
                             .file = file,
                             .rows = {.blocks = rank == 0, .offset = &zero, .count = &total, .total = total}};
    enum kerf_status status = kerf_part_create(&part, bytes_at_most(file), 0, &handle, error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, handle, write_all(&w, handle, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}
