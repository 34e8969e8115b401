/* The io room: the `fabric` section of a system. Knows keys and ranges; not what the names stand for. */
#include "sim/io/scenario_fabric.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *const topologies[] = {[KERF_FABRIC_NONE] = "none",
                                         [KERF_FABRIC_STAR] = "star",
                                         [KERF_FABRIC_FAT_TREE] = "fat-tree",
                                         [KERF_FABRIC_RAILS] = "rail-optimised",
                                         [KERF_FABRIC_TORUS] = "torus",
                                         [KERF_FABRIC_DRAGONFLY] = "dragonfly",
                                         [KERF_FABRIC_TREE] = "tree",
                                         [KERF_FABRIC_GRAPH] = "graph",
                                         NULL};
static const char *const routings[] = {[KERF_FABRIC_ECMP] = "ecmp",
                                       [KERF_FABRIC_SHORTEST] = "shortest",
                                       [KERF_FABRIC_RAIL_AWARE] = "rail-aware",
                                       NULL};

#define AT(field) offsetof(struct kerf_fabric_spec, field)
#define TEXT(key, field, standard, meaning)                                                                  \
    {                                                                                                        \
        key, KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(field), standard, meaning                                \
    }
#define WHOLE(key, field, least, most, standard, meaning)                                                    \
    {                                                                                                        \
        key, KERF_SETTING_INTEGER, "1", least, most, NULL, AT(field), standard, meaning                      \
    }
static const struct kerf_setting settings[] = {
    {"topology", KERF_SETTING_CHOICE, "1", 0, 0, topologies, AT(topology), "none",
     "of the network that joins servers, or wafers; none: links that nobody shares"},
    TEXT("link", link, "infiniband-ndr", "catalog link of an accelerator to its switch"),
    TEXT("trunk", trunk, "", "catalog link between switches; empty: as link"),
    TEXT("far", far, "", "catalog link between groups of a dragonfly; empty: as trunk"),
    WHOLE("lanes", lanes, 1, 64, "1", "cables side by side wherever there is one, used as one"),
    WHOLE("levels", levels, 2, 3, "2", "of a fat tree"),
    WHOLE("ports", ports, 2, 1024, "64", "of a switch of a fat tree"),
    {"oversubscription", KERF_SETTING_NUMBER, "1", 1, 64, NULL, AT(oversubscription), "1",
     "of a fat tree: ports down for each port up of a leaf"},
    WHOLE("side_x", side[0], 0, 100000, "0", "of a torus; 0: count / side_y / side_z"),
    WHOLE("side_y", side[1], 1, 100000, "1", "of a torus"),
    WHOLE("side_z", side[2], 1, 100000, "1", "of a torus"),
    WHOLE("routers", routers, 1, 1024, "8", "of a group of a dragonfly"),
    WHOLE("globals", globals, 1, 1024, "4", "cables of a router of a dragonfly to other groups"),
    WHOLE("down", down, 1, 1024, "4", "accelerators of a router of a dragonfly"),
    WHOLE("fan", fan, 2, 1024, "4", "of a switch of a tree"),
    WHOLE("switches", switches, 0, 100000, "0", "of a graph; its cables are `links`"),
    {"routing", KERF_SETTING_CHOICE, "1", 0, 0, routings, AT(routing), "ecmp",
     "which of the shortest ways: by a hash of the flow, by destination, or over the domain to the right "
     "rail"},
    TEXT("library", library, "", "catalog entry of the collectives; empty: the hardware's own"),
    TEXT("all_reduce", all_reduce, "fastest", "algorithm, or the fastest for each size"),
    TEXT("all_gather", all_gather, "fastest", "algorithm, or the fastest for each size"),
    TEXT("reduce_scatter", reduce_scatter, "fastest", "algorithm, or the fastest for each size"),
    TEXT("all_to_all", all_to_all, "fastest", "algorithm, or the fastest for each size"),
    TEXT("experts", experts, "fastest", "low-latency, all-to-all, or the faster for each size"),
};
#undef AT
static const struct kerf_setting_table table = {settings, COUNT_OF(settings)};

#define AT(field) offsetof(struct kerf_fabric_cable_spec, field)
static const struct kerf_setting cable_settings[] = {
    {"link", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(link), "", "catalog link; empty: the section's"},
    {"count", KERF_SETTING_INTEGER, "1", 1, 1024, NULL, AT(count), "1", "cables side by side"},
};
#undef AT
static const struct kerf_setting_table cable_table = {cable_settings, COUNT_OF(cable_settings)};

#define AT(field) offsetof(struct kerf_fabric_fault_spec, field)
static const struct kerf_setting fault_settings[] = {
    {"cable", KERF_SETTING_INTEGER, "1", 1, 1024, NULL, AT(cable), "1", "which of several"},
    {"left", KERF_SETTING_NUMBER, "1", 0, 1, NULL, AT(left), NULL, "share of the capacity; 0: down"},
};
#undef AT
static const struct kerf_setting_table fault_table = {fault_settings, COUNT_OF(fault_settings)};

#define AT(field) offsetof(struct kerf_fabric_stop_spec, field)
static const struct kerf_setting stop_settings[] = {
    {"accelerator", KERF_SETTING_INTEGER, "1", 0, 1e9, NULL, AT(accelerator), NULL, "number, from 0"},
    {"after", KERF_SETTING_NUMBER, "s", 0, 1e7, NULL, AT(after_s), "0 s", "simulated time"},
};
#undef AT
static const struct kerf_setting_table stop_table = {stop_settings, COUNT_OF(stop_settings)};

/* A list of maps, each with the keys of a table and, where `ends` says so, between which two vertices it
 * lies. */
struct list {
    const char *key;
    const struct kerf_setting_table *table;
    size_t item_bytes, from, to;
    size_t count_at, items_at; /* in the spec */
    bool ends;
};

#define LIST(key, table, type, count, items, from, to, ends)                                                 \
    {                                                                                                        \
        key, &(table), sizeof(type), from, to, offsetof(struct kerf_fabric_spec, count),                     \
            offsetof(struct kerf_fabric_spec, items), ends                                                   \
    }
static const struct list lists[] = {
    LIST("links", cable_table, struct kerf_fabric_cable_spec, cables, cable,
         offsetof(struct kerf_fabric_cable_spec, from), offsetof(struct kerf_fabric_cable_spec, to), true),
    LIST("faults", fault_table, struct kerf_fabric_fault_spec, faults, fault,
         offsetof(struct kerf_fabric_fault_spec, from), offsetof(struct kerf_fabric_fault_spec, to), true),
    LIST("stopped", stop_table, struct kerf_fabric_stop_spec, stops, stop, 0, 0, false),
};

enum { ITEMS_MOST = 4096 };

enum kerf_status kerf_fabric_spec_defaults(struct kerf_fabric_spec *spec, struct kerf_error *error)
{
    return kerf_settings_defaults(&table, spec, error);
}

static char *items_of(const struct kerf_fabric_spec *spec, const struct list *list)
{
    char *items;
    memcpy(&items, (const char *)spec + list->items_at, sizeof items);
    return items;
}

static int count_of(const struct kerf_fabric_spec *spec, const struct list *list)
{
    int count;
    memcpy(&count, (const char *)spec + list->count_at, sizeof count);
    return count;
}

static enum kerf_status read_item(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                  const struct list *list, char *item, struct kerf_error *error)
{
    static const char *const ends[] = {"from", "to", NULL};
    if (kerf_yaml_node_kind(node) != KERF_YAML_MAP)
        return kerf_yaml_refuse(yaml, node, error, "%s: a map of keys is wanted", what);
    KERF_TRY(kerf_settings_defaults(list->table, item, error));
    KERF_TRY(kerf_settings_read(yaml, node, what, list->table, list->ends ? ends : NULL, item, error));
    for (int e = 0; list->ends && ends[e]; e++) {
        kerf_yaml_node *end = kerf_yaml_get(node, ends[e]);
        if (!end)
            return kerf_yaml_refuse(yaml, node, error, "%s: '%s' is missing, such as GPU 3 or leaf switch 0",
                                    what, ends[e]);
        KERF_TRY(kerf_yaml_text(yaml, end, what, item + (e ? list->to : list->from), KERF_FABRIC_NAME_BYTES,
                                error));
    }
    return kerf_settings_require(yaml, node, what, list->table, error);
}

static enum kerf_status read_list(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                  const struct list *list, struct kerf_fabric_spec *spec,
                                  struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, list->key);
    int count = kerf_yaml_count(node);
    if (node && kerf_yaml_node_kind(node) != KERF_YAML_LIST)
        return kerf_yaml_refuse(yaml, node, error, "%s.%s: a list is wanted", what, list->key);
    if (count > ITEMS_MOST)
        return kerf_yaml_refuse(yaml, node, error, "%s.%s: at most %d", what, list->key, ITEMS_MOST);
    if (count == 0)
        return KERF_OK;
    char *items = calloc((size_t)count, list->item_bytes);
    KERF_CHECK(items, KERF_ERR_FAILURE, "out of memory for a fabric");
    memcpy((char *)spec + list->items_at, &items, sizeof items);
    memcpy((char *)spec + list->count_at, &count, sizeof count);
    for (int i = 0; i < count; i++) {
        char path[224];
        snprintf(path, sizeof path, "%s.%s[%d]", what, list->key, i);
        KERF_TRY(read_item(yaml, kerf_yaml_item(node, i), path, list, items + (size_t)i * list->item_bytes,
                           error));
    }
    return KERF_OK;
}

enum kerf_status kerf_fabric_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       struct kerf_fabric_spec *spec, struct kerf_error *error)
{
    static const char *const others[] = {"links", "faults", "stopped", NULL};
    KERF_TRY(kerf_settings_read(yaml, map, what, &table, others, spec, error));
    for (int i = 0; i < COUNT_OF(lists) && map; i++)
        KERF_TRY(read_list(yaml, map, what, &lists[i], spec, error));
    if (spec->topology == KERF_FABRIC_NONE && (spec->faults > 0 || spec->cables > 0))
        return kerf_yaml_refuse(yaml, map, error,
                                "%s: topology none has no links to name; set topology, for example to star",
                                what);
    if ((spec->topology == KERF_FABRIC_GRAPH) != (spec->cables > 0))
        return kerf_yaml_refuse(yaml, map, error, "%s: links go with topology graph, and only with it", what);
    return KERF_OK;
}

void kerf_fabric_spec_free(struct kerf_fabric_spec *spec)
{
    free(spec->cable);
    free(spec->fault);
    free(spec->stop);
    spec->cable = NULL;
    spec->fault = NULL;
    spec->stop = NULL;
    spec->cables = spec->faults = spec->stops = 0;
}

void kerf_fabric_spec_print(FILE *out, const struct kerf_fabric_spec *spec, int indent)
{
    kerf_settings_print(out, &table, spec, indent);
    for (int l = 0; l < COUNT_OF(lists); l++) {
        const struct list *list = &lists[l];
        if (count_of(spec, list) == 0)
            continue;
        fprintf(out, "%*s%s:\n", indent, "", list->key);
        for (int i = 0; i < count_of(spec, list); i++) {
            const char *item = items_of(spec, list) + (size_t)i * list->item_bytes;
            fprintf(out, "%*s-\n", indent + 2, "");
            if (list->ends)
                fprintf(out, "%*sfrom: \"%s\"\n%*sto: \"%s\"\n", indent + 4, "", item + list->from,
                        indent + 4, "", item + list->to);
            kerf_settings_print(out, list->table, item, indent + 4);
        }
    }
}
