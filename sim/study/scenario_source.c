/* The study room: the text of a scenario, and what the command line changes in it. */
#include "sim/study/scenario_source.h"

#include "sim/io/text_file.h"

#include <stdlib.h>
#include <string.h>

/* Makes the scenario of a sweep that of one of its points. */
static enum kerf_status take_point(struct kerf_yaml *yaml, const struct kerf_scenario_source *source,
                                   struct kerf_error *error)
{
    kerf_yaml_node *root = kerf_yaml_root(yaml), *systems = kerf_yaml_get(root, "systems");
    kerf_yaml_remove(root, "sweep");
    for (int i = kerf_yaml_count(systems) - 1; source->only_system && i >= 0; i--) {
        char name[128];
        kerf_yaml_key(systems, i, name, sizeof name);
        if (strcmp(name, source->only_system) != 0)
            kerf_yaml_remove(systems, name);
    }
    if (source->only_system)
        kerf_yaml_remove(root, "baseline");
    for (int i = 0; i < source->values; i++)
        KERF_TRY(kerf_yaml_place(yaml, source->value[i].path, source->value[i].value, source->value[i].line,
                                 error));
    return KERF_OK;
}

enum kerf_status kerf_scenario_parse(MPI_Comm comm, const struct kerf_scenario_source *source, char **text,
                                     struct kerf_yaml **yaml, struct kerf_error *error)
{
    *text = NULL;
    *yaml = NULL;
    if (source->text)
        *text = strdup(source->text);
    else
        KERF_TRY(kerf_text_file_read(comm, source->path, text, error));
    KERF_CHECK(*text, KERF_ERR_FAILURE, "%s: out of memory", source->path);
    KERF_TRY(kerf_yaml_parse(*text, source->path, yaml, error));
    enum kerf_status status = kerf_yaml_override(*yaml, source->set, source->sets, error);
    if (status == KERF_OK && source->value)
        status = take_point(*yaml, source, error);
    if (status != KERF_OK) {
        kerf_yaml_free(*yaml);
        *yaml = NULL;
    }
    return status;
}

enum kerf_status kerf_scenario_kind(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    enum kerf_scenario_kind *kind, struct kerf_error *error)
{
    static const struct {
        const char *section;
        enum kerf_scenario_kind kind;
    } sections[] = {{"training", KERF_SCENARIO_TRAINING},
                    {"images", KERF_SCENARIO_IMAGES},
                    {"sweep", KERF_SCENARIO_SWEEP}}; /* the last that is there counts */
    char *text;
    struct kerf_yaml *yaml;
    *kind = KERF_SCENARIO_SERVING;
    enum kerf_status status = kerf_scenario_parse(comm, source, &text, &yaml, error);
    for (size_t i = 0; status == KERF_OK && i < sizeof sections / sizeof sections[0]; i++)
        if (kerf_yaml_get(kerf_yaml_root(yaml), sections[i].section))
            *kind = sections[i].kind;
    kerf_yaml_free(yaml);
    free(text);
    return status;
}
