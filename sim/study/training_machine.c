/* The study room: machines for training, from the catalog. */
#include "sim/study/training_machine.h"

static enum kerf_status read_leaves(struct kerf_catalog *catalog, const char *section, const char *name,
                                    const struct kerf_leaf_table *table, struct kerf_leaf_set *set,
                                    struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_catalog_load(catalog, section, name, &yaml, error));
    enum kerf_status status = kerf_leaf_set_read(yaml, table, set, error);
    kerf_yaml_free(yaml);
    return status;
}

enum kerf_status kerf_training_entries_read(struct kerf_catalog *catalog, const char *hardware,
                                            struct kerf_training_entries *entries, struct kerf_error *error)
{
    KERF_TRY(read_leaves(catalog, "hardware", hardware, &kerf_gpu_leaves, &entries->hardware, error));
    KERF_TRY(
        read_leaves(catalog, "collectives", hardware, &kerf_collective_leaves, &entries->collectives, error));
    return read_leaves(catalog, "training", hardware, &kerf_training_leaves, &entries->training, error);
}

void kerf_training_entries_fill(const struct kerf_training_entries *entries, enum kerf_column column,
                                struct kerf_training_machine *machine)
{
    /* Training leaves were fitted on kernels at their nominal rates and carry the uncertainty of both. */
    kerf_leaf_set_fill(&entries->hardware, KERF_COLUMN_NOMINAL, &machine->gpu);
    kerf_leaf_set_fill(&entries->collectives, column, &machine->collectives);
    kerf_leaf_set_fill(&entries->training, column, &machine->training);
}
