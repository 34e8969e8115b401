/* The study room: tables of collectives with their GPUs. */
#include "sim/study/collective_set.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct kerf_catalog *catalog;
    const struct kerf_csv *csv;
    const char *hardware;
    struct kerf_collective_set *set;
};

static const char *text_at(const struct kerf_csv *csv, int row, const char *column)
{
    return kerf_csv_field(csv, row, kerf_csv_column(csv, column));
}

static enum kerf_status part_name(const struct reader *r, int row, const char **name,
                                  struct kerf_error *error)
{
    *name = text_at(r->csv, row, "hardware");
    if (!**name)
        *name = text_at(r->csv, row, "device");
    if (!**name && r->hardware)
        *name = r->hardware;
    return **name
               ? KERF_OK
               : kerf_csv_refuse(
                     r->csv, row, error,
                     "which GPU was measured? A column 'hardware' or 'device', or --hardware NAME is wanted");
}

static enum kerf_status find_part(struct reader *r, int row, const struct kerf_collective_part **part,
                                  struct kerf_error *error)
{
    struct kerf_collective_set *set = r->set;
    const char *name;
    KERF_TRY(part_name(r, row, &name, error));
    for (int i = 0; i < set->parts; i++)
        if (strcmp(set->part[i]->called, name) == 0) {
            *part = set->part[i];
            return KERF_OK;
        }
    struct kerf_collective_part **grown = realloc(set->part, ((size_t)set->parts + 1) * sizeof *grown);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %s", name);
    set->part = grown;
    struct kerf_collective_part *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for %s", name);
    *part = grown[set->parts++] = made;
    if (kerf_collective_part_open(r->catalog, name, made, error) != KERF_OK)
        return kerf_error_prefix(error, "%s:%d: ", set->file, kerf_csv_line(r->csv, row));
    return KERF_OK;
}

static enum kerf_status read_row(struct reader *r, int row, struct kerf_error *error)
{
    struct kerf_collective_set *set = r->set;
    const struct kerf_collective_part *part = NULL;
    struct kerf_collective_row answer[KERF_COLLECTIVE_ANSWERS_MAX];
    KERF_TRY(find_part(r, row, &part, error));
    KERF_TRY(kerf_collective_row_read(r->csv, set->layout, row, &part->cluster[KERF_COLUMN_NOMINAL], answer,
                                      error));
    for (int i = 0; i < set->answers; i++) {
        set->row[row * set->answers + i] = answer[i];
        set->part_of_row[row * set->answers + i] = part;
    }
    return KERF_OK;
}

enum kerf_status kerf_collective_set_read(struct kerf_catalog *catalog, const struct kerf_csv *csv,
                                          const char *file, enum kerf_collective_layout layout,
                                          const char *hardware, int every, struct kerf_collective_set *set,
                                          struct kerf_error *error)
{
    struct reader reader = {.catalog = catalog, .csv = csv, .hardware = hardware, .set = set};
    int rows = kerf_csv_rows(csv);
    *set = (struct kerf_collective_set){
        .file = file, .layout = layout, .answers = kerf_collective_answers(layout)};
    set->rows = rows * set->answers;
    set->row = calloc((size_t)set->rows + 1, sizeof *set->row);
    set->part_of_row = calloc((size_t)set->rows + 1, sizeof *set->part_of_row);
    KERF_CHECK(set->row && set->part_of_row, KERF_ERR_FAILURE, "%s: out of memory for %d rows", file, rows);
    for (int row = 0; row < rows; row++)
        KERF_TRY(read_row(&reader, row, error));
    return kerf_collective_hold_out(set->row, set->rows, every, error);
}

void kerf_collective_set_free(struct kerf_collective_set *set)
{
    for (int i = 0; i < set->parts; i++) {
        kerf_collective_part_close(set->part[i]);
        free(set->part[i]);
    }
    free(set->part);
    free(set->part_of_row);
    free(set->row);
    *set = (struct kerf_collective_set){0};
}
