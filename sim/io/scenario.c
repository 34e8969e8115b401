/* The io room: scenario files. Knows keys and ranges; not what the names in them stand for. */
#include "sim/io/scenario.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

const char *const kerf_metric_names[] = {"ttft", "tpot", "output_speed_per_user", "e2e", "throughput", NULL};

static const char *const prompt_names[] = {[KERF_PROMPTS_ENGINE] = "engine",
                                           [KERF_PROMPTS_CHUNKED] = "chunked",
                                           [KERF_PROMPTS_WHOLE] = "whole",
                                           NULL};

static const char *const clock_names[] = {
    [KERF_CLOCK_FIXED] = "fixed", [KERF_CLOCK_FOLLOWS] = "follows", NULL};

static const char *const prefix_names[] = {
    [KERF_PREFIX_ENGINE] = "engine", [KERF_PREFIX_OFF] = "off", [KERF_PREFIX_ON] = "on", NULL};

static const char *const overflow_names[] = {
    [KERF_KV_OVERFLOW_NONE] = "none", [KERF_KV_OVERFLOW_HOST] = "host", NULL};

#define AT(field) offsetof(struct kerf_system_spec, field)
static const struct kerf_setting system_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "",
     "name in tables and pictures; empty: the key"},
    {"hardware", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(hardware), NULL, "catalog entry of the accelerator"},
    {"count", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(count), NULL, "accelerators of one replica"},
    {"replicas", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(replicas), "1",
     "copies of the network, data parallel"},
    {"weights", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(weights), "native",
     "number format of the weights; 4-bit formats apply to the experts of a mixture only"},
    {"kv", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(kv), "bf16", "number format of the KV cache"},
    {"context_tokens", KERF_SETTING_INTEGER, "1", 0, 1e8, NULL, AT(context_tokens), "0",
     "cache to place for per user; 0: the longest request"},
    {"kv_overflow", KERF_SETTING_CHOICE, "1", 0, 0, overflow_names, AT(kv_overflow), "none",
     "host: KV cache that does not fit on wafers lies in the memory of their hosts"},
    {"engine", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(engine), "overlapped",
     "catalog entry of the serving software on GPUs; no matter on wafers"},
    {"client_link", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(client_link), "ethernet-100g",
     "catalog link between users and replicas"},
    {"published", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(published), "",
     "catalog claim to print beside the result; it changes nothing"},
};
static const struct kerf_setting parallel_settings[] = {
    {"tensor", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(tensor), "0",
     "GPUs that share every matrix; 0: count / pipeline / attention_data"},
    {"expert", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(expert), "0",
     "GPUs that share the experts, whole ones each; 0: count / pipeline for a mixture"},
    {"attention_data", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(attention_data), "0",
     "groups that split the sequences in attention; 0: count / pipeline / tensor"},
    {"pipeline", KERF_SETTING_INTEGER, "1", 1, 1024, NULL, AT(pipeline), "1",
     "stages of consecutive layers, one behind the other"},
};
static const struct kerf_setting speculation_settings[] = {
    {"drafter", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(drafter), "none",
     "catalog entry of the drafter, or none"},
    {"tokens", KERF_SETTING_INTEGER, "1", 0, 32, NULL, AT(draft_tokens), "0",
     "guesses per round; 0: the drafter's own"},
};
static const struct kerf_setting scheduler_settings[] = {
    {"token_budget", KERF_SETTING_INTEGER, "1", 1, 1e7, NULL, AT(token_budget), "8192",
     "tokens of one GPU step at most, prompts and answers together, per attention group"},
    {"prefill_chunk", KERF_SETTING_INTEGER, "1", 0, 1e7, NULL, AT(prefill_chunk), "0",
     "prompt tokens of one pass at most; 0: the budget on GPUs, the fastest on wafers"},
    {"max_sequences", KERF_SETTING_INTEGER, "1", 1, 1e6, NULL, AT(max_sequences), "256",
     "requests in service at most, per replica"},
    {"kv_block_tokens", KERF_SETTING_INTEGER, "1", 1, 4096, NULL, AT(kv_block_tokens), "16",
     "tokens per block of the KV cache"},
    {"reserved_output", KERF_SETTING_NUMBER, "1", -1, 1, NULL, AT(reserved_output), "-1",
     "share of its output whose cache a request sets aside on GPUs; -1: the engine's own, 1: no preemption"},
    {"watermark", KERF_SETTING_NUMBER, "1", 0, 0.99, NULL, AT(watermark), "0",
     "share of the KV cache that must stay free when a request enters service on GPUs"},
    {"wait_steps", KERF_SETTING_INTEGER, "1", 0, 1e6, NULL, AT(wait_steps), "0",
     "GPU steps at most that a request waits for others to enter service with; 0: none"},
    {"wait_share", KERF_SETTING_NUMBER, "1", 0, 1, NULL, AT(wait_share), "0.9",
     "share of the token budget with which those who wait enter at once"},
    {"prompts", KERF_SETTING_CHOICE, "1", 0, 0, prompt_names, AT(prompts), "engine",
     "chunked: prompts are cut to fill steps; whole: they wait for a step with room; engine: as the engine "
     "does"},
    {"prefix_cache", KERF_SETTING_CHOICE, "1", 0, 0, prefix_names, AT(prefix_cache), "engine",
     "on: prompts that begin alike find each other's cache; engine: as the engine does, off on wafers"},
};
static const struct kerf_setting thermal_settings[] = {
    {"clock", KERF_SETTING_CHOICE, "1", 0, 0, clock_names, AT(clock), "fixed",
     "follows: lowered until temperature and power are inside their limits; fixed: as in the catalog"},
    {"coolant_inlet", KERF_SETTING_NUMBER, "K", 0, 400, NULL, AT(coolant_inlet_K), "0 K",
     "temperature of the coolant that comes in; 0: the catalog's"},
    {"power_cap", KERF_SETTING_NUMBER, "W", 0, 1e6, NULL, AT(power_cap_W), "0 W",
     "mean power of an accelerator at most, where the clock follows; 0: none but the catalog's"},
};
#undef AT
static const struct kerf_setting_table system_table = {system_settings, COUNT_OF(system_settings)};

/* What pools have in common stands first and last: the title, the users' link and what is published. */
enum { FIRST_COMMON = 1, LAST_COMMON = 2, OF_POOLS = COUNT_OF(system_settings) - FIRST_COMMON - LAST_COMMON };
static const struct kerf_setting_table first_common_table = {system_settings, FIRST_COMMON};
static const struct kerf_setting_table pool_table = {system_settings + FIRST_COMMON, OF_POOLS};
static const struct kerf_setting_table last_common_table = {system_settings + FIRST_COMMON + OF_POOLS,
                                                            LAST_COMMON};

/* Sections inside a system, each a table over the same struct. */
static const struct {
    const char *key;
    struct kerf_setting_table table;
} system_sections[] = {
    {"parallel", {parallel_settings, COUNT_OF(parallel_settings)}},
    {"speculation", {speculation_settings, COUNT_OF(speculation_settings)}},
    {"scheduler", {scheduler_settings, COUNT_OF(scheduler_settings)}},
    {"thermal", {thermal_settings, COUNT_OF(thermal_settings)}},
};

static const char *const columns_names[] = {"nominal", "low-nominal-high", NULL};

#define AT(field) offsetof(struct kerf_scenario, field)
static const struct kerf_setting scenario_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "what the scenario asks"},
    {"network", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(network), NULL, "catalog entry of the neural network"},
    {"baseline", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(baseline), "",
     "system that ratios refer to; empty: the last"},
    {"seed", KERF_SETTING_INTEGER, "1", 0, 2147483647, NULL, AT(seed), "1", "seed of every random draw"},
    {"columns", KERF_SETTING_CHOICE, "1", 0, 0, columns_names, AT(columns), "low-nominal-high",
     "nominal: one run; low-nominal-high: also with every uncertain leaf at its slower and faster end"},
};
#undef AT
static const struct kerf_setting_table scenario_table = {scenario_settings, COUNT_OF(scenario_settings)};

static enum kerf_status read_metrics(const struct kerf_yaml *yaml, struct kerf_scenario *scenario,
                                     struct kerf_error *error)
{
    kerf_yaml_node *list = kerf_yaml_get(kerf_yaml_root(yaml), "metrics");
    scenario->metrics = list ? 0u : (1u << KERF_METRIC_COUNT) - 1u;
    if (list && kerf_yaml_node_kind(list) != KERF_YAML_LIST)
        return kerf_yaml_refuse(yaml, list, error, "metrics: a list is wanted, such as [ttft, tpot]");
    for (int i = 0; i < kerf_yaml_count(list); i++) {
        char name[64];
        int metric = 0;
        kerf_yaml_node *item = kerf_yaml_item(list, i);
        KERF_TRY(kerf_yaml_text(yaml, item, "metrics", name, sizeof name, error));
        while (kerf_metric_names[metric] && strcmp(kerf_metric_names[metric], name) != 0)
            metric++;
        const char *nearest = kerf_nearest_name(name, kerf_metric_names);
        if (!kerf_metric_names[metric])
            return kerf_yaml_refuse(yaml, item, error, "metrics: '%s' is not a metric%s%s%s", name,
                                    nearest ? "; did you mean '" : "", nearest ? nearest : "",
                                    nearest ? "'?" : "");
        scenario->metrics |= 1u << metric;
    }
    return KERF_OK;
}

enum kerf_status kerf_system_spec_defaults(struct kerf_system_spec *system, struct kerf_error *error)
{
    KERF_TRY(kerf_settings_defaults(&system_table, system, error));
    for (int i = 0; i < COUNT_OF(system_sections); i++)
        KERF_TRY(kerf_settings_defaults(&system_sections[i].table, system, error));
    KERF_TRY(kerf_settings_defaults(&kerf_fleet_settings, &system->fleet, error));
    return kerf_fabric_spec_defaults(&system->fabric, error);
}

/* The sections inside a system or a pool. */
static enum kerf_status read_sections(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *owner,
                                      struct kerf_system_spec *system, struct kerf_error *error)
{
    char what[224];
    for (int i = 0; i < COUNT_OF(system_sections); i++) {
        snprintf(what, sizeof what, "%s.%s", owner, system_sections[i].key);
        KERF_TRY(kerf_settings_read(yaml, kerf_yaml_get(map, system_sections[i].key), what,
                                    &system_sections[i].table, NULL, system, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_pool_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                     struct kerf_system_spec *pool, struct kerf_error *error)
{
    static const char *const others[] = {"parallel", "speculation", "scheduler", "fabric", NULL};
    char fabric[224];
    KERF_TRY(kerf_settings_read(yaml, map, what, &pool_table, others, pool, error));
    KERF_TRY(read_sections(yaml, map, what, pool, error));
    snprintf(fabric, sizeof fabric, "%s.fabric", what);
    return kerf_fabric_spec_read(yaml, kerf_yaml_get(map, "fabric"), fabric, &pool->fabric, error);
}

static enum kerf_status read_system(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                    struct kerf_system_spec *system, struct kerf_error *error)
{
    static const char *const others[] = {"parallel", "speculation", "scheduler", "thermal", "workload",
                                         "fabric",   "pools",       "kv_link",   "fleet",   NULL};
    char what[160];
    snprintf(what, sizeof what, "systems.%s", system->name);
    kerf_yaml_where(yaml, map, system->where, sizeof system->where);
    KERF_TRY(kerf_system_spec_defaults(system, error));
    KERF_TRY(kerf_settings_read(yaml, map, what, &system_table, others, system, error));
    if (!kerf_yaml_get(map, "pools"))
        KERF_TRY(kerf_settings_require(yaml, map, what, &system_table, error));
    KERF_TRY(read_sections(yaml, map, what, system, error));
    snprintf(what, sizeof what, "systems.%s.fabric", system->name);
    KERF_TRY(kerf_fabric_spec_read(yaml, kerf_yaml_get(map, "fabric"), what, &system->fabric, error));
    snprintf(what, sizeof what, "systems.%s.workload", system->name);
    kerf_yaml_node *workload = kerf_yaml_get(map, "workload");
    KERF_TRY(kerf_workload_spec_read(yaml, workload, what, &system->workload, error));
    KERF_TRY(kerf_workload_spec_settle(yaml, workload ? workload : map, what, &system->workload, error));
    KERF_TRY(kerf_fleet_spec_read(yaml, map, system->name, system->replicas, &system->fleet, error));
    return kerf_pools_spec_read(yaml, map, system, error);
}

static enum kerf_status read_systems(const struct kerf_yaml *yaml, const struct kerf_workload_spec *workload,
                                     struct kerf_scenario *scenario, struct kerf_error *error)
{
    kerf_yaml_node *map;
    KERF_TRY(kerf_settings_systems(yaml, KERF_SYSTEMS_MAX, &map, error));
    scenario->systems = kerf_yaml_count(map);
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_system_spec *system = &scenario->system[i];
        kerf_yaml_key(map, i, system->name, sizeof system->name);
        system->workload = *workload;
        KERF_TRY(read_system(yaml, kerf_yaml_item(map, i), system, error));
        if (!system->title[0])
            memcpy(system->title, system->name, sizeof system->title);
    }
    return KERF_OK;
}

static enum kerf_status check_baseline(const struct kerf_yaml *yaml, struct kerf_scenario *scenario,
                                       struct kerf_error *error)
{
    const char *names[KERF_SYSTEMS_MAX + 1] = {0};
    if (!scenario->baseline[0])
        memcpy(scenario->baseline, scenario->system[scenario->systems - 1].name, sizeof scenario->baseline);
    for (int i = 0; i < scenario->systems; i++) {
        names[i] = scenario->system[i].name;
        if (strcmp(names[i], scenario->baseline) == 0)
            return KERF_OK;
    }
    const char *nearest = kerf_nearest_name(scenario->baseline, names);
    return kerf_yaml_refuse(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "baseline"), error,
                            "baseline: '%s' is not one of the systems%s%s%s", scenario->baseline,
                            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

enum kerf_status kerf_scenario_read(const struct kerf_yaml *yaml, struct kerf_scenario *scenario,
                                    struct kerf_error *error)
{
    static const char *const others[] = {"workload", "systems", "metrics", "uncertainty",
                                         "measure",  "slo",     NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    struct kerf_workload_spec workload = {0};
    *scenario = (struct kerf_scenario){0};
    snprintf(scenario->file, sizeof scenario->file, "%s", kerf_yaml_file(yaml));
    KERF_TRY(kerf_settings_section(yaml, root, "scenario", &scenario_table, others, scenario, error));
    kerf_yaml_where(yaml, kerf_yaml_get(root, "network"), scenario->network_where,
                    sizeof scenario->network_where);
    KERF_TRY(kerf_workload_spec_defaults(&workload, error));
    KERF_TRY(kerf_workload_spec_read(yaml, kerf_yaml_get(root, "workload"), "workload", &workload, error));
    KERF_TRY(read_metrics(yaml, scenario, error));
    KERF_TRY(read_systems(yaml, &workload, scenario, error));
    KERF_TRY(kerf_measure_spec_read(yaml, &scenario->measure, error));
    KERF_TRY(kerf_ranges_read(yaml, &scenario->ranges, error));
    KERF_TRY(
        kerf_correlations_read(yaml, kerf_yaml_get(root, "uncertainty"), &scenario->correlations, error));
    return check_baseline(yaml, scenario, error);
}

void kerf_scenario_free(struct kerf_scenario *scenario)
{
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_system_spec *system = &scenario->system[i];
        kerf_fabric_spec_free(&system->fabric);
        if (system->decode)
            kerf_fabric_spec_free(&system->decode->fabric);
        free(system->decode);
        system->decode = NULL;
    }
}

static void print_sections(FILE *out, const struct kerf_system_spec *system, bool decodes, int indent)
{
    for (int k = 0; k < COUNT_OF(system_sections); k++) {
        if (!decodes && system_sections[k].table.setting == speculation_settings)
            continue;
        fprintf(out, "%*s%s:\n", indent, "", system_sections[k].key);
        kerf_settings_print(out, &system_sections[k].table, system, indent + 2);
    }
    fprintf(out, "%*sfabric:\n", indent, "");
    kerf_fabric_spec_print(out, &system->fabric, indent + 2);
}

void kerf_pool_spec_print(FILE *out, const struct kerf_system_spec *pool, bool decodes, int indent)
{
    kerf_settings_print(out, &pool_table, pool, indent);
    print_sections(out, pool, decodes, indent);
}

static void print_system(FILE *out, const struct kerf_system_spec *system)
{
    kerf_settings_print(out, system->decode ? &first_common_table : &system_table, system, 4);
    if (system->decode)
        kerf_settings_print(out, &last_common_table, system, 4);
    fprintf(out, "    fleet:\n");
    kerf_settings_print(out, &kerf_fleet_settings, &system->fleet, 6);
    if (!system->decode)
        print_sections(out, system, true, 4);
    kerf_pools_spec_print(out, system);
}

void kerf_scenario_print(FILE *out, const struct kerf_scenario *scenario)
{
    kerf_settings_print(out, &scenario_table, scenario, 0);
    fprintf(out, "metrics: [");
    for (int i = 0, shown = 0; i < KERF_METRIC_COUNT; i++)
        if (scenario->metrics & 1u << i)
            fprintf(out, "%s%s", shown++ ? ", " : "", kerf_metric_names[i]);
    fprintf(out, "]\n");
    kerf_measure_spec_print(out, &scenario->measure);
    fprintf(out, "systems:\n");
    for (int i = 0; i < scenario->systems; i++) {
        const struct kerf_system_spec *system = &scenario->system[i];
        fprintf(out, "  %s:\n", system->name);
        print_system(out, system);
        fprintf(out, "    workload:\n");
        kerf_workload_spec_print(out, &system->workload, 6);
    }
}
