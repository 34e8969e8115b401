/* The io room: the `sweep` section. Knows paths of keys and lists of values; not what they stand for. */
#include "sim/io/sweep_section.h"

#include "sim/io/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char systems_prefix[] = "systems.";

/* A range as a person writes it. */
struct range {
    double from, to, step, times;
};

#define AT(field) offsetof(struct range, field)
static const struct kerf_setting range_settings[] = {
    {"from", KERF_SETTING_NUMBER, "1", -1e15, 1e15, NULL, AT(from), NULL, "first value"},
    {"to", KERF_SETTING_NUMBER, "1", -1e15, 1e15, NULL, AT(to), NULL, "no value beyond"},
    {"step", KERF_SETTING_NUMBER, "1", 0, 1e15, NULL, AT(step), "0", "added from value to value"},
    {"times", KERF_SETTING_NUMBER, "1", 0, 1e15, NULL, AT(times), "0", "factor from value to value"},
};
#undef AT
static const struct kerf_setting_table range_table = {range_settings,
                                                      sizeof range_settings / sizeof range_settings[0]};

static enum kerf_status make_values(struct kerf_sweep_key *key, int values, struct kerf_error *error)
{
    key->value = calloc((size_t)values + 1, sizeof *key->value);
    key->line = calloc((size_t)values + 1, sizeof *key->line);
    KERF_CHECK(key->value && key->line, KERF_ERR_FAILURE, "out of memory for %d values", values);
    return KERF_OK;
}

static enum kerf_status read_list(const struct kerf_yaml *yaml, kerf_yaml_node *list, const char *what,
                                  struct kerf_sweep_key *key, int *values, struct kerf_error *error)
{
    *values = kerf_yaml_count(list);
    KERF_TRY(make_values(key, *values, error));
    for (int i = 0; i < *values; i++) {
        kerf_yaml_node *item = kerf_yaml_item(list, i);
        KERF_TRY(kerf_yaml_text(yaml, item, what, key->value[i], sizeof key->value[i], error));
        key->line[i] = kerf_yaml_line(item);
    }
    return KERF_OK;
}

/* How many values a range has; 0 if it never gets on. */
static int range_values(const struct range *range)
{
    const double slack = 1e-9; /* a last value that rounding pushed over the end belongs to it */
    double count = 0.0;
    if (range->step > 0.0 && range->to >= range->from)
        count = 1.0 + floor((range->to - range->from) / range->step + slack);
    else if (range->times > 1.0 && range->from > 0.0 && range->to >= range->from)
        count = 1.0 + floor(log(range->to / range->from) / log(range->times) + slack);
    return (int)fmin(count, KERF_SWEEP_VALUES_MAX + 1.0);
}

static enum kerf_status read_range(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                   struct kerf_sweep_key *key, int *values, struct kerf_error *error)
{
    struct range range;
    KERF_TRY(kerf_settings_defaults(&range_table, &range, error));
    KERF_TRY(kerf_settings_read(yaml, map, what, &range_table, NULL, &range, error));
    KERF_TRY(kerf_settings_require(yaml, map, what, &range_table, error));
    if ((range.step > 0.0) == (range.times > 0.0))
        return kerf_yaml_refuse(yaml, map, error, "%s: a range needs either step or times", what);
    *values = range_values(&range);
    if (*values == 0)
        return kerf_yaml_refuse(
            yaml, map, error,
            "%s: the range is empty: to must not be below from, and times is above 1 from "
            "a value above 0",
            what);
    if (*values > KERF_SWEEP_VALUES_MAX)
        return kerf_yaml_refuse(yaml, map, error, "%s: more than %d values", what, KERF_SWEEP_VALUES_MAX);
    KERF_TRY(make_values(key, *values, error));
    for (int i = 0; i < *values; i++) {
        double value = range.step > 0.0 ? range.from + i * range.step : range.from * pow(range.times, i);
        snprintf(key->value[i], sizeof key->value[i], "%.12g", value);
        key->line[i] = kerf_yaml_line(map);
    }
    return KERF_OK;
}

/* The system that a path is about, -1: all; refuses one that is not there. */
static enum kerf_status find_system(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *path,
                                    int *system, struct kerf_error *error)
{
    enum { NAME_BYTES = 128, NAMES = 64 };
    const size_t prefix = sizeof systems_prefix - 1;
    kerf_yaml_node *systems = kerf_yaml_get(kerf_yaml_root(yaml), "systems");
    char name[NAME_BYTES], names[NAMES][NAME_BYTES];
    const char *known[NAMES + 1] = {0};
    *system = -1;
    if (strncmp(path, systems_prefix, prefix) != 0)
        return KERF_OK;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path + prefix, "."), path + prefix);
    for (int i = 0; i < kerf_yaml_count(systems) && i < NAMES; i++) {
        kerf_yaml_key(systems, i, names[i], sizeof names[i]);
        known[i] = names[i];
        if (strcmp(names[i], name) == 0) {
            *system = i;
            return KERF_OK;
        }
    }
    const char *nearest = kerf_nearest_name(name, known);
    return kerf_yaml_refuse(yaml, node, error, "sweep: %s: there is no system '%s'%s%s%s", path, name,
                            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static enum kerf_status read_key(const struct kerf_yaml *yaml, kerf_yaml_node *map, int index,
                                 struct kerf_sweep_key *key, int *values, struct kerf_error *error)
{
    char what[KERF_SWEEP_PATH_BYTES + 8];
    kerf_yaml_node *node = kerf_yaml_item(map, index);
    kerf_yaml_key(map, index, key->path, sizeof key->path);
    snprintf(what, sizeof what, "sweep: %s", key->path);
    KERF_TRY(find_system(yaml, node, key->path, &key->system, error));
    if (kerf_yaml_node_kind(node) == KERF_YAML_LIST && kerf_yaml_count(node) == 0)
        return kerf_yaml_refuse(yaml, map, error, "%s: the list is empty; give at least one value", what);
    if (kerf_yaml_count(node) > KERF_SWEEP_VALUES_MAX)
        return kerf_yaml_refuse(yaml, node, error, "%s: more than %d values", what, KERF_SWEEP_VALUES_MAX);
    switch (kerf_yaml_node_kind(node)) {
    case KERF_YAML_LIST:
        return read_list(yaml, node, what, key, values, error);
    case KERF_YAML_MAP:
        return read_range(yaml, node, what, key, values, error);
    case KERF_YAML_ABSENT:
    case KERF_YAML_SCALAR:
        break;
    }
    return kerf_yaml_refuse(yaml, node ? node : map, error,
                            "%s: a list of values is wanted, such as [1, 2, 4], or a range {from: 1, to: 64, "
                            "times: 2}",
                            what);
}

static enum kerf_status read_axis(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                  struct kerf_sweep_section *section, struct kerf_error *error)
{
    struct kerf_sweep_axis *axis = &section->axis[section->axes];
    const uint32_t all = ~UINT32_C(0);
    if (kerf_yaml_node_kind(map) != KERF_YAML_MAP || kerf_yaml_count(map) == 0)
        return kerf_yaml_refuse(yaml, map, error,
                                "sweep: an axis is a map from keys to values, such as {workload.users: [1, "
                                "8]}");
    axis->first_key = section->keys;
    for (int i = 0; i < kerf_yaml_count(map); i++) {
        int values = 0;
        if (section->keys == KERF_SWEEP_KEYS_MAX)
            return kerf_yaml_refuse(yaml, map, error, "sweep: more than %d keys", KERF_SWEEP_KEYS_MAX);
        struct kerf_sweep_key *key = &section->key[section->keys++];
        key->axis = section->axes;
        KERF_TRY(read_key(yaml, map, i, key, &values, error));
        if (i > 0 && values != axis->values)
            return kerf_yaml_refuse(yaml, map, error,
                                    "sweep: keys of one axis move together: %s has %d values, %s has %d",
                                    section->key[axis->first_key].path, axis->values, key->path, values);
        axis->values = values;
        axis->systems |= key->system < 0 ? all : UINT32_C(1) << key->system;
        axis->keys++;
        for (int k = 0; k < section->keys - 1; k++)
            if (strcmp(section->key[k].path, key->path) == 0)
                return kerf_yaml_refuse(yaml, map, error, "sweep: %s is swept twice", key->path);
    }
    section->axes++;
    return KERF_OK;
}

enum kerf_status kerf_sweep_section_read(const struct kerf_yaml *yaml, struct kerf_sweep_section *section,
                                         struct kerf_error *error)
{
    kerf_yaml_node *root = kerf_yaml_root(yaml), *list = kerf_yaml_get(root, "sweep");
    *section = (struct kerf_sweep_section){0};
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || kerf_yaml_count(list) == 0)
        return kerf_yaml_refuse(yaml, kerf_yaml_count(list) ? list : root, error,
                                "sweep: a list of axes is wanted, such as [{workload.users: [1, 8]}]");
    if (kerf_yaml_count(list) > KERF_SWEEP_AXES_MAX)
        return kerf_yaml_refuse(yaml, list, error, "sweep: more than %d axes", KERF_SWEEP_AXES_MAX);
    for (int i = 0; i < kerf_yaml_count(list); i++)
        KERF_TRY(read_axis(yaml, kerf_yaml_item(list, i), section, error));
    return KERF_OK;
}

void kerf_sweep_section_free(struct kerf_sweep_section *section)
{
    for (int k = 0; k < section->keys; k++) {
        free(section->key[k].value);
        free(section->key[k].line);
    }
    *section = (struct kerf_sweep_section){0};
}

void kerf_sweep_section_print(FILE *out, const struct kerf_sweep_section *section)
{
    fprintf(out, "sweep:\n");
    for (int k = 0; k < section->keys; k++) {
        const struct kerf_sweep_key *key = &section->key[k];
        const struct kerf_sweep_axis *axis = &section->axis[key->axis];
        fprintf(out, "%s%s: [", k == axis->first_key ? "  - " : "    ", key->path);
        for (int i = 0; i < axis->values; i++)
            fprintf(out, "%s%s", i ? ", " : "", key->value[i]);
        fprintf(out, "]\n");
    }
}
