/* The study room: a calibration as text, and as a catalog entry. */
#include "sim/base/units.h"
#include "sim/study/calibrate.h"
#include "sim/study/fitted_tables.h"

#include <string.h>

static const char *const uses[KERF_KERNEL_USES] = {"fitted", "family held out", "extreme held out"};

/* The unit that people use for a leaf, and the factor from SI to it. */
static const char *unit_of(const struct kerf_leaf_value *leaf, const struct kerf_leaf *spec, double *factor)
{
    double si;
    *factor = 1.0;
    if (kerf_unit_factor(leaf->unit, spec->unit, &si, NULL) != KERF_OK)
        return spec->unit;
    *factor = 1.0 / si;
    return leaf->unit;
}

static void print_leaf(FILE *out, const struct kerf_calibration *c, const struct kerf_fitted_leaf *leaf)
{
    double factor;
    const struct kerf_leaf *spec = &kerf_gpu_leaves.leaves[leaf->index];
    const char *unit = unit_of(&c->leaves->leaf[leaf->index], spec, &factor);
    fprintf(out, "  %-30s %10.4g [%.4g .. %.4g] %s, from %.4g%s\n", spec->key, leaf->value * factor,
            leaf->low * factor, leaf->high * factor, strcmp(unit, "1") ? unit : "", leaf->start * factor,
            leaf->at_bound ? "; at its bound" : "");
}

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
    if (calibration->fitted > 0)
        fprintf(out, "\n%d leaves fitted by %s in %d evaluations; interval: three standard errors\n",
                calibration->fitted, calibration->smooth ? "BRGN" : "POUNDERS", calibration->evaluations);
    for (int i = 0; i < calibration->fitted; i++)
        print_leaf(out, calibration, &calibration->leaf[i]);
    fprintf(out, "\nerror of the prediction%s:\n",
            calibration->fitted > 0 ? " with these leaves" : ", nothing fitted");
    print_all_residuals(out, "", calibration);
}

/* A text as a quoted YAML scalar. */
static void write_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_sources(FILE *out, const struct kerf_yaml *hardware, const struct kerf_kernel_table *table)
{
    kerf_yaml_node *sources = kerf_yaml_get(kerf_yaml_root(hardware), "sources");
    fprintf(out, "sources:\n");
    for (int i = 0; i < kerf_yaml_count(sources); i++) {
        char key[64], text[1024];
        kerf_yaml_key(sources, i, key, sizeof key);
        if (strcmp(key, "table") == 0 ||
            kerf_yaml_text(hardware, kerf_yaml_item(sources, i), key, text, sizeof text, NULL) != KERF_OK)
            continue;
        fprintf(out, "  %s: ", key);
        write_quoted(out, text);
        fputc('\n', out);
    }
    fprintf(out, "  table: ");
    write_quoted(out, table->file);
    fputc('\n', out);
}

static const struct kerf_fitted_leaf *fitted_leaf(const struct kerf_calibration *c, int index)
{
    for (int i = 0; i < c->fitted; i++)
        if (c->leaf[i].index == index)
            return &c->leaf[i];
    return NULL;
}

static void write_leaf(FILE *out, const struct kerf_calibration *c, int index)
{
    double factor;
    const struct kerf_leaf *spec = &kerf_gpu_leaves.leaves[index];
    const struct kerf_leaf_value *leaf = &c->leaves->leaf[index];
    const struct kerf_fitted_leaf *fitted = fitted_leaf(c, index);
    const char *unit = unit_of(leaf, spec, &factor);
    double value = fitted ? fitted->value : leaf->value, low = fitted ? fitted->low : leaf->low;
    double high = fitted ? fitted->high : leaf->high;
    fprintf(out, "  %s: {value: %.10g", spec->key, value * factor);
    if (fitted || leaf->ranged)
        fprintf(out, ", low: %.10g, high: %.10g", low * factor, high * factor);
    fprintf(out, ", unit: %s", unit);
    const char *source = fitted ? "table" : leaf->source, *note = fitted ? "fitted" : leaf->note;
    if (*source)
        fprintf(out, ", source: [%s]", source);
    fprintf(out, ", confidence: %s", fitted ? "medium" : leaf->confidence);
    if (*note) {
        fprintf(out, ", note: ");
        write_quoted(out, fitted && fitted->at_bound ? "fitted; at its bound" : note);
    }
    fprintf(out, "}\n");
}

void kerf_calibration_write(FILE *out, const struct kerf_calibration *calibration,
                            const struct kerf_kernel_table *table, const struct kerf_yaml *hardware,
                            const char *name)
{
    fprintf(out,
            "# %d leaves of %s fitted to %s; range: three standard errors.\n# Error of the prediction:\n",
            calibration->fitted, calibration->leaves->name, table->file);
    print_all_residuals(out, "#", calibration);
    fprintf(out, "name: %s\nkind: gpu\ntitle: ", name);
    write_quoted(out, calibration->leaves->title);
    fprintf(out, "\ncollectives: %s\n", calibration->leaves->collectives);
    kerf_fitted_write(out, hardware, kerf_kernel_name(table->kernel), table->file);
    write_sources(out, hardware, table);
    fprintf(out, "leaves:\n");
    for (int i = 0; i < kerf_gpu_leaves.count; i++)
        if (calibration->leaves->leaf[i].given)
            write_leaf(out, calibration, i);
}
