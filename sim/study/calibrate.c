/* The study room: fits leaves of a GPU to measured kernels. Knows which leaves a kernel has; the solver is in
 * least_squares.c, the formulas are in models/device. */
#include "sim/study/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The rows that are fitted, and the leaves. */
struct fit {
    const struct kerf_kernel_table *table;
    struct kerf_calibration *calibration;
    struct kerf_gpu_params start; /* after a fit: as fitted */
    int rows;
    const struct kerf_kernel_row **row; /* owned: fitted rows */
};

static double log_error(const void *context, int row, const void *params)
{
    const struct fit *f = context;
    return log(kerf_kernel_predict_s(params, f->table->kernel, f->row[row]) / f->row[row]->measured_s);
}

static int family_of(const void *context, int row)
{
    return ((const struct fit *)context)->row[row]->family;
}

static enum kerf_status gather_rows(struct fit *f, struct kerf_error *error)
{
    f->row = malloc((size_t)f->table->rows * sizeof *f->row);
    KERF_CHECK(f->row, KERF_ERR_FAILURE, "out of memory for %d rows", f->table->rows);
    for (int i = 0; i < f->table->rows; i++) {
        const struct kerf_kernel_row *row = &f->table->row[i];
        double predicted_s = kerf_kernel_predict_s(&f->start, f->table->kernel, row);
        KERF_CHECK(predicted_s > 0.0, KERF_ERR_USAGE, "%s:%d: %s has no %s unit", f->table->file, i + 2,
                   f->calibration->leaves->name, kerf_format_facts(row->format)->name);
        if (row->use == KERF_KERNEL_FITTED)
            f->row[f->rows++] = row;
    }
    return KERF_OK;
}

static enum kerf_status solve(struct fit *f, struct kerf_error *error)
{
    struct kerf_calibration *c = f->calibration;
    struct kerf_gpu_params params = f->start;
    const struct kerf_leaf_fit fit = {.what = f->table->file,
                                      .start = c->leaves,
                                      .key = kerf_kernel_leaves(f->table->kernel),
                                      .most = 1.0, /* shares of what the part can */
                                      .smooth = c->smooth,
                                      .rows = f->rows,
                                      .families = f->table->families,
                                      .context = f,
                                      .log_error = log_error,
                                      .family = family_of};
    KERF_TRY(kerf_leaf_fit_solve(&fit, &params, &c->fitted, error));
    f->start = params;
    return KERF_OK;
}

/* Errors of the rows of `format` (KERF_FORMAT_COUNT: of all) that were put to `use`. */
static struct kerf_residuals residuals_of(const struct fit *f, int format, int use, double *scratch)
{
    struct kerf_residuals sum = {0};
    for (int i = 0; i < f->table->rows; i++) {
        const struct kerf_kernel_row *row = &f->table->row[i];
        if ((int)row->use != use || (format < KERF_FORMAT_COUNT && (int)row->format != format))
            continue;
        kerf_residuals_add(&sum, scratch,
                           kerf_kernel_predict_s(&f->start, f->table->kernel, row) / row->measured_s - 1.0);
    }
    kerf_residuals_finish(&sum, scratch);
    return sum;
}

static enum kerf_status gather_residuals(struct fit *f, struct kerf_error *error)
{
    double *scratch = malloc((size_t)f->table->rows * sizeof *scratch);
    KERF_CHECK(scratch, KERF_ERR_FAILURE, "out of memory for %d rows", f->table->rows);
    for (int use = 0; use < KERF_KERNEL_USES; use++) {
        for (int format = 0; format < KERF_FORMAT_COUNT; format++)
            f->calibration->residuals[format][use] = residuals_of(f, format, use, scratch);
        f->calibration->all[use] = residuals_of(f, KERF_FORMAT_COUNT, use, scratch);
    }
    free(scratch);
    return KERF_OK;
}

enum kerf_status kerf_calibrate(const struct kerf_yaml *hardware, const struct kerf_kernel_table *table,
                                bool fit, struct kerf_calibration *calibration, struct kerf_error *error)
{
    struct fit f = {.table = table, .calibration = calibration};
    *calibration = (struct kerf_calibration){.smooth = kerf_kernel_is_smooth(table->kernel)};
    calibration->leaves = malloc(sizeof *calibration->leaves);
    KERF_CHECK(calibration->leaves, KERF_ERR_FAILURE, "out of memory for leaves");
    enum kerf_status status = kerf_leaf_set_read(hardware, &kerf_gpu_leaves, calibration->leaves, error);
    if (status == KERF_OK) {
        kerf_leaf_set_fill(calibration->leaves, KERF_COLUMN_NOMINAL, &f.start);
        status = gather_rows(&f, error);
    }
    if (status == KERF_OK && fit)
        status = solve(&f, error);
    if (status == KERF_OK)
        status = gather_residuals(&f, error);
    free(f.row);
    if (status != KERF_OK)
        kerf_calibration_free(calibration);
    return status;
}

void kerf_calibration_free(struct kerf_calibration *calibration)
{
    free(calibration->leaves);
    calibration->leaves = NULL;
}
