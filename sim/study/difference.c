/* The study room: two result files side by side. */
#include "sim/study/difference.h"

#include "sim/io/hdf5_numbers.h"
#include "sim/io/hdf5_read.h"
#include "sim/io/yaml.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_SHOWN = 64, FILES = 2 };

struct comparing {
    FILE *out;
    const char *path[FILES];
    hid_t file[FILES];
    struct kerf_dataset_names names[FILES];
    int same, differing;
    long long rounding; /* numbers of named rows that differ by no more than sums in another order do */
};

static const double rounding_error = 1e-9;

static bool is_rounding(double a, double b)
{
    return fabs(a - b) <= rounding_error * fmin(fabs(a), fabs(b));
}

static bool equal(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Scenarios ------------------------------------------------------------------------------------------- */

static const char *text_of(const struct kerf_yaml *yaml, kerf_yaml_node *node, char *text, size_t bytes)
{
    struct kerf_error none;
    if (!node)
        snprintf(text, bytes, "-");
    else if (kerf_yaml_node_kind(node) != KERF_YAML_SCALAR)
        snprintf(text, bytes, "(a section)");
    else if (kerf_yaml_text(yaml, node, "", text, bytes, &none) != KERF_OK)
        snprintf(text, bytes, "?");
    return text;
}

/* Keys of `a` that `b` lacks or has otherwise, and keys that only `b` has. */
static void compare_nodes(struct comparing *c, struct kerf_yaml *const yaml[FILES], kerf_yaml_node *a,
                          kerf_yaml_node *b, const char *path)
{
    char key[128], below[512], text[FILES][256];
    bool maps = kerf_yaml_node_kind(a) == KERF_YAML_MAP && kerf_yaml_node_kind(b) == KERF_YAML_MAP;
    bool lists = kerf_yaml_node_kind(a) == KERF_YAML_LIST && kerf_yaml_node_kind(b) == KERF_YAML_LIST;
    for (int i = 0; maps && i < kerf_yaml_count(a); i++) {
        kerf_yaml_key(a, i, key, sizeof key);
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", key);
        compare_nodes(c, yaml, kerf_yaml_item(a, i), kerf_yaml_get(b, key), below);
    }
    for (int i = 0; maps && i < kerf_yaml_count(b); i++) {
        kerf_yaml_key(b, i, key, sizeof key);
        snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", key);
        if (!kerf_yaml_get(a, key))
            compare_nodes(c, yaml, NULL, kerf_yaml_item(b, i), below);
    }
    for (int i = 0; lists && (i < kerf_yaml_count(a) || i < kerf_yaml_count(b)); i++) {
        snprintf(below, sizeof below, "%s[%d]", path, i);
        compare_nodes(c, yaml, i < kerf_yaml_count(a) ? kerf_yaml_item(a, i) : NULL,
                      i < kerf_yaml_count(b) ? kerf_yaml_item(b, i) : NULL, below);
    }
    if (maps || lists)
        return;
    text_of(yaml[0], a, text[0], sizeof text[0]);
    text_of(yaml[1], b, text[1], sizeof text[1]);
    if (strcmp(text[0], text[1]) == 0)
        return;
    fprintf(c->out, "  %-44s %18s  %18s\n", path, text[0], text[1]);
    c->differing++;
}

static void compare_scenarios(struct comparing *c)
{
    struct kerf_yaml *yaml[FILES] = {NULL};
    struct kerf_error none;
    for (int f = 0; f < FILES; f++) {
        char *text = NULL;
        if (kerf_hdf5_text(c->file[f], "scenario_resolved", &text, &none) == KERF_OK ||
            kerf_hdf5_text(c->file[f], "scenario", &text, &none) == KERF_OK)
            kerf_yaml_parse(text, c->path[f], &yaml[f], &none);
        free(text);
    }
    if (yaml[0] && yaml[1])
        compare_nodes(c, yaml, kerf_yaml_root(yaml[0]), kerf_yaml_root(yaml[1]), "");
    kerf_yaml_free(yaml[0]);
    kerf_yaml_free(yaml[1]);
}

/* Numbers --------------------------------------------------------------------------------------------- */

/* The place in `b` of what stands at `place` in `a`, by names where dimensions have them; -1: nowhere. */
static long long counterpart(const struct kerf_numbers *a, const struct kerf_numbers *b, long long place)
{
    long long rest = a->count, found = 0;
    if (a->rank != b->rank)
        return -1;
    for (int d = 0; d < a->rank; d++) {
        rest /= (long long)a->extent[d];
        long long at = place / rest, there = at;
        place %= rest;
        if (a->label[d] && b->label[d])
            for (there = 0; there < (long long)b->extent[d]; there++)
                if (strcmp(a->label[d][at], b->label[d][there]) == 0)
                    break;
        if (there >= (long long)b->extent[d])
            return -1;
        found = found * (long long)b->extent[d] + there;
    }
    return found;
}

static void print_heading(const struct comparing *c, const char *name, const char *units)
{
    fprintf(c->out, "\n%s%s%s%s\n", name, *units ? " [" : "", units, *units ? "]" : "");
}

static void print_row(const struct comparing *c, const char *place, double a, double b)
{
    fprintf(c->out, "  %-44s %18.6g  %18.6g", place, a, b);
    if (a != 0.0 && isfinite(a) && isfinite(b))
        fprintf(c->out, "  %10.4gx", b / a);
    fprintf(c->out, "\n");
}

/* Rows with names, one by one. Returns how many differ. */
static long long compare_named(struct comparing *c, const char *name, const struct kerf_numbers *a,
                               const struct kerf_numbers *b)
{
    long long rows = 0;
    for (long long i = 0; i < a->count; i++) {
        long long j = counterpart(a, b, i);
        char place[512];
        if (j >= 0 && equal(a->value[i], b->value[j]))
            continue;
        if (j >= 0 && is_rounding(a->value[i], b->value[j])) {
            c->rounding++;
            continue;
        }
        if (rows == 0)
            print_heading(c, name, a->units);
        kerf_numbers_place(a, i, place, sizeof place);
        if (rows < ROWS_SHOWN && j >= 0)
            print_row(c, place, a->value[i], b->value[j]);
        else if (rows < ROWS_SHOWN)
            fprintf(c->out, "  %-44s %18.6g  %18s\n", place, a->value[i], "-");
        rows++;
    }
    for (long long j = 0; j < b->count; j++) {
        char place[512];
        if (counterpart(b, a, j) >= 0)
            continue;
        if (rows++ == 0)
            print_heading(c, name, b->units);
        kerf_numbers_place(b, j, place, sizeof place);
        if (rows <= ROWS_SHOWN)
            fprintf(c->out, "  %-44s %18s  %18.6g\n", place, "-", b->value[j]);
    }
    if (rows > ROWS_SHOWN)
        fprintf(c->out, "  ... and %lld more\n", rows - ROWS_SHOWN);
    return rows;
}

/* Rows without names, in sum. */
static long long compare_unnamed(struct comparing *c, const char *name, const struct kerf_numbers *a,
                                 const struct kerf_numbers *b)
{
    long long differing = 0, worst = -1;
    double most = -1.0;
    bool shapes = a->rank == b->rank && memcmp(a->extent, b->extent, sizeof a->extent) == 0;
    for (long long i = 0; shapes && i < a->count; i++) {
        double x = a->value[i], y = b->value[i], larger = fmax(fabs(x), fabs(y));
        if (equal(x, y))
            continue;
        differing++;
        double relative = isfinite(x) && isfinite(y) ? fabs(y - x) / larger : INFINITY;
        if (relative > most) {
            most = relative;
            worst = i;
        }
    }
    if (shapes && differing == 0)
        return 0;
    print_heading(c, name, a->units);
    if (!shapes) {
        fprintf(c->out, "  %lld numbers against %lld\n", a->count, b->count);
        return 1;
    }
    char place[512];
    kerf_numbers_place(a, worst, place, sizeof place);
    fprintf(c->out, "  %lld of %lld numbers differ, most at %s: %.6g, %.6g\n", differing, a->count, place,
            a->value[worst], b->value[worst]);
    return differing;
}

static bool is_named(const struct kerf_numbers *numbers)
{
    return numbers->rank == 0 || numbers->label[0];
}

static bool lists(const struct kerf_dataset_names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return false;
}

/* Datasets that both have; those with names, or those without. */
static enum kerf_status compare_datasets(struct comparing *c, bool named, struct kerf_error *error)
{
    enum kerf_status status = KERF_OK;
    for (int i = 0; i < c->names[0].count && status == KERF_OK; i++) {
        const char *name = c->names[0].name[i];
        struct kerf_numbers numbers[FILES] = {{.rank = 0}};
        if (!lists(&c->names[1], name))
            continue;
        for (int f = 0; f < FILES && status == KERF_OK; f++) {
            status = kerf_numbers_read(c->file[f], name, &numbers[f], error);
            if (status != KERF_OK)
                kerf_error_prefix(error, "%s: ", c->path[f]);
        }
        if (status == KERF_OK && is_named(&numbers[0]) == named) {
            long long rows = (named ? compare_named : compare_unnamed)(c, name, &numbers[0], &numbers[1]);
            c->same += rows == 0;
            c->differing += rows != 0;
        }
        for (int f = 0; f < FILES; f++)
            kerf_numbers_free(&numbers[f]);
    }
    return status;
}

static void list_others(struct comparing *c)
{
    for (int f = 0; f < FILES; f++)
        for (int i = 0; i < c->names[f].count; i++)
            if (!lists(&c->names[1 - f], c->names[f].name[i])) {
                fprintf(c->out, "\nonly in %s: %s\n", f == 0 ? "A" : "B", c->names[f].name[i]);
                c->differing++;
            }
}

static enum kerf_status open_file(struct comparing *c, int f, struct kerf_error *error)
{
    c->file[f] = H5Fopen(c->path[f], H5F_ACC_RDONLY, H5P_DEFAULT);
    KERF_CHECK(c->file[f] >= 0, KERF_ERR_FAILURE,
               "%s: no such file, or not a whole HDF5 file (truncated, or not a result of kerf)", c->path[f]);
    if (kerf_numbers_list(c->file[f], &c->names[f], error) != KERF_OK)
        return kerf_error_prefix(error, "%s: ", c->path[f]);
    return KERF_OK;
}

static void print_title(const struct comparing *c, int f)
{
    char title[256] = "";
    struct kerf_error none;
    kerf_hdf5_attribute_text(c->file[f], "title", title, sizeof title, &none);
    fprintf(c->out, "%c: %s%s%s\n", "AB"[f], c -> path[f], *title ? ": " : "", title);
}

static enum kerf_status compare(struct comparing *c, struct kerf_error *error)
{
    for (int f = 0; f < FILES; f++)
        KERF_TRY(open_file(c, f, error));
    for (int f = 0; f < FILES; f++)
        print_title(c, f);
    fprintf(c->out, "\n  %-44s %18s  %18s  %11s\n", "", "A", "B", "B/A");
    compare_scenarios(c);
    KERF_TRY(compare_datasets(c, true, error));
    KERF_TRY(compare_datasets(c, false, error));
    list_others(c);
    if (c->rounding > 0)
        fprintf(c->out, "\n%lld numbers differ by less than %g of themselves\n", c->rounding, rounding_error);
    if (c->differing == 0 && c->rounding == 0)
        fprintf(c->out, "\nnothing differs outside /provenance\n");
    else
        fprintf(c->out, "\n%d tables of numbers are the same\n", c->same);
    return KERF_OK;
}

enum kerf_status kerf_difference_print(FILE *out, const char *path_a, const char *path_b,
                                       struct kerf_error *error)
{
    struct comparing c = {.out = out, .path = {path_a, path_b}, .file = {-1, -1}};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    enum kerf_status status = compare(&c, error);
    for (int f = 0; f < FILES; f++) {
        kerf_dataset_names_free(&c.names[f]);
        if (c.file[f] >= 0)
            H5Fclose(c.file[f]);
    }
    return status;
}
