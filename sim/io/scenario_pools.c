/* The io room: systems of two pools in scenario files. Knows keys; not what a pool does. */
#include "sim/io/scenario_pools.h"

#include "sim/io/scenario.h"

#include <stdlib.h>
#include <string.h>

static const char *const order_names[] = {
    [KERF_KV_WHOLE] = "whole", [KERF_KV_LAYER_BY_LAYER] = "layer-by-layer", NULL};
static const char *const sharing_names[] = {[KERF_KV_IN_TURN] = "in-turn", [KERF_KV_FAIR] = "fair", NULL};

#define AT(field) offsetof(struct kerf_kv_link_spec, field)
static const struct kerf_setting settings[] = {
    {"link", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(link), "infiniband-ndr",
     "catalog link between the pools: latency, share of its bandwidth that is reached"},
    {"replica_lanes", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(replica_lanes), "0",
     "links of a replica side by side; 0: its accelerators' own ports"},
    {"shared_lanes", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(shared_lanes), "0",
     "links that all transfers of the system pass; 0: nothing is shared but ports"},
    {"overhead", KERF_SETTING_NUMBER, "s", 0, 10, NULL, AT(overhead_s), "5e-05 s",
     "set-up of a transfer, while it holds its links"},
    {"order", KERF_SETTING_CHOICE, "1", 0, 0, order_names, AT(order), "layer-by-layer",
     "layer-by-layer: cache follows while the prompt is computed; whole: when it is"},
    {"sharing", KERF_SETTING_CHOICE, "1", 0, 0, sharing_names, AT(sharing), "in-turn",
     "in-turn: a transfer has its links to itself; fair: transfers share them max-min fair"},
};
#undef AT
static const struct kerf_setting_table table = {settings, sizeof settings / sizeof settings[0]};

enum kerf_status kerf_kv_link_defaults(struct kerf_kv_link_spec *spec, struct kerf_error *error)
{
    return kerf_settings_defaults(&table, spec, error);
}

static enum kerf_status read_kv_link(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                     struct kerf_kv_link_spec *spec, struct kerf_error *error)
{
    KERF_TRY(kerf_settings_read(yaml, node, what, &table, NULL, spec, error));
    if (spec->sharing == KERF_KV_FAIR && spec->order == KERF_KV_LAYER_BY_LAYER)
        return kerf_yaml_refuse(yaml, node, error,
                                "%s: transfers that share links are modelled whole; set order: whole, or "
                                "sharing: in-turn",
                                what);
    return KERF_OK;
}

static const struct {
    const char *key, *missing;
} pools[] = {{"prefill", "nobody computes prompts"}, {"decode", "prompts are computed and nobody decodes"}};

static enum kerf_status check_pools(const struct kerf_yaml *yaml, kerf_yaml_node *map, kerf_yaml_node *list,
                                    const char *what, struct kerf_error *error)
{
    static const char *const keys[] = {"prefill", "decode", NULL};
    KERF_TRY(kerf_yaml_check_keys(yaml, list, what, keys, error));
    for (int i = 0; i < 2; i++) {
        kerf_yaml_node *pool = kerf_yaml_get(list, pools[i].key);
        if (!pool)
            return kerf_yaml_refuse(yaml, list, error,
                                    "%s: '%s' is missing: %s; add it, or remove pools from a system whose "
                                    "accelerators do both",
                                    what, pools[i].key, pools[i].missing);
        for (int k = 0; k < 2; k++) {
            const char *key = k ? "count" : "hardware";
            if (!kerf_yaml_get(pool, key) && !kerf_yaml_get(map, key))
                return kerf_yaml_refuse(yaml, pool, error, "%s.%s: '%s' is missing", what, pools[i].key, key);
        }
    }
    if (kerf_yaml_get(kerf_yaml_get(list, "prefill"), "speculation"))
        return kerf_yaml_refuse(
            yaml, kerf_yaml_get(kerf_yaml_get(list, "prefill"), "speculation"), error,
            "%s.prefill.speculation: only answers are guessed; give it to the decode pool", what);
    if (kerf_yaml_get(map, "fabric"))
        return kerf_yaml_refuse(yaml, kerf_yaml_get(map, "fabric"), error,
                                "%s: each pool has a fabric of its own; move it there", what);
    return KERF_OK;
}

enum kerf_status kerf_pools_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                      struct kerf_system_spec *system, struct kerf_error *error)
{
    kerf_yaml_node *list = kerf_yaml_get(map, "pools"), *link = kerf_yaml_get(map, "kv_link");
    char what[192];
    snprintf(what, sizeof what, "systems.%s.kv_link", system->name);
    KERF_TRY(kerf_kv_link_defaults(&system->kv_link, error));
    if (link && !list)
        return kerf_yaml_refuse(yaml, link, error, "%s: has no effect without pools; remove it or add pools",
                                what);
    if (!list)
        return KERF_OK;
    KERF_TRY(read_kv_link(yaml, link, what, &system->kv_link, error));
    snprintf(what, sizeof what, "systems.%s.pools", system->name);
    KERF_TRY(check_pools(yaml, map, list, what, error));
    struct kerf_system_spec *decode = malloc(sizeof *decode);
    KERF_CHECK(decode, KERF_ERR_FAILURE, "out of memory for a pool");
    *decode = *system;
    system->decode = decode;
    snprintf(decode->name, sizeof decode->name, "%.100s.pools.decode", system->name);
    snprintf(system->drafter, sizeof system->drafter, "none");
    snprintf(what, sizeof what, "systems.%s.pools.prefill", system->name);
    KERF_TRY(kerf_pool_spec_read(yaml, kerf_yaml_get(list, "prefill"), what, system, error));
    snprintf(what, sizeof what, "systems.%s.pools.decode", system->name);
    kerf_yaml_where(yaml, kerf_yaml_get(list, "decode"), decode->where, sizeof decode->where);
    return kerf_pool_spec_read(yaml, kerf_yaml_get(list, "decode"), what, decode, error);
}

void kerf_pools_spec_print(FILE *out, const struct kerf_system_spec *system)
{
    if (!system->decode)
        return;
    fprintf(out, "    pools:\n      prefill:\n");
    kerf_pool_spec_print(out, system, false, 8);
    fprintf(out, "      decode:\n");
    kerf_pool_spec_print(out, system->decode, true, 8);
    fprintf(out, "    kv_link:\n");
    kerf_settings_print(out, &table, &system->kv_link, 6);
}
