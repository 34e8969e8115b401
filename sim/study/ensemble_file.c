/* The study room: an ensemble in HDF5. */
#include "sim/study/ensemble_file.h"

#include "sim/io/part_file.h"
#include "sim/io/result_columns.h"
#include "sim/study/ensemble_effects_file.h"
#include "sim/study/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTILES = 7 };

static const double quantiles[QUANTILES] = {0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95};

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){.comm = comm, .what = "output", .example = "ensemble.h5", .path = path};
}

enum kerf_status kerf_ensemble_reserve(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    return kerf_part_reserve(&part, error);
}

void kerf_ensemble_discard(MPI_Comm comm, const char *path)
{
    const struct kerf_part_file part = part_of(comm, path);
    kerf_part_discard(&part);
}

static enum kerf_status write_head(hid_t file, const struct kerf_ensemble *e, struct kerf_error *error)
{
    const struct kerf_comparison *c = e->comparison;
    KERF_TRY(kerf_attribute_text(file, "content", "ensemble", error));
    KERF_TRY(kerf_attribute_text(file, "title", c->scenario.title, error));
    KERF_TRY(kerf_attribute_text(file, "network", c->scenario.network, error));
    KERF_TRY(kerf_attribute_text(file, "baseline", c->scenario.baseline, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", KERF_ENSEMBLE_LAYOUT, error));
    KERF_TRY(kerf_attribute_text(file, "design", kerf_design_names[e->design.kind], error));
    KERF_TRY(kerf_attribute_text(file, "sampling", kerf_sampling_names[e->design.sampling], error));
    KERF_TRY(kerf_attribute_text(file, "grouping", kerf_grouping_names[e->design.grouping], error));
    KERF_TRY(kerf_attribute_integer(file, "draw_seed", (long long)e->design.seed, error));
    KERF_TRY(kerf_attribute_integer(file, "draws", e->design.draws, error));
    KERF_TRY(kerf_attribute_integer(file, "members", e->members, error));
    KERF_TRY(kerf_table_text(file, "scenario", "the scenario file as given", c->scenario_text, error));
    KERF_TRY(kerf_table_text(file, "overrides", "KEY=VALUE, one a line", c->overrides, error));
    return kerf_table_text(file, "scenario_resolved", "the scenario with every default and override",
                           c->scenario_resolved, error);
}

static enum kerf_status write_leaves(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                     struct kerf_error *error)
{
    const struct kerf_uncertain_leaf *leaf = e->uncertain.leaf;
    size_t count = (size_t)e->uncertain.count;
    char(*text)[KERF_TEXT_CELL_BYTES] = calloc(count + 1, sizeof *text);
    double *number = calloc(count + 1, sizeof *number);
    enum kerf_status status = text && number
                                  ? kerf_write_row_numbers(w, "leaf", "uncertain leaf", count, error)
                                  : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for leaves");
    const struct {
        const char *name, *long_name;
        size_t offset;
    } texts[] = {{"entry", "catalog entry", offsetof(struct kerf_uncertain_leaf, entry)},
                 {"key", "key of the leaf", offsetof(struct kerf_uncertain_leaf, key)},
                 {"unit", "unit of its values", offsetof(struct kerf_uncertain_leaf, unit)}},
      numbers[] = {{"low", "low end of its range", offsetof(struct kerf_uncertain_leaf, low)},
                   {"nominal", "nominal value: the mode", offsetof(struct kerf_uncertain_leaf, nominal)},
                   {"high", "high end of its range", offsetof(struct kerf_uncertain_leaf, high)}};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0] && status == KERF_OK; k++) {
        for (size_t i = 0; i < count; i++) {
            const char *said;
            memcpy(&said, (const char *)&leaf[i] + texts[k].offset, sizeof said);
            snprintf(text[i], sizeof text[i], "%s", said);
        }
        status = kerf_write_known_text(w, texts[k].name, texts[k].long_name, "leaf", text, sizeof text[0],
                                       count, error);
    }
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0] && status == KERF_OK; k++) {
        for (size_t i = 0; i < count; i++)
            memcpy(&number[i], (const char *)&leaf[i] + numbers[k].offset, sizeof number[i]);
        const struct kerf_table_column column = {.name = numbers[k].name,
                                                 .units = "SI",
                                                 .long_name = numbers[k].long_name,
                                                 .type = KERF_COLUMN_F64,
                                                 .scale = {"leaf"}};
        status = kerf_write_known(w, column, count, number, error);
    }
    free(text);
    free(number);
    return status;
}

/* One figure of all members and systems, or its quantiles over members. */
static void gather(const struct kerf_ensemble *e, int figure, bool over_members, double *cell, double *values)
{
    for (int system = 0; system < e->systems; system++) {
        int count = kerf_ensemble_values(e, system, figure, -1, values);
        for (int m = 0; m < e->members && !over_members; m++)
            cell[m * e->systems + system] = kerf_ensemble_value(e, m, system, figure);
        for (int q = 0; q < QUANTILES && over_members; q++)
            cell[system * QUANTILES + q] = count > 0 ? kerf_quantile(values, count, quantiles[q]) : NAN;
    }
}

static enum kerf_status write_figures(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      bool over_members, struct kerf_error *error)
{
    int most = e->members > QUANTILES ? e->members : QUANTILES;
    double *cell = calloc((size_t)most * (size_t)e->systems, sizeof *cell);
    double *values = calloc((size_t)e->members, sizeof *values);
    enum kerf_status status =
        cell && values ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for an ensemble");
    for (int figure = 0; figure < e->figures && status == KERF_OK; figure++) {
        const struct kerf_summary_field *field = &kerf_summary_fields[kerf_summary_scalar(figure)];
        gather(e, figure, over_members, cell, values);
        struct kerf_table_column column = {
            .name = field->name,
            .units = field->units,
            .long_name = field->long_name,
            .type = KERF_COLUMN_F64,
            .width = {(hsize_t)(over_members ? QUANTILES : e->systems)},
            .scale = {over_members ? "system" : "member", over_members ? "probability" : "system"}};
        status = kerf_write_known(w, column, (hsize_t)(over_members ? e->systems : e->members), cell, error);
    }
    free(cell);
    free(values);
    return status;
}

static enum kerf_status write_systems(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      struct kerf_error *error)
{
    const struct kerf_system_spec *spec = e->comparison->scenario.system;
    return kerf_write_known_text(w, "system", "key of the system", NULL, spec->name, sizeof *spec,
                                 (size_t)e->systems, error);
}

static enum kerf_status write_members(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      struct kerf_error *error)
{
    struct kerf_table_column drawn = {.name = "drawn",
                                      .units = "SI",
                                      .long_name = "value of every uncertain leaf",
                                      .type = KERF_COLUMN_F64,
                                      .width = {(hsize_t)e->uncertain.count},
                                      .scale = {"member", "leaf"}},
                             done = {
                                 .name = "done",
                                 .units = "1",
                                 .long_name =
                                     "1 where the member was simulated, 2 where what was drawn is impossible",
                                 .type = KERF_COLUMN_F64,
                                 .scale = {"member"}};
    KERF_TRY(kerf_write_row_numbers(w, "member", "member of the ensemble", (hsize_t)e->members, error));
    KERF_TRY(kerf_write_row_numbers(w, "leaf", "row of /leaves", (hsize_t)e->uncertain.count, error));
    KERF_TRY(write_systems(w, e, error));
    KERF_TRY(kerf_write_known(w, done, (hsize_t)e->members, e->done, error));
    if (e->uncertain.count > 0)
        KERF_TRY(kerf_write_known(w, drawn, (hsize_t)e->members, e->value, error));
    return write_figures(w, e, false, error);
}

static enum kerf_status write_quantiles(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                        struct kerf_error *error)
{
    struct kerf_table_column column = {.name = "probability",
                                       .units = "1",
                                       .long_name = "share of the members below",
                                       .type = KERF_COLUMN_F64};
    KERF_TRY(write_systems(w, e, error));
    KERF_TRY(kerf_write_known(w, column, QUANTILES, quantiles, error));
    return write_figures(w, e, true, error);
}

static enum kerf_status write_indices(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      struct kerf_error *error)
{
    KERF_TRY(write_systems(w, e, error));
    return kerf_ensemble_write_indices(w, e, error);
}

static enum kerf_status write_tornado(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      struct kerf_error *error)
{
    KERF_TRY(write_systems(w, e, error));
    return kerf_ensemble_write_tornado(w, e, error);
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const struct kerf_ensemble *e,
                                  struct kerf_error *error)
{
    bool whole = true;
    for (int m = 0; m < e->members; m++)
        whole = whole && e->done[m] != KERF_MEMBER_OPEN;
    const struct {
        const char *name;
        enum kerf_status (*write)(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                  struct kerf_error *error);
        bool wanted;
    } groups[] = {{"leaves", write_leaves, true},
                  {"members", write_members, true},
                  {"quantiles", write_quantiles, e->design.kind != KERF_DESIGN_TORNADO},
                  {"indices", write_indices, whole && e->design.kind == KERF_DESIGN_INDICES},
                  {"tornado", write_tornado, whole && e->design.kind == KERF_DESIGN_TORNADO}};
    KERF_TRY(write_head(file, e, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct kerf_result_writer w = {.comm = comm};
        if (!groups[i].wanted)
            continue;
        w.group = H5Gcreate2(file, groups[i].name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        KERF_CHECK(w.group >= 0, KERF_ERR_FAILURE, "cannot make group %s", groups[i].name);
        enum kerf_status status = groups[i].write(&w, e, error);
        H5Gclose(w.group);
        KERF_TRY(status);
    }
    return KERF_OK;
}

enum kerf_status kerf_ensemble_keep(MPI_Comm comm, const char *path, const struct kerf_ensemble *e,
                                    struct kerf_error *error)
{
    enum { DESCRIPTIONS = 1 << 20, LEAF = 1024 };
    const struct kerf_part_file part = part_of(comm, path);
    long long numbers = (long long)e->members * (e->uncertain.count + (long long)e->systems * e->figures + 4);
    long long texts =
        (long long)(strlen(e->comparison->scenario_text) + strlen(e->comparison->scenario_resolved));
    long long effects =
        8LL * e->systems * (e->figures + 1) * (6LL * e->design.groups + 2LL * e->uncertain.count);
    hid_t file;
    enum kerf_status status = kerf_part_create(
        &part, DESCRIPTIONS + texts + LEAF * (long long)e->uncertain.count + 8 * numbers + effects, 0, &file,
        error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, file, write_all(comm, file, e, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}
