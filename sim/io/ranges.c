/* The io room: uncertain values of a scenario. */
#include "sim/io/ranges.h"

#include "models/network/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool kerf_range_is_one(kerf_yaml_node *node)
{
    return kerf_yaml_node_kind(node) == KERF_YAML_MAP &&
           (kerf_yaml_get(node, "value") || kerf_yaml_get(node, "one_of"));
}

static enum kerf_status read_distribution(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *path,
                                          struct kerf_range *range, struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, "distribution");
    bool bounded = kerf_yaml_get(map, "low") && kerf_yaml_get(map, "high");
    if (!bounded)
        return kerf_yaml_refuse(yaml, node ? node : map, error, "%s: %s needs low and high", path,
                                node ? "a distribution" : "an uncertain value");
    if (node)
        KERF_TRY(kerf_distribution_read(yaml, node, path, &range->distribution, error));
    if (!(range->low <= range->value && range->value <= range->high && range->low < range->high))
        return kerf_yaml_refuse(yaml, map, error, "%s: low <= value <= high does not hold, or low is high",
                                path);
    if (kerf_distribution_is_positive(range->distribution) && range->low <= 0.0)
        return kerf_yaml_refuse(yaml, node, error, "%s: a %s distribution needs a low end above 0", path,
                                kerf_distribution_names[range->distribution]);
    return KERF_OK;
}

enum kerf_status kerf_distribution_read(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                        enum kerf_distribution *distribution, struct kerf_error *error)
{
    char name[32], all[160] = "";
    KERF_TRY(kerf_yaml_text(yaml, node, what, name, sizeof name, error));
    for (int i = 0; i < KERF_DISTRIBUTION_COUNT; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                 kerf_distribution_names[i]);
        if (strcmp(kerf_distribution_names[i], name) == 0) {
            *distribution = (enum kerf_distribution)i;
            return KERF_OK;
        }
    }
    return kerf_yaml_refuse(yaml, node, error, "%s: '%s' is not a distribution; there are %s", what, name,
                            all);
}

static enum kerf_status read_numbers(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *path,
                                     struct kerf_range *range, struct kerf_error *error)
{
    const struct {
        const char *key;
        double *number;
    } numbers[] = {{"value", &range->value}, {"low", &range->low}, {"high", &range->high}};
    range->whole = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        kerf_yaml_node *node = kerf_yaml_get(map, numbers[i].key);
        if (!node)
            continue;
        KERF_TRY(kerf_yaml_quantity(yaml, node, path, "1", numbers[i].number, error));
        range->whole = range->whole && *numbers[i].number == floor(*numbers[i].number);
    }
    if (kerf_yaml_get(map, "unit"))
        KERF_TRY(
            kerf_yaml_text(yaml, kerf_yaml_get(map, "unit"), path, range->unit, sizeof range->unit, error));
    return read_distribution(yaml, map, path, range, error);
}

static enum kerf_status read_choices(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *path,
                                     struct kerf_range *range, struct kerf_error *error)
{
    kerf_yaml_node *list = kerf_yaml_get(map, "one_of"), *odds = kerf_yaml_get(map, "odds");
    double sum = 0.0;
    range->choices = kerf_yaml_count(list);
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || range->choices < 2 ||
        range->choices > KERF_RANGE_CHOICES_MAX)
        return kerf_yaml_refuse(yaml, list, error, "%s.one_of: a list of 2 to %d choices is wanted", path,
                                KERF_RANGE_CHOICES_MAX);
    if (odds && (kerf_yaml_node_kind(odds) != KERF_YAML_LIST || kerf_yaml_count(odds) != range->choices))
        return kerf_yaml_refuse(yaml, odds, error, "%s.odds: a list with a number for each choice is wanted",
                                path);
    for (int i = 0; i < range->choices; i++) {
        range->odds[i] = 1.0;
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_item(list, i), path, range->choice[i],
                                sizeof range->choice[i], error));
        if (odds)
            KERF_TRY(kerf_yaml_quantity(yaml, kerf_yaml_item(odds, i), path, "1", &range->odds[i], error));
        if (!(range->odds[i] > 0.0))
            return kerf_yaml_refuse(yaml, kerf_yaml_item(odds, i), error,
                                    "%s.odds: numbers above 0 are wanted", path);
        sum += range->odds[i];
    }
    for (int i = 0; i < range->choices; i++)
        range->odds[i] /= sum;
    range->high = range->choices - 1;
    return KERF_OK;
}

enum kerf_status kerf_range_read(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *path,
                                 struct kerf_range *range, struct kerf_error *error)
{
    static const char *const numbers[] = {"value", "low",    "high", "distribution",
                                          "unit",  "source", "note", NULL};
    static const char *const choices[] = {"one_of", "odds", "source", "note", NULL};
    bool one_of = kerf_yaml_get(node, "one_of") != NULL;
    *range = (struct kerf_range){0};
    snprintf(range->path, sizeof range->path, "%s", path);
    KERF_TRY(kerf_yaml_check_keys(yaml, node, path, one_of ? choices : numbers, error));
    return (one_of ? read_choices : read_numbers)(yaml, node, path, range, error);
}

void kerf_range_text(const struct kerf_range *range, double value, char *text, size_t text_bytes)
{
    if (range->choices > 0)
        snprintf(text, text_bytes, "%s", range->choice[(int)value]);
    else
        snprintf(text, text_bytes, "%.17g%s%s", value, *range->unit ? " " : "", range->unit);
}

/* Why a range cannot stand at a path, or NULL. The entries of the catalog are read once for all members. */
static const char *refusal(const char *path)
{
    static const char *const fixed[] = {"hardware", "drafter", "engine", "client_link", "published", "title"};
    const char *key = strrchr(path, '.');
    bool below = strncmp(path, "systems.", 8) == 0 || strncmp(path, "workload.", 9) == 0;
    if (!key || !below)
        return "only values of the workload and of the systems can be uncertain";
    if (strstr(path, ".fabric."))
        return "a network of links cannot be uncertain; its leaves in the catalog can";
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strcmp(key + 1, fixed[i]) == 0)
            return "a name cannot be uncertain; make a system of each";
    return NULL;
}

/* A plan that is refused counts as a draw that cannot be; a slip of the pen must not. */
static enum kerf_status check_formats(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                      const struct kerf_range *range, struct kerf_error *error)
{
    const char *key = strrchr(range->path, '.') + 1;
    bool formats = strcmp(key, "weights") == 0 || strcmp(key, "kv") == 0;
    for (int i = 0; formats && i < range->choices; i++) {
        enum kerf_format format;
        bool native = strcmp(key, "weights") == 0 && strcmp(range->choice[i], "native") == 0;
        if (!native && !kerf_format_find(range->choice[i], &format))
            return kerf_yaml_refuse(yaml, node, error, "%s: '%s' is no number format", range->path,
                                    range->choice[i]);
    }
    return KERF_OK;
}

static enum kerf_status add(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *path,
                            struct kerf_ranges *ranges, struct kerf_error *error)
{
    const char *why = refusal(path);
    if (why)
        return kerf_yaml_refuse(yaml, node, error, "%s: %s", path, why);
    if (ranges->count == KERF_RANGES_MAX)
        return kerf_yaml_refuse(yaml, node, error, "%s: more than %d uncertain values", path,
                                KERF_RANGES_MAX);
    struct kerf_range *range = &ranges->range[ranges->count++];
    KERF_TRY(kerf_range_read(yaml, node, path, range, error));
    return check_formats(yaml, node, range, error);
}

/* Walks the maps below `map`, which lies `depth` keys deep. */
static enum kerf_status walk(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *path, int depth,
                             struct kerf_ranges *ranges, struct kerf_error *error)
{
    enum { DEPTH_MOST = 5 }; /* systems.NAME.SECTION.key, and one to spare */
    for (int i = 0; i < kerf_yaml_count(map) && depth < DEPTH_MOST; i++) {
        char key[KERF_RANGE_PATH_BYTES], below[KERF_RANGE_PATH_BYTES];
        kerf_yaml_node *node = kerf_yaml_item(map, i);
        int dots = 0;
        kerf_yaml_key(map, i, key, sizeof key);
        int length = snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", key);
        if (kerf_yaml_node_kind(node) != KERF_YAML_MAP)
            continue;
        if (!kerf_range_is_one(node)) {
            KERF_TRY(walk(yaml, node, below, depth + 1, ranges, error));
            continue;
        }
        for (const char *c = below; *c; c++)
            dots += *c == '.';
        if (length >= (int)sizeof below || dots != depth)
            return kerf_yaml_refuse(
                yaml, node, error, "%s: the path to an uncertain value has a name with a dot, or is too long",
                below);
        KERF_TRY(add(yaml, node, below, ranges, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_ranges_read(const struct kerf_yaml *yaml, struct kerf_ranges *ranges,
                                  struct kerf_error *error)
{
    ranges->count = 0;
    return walk(yaml, kerf_yaml_root(yaml), "", 0, ranges, error);
}
