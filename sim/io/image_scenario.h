/* A scenario about a network that works on whole images, or writes whole answers at once: a vision or
 * diffusion network, inferred or trained. Told from others by its section `images`. Plain data; who acts on
 * it is sim/study. */
#ifndef KERF_IO_IMAGE_SCENARIO_H
#define KERF_IO_IMAGE_SCENARIO_H

#include "sim/io/equal.h"
#include "sim/io/scenario.h"

enum kerf_image_task { KERF_IMAGES_INFER, KERF_IMAGES_TRAIN };

struct kerf_image_work {
    int task;    /* enum kerf_image_task */
    int batch;   /* images (answers) that go together over all accelerators; of training, of a step */
    int steps;   /* passes that depend on each other */
    int guided;  /* passes of a step that are independent: 2 with classifier-free guidance */
    int mapping; /* enum kerf_image_mapping, wafers */
    double prompt_tokens, answer_tokens;
    double input_images_per_s; /* that the hosts of one accelerator prepare; 0: no limit */
    char stack[KERF_SETTING_TEXT_BYTES];
};

struct kerf_image_system_spec {
    char name[KERF_SETTING_TEXT_BYTES], where[KERF_WHERE_BYTES];
    char title[KERF_SETTING_TEXT_BYTES], hardware[KERF_SETTING_TEXT_BYTES], weights[KERF_SETTING_TEXT_BYTES];
    int count; /* 0: to be found (sim/study/equal.h) */
    struct kerf_image_work work;
};

struct kerf_image_scenario {
    char file[1024];
    char title[KERF_SETTING_TEXT_BYTES], network[KERF_SETTING_TEXT_BYTES];
    char network_where[KERF_WHERE_BYTES];
    int columns;                            /* as in struct kerf_scenario */
    int equal;                              /* enum kerf_equal */
    char baseline[KERF_SETTING_TEXT_BYTES]; /* key of the system that others are sized after, or empty */
    int systems;
    struct kerf_image_system_spec system[KERF_SYSTEMS_MAX];
};

/* Reads a scenario that is already parsed and overridden. Messages carry file and line. */
enum kerf_status kerf_image_scenario_read(const struct kerf_yaml *yaml, struct kerf_image_scenario *scenario,
                                          struct kerf_error *error);

/* Prints the scenario as YAML with every default, a comment on each line. */
void kerf_image_scenario_print(FILE *out, const struct kerf_image_scenario *scenario);

#endif
