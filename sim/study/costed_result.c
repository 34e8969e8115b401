/* The study room: HDF5 of scenarios that are worked out at once. */
#include "sim/study/costed_result.h"

#include "sim/engine/agree.h"
#include "sim/io/hdf5_read.h"
#include "sim/io/hdf5_table.h"
#include "sim/io/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char table_name[] = "table";
enum { LAYOUT_VERSION = 1 };

struct writing {
    const struct kerf_costed_result *result;
    hid_t group;
    bool first; /* rank, which writes all rows */
};

char *kerf_costed_table(void (*print)(FILE *out, const void *study), const void *study)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    print(out, study);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static enum kerf_status write_names(const struct writing *w, const char *name, const char *long_name,
                                    const char *names, int count, const char *scale, struct kerf_error *error)
{
    const hsize_t zero = 0, rows_in_all = (hsize_t)count;
    const struct kerf_rows rows = {
        .blocks = w->first ? 1 : 0, .offset = &zero, .count = &rows_in_all, .total = rows_in_all};
    const struct kerf_table_column column = {.name = name,
                                             .units = "1",
                                             .long_name = long_name,
                                             .type = KERF_COLUMN_TEXT,
                                             .text_bytes = KERF_COSTED_NAME_BYTES,
                                             .scale = {scale}};
    return kerf_table_write(w->group, &column, &rows, names, error);
}

static enum kerf_status write_scales(const struct writing *w, struct kerf_error *error)
{
    const struct kerf_costed_result *r = w->result;
    KERF_TRY(write_names(w, "system", "systems of the scenario", r->system, r->systems, NULL, error));
    KERF_TRY(write_names(w, "column", "end of the uncertain leaves", r->column, r->columns, NULL, error));
    KERF_TRY(write_names(w, "part", "parts of the time", r->part, r->parts, NULL, error));
    KERF_TRY(write_names(w, "title", "name of the system", r->system_title, r->systems, "system", error));
    KERF_TRY(write_names(w, "hardware", "catalog entry", r->hardware, r->systems, "system", error));
    return write_names(w, "limit", "what takes most of the time", r->limit, r->systems, "system", error);
}

static enum kerf_status write_fields(const struct writing *w, struct kerf_error *error)
{
    const struct kerf_costed_result *r = w->result;
    const hsize_t zero = 0, systems = (hsize_t)r->systems;
    const struct kerf_rows rows = {
        .blocks = w->first ? 1 : 0, .offset = &zero, .count = &systems, .total = systems};
    const struct kerf_table_column count = {.name = "accelerators",
                                            .units = "1",
                                            .long_name = "accelerators of the system",
                                            .type = KERF_COLUMN_F64,
                                            .scale = {"system"}};
    KERF_TRY(kerf_table_write(w->group, &count, &rows, r->accelerators, error));
    const double *cells = r->cells;
    for (int f = 0; f < r->fields; f++) {
        const struct kerf_costed_field *field = &r->field[f];
        const struct kerf_table_column column = {
            .name = field->name,
            .units = field->units,
            .long_name = field->long_name,
            .type = KERF_COLUMN_F64,
            .width = {(hsize_t)r->columns, field->per_part ? (hsize_t)r->parts : 0},
            .scale = {"system", "column", field->per_part ? "part" : NULL}};
        KERF_TRY(kerf_table_write(w->group, &column, &rows, cells, error));
        cells += r->systems * r->columns * (field->per_part ? r->parts : 1);
    }
    return KERF_OK;
}

static enum kerf_status fill(hid_t file, const struct kerf_costed_result *result, bool first,
                             struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(file, "content", result->content, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(kerf_attribute_text(file, "kerf_version", result->version, error));
    KERF_TRY(kerf_attribute_text(file, "title", result->title, error));
    KERF_TRY(kerf_attribute_text(file, "network", result->network, error));
    hid_t group = H5Gcreate2(file, result->content, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(group >= 0, KERF_ERR_FAILURE, "result: the group %s cannot be made", result->content);
    const struct writing w = {result, group, first};
    enum kerf_status status = write_scales(&w, error);
    if (status == KERF_OK)
        status = write_fields(&w, error);
    H5Gclose(group);
    if (status == KERF_OK)
        status = kerf_table_text(file, "scenario", "the scenario's text", result->scenario, error);
    return status == KERF_OK
               ? kerf_table_text(file, table_name, "the table of kerf run", result->table, error)
               : status;
}

enum kerf_status kerf_costed_result_write(MPI_Comm comm, const char *path,
                                          const struct kerf_costed_result *result, struct kerf_error *error)
{
    char part[4096];
    int rank;
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    KERF_TRY(kerf_result_prepare(comm, path, error));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    enum kerf_status status =
        file >= 0 ? fill(file, result, rank == 0, error)
                  : kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written", path);
    if (file >= 0 && H5Fclose(file) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written whole", path);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK)
        status = kerf_error_share(
            comm, 0,
            rank == 0 && rename(part, path) != 0
                ? kerf_error_set(error, KERF_ERR_FAILURE, "output %s: %s", path, strerror(errno))
                : KERF_OK,
            error);
    if (status != KERF_OK)
        kerf_result_discard(comm, path);
    return status;
}

char *kerf_costed_result_table(const char *path)
{
    char *text = NULL;
    struct kerf_error ignored = {0};
    hid_t file = -1;
    H5E_BEGIN_TRY
    {
        file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file >= 0 && H5Lexists(file, table_name, H5P_DEFAULT) > 0 &&
            kerf_hdf5_text(file, table_name, &text, &ignored) != KERF_OK)
            text = NULL;
    }
    H5E_END_TRY
    if (file >= 0)
        H5Fclose(file);
    return text;
}
