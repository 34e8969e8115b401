/* The io room: what is changed in a YAML document after it was parsed. */
#include "sim/io/yaml_document.h"

#include <stdio.h>
#include <string.h>

/* A scalar that the parser did not make. */
static struct fy_node *new_scalar(struct kerf_yaml *yaml, const char *text, int line)
{
    struct fy_node *node = fy_node_create_scalar_copy(yaml->document, text, FY_NT);
    if (yaml->override_count < KERF_YAML_OVERRIDES) {
        yaml->override_line[yaml->override_count] = line;
        yaml->overrides[yaml->override_count++] = node;
    }
    return node;
}

/* The map under `key` of `map`, made if absent; NULL if something else stands there. */
static struct fy_node *child_map(struct kerf_yaml *yaml, struct fy_node *map, const char *key, int line)
{
    struct fy_node *child = kerf_yaml_get(map, key);
    if (child)
        return fy_node_is_mapping(child) ? child : NULL;
    child = fy_node_create_mapping(yaml->document);
    fy_node_mapping_append(map, new_scalar(yaml, key, line), child);
    return child;
}

enum kerf_status kerf_yaml_place(struct kerf_yaml *yaml, const char *path, const char *value, int line,
                                 struct kerf_error *error)
{
    char steps[128], from[KERF_YAML_TEXT_BYTES];
    kerf_yaml_name_place(yaml, line, from, sizeof from);
    KERF_CHECK(strlen(path) > 0 && strlen(path) < sizeof steps, KERF_ERR_USAGE,
               "%s %s: the path is empty or too long", from, path);
    snprintf(steps, sizeof steps, "%s", path);
    struct fy_node *map = kerf_yaml_root(yaml);
    char *key = steps;
    for (char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        *dot = '\0';
        map = map && fy_node_is_mapping(map) ? child_map(yaml, map, key, line) : NULL;
        KERF_CHECK(map, KERF_ERR_USAGE, "%s %s: '%s' is not a map of keys in %s", from, path, key,
                   yaml->file);
    }
    KERF_CHECK(fy_node_is_mapping(map) && *key, KERF_ERR_USAGE, "%s %s: needs the form a.b.c=value", from,
               path);
    bool nested = *value == '[' || *value == '{';
    struct fy_node *node =
        nested ? fy_node_build_from_string(yaml->document, value, FY_NT) : new_scalar(yaml, value, line);
    KERF_CHECK(node, KERF_ERR_USAGE, "%s %s: '%s' is not YAML", from, path, value);
    struct fy_node_pair *pair = fy_node_mapping_lookup_pair_by_string(map, key, FY_NT);
    int failed = pair ? fy_node_pair_set_value(pair, node)
                      : fy_node_mapping_append(map, new_scalar(yaml, key, line), node);
    KERF_CHECK(!failed, KERF_ERR_FAILURE, "%s %s: cannot set it in %s", from, path, yaml->file);
    return KERF_OK;
}

enum kerf_status kerf_yaml_set(struct kerf_yaml *yaml, const char *path, const char *value,
                               struct kerf_error *error)
{
    return kerf_yaml_place(yaml, path, value, 0, error);
}

void kerf_yaml_remove(kerf_yaml_node *map, const char *key)
{
    struct fy_node *name =
        kerf_yaml_get(map, key) ? fy_node_mapping_lookup_key_by_string(map, key, FY_NT) : NULL;
    if (name)
        fy_node_free(fy_node_mapping_remove_by_key(map, name));
}

enum kerf_status kerf_yaml_override(struct kerf_yaml *yaml, const char *const *sets, int set_count,
                                    struct kerf_error *error)
{
    for (int i = 0; i < set_count; i++) {
        char path[256];
        const char *equals = strchr(sets[i], '=');
        KERF_CHECK(equals && equals > sets[i] && (size_t)(equals - sets[i]) < sizeof path, KERF_ERR_USAGE,
                   "--set %s: needs the form key.path=value", sets[i]);
        memcpy(path, sets[i], (size_t)(equals - sets[i]));
        path[equals - sets[i]] = '\0';
        KERF_TRY(kerf_yaml_set(yaml, path, equals + 1, error));
    }
    return KERF_OK;
}
