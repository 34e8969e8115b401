/* Training scenarios: files with a `training` section (docs/training.md). */
#ifndef KERF_IO_TRAINING_SCENARIO_H
#define KERF_IO_TRAINING_SCENARIO_H

#include "sim/io/course_scenario.h"
#include "sim/io/equal.h"
#include "sim/io/settings.h"
#include "sim/io/yaml.h"

#include <stdbool.h>

enum { KERF_TRAINING_SYSTEMS_MAX = 32 };

/* What is trained and how: the same for all systems unless one says otherwise. */
struct kerf_training_spec {
    int global_batch, micro_batch, recompute, recompute_layers, balanced_experts, adapters, offload;
    double expert_skew, offload_Bps, offload_host_Bps;
    double sequence_tokens, budget_tokens;
    char precision[KERF_SETTING_TEXT_BYTES], optimizer[KERF_SETTING_TEXT_BYTES],
        schedule[KERF_SETTING_TEXT_BYTES], software[KERF_SETTING_TEXT_BYTES];
};

struct kerf_training_system_spec {
    char name[KERF_SETTING_TEXT_BYTES], title[KERF_SETTING_TEXT_BYTES], hardware[KERF_SETTING_TEXT_BYTES];
    char where[256]; /* "FILE:LINE" of the system */
    int count;       /* 0: to be found (sim/study/equal.h) */
    int tensor, pipeline, virtual_stages, context, expert, expert_tensor, data, sharding;
    struct kerf_training_spec training;
    struct kerf_course_spec course;
};

struct kerf_training_scenario {
    char title[KERF_SETTING_TEXT_BYTES], network[KERF_SETTING_TEXT_BYTES];
    int columns;                            /* 0: nominal only, 1: low, nominal and high */
    int equal;                              /* enum kerf_equal */
    char baseline[KERF_SETTING_TEXT_BYTES]; /* key of the system that others are sized after, or empty */
    int systems;
    struct kerf_training_system_spec system[KERF_TRAINING_SYSTEMS_MAX];
};

/* Fills in every default. KERF_ERR_USAGE with file and line. */
enum kerf_status kerf_training_scenario_read(const struct kerf_yaml *yaml,
                                             struct kerf_training_scenario *scenario,
                                             struct kerf_error *error);

/* The scenario with every default, as YAML that reads back. */
void kerf_training_scenario_print(FILE *out, const struct kerf_training_scenario *scenario);

#endif
