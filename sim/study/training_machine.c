/* The study room: machines for training, from the catalog. */
#include "sim/study/training_machine.h"

#include "sim/study/system.h"

enum kerf_status kerf_training_entries_read(struct kerf_catalog *catalog, const char *hardware,
                                            struct kerf_training_entries *entries, struct kerf_error *error)
{
    KERF_TRY(kerf_system_leaves(catalog, "hardware", hardware, &kerf_gpu_leaves, &entries->hardware, error));
    KERF_TRY(kerf_system_leaves(catalog, "collectives", hardware, &kerf_collective_leaves,
                                &entries->collectives, error));
    return kerf_system_leaves(catalog, "training", hardware, &kerf_training_leaves, &entries->training,
                              error);
}

void kerf_training_entries_fill(const struct kerf_training_entries *entries, enum kerf_column column,
                                struct kerf_training_machine *machine)
{
    /* Training leaves were fitted on kernels at their nominal rates and carry the uncertainty of both. */
    kerf_leaf_set_fill(&entries->hardware, KERF_COLUMN_NOMINAL, &machine->gpu);
    kerf_leaf_set_fill(&entries->collectives, column, &machine->collectives);
    kerf_leaf_set_fill(&entries->training, column, &machine->training);
}
