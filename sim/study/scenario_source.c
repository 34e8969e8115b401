/* The study room: the text of a scenario, and what the command line changes in it. */
#include "sim/study/scenario_source.h"

#include "sim/io/text_file.h"

#include <stdlib.h>
#include <string.h>

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
    } sections[] = {{"training", KERF_SCENARIO_TRAINING}, {"images", KERF_SCENARIO_IMAGES}};
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
