/* The study room: a sweep in HDF5. */
#include "sim/study/sweep_file.h"

#include "sim/engine/agree.h"
#include "sim/io/hdf5_read.h"
#include "sim/io/part_file.h"
#include "sim/io/result_columns.h"
#include "sim/study/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LAYOUT_VERSION = 1, TEXT_BYTES = KERF_SWEEP_REASON_BYTES };

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){.comm = comm, .what = "output", .example = "frontier.h5", .path = path};
}

enum kerf_status kerf_sweep_reserve(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    return kerf_part_reserve(&part, error);
}

void kerf_sweep_discard(MPI_Comm comm, const char *path)
{
    const struct kerf_part_file part = part_of(comm, path);
    kerf_part_discard(&part);
}

static enum kerf_status write_head(hid_t file, const struct kerf_sweep *sweep, struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(file, "content", "sweep", error));
    KERF_TRY(kerf_attribute_text(file, "title", sweep->scenario.title, error));
    KERF_TRY(kerf_attribute_text(file, "network", sweep->scenario.network, error));
    KERF_TRY(kerf_attribute_text(file, "baseline", sweep->scenario.baseline, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(kerf_attribute_integer(file, "points", sweep->points, error));
    KERF_TRY(kerf_table_text(file, "scenario", "the scenario file as given", sweep->scenario_text, error));
    return kerf_table_text(file, "scenario_resolved",
                           "the scenario with every default, at the first value of every axis, and the sweep",
                           sweep->scenario_resolved, error);
}

static enum kerf_status write_systems(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                      struct kerf_error *error)
{
    const struct kerf_system_spec *spec = sweep->scenario.system;
    size_t count = (size_t)sweep->scenario.systems;
    KERF_TRY(kerf_write_known_text(w, "system", "key of the system", NULL, spec->name, sizeof *spec, count,
                                   error));
    KERF_TRY(kerf_write_known_text(w, "title", "name of the system", "system", spec->title, sizeof *spec,
                                   count, error));
    return kerf_write_known_text(w, "hardware", "catalog entry", "system", spec->hardware, sizeof *spec,
                                 count, error);
}

static enum kerf_status write_keys(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                   struct kerf_error *error)
{
    const struct kerf_sweep_key *key = sweep->section.key;
    return kerf_write_known_text(w, "key", "key that is swept", NULL, key->path, sizeof *key,
                                 (size_t)sweep->section.keys, error);
}

/* A plain number, or NAN. */
static double number_in(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    return end != text && !*end ? number : (double)NAN;
}

/* Where a point stands: fills columns over points, cell by cell. */
static enum kerf_status write_places(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                     double *cell, struct kerf_error *error)
{
    const hsize_t points = (hsize_t)sweep->points;
    struct kerf_table_column value = {.name = "value",
                                      .units = "1",
                                      .long_name = "what the key has; NaN: no number, or of another system",
                                      .type = KERF_COLUMN_F64,
                                      .width = {(hsize_t)sweep->section.keys},
                                      .scale = {"point", "key"}},
                             whole = {.units = "1", .type = KERF_COLUMN_I64, .scale = {"point"}};
    for (int p = 0; p < sweep->points; p++) {
        for (int k = 0; k < sweep->section.keys; k++) {
            const struct kerf_sweep_key *key = &sweep->section.key[k];
            int at = sweep->point[p].value[key->axis];
            bool concerns = at >= 0 && (key->system < 0 || key->system == sweep->point[p].system);
            cell[p * sweep->section.keys + k] = concerns ? number_in(key->value[at]) : (double)NAN;
        }
    }
    KERF_TRY(kerf_write_known(w, value, points, cell, error));
    long long *index = (long long *)cell;
    for (int p = 0; p < sweep->points; p++)
        index[p] = sweep->point[p].system;
    whole.name = "system";
    whole.long_name = "index into /systems/system";
    KERF_TRY(kerf_write_known(w, whole, points, index, error));
    for (int p = 0; p < sweep->points; p++)
        index[p] = (long long)kerf_sweep_row(sweep, p)->state;
    whole.name = "state";
    whole.long_name = "0: not simulated; 1: done; 2: refused";
    return kerf_write_known(w, whole, points, index, error);
}

static enum kerf_status write_texts(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                    char (*text)[TEXT_BYTES], struct kerf_error *error)
{
    struct kerf_table_column column = {.name = "setting",
                                       .units = "1",
                                       .long_name = "what the point has",
                                       .type = KERF_COLUMN_TEXT,
                                       .text_bytes = TEXT_BYTES,
                                       .scale = {"point"}};
    for (int p = 0; p < sweep->points; p++) {
        memset(text[p], 0, TEXT_BYTES);
        kerf_sweep_point_text(sweep, p, text[p], TEXT_BYTES);
    }
    KERF_TRY(kerf_write_known(w, column, (hsize_t)sweep->points, text, error));
    for (int p = 0; p < sweep->points; p++)
        memcpy(text[p], kerf_sweep_row(sweep, p)->reason, TEXT_BYTES);
    column.name = "reason";
    column.long_name = "why the point was refused; empty where it was not";
    return kerf_write_known(w, column, (hsize_t)sweep->points, text, error);
}

static enum kerf_status write_figures(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                      double *cell, struct kerf_error *error)
{
    struct kerf_table_column column = {
        .type = KERF_COLUMN_F64, .width = {(hsize_t)sweep->columns}, .scale = {"point", "column"}};
    for (int figure = 0; figure < sweep->figures + KERF_YIELD_COUNT; figure++) {
        enum kerf_sweep_yield yield = (enum kerf_sweep_yield)(figure - sweep->figures);
        bool of_summary = figure < sweep->figures;
        const struct kerf_summary_field *field =
            of_summary ? &kerf_summary_fields[kerf_summary_scalar(figure)] : NULL;
        column.name = field ? field->name : kerf_sweep_yields[yield].name;
        column.units = field ? field->units : kerf_sweep_yields[yield].units;
        column.long_name = field ? field->long_name : kerf_sweep_yields[yield].long_name;
        for (int i = 0; i < sweep->points * sweep->columns; i++) {
            int p = i / sweep->columns, c = i % sweep->columns;
            bool done = kerf_sweep_row(sweep, p)->state == KERF_SWEEP_DONE;
            cell[i] = !done        ? (double)NAN
                      : of_summary ? kerf_sweep_figures(sweep, p, c)[figure]
                                   : kerf_sweep_yield_of(sweep, p, c, yield);
        }
        KERF_TRY(kerf_write_known(w, column, (hsize_t)sweep->points, cell, error));
    }
    return KERF_OK;
}

static enum kerf_status write_pareto(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                     double *cell, struct kerf_error *error)
{
    size_t points = (size_t)sweep->points;
    bool *marked = calloc(points, sizeof *marked);
    double *x = cell, *y = cell + points;
    long long *whole = (long long *)(cell + 2 * points);
    KERF_CHECK(marked, KERF_ERR_FAILURE, "out of memory for %d points", sweep->points);
    enum kerf_status status = KERF_OK;
    for (int yield = 0; yield < KERF_YIELD_COUNT && status == KERF_OK; yield++) {
        for (int p = 0; p < sweep->points; p++) {
            x[p] = kerf_sweep_speed_of(sweep, p, sweep->nominal);
            y[p] = kerf_sweep_yield_of(sweep, p, sweep->nominal, (enum kerf_sweep_yield)yield);
        }
        kerf_pareto_mark(x, y, NULL, sweep->points, marked);
        for (int p = 0; p < sweep->points; p++)
            whole[p] = marked[p];
        struct kerf_table_column column = {
            .name = kerf_sweep_yields[yield].pareto,
            .units = "1",
            .long_name = "1 where no point has more of this yield and of speed per user, nominal",
            .type = KERF_COLUMN_I64,
            .scale = {"point"}};
        status = kerf_write_known(w, column, points, whole, error);
    }
    free(marked);
    return status;
}

static enum kerf_status write_points(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                     struct kerf_error *error)
{
    size_t points = (size_t)sweep->points, wide = 3 + (size_t)sweep->section.keys;
    static const char *const nominal_alone[] = {"nominal"};
    KERF_TRY(kerf_write_row_numbers(w, "point", "point of the sweep", points, error));
    KERF_TRY(kerf_write_name_scale(w, "column", "where the leaves stand",
                                   sweep->columns == 1 ? nominal_alone : kerf_column_names,
                                   (size_t)sweep->columns, error));
    KERF_TRY(write_keys(w, sweep, error));
    double *cell = calloc(points * wide, sizeof *cell);
    char(*text)[TEXT_BYTES] = calloc(points, sizeof *text);
    enum kerf_status status =
        cell && text ? KERF_OK
                     : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d points", sweep->points);
    if (status == KERF_OK)
        status = write_places(w, sweep, cell, error);
    if (status == KERF_OK)
        status = write_texts(w, sweep, text, error);
    if (status == KERF_OK)
        status = write_figures(w, sweep, cell, error);
    if (status == KERF_OK)
        status = write_pareto(w, sweep, cell, error);
    free(cell);
    free(text);
    return status;
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const struct kerf_sweep *sweep,
                                  struct kerf_error *error)
{
    static const struct {
        const char *name;
        enum kerf_status (*write)(const struct kerf_result_writer *w, const struct kerf_sweep *sweep,
                                  struct kerf_error *error);
    } groups[] = {{"systems", write_systems}, {"points", write_points}};
    KERF_TRY(write_head(file, sweep, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct kerf_result_writer w = {.comm = comm};
        w.group = H5Gcreate2(file, groups[i].name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        KERF_CHECK(w.group >= 0, KERF_ERR_FAILURE, "cannot make group %s", groups[i].name);
        enum kerf_status status = groups[i].write(&w, sweep, error);
        H5Gclose(w.group);
        KERF_TRY(status);
    }
    return KERF_OK;
}

enum kerf_status kerf_sweep_keep(MPI_Comm comm, const char *path, const struct kerf_sweep *sweep,
                                 struct kerf_error *error)
{
    enum { DESCRIPTIONS = 1 << 20 };
    const struct kerf_part_file part = part_of(comm, path);
    long long cells =
        (long long)sweep->columns * (sweep->figures + KERF_YIELD_COUNT) + sweep->section.keys + 8;
    long long each = 8 * cells + 2 * TEXT_BYTES;
    long long texts = (long long)(strlen(sweep->scenario_text) + strlen(sweep->scenario_resolved));
    hid_t file;
    enum kerf_status status =
        kerf_part_create(&part, DESCRIPTIONS + texts + each * sweep->points, 0, &file, error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, file, write_all(comm, file, sweep, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}

/* Takes the reasons of refused points. */
static enum kerf_status read_reasons(hid_t file, struct kerf_sweep *sweep, const double *state,
                                     struct kerf_error *error)
{
    char(*text)[TEXT_BYTES] = calloc((size_t)sweep->points, sizeof *text);
    hid_t type = H5Tcopy(H5T_C_S1), data = H5Dopen2(file, "/points/reason", H5P_DEFAULT);
    H5Tset_size(type, TEXT_BYTES);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    bool read = text && data >= 0 && H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    for (int p = 0; p < sweep->points && read; p++) {
        if (state[p] != KERF_SWEEP_REFUSED)
            continue;
        memcpy(kerf_sweep_row(sweep, p)->reason, text[p], TEXT_BYTES);
        kerf_sweep_row(sweep, p)->reason[TEXT_BYTES - 1] = '\0';
    }
    if (data >= 0)
        H5Dclose(data);
    H5Tclose(type);
    free(text);
    KERF_CHECK(read, KERF_ERR_USAGE, "has no /points/reason");
    return KERF_OK;
}

static enum kerf_status read_points(hid_t file, struct kerf_sweep *sweep, struct kerf_error *error)
{
    size_t points = (size_t)sweep->points, cells = points * (size_t)sweep->columns;
    double *state = calloc(points + cells, sizeof *state), *cell = state ? state + points : NULL;
    KERF_CHECK(state, KERF_ERR_FAILURE, "out of memory for %d points", sweep->points);
    enum kerf_status status = kerf_hdf5_doubles(file, "/points/state", sweep->points, state, error);
    for (int figure = 0; figure < sweep->figures && status == KERF_OK; figure++) {
        char name[96];
        snprintf(name, sizeof name, "/points/%s", kerf_summary_fields[kerf_summary_scalar(figure)].name);
        status = kerf_hdf5_doubles(file, name, (long long)cells, cell, error);
        for (size_t i = 0; i < cells && status == KERF_OK; i++)
            if (state[i / (size_t)sweep->columns] == KERF_SWEEP_DONE)
                kerf_sweep_figures(sweep, (int)(i / (size_t)sweep->columns),
                                   (int)(i % (size_t)sweep->columns))[figure] = cell[i];
    }
    if (status == KERF_OK)
        status = read_reasons(file, sweep, state, error);
    for (int p = 0; p < sweep->points && status == KERF_OK; p++)
        if (state[p] != KERF_SWEEP_OPEN)
            kerf_sweep_row(sweep, p)->state = state[p];
    free(state);
    return status;
}

static enum kerf_status read_file(hid_t file, struct kerf_sweep *sweep, struct kerf_error *error)
{
    char content[32], *resolved;
    long long version;
    KERF_TRY(kerf_hdf5_attribute_text(file, "content", content, sizeof content, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "layout_version", &version, error));
    KERF_CHECK(strcmp(content, "sweep") == 0 && version == LAYOUT_VERSION, KERF_ERR_USAGE,
               "is no sweep of this kerf");
    KERF_TRY(kerf_hdf5_text(file, "scenario_resolved", &resolved, error));
    bool same = strcmp(resolved, sweep->scenario_resolved) == 0;
    free(resolved);
    KERF_CHECK(same, KERF_ERR_USAGE, "is of another scenario");
    return read_points(file, sweep, error);
}

enum kerf_status kerf_sweep_go_on(MPI_Comm comm, const char *path, bool must_be, struct kerf_sweep *sweep,
                                  struct kerf_error *error)
{
    int rank;
    enum kerf_status status = KERF_OK;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0 && (must_be || access(path, F_OK) == 0)) {
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
        hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file >= 0)
            status = read_file(file, sweep, error);
        else
            status = kerf_error_set(error, KERF_ERR_USAGE,
                                    access(path, F_OK) == 0 ? "is no HDF5 file" : "is not there");
        if (file >= 0)
            H5Fclose(file);
        if (status != KERF_OK)
            status = kerf_error_prefix(error, must_be ? "%s: " : "output %s: is there already and ", path);
    }
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    const size_t most = 1 << 30, bytes = (size_t)sweep->points * sweep->row_bytes;
    for (size_t at = 0; at < bytes; at += most)
        MPI_Bcast(sweep->row + at, (int)(bytes - at < most ? bytes - at : most), MPI_BYTE, 0, comm);
    return KERF_OK;
}
