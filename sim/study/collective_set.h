/* A table of measured collectives with the GPUs that it names, from the catalog. */
#ifndef KERF_STUDY_COLLECTIVE_SET_H
#define KERF_STUDY_COLLECTIVE_SET_H

#include "sim/study/collective_part.h"
#include "sim/study/collective_table.h"

struct kerf_collective_set {
    const char *file;
    enum kerf_collective_layout layout;
    int answers;                     /* measurements in a row of the table */
    int rows;                        /* measurements in all */
    struct kerf_collective_row *row; /* owned: all of the first row of the table, then of the next */
    const struct kerf_collective_part **part_of_row; /* owned: of each measurement */
    struct kerf_collective_part **part;              /* owned, each */
    int parts;
};

/* Reads all rows and marks those that a fit must not see (kerf_collective_hold_out with `every`). The GPU of
 * a row stands in its column `hardware` (catalog name), else in `device` (as the driver calls it, an alias),
 * else it is `hardware`, which may be NULL. `file` must outlive the set. Collective on the catalog's
 * communicator. Free with kerf_collective_set_free, also after a failure. */
enum kerf_status kerf_collective_set_read(struct kerf_catalog *catalog, const struct kerf_csv *csv,
                                          const char *file, enum kerf_collective_layout layout,
                                          const char *hardware, int every, struct kerf_collective_set *set,
                                          struct kerf_error *error);
void kerf_collective_set_free(struct kerf_collective_set *set);

#endif
