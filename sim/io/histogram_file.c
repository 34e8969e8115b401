/* The io room: empirical distributions. Knows files; not what is drawn from them. */
#include "sim/io/histogram_file.h"

#include "sim/io/csv_table.h"
#include "sim/io/text_file.h"
#include "sim/io/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Values and weights before they become shares. */
struct bins {
    double *value, *weight; /* owned; weight NULL: all alike */
    int count;
};

static enum kerf_status make_bins(struct bins *bins, int count, bool weighted, struct kerf_error *error)
{
    bins->value = calloc((size_t)count + 1, sizeof *bins->value);
    bins->weight = weighted ? calloc((size_t)count + 1, sizeof *bins->weight) : NULL;
    bins->count = count;
    KERF_CHECK(bins->value && (!weighted || bins->weight), KERF_ERR_FAILURE, "out of memory for %d values",
               count);
    return KERF_OK;
}

static enum kerf_status read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return *text && *end == '\0' && isfinite(*number) && *number >= 0.0 ? KERF_OK : KERF_ERR_USAGE;
}

static enum kerf_status from_csv(const char *text, const char *path, struct bins *bins,
                                 struct kerf_error *error)
{
    struct kerf_csv *csv;
    KERF_TRY(kerf_csv_parse(text, path, &csv, error));
    int value = kerf_csv_column(csv, "value"), weight = kerf_csv_column(csv, "weight");
    enum kerf_status status = make_bins(bins, kerf_csv_rows(csv), weight >= 0, error);
    if (status == KERF_OK && value < 0)
        status = kerf_error_set(error, KERF_ERR_USAGE, "%s:1: a column 'value' is wanted", path);
    for (int i = 0; i < bins->count && status == KERF_OK; i++) {
        bool good = read_number(kerf_csv_field(csv, i, value), &bins->value[i]) == KERF_OK;
        if (weight >= 0)
            good = read_number(kerf_csv_field(csv, i, weight), &bins->weight[i]) == KERF_OK && good;
        if (!good)
            status = kerf_csv_refuse(csv, i, error, "values and weights are numbers from 0 on");
    }
    kerf_csv_free(csv);
    return status;
}

static enum kerf_status from_yaml(const char *text, const char *path, struct bins *bins,
                                  struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_yaml_parse(text, path, &yaml, error));
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    bool map = kerf_yaml_node_kind(root) == KERF_YAML_MAP;
    enum kerf_status status = KERF_OK;
    if (!map && kerf_yaml_node_kind(root) != KERF_YAML_LIST)
        status = kerf_yaml_refuse(yaml, root, error, "a list of values or a map of value: weight is wanted");
    if (status == KERF_OK)
        status = make_bins(bins, kerf_yaml_count(root), map, error);
    for (int i = 0; i < bins->count && status == KERF_OK; i++) {
        kerf_yaml_node *item = kerf_yaml_item(root, i);
        double number = NAN;
        status = kerf_yaml_quantity(yaml, item, map ? "weight" : "value", "1", &number, error);
        if (map) {
            char key[64];
            kerf_yaml_key(root, i, key, sizeof key);
            bins->weight[i] = number;
            if (status == KERF_OK && read_number(key, &bins->value[i]) != KERF_OK)
                status = kerf_yaml_refuse(yaml, item, error, "'%s' is no value; a number from 0 on is wanted",
                                          key);
        } else
            bins->value[i] = number;
    }
    kerf_yaml_free(yaml);
    return status;
}

enum kerf_status kerf_histogram_read(MPI_Comm comm, const char *path, struct kerf_histogram *histogram,
                                     struct kerf_error *error)
{
    struct bins bins = {0};
    char *text = NULL;
    size_t length = strlen(path);
    bool yaml = length > 5 && strcmp(path + length - 5, ".yaml") == 0;
    *histogram = (struct kerf_histogram){0};
    KERF_TRY(kerf_text_file_read(comm, path, &text, error));
    enum kerf_status status = (yaml ? from_yaml : from_csv)(text, path, &bins, error);
    free(text);
    if (status == KERF_OK &&
        kerf_histogram_make(histogram, bins.value, bins.weight, bins.count, error) != KERF_OK)
        status = kerf_error_prefix(error, "%s: ", path);
    free(bins.value);
    free(bins.weight);
    return status;
}
