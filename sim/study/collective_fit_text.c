/* The study room: a fit of a library of collectives as text, and as a catalog entry. */
#include "sim/study/collective_fit.h"
#include "sim/study/leaf_fit_text.h"

static const char *const uses[KERF_COLLECTIVE_USES] = {"fitted", "held out"};

static void print_residuals(FILE *out, const char *before, const char *metric, const char *use,
                            const struct kerf_residuals *r)
{
    if (r->rows > 0)
        fprintf(out, "%s  %-17s %-9s %6d rows  mean %5.1f %%  median %5.1f %%  bias %+5.1f %%\n", before,
                metric, use, r->rows, 100.0 * r->mean_absolute, 100.0 * r->median_absolute, 100.0 * r->bias);
}

static void print_all_residuals(FILE *out, const char *before, const struct kerf_collective_fit *f)
{
    for (int m = 0; m < f->metrics; m++)
        for (int use = 0; use < KERF_COLLECTIVE_USES; use++)
            print_residuals(out, before, f->metric[m].metric, uses[use], &f->metric[m].residuals[use]);
    for (int use = 0; use < KERF_COLLECTIVE_USES; use++)
        print_residuals(out, before, "all", uses[use], &f->all[use]);
}

void kerf_collective_fit_print(FILE *out, const struct kerf_collective_fit *f)
{
    fprintf(out, "%s by %s:", kerf_collective_family_name(f->request.family), f->origin->library.name);
    for (int i = 0; i < f->request.files; i++)
        fprintf(out, " %s", f->request.file[i]);
    fputc('\n', out);
    if (f->fitted.count > 0)
        fprintf(out, "\n%d leaves fitted by %s in %d evaluations; interval: three standard errors\n",
                f->fitted.count, f->smooth ? "BRGN" : "POUNDERS", f->fitted.evaluations);
    kerf_leaf_fit_print(out, &f->origin->library, &f->fitted);
    fprintf(out, "\nerror of the prediction%s:\n",
            f->fitted.count > 0 ? " with these leaves" : ", nothing fitted");
    print_all_residuals(out, "", f);
}

void kerf_collective_fit_write(FILE *out, const struct kerf_collective_fit *f, const char *name)
{
    const struct kerf_fitted_entry entry = {.name = name,
                                            .origin = f->origin->entry,
                                            .start = &f->origin->library,
                                            .fitted = &f->fitted,
                                            .what = kerf_collective_family_name(f->request.family),
                                            .tables = f->request.files,
                                            .table = f->request.file};
    fprintf(out, "# %d leaves of %s fitted; range: three standard errors.\n# Error of the prediction:\n",
            f->fitted.count, f->origin->library.name);
    print_all_residuals(out, "#", f);
    kerf_fitted_entry_write(out, &entry);
}
