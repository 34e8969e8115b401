/* The io room: training scenarios. Knows keys and ranges; not what the names in them stand for. */
#include "sim/io/training_scenario.h"

#include "models/training/job.h"

#include <string.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *const recompute_choices[] = {"none", "selective", "full", NULL};
static const char *const sharding_choices[] = {"none", "zero-1", "zero-2", "zero-3", NULL};
static const char *const yes_choices[] = {"no", "yes", NULL};
static const char *const offload_choices[] = {"none", "optimizer", NULL};
static const char *const columns_choices[] = {"nominal", "low-nominal-high", NULL};

#define AT(field) offsetof(struct kerf_training_spec, field)
static const struct kerf_setting training_settings[] = {
    {"global_batch", KERF_SETTING_INTEGER, "1", 1, 1e9, NULL, AT(global_batch), NULL,
     "sequences of a step, all GPUs"},
    {"sequence", KERF_SETTING_NUMBER, "token", 1, 1e8, NULL, AT(sequence_tokens), "8192 token",
     "length of a sequence"},
    {"tokens", KERF_SETTING_NUMBER, "token", 0, 1e18, NULL, AT(budget_tokens), "0 token",
     "of the whole training: time, energy and cost of it are printed; 0: none"},
    {"micro_batch", KERF_SETTING_INTEGER, "1", 1, 1e6, NULL, AT(micro_batch), "1",
     "sequences of a micro-batch, of one data-parallel rank"},
    {"precision", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(precision), "bf16",
     "of the layers' matrices: bf16, fp16, fp8, fp8-cs, fp8-rowwise, mxfp8, nvfp4"},
    {"optimizer", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(optimizer), "adam", "adam or muon"},
    {"recompute", KERF_SETTING_CHOICE, "1", 0, 0, recompute_choices, AT(recompute), "none",
     "activations that are computed again: none, selective, full"},
    {"recompute_layers", KERF_SETTING_INTEGER, "1", 0, 1e6, NULL, AT(recompute_layers), "0",
     "with full: layers of a stage; 0: all"},
    {"schedule", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(schedule), "",
     "of the pipeline (docs/pipelines.md); empty: 1f1b, interleaved with virtual stages"},
    {"software", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(software), "megatron-bridge-26.06",
     "training stack and release"},
    {"balanced_experts", KERF_SETTING_CHOICE, "1", 0, 0, yes_choices, AT(balanced_experts), "no",
     "yes: routing is forced to be even; no: at random, the busiest rank decides"},
    {"expert_skew", KERF_SETTING_NUMBER, "1", 1, 1e4, NULL, AT(expert_skew), "1",
     "load of the busiest rank of experts over the mean, at least; chance may make it more"},
    {"offload", KERF_SETTING_CHOICE, "1", 0, 0, offload_choices, AT(offload), "none",
     "GPUs: optimizer: its states lie in host memory, and the host updates"},
    {"offload_link", KERF_SETTING_NUMBER, "B/s", 1e6, 1e13, NULL, AT(offload_Bps), "55 GB/s",
     "of one GPU to its host, each way; PCIe 5.0 x16 reaches 50 to 63"},
    {"offload_memory", KERF_SETTING_NUMBER, "B/s", 1e6, 1e13, NULL, AT(offload_host_Bps), "75 GB/s",
     "one GPU's share of host memory; two sockets of 8 DDR5-4800 channels for 8 GPUs are 77"},
    {"adapters", KERF_SETTING_CHOICE, "1", 0, 0, yes_choices, AT(adapters), "no",
     "yes: low-rank adapters train, the network's weights are frozen"},
};
#undef AT
static const struct kerf_setting_table training_table = {training_settings, COUNT_OF(training_settings)};

#define AT(field) offsetof(struct kerf_training_system_spec, field)
static const struct kerf_setting system_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "name in tables; empty: the key"},
    {"hardware", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(hardware), NULL, "catalog entry of the GPU or wafer"},
    {"count", KERF_SETTING_INTEGER, "1", 0, 10000000, NULL, AT(count), "0",
     "GPUs or wafers; with equal it may be left out"},
};
static const struct kerf_setting parallel_settings[] = {
    {"tensor", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(tensor), "1", "GPUs that share every matrix"},
    {"pipeline", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(pipeline), "1", "stages"},
    {"virtual_stages", KERF_SETTING_INTEGER, "1", 1, 1000, NULL, AT(virtual_stages), "1",
     "chunks of layers on each stage"},
    {"context", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(context), "1", "GPUs that share a sequence"},
    {"expert", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(expert), "1",
     "GPUs that share the experts, whole ones each"},
    {"expert_tensor", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(expert_tensor), "1",
     "GPUs that cut each expert"},
    {"data", KERF_SETTING_INTEGER, "1", 0, 10000000, NULL, AT(data), "0",
     "replicas; 0: what tensor, pipeline and context leave"},
    {"sharding", KERF_SETTING_CHOICE, "1", 0, 0, sharding_choices, AT(sharding), "zero-1",
     "what replicas keep a share of: none, zero-1, zero-2, zero-3"},
};
#undef AT
static const struct kerf_setting_table system_table = {system_settings, COUNT_OF(system_settings)};
static const struct kerf_setting_table parallel_table = {parallel_settings, COUNT_OF(parallel_settings)};

#define AT(field) offsetof(struct kerf_training_scenario, field)
static const struct kerf_setting scenario_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "what the scenario asks"},
    {"network", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(network), NULL, "catalog entry of the neural network"},
    {"equal", KERF_SETTING_CHOICE, "1", 0, 0, kerf_equal_names, AT(equal), "none",
     "power or cost: systems without a count get as many accelerators as come up to the baseline's"},
    {"baseline", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(baseline), "",
     "with equal: key of the system that others are sized after; empty: the first with a count"},
    {"columns", KERF_SETTING_CHOICE, "1", 0, 0, columns_choices, AT(columns), "low-nominal-high",
     "nominal: one column; low-nominal-high: also with every uncertain leaf at its slower and faster end"},
};
#undef AT
static const struct kerf_setting_table scenario_table = {scenario_settings, COUNT_OF(scenario_settings)};

static enum kerf_status read_system(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                    struct kerf_training_system_spec *system, struct kerf_error *error)
{
    static const char *const others[] = {"parallel", "training", "failures", "checkpoint", "input", NULL};
    char what[192];
    snprintf(what, sizeof what, "systems.%s", system->name);
    kerf_yaml_where(yaml, map, system->where, sizeof system->where);
    KERF_TRY(kerf_settings_section(yaml, map, what, &system_table, others, system, error));
    snprintf(what, sizeof what, "systems.%s.parallel", system->name);
    KERF_TRY(kerf_settings_section(yaml, kerf_yaml_get(map, "parallel"), what, &parallel_table, NULL, system,
                                   error));
    snprintf(what, sizeof what, "systems.%s.training", system->name);
    KERF_TRY(kerf_settings_read(yaml, kerf_yaml_get(map, "training"), what, &training_table, NULL,
                                &system->training, error));
    snprintf(what, sizeof what, "systems.%s", system->name);
    KERF_TRY(kerf_course_read(yaml, map, what, &system->course, error));
    if (!system->title[0])
        memcpy(system->title, system->name, sizeof system->title);
    return KERF_OK;
}

enum kerf_status kerf_training_scenario_read(const struct kerf_yaml *yaml,
                                             struct kerf_training_scenario *scenario,
                                             struct kerf_error *error)
{
    static const char *const others[] = {"training", "systems", "failures", "checkpoint", "input", NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml), *training = kerf_yaml_get(root, "training"), *map;
    struct kerf_training_spec spec = {0};
    struct kerf_course_spec course;
    *scenario = (struct kerf_training_scenario){0};
    KERF_TRY(kerf_settings_section(yaml, root, "scenario", &scenario_table, others, scenario, error));
    KERF_TRY(kerf_settings_section(yaml, training, "training", &training_table, NULL, &spec, error));
    KERF_TRY(kerf_course_defaults(&course, error));
    KERF_TRY(kerf_course_read(yaml, root, "", &course, error));
    KERF_TRY(kerf_settings_systems(yaml, KERF_TRAINING_SYSTEMS_MAX, &map, error));
    scenario->systems = kerf_yaml_count(map);
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_training_system_spec *system = &scenario->system[i];
        kerf_yaml_key(map, i, system->name, sizeof system->name);
        system->training = spec;
        system->course = course;
        KERF_TRY(read_system(yaml, kerf_yaml_item(map, i), system, error));
    }
    return KERF_OK;
}

void kerf_training_scenario_print(FILE *out, const struct kerf_training_scenario *scenario)
{
    kerf_settings_print(out, &scenario_table, scenario, 0);
    fprintf(out, "training:\n");
    kerf_settings_print(out, &training_table, &scenario->system[0].training, 2);
    fprintf(out, "systems:\n");
    for (int i = 0; i < scenario->systems; i++) {
        const struct kerf_training_system_spec *system = &scenario->system[i];
        fprintf(out, "  %s:\n", system->name);
        kerf_settings_print(out, &system_table, system, 4);
        fprintf(out, "    parallel:\n");
        kerf_settings_print(out, &parallel_table, system, 6);
        fprintf(out, "    training:\n");
        kerf_settings_print(out, &training_table, &system->training, 6);
        kerf_course_print(out, &system->course, 4);
    }
}
