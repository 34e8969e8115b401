/* The study room: indices and tornado tables in HDF5. */
#include "sim/study/ensemble_effects.h"

#include "sim/study/ensemble_effects_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ESTIMATES = 6, ENDS = 2, NAME_BYTES = 128 };
static const char *const estimates[ESTIMATES] = {"first", "first_low", "first_high",
                                                 "total", "total_low", "total_high"};
static const char *const ends[ENDS] = {"low", "high"};

/* Every figure, and after them the ratio of the speeds per user. */
static enum kerf_status write_figures(const struct kerf_result_writer *w, const struct kerf_ensemble *e,
                                      struct kerf_table_column column, double *cell,
                                      enum kerf_status (*fill)(const struct kerf_ensemble *e, int system,
                                                               int figure, int base, double *cell,
                                                               struct kerf_error *error),
                                      struct kerf_error *error)
{
    size_t each = column.width[0] * column.width[1];
    for (int i = 0; i <= e->figures; i++) {
        bool ratio = i == e->figures;
        int figure = ratio ? kerf_summary_scalar_named("output_speed_per_user") : i;
        const struct kerf_summary_field *field = &kerf_summary_fields[kerf_summary_scalar(figure)];
        column.name = ratio ? "speed_ratio" : field->name;
        column.long_name = ratio ? "speed per user over that of the baseline" : field->long_name;
        for (int system = 0; system < e->systems; system++)
            KERF_TRY(fill(e, system, figure, ratio ? kerf_comparison_baseline(e->comparison) : -1,
                          cell + (size_t)system * each, error));
        KERF_TRY(kerf_write_known(w, column, (hsize_t)e->systems, cell, error));
    }
    return KERF_OK;
}

static enum kerf_status fill_indices(const struct kerf_ensemble *e, int system, int figure, int base,
                                     double *cell, struct kerf_error *error)
{
    int pairs, groups = e->design.groups;
    struct kerf_sobol_index *index = calloc((size_t)groups + 1, sizeof *index);
    KERF_CHECK(index, KERF_ERR_FAILURE, "out of memory for indices");
    enum kerf_status status = kerf_ensemble_indices(e, system, figure, base, index, &pairs, error);
    for (int g = 0; g < groups; g++) {
        const double found[ESTIMATES] = {index[g].first, index[g].first_low, index[g].first_high,
                                         index[g].total, index[g].total_low, index[g].total_high};
        memcpy(&cell[g * ESTIMATES], found, sizeof found);
    }
    free(index);
    return status;
}

static enum kerf_status fill_ends(const struct kerf_ensemble *e, int system, int figure, int base,
                                  double *cell, struct kerf_error *error)
{
    (void)error;
    for (int k = 0; k < e->uncertain.count; k++)
        kerf_ensemble_ends(e, k, system, figure, base, &cell[k * ENDS], &cell[k * ENDS + 1]);
    return KERF_OK;
}

enum kerf_status kerf_ensemble_write_indices(const struct kerf_result_writer *w,
                                             const struct kerf_ensemble *e, struct kerf_error *error)
{
    size_t groups = (size_t)e->design.groups;
    char(*name)[NAME_BYTES] = calloc(groups + 1, sizeof *name);
    double *cell = calloc((size_t)e->systems * groups * ESTIMATES + 1, sizeof *cell);
    const struct kerf_table_column column = {.units = "1",
                                             .type = KERF_COLUMN_F64,
                                             .width = {groups, ESTIMATES},
                                             .scale = {"system", "group", "estimate"}};
    enum kerf_status status =
        name && cell ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for indices");
    for (int g = 0; g < e->design.groups && status == KERF_OK; g++) {
        char full[KERF_UNCERTAIN_NAME_BYTES];
        kerf_design_group_name(&e->design, &e->uncertain, g, full);
        snprintf(name[g], sizeof name[g], "%s", full);
    }
    if (status == KERF_OK)
        status = kerf_write_known_text(w, "group", "values that move together", NULL, name, sizeof name[0],
                                       groups, error);
    if (status == KERF_OK)
        status = kerf_write_name_scale(w, "estimate", "Sobol indices with 90 % intervals", estimates,
                                       ESTIMATES, error);
    if (status == KERF_OK)
        status = write_figures(w, e, column, cell, fill_indices, error);
    free(cell);
    free(name);
    return status;
}

enum kerf_status kerf_ensemble_write_tornado(const struct kerf_result_writer *w,
                                             const struct kerf_ensemble *e, struct kerf_error *error)
{
    size_t leaves = (size_t)e->uncertain.count;
    double *cell = calloc((size_t)e->systems * leaves * ENDS + 1, sizeof *cell);
    const struct kerf_table_column column = {
        .units = "SI", .type = KERF_COLUMN_F64, .width = {leaves, ENDS}, .scale = {"system", "leaf", "end"}};
    KERF_CHECK(cell, KERF_ERR_FAILURE, "out of memory for a tornado");
    enum kerf_status status = kerf_write_row_numbers(w, "leaf", "row of /leaves", leaves, error);
    if (status == KERF_OK)
        status = kerf_write_name_scale(w, "end", "where the value stands", ends, ENDS, error);
    if (status == KERF_OK)
        status = write_figures(w, e, column, cell, fill_ends, error);
    free(cell);
    return status;
}
