/* The catalog entries of a GPU that training wants: hardware, collectives and training, by one name. */
#ifndef KERF_STUDY_TRAINING_MACHINE_H
#define KERF_STUDY_TRAINING_MACHINE_H

#include "models/training/params.h"
#include "sim/io/catalog.h"

struct kerf_training_entries {
    struct kerf_leaf_set hardware, collectives, training;
};

/* Reads the entries; those of collectives and of training list the GPUs that they are for as aliases.
 * Collective on the catalog's communicator. */
enum kerf_status kerf_training_entries_read(struct kerf_catalog *catalog, const char *hardware,
                                            struct kerf_training_entries *entries, struct kerf_error *error);

/* The machine in one column. */
void kerf_training_entries_fill(const struct kerf_training_entries *entries, enum kerf_column column,
                                struct kerf_training_machine *machine);

#endif
