/* The study room: a calibration as text, and as a catalog entry. */
#include "sim/study/calibrate.h"
#include "sim/study/leaf_fit_text.h"

#include <string.h>

static const char *const uses[KERF_KERNEL_USES] = {"fitted", "family held out", "extreme held out"};

static void print_residuals(FILE *out, const char *before, const char *format, const char *use,
                            const struct kerf_residuals *r)
{
    if (r->rows > 0)
        fprintf(out, "%s  %-10s %-17s %6d rows  mean %5.1f %%  median %5.1f %%  bias %+5.1f %%\n", before,
                format, use, r->rows, 100.0 * r->mean_absolute, 100.0 * r->median_absolute, 100.0 * r->bias);
}

static void print_all_residuals(FILE *out, const char *before, const struct kerf_calibration *c)
{
    for (int format = 0; format < KERF_FORMAT_COUNT; format++)
        for (int use = 0; use < KERF_KERNEL_USES; use++)
            print_residuals(out, before, kerf_format_facts((enum kerf_format)format)->name, uses[use],
                            &c->residuals[format][use]);
    for (int use = 0; use < KERF_KERNEL_USES; use++)
        print_residuals(out, before, "all", uses[use], &c->all[use]);
}

void kerf_calibration_print(FILE *out, const struct kerf_calibration *calibration,
                            const struct kerf_kernel_table *table)
{
    fprintf(out, "%s on %s: %d rows of %s\n", kerf_kernel_name(table->kernel), calibration->leaves->name,
            table->rows, table->file);
    if (calibration->fitted.count > 0)
        fprintf(out, "\n%d leaves fitted by %s in %d evaluations; interval: three standard errors\n",
                calibration->fitted.count, calibration->smooth ? "BRGN" : "POUNDERS",
                calibration->fitted.evaluations);
    kerf_leaf_fit_print(out, calibration->leaves, &calibration->fitted);
    fprintf(out, "\nerror of the prediction%s:\n",
            calibration->fitted.count > 0 ? " with these leaves" : ", nothing fitted");
    print_all_residuals(out, "", calibration);
}

void kerf_calibration_write(FILE *out, const struct kerf_calibration *calibration,
                            const struct kerf_kernel_table *table, const struct kerf_yaml *hardware,
                            const char *name)
{
    fprintf(out,
            "# %d leaves of %s fitted to %s; range: three standard errors.\n# Error of the prediction:\n",
            calibration->fitted.count, calibration->leaves->name, table->file);
    print_all_residuals(out, "#", calibration);
    const char *const tables[] = {table->file};
    const struct kerf_fitted_entry entry = {.name = name,
                                            .origin = hardware,
                                            .start = calibration->leaves,
                                            .fitted = &calibration->fitted,
                                            .what = kerf_kernel_name(table->kernel),
                                            .tables = 1,
                                            .table = tables};
    kerf_fitted_entry_write(out, &entry);
}
