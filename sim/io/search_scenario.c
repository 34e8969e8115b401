/* The io room: scenarios of searches. Knows keys and ranges; not what the names in them stand for. */
#include "sim/io/search_scenario.h"

#include <stddef.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))
#define AT(field) offsetof(struct kerf_search_spec, field)

static const char *const routing_names[] = {"natural", "balanced", NULL};

static const struct kerf_setting top_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "printed above the table"},
    {"network", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(network), NULL, "catalog entry"},
};
static const struct kerf_setting search_settings[] = {
    {"hardware", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(hardware), NULL, "catalog entry of the GPU"},
    {"gpus", KERF_SETTING_INTEGER, "1", 1, 1e6, NULL, AT(gpus), NULL, "of the cluster"},
    {"global_batch", KERF_SETTING_INTEGER, "1", 1, 1e6, NULL, AT(global_batch), NULL, "sequences per step"},
    {"sequence", KERF_SETTING_NUMBER, "token", 1, 1e7, NULL, AT(sequence), NULL, "tokens of a sequence"},
    {"software", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(software), "megatron-2024",
     "training stack and release"},
    {"precision", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(precision), "bf16", "recipe of number formats"},
    {"optimizer", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(optimizer), "adam", "adam or muon"},
    {"routing", KERF_SETTING_CHOICE, "1", 0, 0, routing_names, AT(routing), "natural",
     "of tokens to experts: natural, or forced to be even"},
    {"best", KERF_SETTING_INTEGER, "1", 1, 1000, NULL, AT(best), "10", "layouts to show"},
};
#undef AT
static const struct kerf_setting_table top_table = {top_settings, COUNT_OF(top_settings)};
static const struct kerf_setting_table search_table = {search_settings, COUNT_OF(search_settings)};

enum kerf_status kerf_search_spec_read(const struct kerf_yaml *yaml, struct kerf_search_spec *spec,
                                       struct kerf_error *error)
{
    static const char *const sections[] = {"search", NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml), *search = kerf_yaml_get(root, "search");
    KERF_TRY(kerf_settings_defaults(&top_table, spec, error));
    KERF_TRY(kerf_settings_defaults(&search_table, spec, error));
    KERF_TRY(kerf_settings_read(yaml, root, "the scenario", &top_table, sections, spec, error));
    KERF_TRY(kerf_settings_require(yaml, root, "the scenario", &top_table, error));
    KERF_TRY(kerf_settings_read(yaml, search, "search", &search_table, NULL, spec, error));
    KERF_TRY(kerf_settings_require(yaml, search, "search", &search_table, error));
    kerf_yaml_where(yaml, search, spec->where, sizeof spec->where);
    return KERF_OK;
}
