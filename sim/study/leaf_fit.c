/* The study room: leaves as unknowns of a least-squares problem. The solver is in least_squares.c; what is
 * measured and how it is predicted, the caller knows. */
#include "sim/study/leaf_fit.h"

#include "sim/study/least_squares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double standard_errors = 3.0;
/* A fit does not stray further than this factor from where it starts. */
static const double farthest = 30.0;
/* Of a leaf, to see whether any row feels it, and for its derivatives. */
static const double nudge = 1e-3;
enum { EVALUATIONS_MOST = 3000 };

/* What the solver's callbacks need. `params` are those of the start; `moved` is theirs to write on. */
struct problem {
    const struct kerf_leaf_fit *fit;
    struct kerf_fitted *fitted;
    const struct kerf_leaf_table *table;
    void *params, *moved;
    double lower[KERF_FITTED_LEAVES_MAX], upper[KERF_FITTED_LEAVES_MAX];
};

static void set_leaf(const struct problem *p, void *params, int index, double value)
{
    memcpy((char *)params + p->table->leaves[index].offset, &value, sizeof value);
}

static void move_leaves(const struct problem *p, const double *x, void *params)
{
    memcpy(params, p->params, p->table->struct_bytes);
    for (int j = 0; j < p->fitted->count; j++)
        set_leaf(p, params, p->fitted->leaf[j].index, p->fitted->leaf[j].start * exp(x[j]));
}

static void residual(const void *context, const double *x, double *out)
{
    const struct problem *p = context;
    move_leaves(p, x, p->moved);
    for (int i = 0; i < p->fit->rows; i++)
        out[i] = p->fit->log_error(p->fit->context, i, p->moved);
}

static int leaf_index(const struct kerf_leaf_table *table, const char *key)
{
    int i = 0;
    while (strcmp(table->leaves[i].key, key) != 0)
        i++;
    return i;
}

/* Whether a change of the leaf changes the prediction of any row. */
static bool is_felt(const struct problem *p, int index, double value)
{
    const struct kerf_leaf_fit *fit = p->fit;
    memcpy(p->moved, p->params, p->table->struct_bytes);
    set_leaf(p, p->moved, index, value * (1.0 + nudge));
    for (int i = 0; i < fit->rows; i++)
        if (fit->log_error(fit->context, i, p->moved) != fit->log_error(fit->context, i, p->params))
            return true;
    return false;
}

static void choose_leaves(struct problem *p)
{
    const char *const *key = p->fit->key;
    struct kerf_fitted *f = p->fitted;
    for (int i = 0; i < KERF_FITTED_LEAVES_MAX && key[i]; i++) {
        int index = leaf_index(p->table, key[i]);
        const struct kerf_leaf *spec = &p->table->leaves[index];
        double start = p->fit->start->leaf[index].value;
        if (!p->fit->start->leaf[index].given || start <= 0.0 || !is_felt(p, index, start))
            continue;
        double most = strcmp(spec->unit, "1") == 0 ? fmin(p->fit->most, spec->most) : spec->most;
        p->lower[f->count] = log(fmax(spec->least / start, 1.0 / farthest));
        p->upper[f->count] = log(fmax(fmin(most / start, farthest), 1.0));
        f->leaf[f->count++] = (struct kerf_fitted_leaf){
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
static void differentiate(const struct problem *p, const double *x, double *jacobian, double *scratch)
{
    int n = p->fitted->count;
    for (int j = 0; j < n; j++) {
        double at[KERF_FITTED_LEAVES_MAX];
        memcpy(at, x, (size_t)n * sizeof *at);
        at[j] = x[j] + nudge;
        residual(p, at, scratch);
        for (int i = 0; i < p->fit->rows; i++)
            jacobian[i * n + j] = scratch[i];
        at[j] = x[j] - nudge;
        residual(p, at, scratch);
        for (int i = 0; i < p->fit->rows; i++)
            jacobian[i * n + j] = (jacobian[i * n + j] - scratch[i]) / (2.0 * nudge);
    }
}

/* Sums over rows: `normal` = J'J, and `score` = J'r per family, as rows of `families` x n. */
static void gather_scores(const struct problem *p, const double *jacobian, const double *r, double *normal,
                          double *score)
{
    int n = p->fitted->count;
    for (int i = 0; i < p->fit->rows; i++)
        for (int a = 0; a < n; a++) {
            score[p->fit->family(p->fit->context, i) * n + a] += jacobian[i * n + a] * r[i];
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

static enum kerf_status find_intervals(struct problem *p, const double *x, struct kerf_error *error)
{
    struct kerf_fitted *f = p->fitted;
    int n = f->count, families = p->fit->families, rows = p->fit->rows;
    double *jacobian = calloc((size_t)rows * n + 1, sizeof *jacobian), *r = calloc(rows, sizeof *r);
    double *normal = calloc((size_t)n * n, sizeof *normal);
    double *score = calloc((size_t)families * n, sizeof *score);
    bool allocated = jacobian && r && normal && score;
    if (allocated) {
        differentiate(p, x, jacobian, r);
        residual(p, x, r);
        gather_scores(p, jacobian, r, normal, score);
        invert(normal, n);
    }
    double squares = 0.0;
    for (int i = 0; allocated && i < rows; i++)
        squares += r[i] * r[i];
    for (int j = 0; allocated && j < n; j++) {
        /* Few families make the sandwich too small: no less than for independent rows. */
        double variance =
            fmax(variance_of(j, n, normal, score, families), squares / (rows - n) * normal[j * n + j]);
        double reach = standard_errors * sqrt(variance);
        f->leaf[j].value = f->leaf[j].start * exp(x[j]);
        f->leaf[j].low = f->leaf[j].start * exp(fmax(x[j] - reach, p->lower[j]));
        f->leaf[j].high = f->leaf[j].start * exp(fmin(x[j] + reach, p->upper[j]));
        f->leaf[j].at_bound = x[j] <= p->lower[j] + nudge || x[j] >= p->upper[j] - nudge;
    }
    free(jacobian);
    free(r);
    free(normal);
    free(score);
    KERF_CHECK(allocated, KERF_ERR_FAILURE, "out of memory for %d rows and %d leaves", rows, n);
    return KERF_OK;
}

static enum kerf_status solve(struct problem *p, struct kerf_error *error)
{
    const struct kerf_leaf_fit *fit = p->fit;
    struct kerf_fitted *f = p->fitted;
    double x[KERF_FITTED_LEAVES_MAX] = {0};
    choose_leaves(p);
    KERF_CHECK(f->count > 0 && fit->rows > f->count, KERF_ERR_USAGE,
               "%s: %d rows to fit %d leaves; more rows than leaves are wanted", fit->what, fit->rows,
               f->count);
    const struct kerf_least_squares least = {.parameters = f->count,
                                             .residuals = fit->rows,
                                             .lower = p->lower,
                                             .upper = p->upper,
                                             .smooth = fit->smooth,
                                             .evaluations_most = EVALUATIONS_MOST,
                                             .residual = residual,
                                             .context = p};
    KERF_TRY(kerf_least_squares_solve(&least, x, &f->evaluations, error));
    KERF_TRY(find_intervals(p, x, error));
    move_leaves(p, x, p->moved);
    memcpy(p->params, p->moved, p->table->struct_bytes);
    return KERF_OK;
}

enum kerf_status kerf_leaf_fit_solve(const struct kerf_leaf_fit *fit, void *params,
                                     struct kerf_fitted *fitted, struct kerf_error *error)
{
    struct problem p = {.fit = fit, .fitted = fitted, .table = fit->start->table, .params = params};
    *fitted = (struct kerf_fitted){0};
    p.moved = malloc(p.table->struct_bytes);
    KERF_CHECK(p.moved, KERF_ERR_FAILURE, "%s: out of memory", fit->what);
    enum kerf_status status = solve(&p, error);
    free(p.moved);
    return status;
}
