/* The study room: GPUs with their libraries of collectives. */
#include "sim/study/collective_part.h"

#include <stdio.h>

static enum kerf_status open_library(struct kerf_catalog *catalog, struct kerf_yaml *hardware,
                                     struct kerf_collective_part *part, struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES];
    KERF_TRY(kerf_leaf_set_read(hardware, &kerf_gpu_leaves, &part->hardware, error));
    KERF_TRY(kerf_yaml_text(hardware, kerf_yaml_get(kerf_yaml_root(hardware), "collectives"), "collectives",
                            name, sizeof name, error));
    KERF_TRY(kerf_catalog_load(catalog, "collectives", name, &part->entry, error));
    return kerf_leaf_set_read(part->entry, &kerf_collective_leaves, &part->library, error);
}

enum kerf_status kerf_collective_part_open(struct kerf_catalog *catalog, const char *name,
                                           struct kerf_collective_part *part, struct kerf_error *error)
{
    struct kerf_yaml *hardware;
    part->entry = NULL;
    snprintf(part->called, sizeof part->called, "%s", name);
    KERF_TRY(kerf_catalog_load(catalog, "hardware", name, &hardware, error));
    enum kerf_status status = open_library(catalog, hardware, part, error);
    kerf_yaml_free(hardware);
    for (int i = 0; i < KERF_COLUMN_COUNT && status == KERF_OK; i++) {
        struct kerf_gpu_params gpu;
        kerf_leaf_set_fill(&part->hardware, (enum kerf_column)i, &gpu);
        kerf_leaf_set_fill(&part->library, (enum kerf_column)i, &part->params[i]);
        part->cluster[i] = kerf_gpu_cluster(&gpu);
    }
    return status;
}

void kerf_collective_part_close(struct kerf_collective_part *part)
{
    kerf_yaml_free(part->entry);
    part->entry = NULL;
}
