/* A kind of GPU with its library of collectives, from the catalog. */
#ifndef KERF_STUDY_COLLECTIVE_PART_H
#define KERF_STUDY_COLLECTIVE_PART_H

#include "models/fabric/collective_library.h"
#include "sim/io/catalog.h"

struct kerf_collective_part {
    char called[128]; /* name or alias that it was asked for by */
    struct kerf_leaf_set hardware, library;
    struct kerf_yaml *entry; /* owned: of the library */
    struct kerf_cluster cluster[KERF_COLUMN_COUNT];
    struct kerf_collective_params params[KERF_COLUMN_COUNT];
};

/* Loads the entry of a GPU by name or alias, and the library that it names. Free with
 * kerf_collective_part_close, also after a failure. Collective on the catalog's communicator. */
enum kerf_status kerf_collective_part_open(struct kerf_catalog *catalog, const char *name,
                                           struct kerf_collective_part *part, struct kerf_error *error);
void kerf_collective_part_close(struct kerf_collective_part *part);

#endif
