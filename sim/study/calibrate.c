/* The study room: fits leaves of a GPU to measured kernels. Knows which leaves a kernel has; the solver is in
 * least_squares.c, the formulas are in models/device. */
#include "sim/study/calibrate.h"

#include "sim/study/least_squares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double standard_errors = 3.0;
/* A fit does not stray further than this factor from where it starts. */
static const double farthest = 30.0;
/* Of a leaf, to see whether any row feels it, and for its derivatives. */
static const double nudge = 1e-3;
enum { EVALUATIONS_MOST = 1000 };

/* What the solver's callbacks need: the rows that are fitted and the leaves that move. */
struct fit {
    const struct kerf_kernel_table *table;
    struct kerf_calibration *calibration;
    struct kerf_gpu_params start;
    int rows;
    const struct kerf_kernel_row **row; /* owned: fitted rows */
    double lower[KERF_FITTED_LEAVES_MAX], upper[KERF_FITTED_LEAVES_MAX];
};

static void set_leaf(struct kerf_gpu_params *gpu, int index, double value)
{
    memcpy((char *)gpu + kerf_gpu_leaves.leaves[index].offset, &value, sizeof value);
}

static struct kerf_gpu_params moved(const struct fit *f, const double *x)
{
    struct kerf_gpu_params gpu = f->start;
    for (int j = 0; j < f->calibration->fitted; j++)
        set_leaf(&gpu, f->calibration->leaf[j].index, f->calibration->leaf[j].start * exp(x[j]));
    return gpu;
}

static void residual(const void *context, const double *x, double *out)
{
    const struct fit *f = context;
    struct kerf_gpu_params gpu = moved(f, x);
    for (int i = 0; i < f->rows; i++)
        out[i] = log(kerf_kernel_predict_s(&gpu, f->table->kernel, f->row[i]) / f->row[i]->measured_s);
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

static int leaf_index(const char *key)
{
    int i = 0;
    while (strcmp(kerf_gpu_leaves.leaves[i].key, key) != 0)
        i++;
    return i;
}

/* Whether a change of the leaf changes the prediction of any fitted row. */
static bool is_felt(const struct fit *f, int index, double value)
{
    struct kerf_gpu_params gpu = f->start;
    set_leaf(&gpu, index, value * (1.0 + nudge));
    for (int i = 0; i < f->rows; i++)
        if (kerf_kernel_predict_s(&gpu, f->table->kernel, f->row[i]) !=
            kerf_kernel_predict_s(&f->start, f->table->kernel, f->row[i]))
            return true;
    return false;
}

static void choose_leaves(struct fit *f)
{
    const char *const *key = kerf_kernel_leaves(f->table->kernel);
    struct kerf_calibration *c = f->calibration;
    for (int i = 0; i < KERF_FITTED_LEAVES_MAX && key[i]; i++) {
        int index = leaf_index(key[i]);
        const struct kerf_leaf *spec = &kerf_gpu_leaves.leaves[index];
        double start = c->leaves->leaf[index].value;
        if (!c->leaves->leaf[index].given || start <= 0.0 || !is_felt(f, index, start))
            continue;
        double most = strcmp(spec->unit, "1") == 0 ? 1.0 : spec->most;
        f->lower[c->fitted] = log(fmax(spec->least / start, 1.0 / farthest));
        f->upper[c->fitted] = log(fmax(fmin(most / start, farthest), 1.0));
        c->leaf[c->fitted++] = (struct kerf_fitted_leaf){
            .index = index, .start = start, .value = start, .low = start, .high = start};
    }
}

/* Inverts a symmetric positive matrix of n x n in place, by Gauss and Jordan; a direction that no row feels
 * gets a large variance instead of an infinite one. */
static void invert(double *a, int n)
{
    for (int p = 0; p < n; p++) {
        double pivot = 1.0 / fmax(a[p * n + p], 1e-9);
        a[p * n + p] = 1.0;
        for (int j = 0; j < n; j++)
            a[p * n + j] *= pivot;
        for (int i = 0; i < n; i++) {
            double factor = a[i * n + p];
            if (i == p)
                continue;
            a[i * n + p] = 0.0;
            for (int j = 0; j < n; j++)
                a[i * n + j] -= factor * a[p * n + j];
        }
    }
}

/* Derivatives of all residuals, row by row, by central differences. */
static void differentiate(const struct fit *f, const double *x, double *jacobian, double *scratch)
{
    int n = f->calibration->fitted;
    for (int j = 0; j < n; j++) {
        double at[KERF_FITTED_LEAVES_MAX];
        memcpy(at, x, (size_t)n * sizeof *at);
        at[j] = x[j] + nudge;
        residual(f, at, scratch);
        for (int i = 0; i < f->rows; i++)
            jacobian[i * n + j] = scratch[i];
        at[j] = x[j] - nudge;
        residual(f, at, scratch);
        for (int i = 0; i < f->rows; i++)
            jacobian[i * n + j] = (jacobian[i * n + j] - scratch[i]) / (2.0 * nudge);
    }
}

/* Sums over rows: `normal` = J'J, and `score` = J'r per family, as rows of `families` x n. */
static void gather_scores(const struct fit *f, const double *jacobian, const double *r, double *normal,
                          double *score)
{
    int n = f->calibration->fitted;
    for (int i = 0; i < f->rows; i++)
        for (int a = 0; a < n; a++) {
            score[f->row[i]->family * n + a] += jacobian[i * n + a] * r[i];
            for (int b = 0; b < n; b++)
                normal[a * n + b] += jacobian[i * n + a] * jacobian[i * n + b];
        }
}

/* Variance of parameter `a`: the sum over families of the square of (inverse normal x score). */
static double variance_of(int a, int n, const double *inverse, const double *score, int families)
{
    double sum = 0.0;
    int used = 0;
    for (int g = 0; g < families; g++) {
        double step = 0.0, any = 0.0;
        for (int b = 0; b < n; b++) {
            step += inverse[a * n + b] * score[g * n + b];
            any += fabs(score[g * n + b]);
        }
        sum += step * step;
        used += any > 0.0;
    }
    return used > 1 ? sum * used / (used - 1.0) : INFINITY;
}

static enum kerf_status find_intervals(struct fit *f, const double *x, struct kerf_error *error)
{
    struct kerf_calibration *c = f->calibration;
    int n = c->fitted, families = f->table->families;
    double *jacobian = calloc((size_t)f->rows * n + 1, sizeof *jacobian), *r = calloc(f->rows, sizeof *r);
    double *normal = calloc((size_t)n * n, sizeof *normal);
    double *score = calloc((size_t)families * n, sizeof *score);
    bool allocated = jacobian && r && normal && score;
    if (allocated) {
        differentiate(f, x, jacobian, r);
        residual(f, x, r);
        gather_scores(f, jacobian, r, normal, score);
        invert(normal, n);
    }
    for (int j = 0; allocated && j < n; j++) {
        double reach = standard_errors * sqrt(variance_of(j, n, normal, score, families));
        c->leaf[j].value = c->leaf[j].start * exp(x[j]);
        c->leaf[j].low = c->leaf[j].start * exp(fmax(x[j] - reach, f->lower[j]));
        c->leaf[j].high = c->leaf[j].start * exp(fmin(x[j] + reach, f->upper[j]));
        c->leaf[j].at_bound = x[j] <= f->lower[j] + nudge || x[j] >= f->upper[j] - nudge;
    }
    free(jacobian);
    free(r);
    free(normal);
    free(score);
    KERF_CHECK(allocated, KERF_ERR_FAILURE, "out of memory for %d rows and %d leaves", f->rows, n);
    return KERF_OK;
}

static enum kerf_status solve(struct fit *f, struct kerf_error *error)
{
    struct kerf_calibration *c = f->calibration;
    double x[KERF_FITTED_LEAVES_MAX] = {0};
    choose_leaves(f);
    KERF_CHECK(c->fitted > 0 && f->rows > c->fitted, KERF_ERR_USAGE,
               "%s: %d rows to fit %d leaves; more rows than leaves are wanted", f->table->file, f->rows,
               c->fitted);
    const struct kerf_least_squares problem = {.parameters = c->fitted,
                                               .residuals = f->rows,
                                               .lower = f->lower,
                                               .upper = f->upper,
                                               .smooth = c->smooth,
                                               .evaluations_most = EVALUATIONS_MOST,
                                               .residual = residual,
                                               .context = f};
    KERF_TRY(kerf_least_squares_solve(&problem, x, &c->evaluations, error));
    KERF_TRY(find_intervals(f, x, error));
    for (int j = 0; j < c->fitted; j++)
        set_leaf(&f->start, c->leaf[j].index, c->leaf[j].value);
    return KERF_OK;
}

static int compare_numbers(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Errors of the rows of `format` (KERF_FORMAT_COUNT: of all) that were put to `use`. */
static struct kerf_residuals residuals_of(const struct fit *f, int format, int use, double *scratch)
{
    struct kerf_residuals sum = {0};
    for (int i = 0; i < f->table->rows; i++) {
        const struct kerf_kernel_row *row = &f->table->row[i];
        if ((int)row->use != use || (format < KERF_FORMAT_COUNT && (int)row->format != format))
            continue;
        double error = kerf_kernel_predict_s(&f->start, f->table->kernel, row) / row->measured_s - 1.0;
        scratch[sum.rows++] = fabs(error);
        sum.mean_absolute += fabs(error);
        sum.bias += error;
    }
    if (sum.rows == 0)
        return sum;
    qsort(scratch, (size_t)sum.rows, sizeof *scratch, compare_numbers);
    sum.median_absolute = (scratch[(sum.rows - 1) / 2] + scratch[sum.rows / 2]) / 2.0;
    sum.mean_absolute /= sum.rows;
    sum.bias /= sum.rows;
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
