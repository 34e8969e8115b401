/* Where a scenario comes from: a file, or the text that a checkpoint kept, with overrides. */
#ifndef KERF_STUDY_SCENARIO_SOURCE_H
#define KERF_STUDY_SCENARIO_SOURCE_H

#include "sim/io/yaml.h"

#include <mpi.h>

/* A value that a sweep gives a key, and the line of the file where it stands. */
struct kerf_scenario_value {
    const char *path, *value;
    int line;
};

struct kerf_scenario_source {
    const char *path;
    const char *text;       /* NULL: that of the file at `path` */
    const char *const *set; /* "key.path=value" */
    int sets;
    const struct kerf_scenario_value
        *value;              /* of one point of a sweep: they go over the file and over `set`, */
    int values;              /* and with them the section `sweep` is left out */
    const char *only_system; /* NULL: all; else the others are left out */
};

/* The text as given and the YAML with its overrides, the same on every rank. Collective. The caller frees
 * *text, also after a failure, and *yaml with kerf_yaml_free. */
enum kerf_status kerf_scenario_parse(MPI_Comm comm, const struct kerf_scenario_source *source, char **text,
                                     struct kerf_yaml **yaml, struct kerf_error *error);

/* What a scenario is about. */
enum kerf_scenario_kind {
    KERF_SCENARIO_SERVING,
    KERF_SCENARIO_TRAINING,
    KERF_SCENARIO_IMAGES,
    KERF_SCENARIO_SWEEP, /* many of them at once */
    KERF_SCENARIO_KIND_COUNT
};

/* The kind of a scenario, by the section that only that kind has. Collective. Refuses what cannot be read or
 * parsed as kerf_scenario_parse does. */
enum kerf_status kerf_scenario_kind(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    enum kerf_scenario_kind *kind, struct kerf_error *error);

#endif
