/* PT-Scotch through PETSc's MatPartitioning. */
#ifndef KERF_PARTITION_PTSCOTCH_H
#define KERF_PARTITION_PTSCOTCH_H

#include "sim/partition/symmetric.h"

/* Gives every vertex of a graph that has edges a part, 0 .. parts - 1. `load` stands for the vertex weights
 * and is not all 0. Works in this process alone, one thread, always from the same random numbers, so equal
 * calls have equal results. PETSc's errors and parts out of range are KERF_ERR_FAILURE; a part may be empty.
 */
enum kerf_status kerf_ptscotch_partition(const struct kerf_symmetric_graph *symmetric, const double *load,
                                         int parts, int seed, int *part_of, struct kerf_error *error);

#endif
