/* The io room: scenarios about images. Knows keys and ranges; not what the names in them stand for. */
#include "sim/io/image_scenario.h"

#include <string.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *const task_names[] = {
    [KERF_IMAGES_INFER] = "inference", [KERF_IMAGES_TRAIN] = "training", NULL};
static const char *const mapping_names[] = {"sequential", "pipelined", NULL}; /* as enum kerf_image_mapping */
static const char *const columns_names[] = {"nominal", "low-nominal-high", NULL};

#define AT(field) offsetof(struct kerf_image_work, field)
static const struct kerf_setting work_settings[] = {
    {"task", KERF_SETTING_CHOICE, "1", 0, 0, task_names, AT(task), "inference", "inference or training"},
    {"batch", KERF_SETTING_INTEGER, "1", 1, 1e7, NULL, AT(batch), "1",
     "images, or answers, that go together, over all accelerators of a system; in training those of a step"},
    {"steps", KERF_SETTING_INTEGER, "1", 0, 1e5, NULL, AT(steps), "0",
     "passes one after the other: denoising steps; 0: one, of a diffusion language model one per answer "
     "token"},
    {"guided", KERF_SETTING_INTEGER, "1", 1, 4, NULL, AT(guided), "1",
     "passes per step and image, side by side: 2 with classifier-free guidance"},
    {"mapping", KERF_SETTING_CHOICE, "1", 0, 0, mapping_names, AT(mapping), "sequential",
     "wafers, inference: layers one after the other on all PEs, or each on a rectangle of its own"},
    {"prompt", KERF_SETTING_NUMBER, "token", 0, 1e7, NULL, AT(prompt_tokens), "0 token",
     "of a diffusion language model: prompt, which every step runs again"},
    {"answer", KERF_SETTING_NUMBER, "token", 0, 1e7, NULL, AT(answer_tokens), "0 token",
     "of a diffusion language model: answer, all tokens at once"},
    {"input_rate", KERF_SETTING_NUMBER, "1/s", 0, 1e9, NULL, AT(input_images_per_s), "0 1/s",
     "images per second that the hosts of one accelerator prepare in training; 0: never too few"},
    {"stack", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(stack), "image-graph",
     "training software on GPUs: image-graph, diffusion-graph, diffusion-2023"},
};
#undef AT
static const struct kerf_setting_table work_table = {work_settings, COUNT_OF(work_settings)};

#define AT(field) offsetof(struct kerf_image_system_spec, field)
static const struct kerf_setting system_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "name in tables; empty: the key"},
    {"hardware", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(hardware), NULL, "catalog entry of the accelerator"},
    {"count", KERF_SETTING_INTEGER, "1", 0, 100000, NULL, AT(count), "0",
     "accelerators; each takes its share of the images; with equal it may be left out"},
    {"weights", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(weights), "bf16",
     "number format of the weights on GPUs at inference: bf16, fp16, fp8"},
};
#undef AT
static const struct kerf_setting_table system_table = {system_settings, COUNT_OF(system_settings)};

#define AT(field) offsetof(struct kerf_image_scenario, field)
static const struct kerf_setting scenario_settings[] = {
    {"title", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(title), "", "what the scenario asks"},
    {"network", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(network), NULL, "catalog entry of the neural network"},
    {"equal", KERF_SETTING_CHOICE, "1", 0, 0, kerf_equal_names, AT(equal), "none",
     "power or cost: systems without a count get as many accelerators as come up to the baseline's"},
    {"baseline", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(baseline), "",
     "with equal: key of the system that others are sized after; empty: the first with a count"},
    {"columns", KERF_SETTING_CHOICE, "1", 0, 0, columns_names, AT(columns), "low-nominal-high",
     "nominal; or also every uncertain leaf at its slower and at its faster end"},
};
#undef AT
static const struct kerf_setting_table scenario_table = {scenario_settings, COUNT_OF(scenario_settings)};

static enum kerf_status read_system(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                    struct kerf_image_system_spec *system, struct kerf_error *error)
{
    static const char *const others[] = {"images", NULL};
    char what[160];
    snprintf(what, sizeof what, "systems.%s", system->name);
    kerf_yaml_where(yaml, map, system->where, sizeof system->where);
    KERF_TRY(kerf_settings_section(yaml, map, what, &system_table, others, system, error));
    snprintf(what, sizeof what, "systems.%s.images", system->name);
    KERF_TRY(kerf_settings_read(yaml, kerf_yaml_get(map, "images"), what, &work_table, NULL, &system->work,
                                error));
    if (!system->title[0])
        memcpy(system->title, system->name, sizeof system->title);
    return KERF_OK;
}

enum kerf_status kerf_image_scenario_read(const struct kerf_yaml *yaml, struct kerf_image_scenario *scenario,
                                          struct kerf_error *error)
{
    static const char *const others[] = {"images", "systems", NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml), *systems;
    struct kerf_image_work work = {0};
    *scenario = (struct kerf_image_scenario){0};
    snprintf(scenario->file, sizeof scenario->file, "%s", kerf_yaml_file(yaml));
    KERF_TRY(kerf_settings_section(yaml, root, "scenario", &scenario_table, others, scenario, error));
    kerf_yaml_where(yaml, kerf_yaml_get(root, "network"), scenario->network_where,
                    sizeof scenario->network_where);
    KERF_TRY(kerf_settings_section(yaml, kerf_yaml_get(root, "images"), "images", &work_table, NULL, &work,
                                   error));
    KERF_TRY(kerf_settings_systems(yaml, KERF_SYSTEMS_MAX, &systems, error));
    scenario->systems = kerf_yaml_count(systems);
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_image_system_spec *system = &scenario->system[i];
        kerf_yaml_key(systems, i, system->name, sizeof system->name);
        system->work = work;
        KERF_TRY(read_system(yaml, kerf_yaml_item(systems, i), system, error));
    }
    return KERF_OK;
}

void kerf_image_scenario_print(FILE *out, const struct kerf_image_scenario *scenario)
{
    kerf_settings_print(out, &scenario_table, scenario, 0);
    fprintf(out, "images: {}\nsystems:\n");
    for (int i = 0; i < scenario->systems; i++) {
        const struct kerf_image_system_spec *system = &scenario->system[i];
        fprintf(out, "  %s:\n", system->name);
        kerf_settings_print(out, &system_table, system, 4);
        fprintf(out, "    images:\n");
        kerf_settings_print(out, &work_table, &system->work, 6);
    }
}
