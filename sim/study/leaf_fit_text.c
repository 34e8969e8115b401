/* The study room: fitted leaves as text and as catalog entries. */
#include "sim/study/leaf_fit_text.h"

#include "sim/base/units.h"
#include "sim/study/fitted_tables.h"

#include <string.h>

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

static void print_leaf(FILE *out, const struct kerf_leaf_set *start, const struct kerf_fitted_leaf *leaf)
{
    double factor;
    const struct kerf_leaf *spec = &start->table->leaves[leaf->index];
    const char *unit = unit_of(&start->leaf[leaf->index], spec, &factor);
    fprintf(out, "  %-30s %10.4g [%.4g .. %.4g] %s, from %.4g%s\n", spec->key, leaf->value * factor,
            leaf->low * factor, leaf->high * factor, strcmp(unit, "1") ? unit : "", leaf->start * factor,
            leaf->at_bound ? "; at its bound" : "");
}

void kerf_leaf_fit_print(FILE *out, const struct kerf_leaf_set *start, const struct kerf_fitted *fitted)
{
    for (int i = 0; i < fitted->count; i++)
        print_leaf(out, start, &fitted->leaf[i]);
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

static kerf_yaml_node *sources_of(const struct kerf_fitted_entry *entry)
{
    return kerf_yaml_get(kerf_yaml_root(entry->origin), "sources");
}

/* The key of table `i` among the sources: "table", "table2", ...; after those of earlier fits. */
static void table_key(const struct kerf_fitted_entry *entry, int i, char key[16])
{
    kerf_yaml_node *sources = sources_of(entry);
    int number = i + 1;
    for (int s = 0; s < kerf_yaml_count(sources); s++) {
        char earlier[64];
        kerf_yaml_key(sources, s, earlier, sizeof earlier);
        number += strncmp(earlier, "table", 5) == 0;
    }
    if (number == 1)
        snprintf(key, 16, "table");
    else
        snprintf(key, 16, "table%d", number);
}

static void write_sources(FILE *out, const struct kerf_fitted_entry *entry)
{
    kerf_yaml_node *sources = sources_of(entry);
    fprintf(out, "sources:\n");
    for (int i = 0; i < kerf_yaml_count(sources); i++) {
        char key[64], text[1024];
        kerf_yaml_key(sources, i, key, sizeof key);
        if (kerf_yaml_text(entry->origin, kerf_yaml_item(sources, i), key, text, sizeof text, NULL) !=
            KERF_OK)
            continue;
        fprintf(out, "  %s: ", key);
        write_quoted(out, text);
        fputc('\n', out);
    }
    for (int i = 0; i < entry->tables; i++) {
        char key[16];
        table_key(entry, i, key);
        fprintf(out, "  %s: ", key);
        write_quoted(out, entry->table[i]);
        fputc('\n', out);
    }
}

static const struct kerf_fitted_leaf *fitted_leaf(const struct kerf_fitted *fitted, int index)
{
    for (int i = 0; i < fitted->count; i++)
        if (fitted->leaf[i].index == index)
            return &fitted->leaf[i];
    return NULL;
}

static void write_fitted(FILE *out, const struct kerf_fitted_entry *entry,
                         const struct kerf_fitted_leaf *leaf, double factor, const char *unit)
{
    fprintf(out, "{value: %.10g, low: %.10g, high: %.10g, unit: %s, source: [", leaf->value * factor,
            leaf->low * factor, leaf->high * factor, unit);
    for (int i = 0; i < entry->tables; i++) {
        char key[16];
        table_key(entry, i, key);
        fprintf(out, "%s%s", i ? ", " : "", key);
    }
    fprintf(out, "], confidence: medium, note: \"fitted%s\"}\n", leaf->at_bound ? "; at its bound" : "");
}

static void write_kept(FILE *out, const struct kerf_leaf_value *leaf, double factor, const char *unit)
{
    fprintf(out, "{value: %.10g", leaf->value * factor);
    if (leaf->ranged)
        fprintf(out, ", low: %.10g, high: %.10g", leaf->low * factor, leaf->high * factor);
    fprintf(out, ", unit: %s", unit);
    if (*leaf->source)
        fprintf(out, ", source: [%s]", leaf->source);
    fprintf(out, ", confidence: %s", leaf->confidence);
    if (*leaf->note) {
        fprintf(out, ", note: ");
        write_quoted(out, leaf->note);
    }
    fprintf(out, "}\n");
}

void kerf_fitted_entry_write(FILE *out, const struct kerf_fitted_entry *entry)
{
    const struct kerf_leaf_set *start = entry->start;
    fprintf(out, "name: %s\nkind: %s\ntitle: ", entry->name, start->table->kind);
    write_quoted(out, start->title);
    fputc('\n', out);
    if (*start->collectives)
        fprintf(out, "collectives: %s\n", start->collectives);
    kerf_fitted_write(out, entry->origin, entry->what, entry->tables, entry->table);
    write_sources(out, entry);
    fprintf(out, "leaves:\n");
    for (int i = 0; i < start->table->count; i++) {
        double factor;
        const struct kerf_leaf_value *leaf = &start->leaf[i];
        const struct kerf_fitted_leaf *fitted = fitted_leaf(entry->fitted, i);
        const char *unit = unit_of(leaf, &start->table->leaves[i], &factor);
        if (!leaf->given)
            continue;
        fprintf(out, "  %s: ", start->table->leaves[i].key);
        if (fitted)
            write_fitted(out, entry, fitted, factor, unit);
        else
            write_kept(out, leaf, factor, unit);
    }
}
