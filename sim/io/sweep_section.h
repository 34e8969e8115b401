/* The `sweep` section of a scenario: which keys take which values. Plain data; who simulates the points is
 * sim/study.
 *
 * The section is a list of axes. An axis is a map from the dotted path of a key to a list of values, or to a
 * range {from, to, step} or {from, to, times}; the keys of one axis move together, and axes are crossed. */
#ifndef KERF_IO_SWEEP_SECTION_H
#define KERF_IO_SWEEP_SECTION_H

#include "sim/io/yaml.h"

#include <stdint.h>
#include <stdio.h>

enum {
    KERF_SWEEP_AXES_MAX = 12,
    KERF_SWEEP_KEYS_MAX = 48, /* of all axes */
    KERF_SWEEP_VALUES_MAX = 10000,
    KERF_SWEEP_PATH_BYTES = 128,
    KERF_SWEEP_VALUE_BYTES = 64
};

struct kerf_sweep_key {
    char path[KERF_SWEEP_PATH_BYTES];      /* "workload.users" */
    int axis, system;                      /* system: that it is about; -1: all */
    char (*value)[KERF_SWEEP_VALUE_BYTES]; /* owned: as many as the axis has */
    int *line;                             /* owned: of the file, for messages */
};

struct kerf_sweep_axis {
    int first_key, keys, values;
    uint32_t systems; /* that it is about: bit i for system i of the scenario */
};

struct kerf_sweep_section {
    int axes, keys;
    struct kerf_sweep_axis axis[KERF_SWEEP_AXES_MAX];
    struct kerf_sweep_key key[KERF_SWEEP_KEYS_MAX];
};

/* Reads the section of a document that has one. Messages name file and line. Free with
 * kerf_sweep_section_free, also after a failure. */
enum kerf_status kerf_sweep_section_read(const struct kerf_yaml *yaml, struct kerf_sweep_section *section,
                                         struct kerf_error *error);
void kerf_sweep_section_free(struct kerf_sweep_section *section);

/* Prints it as YAML with every range as a list. */
void kerf_sweep_section_print(FILE *out, const struct kerf_sweep_section *section);

#endif
