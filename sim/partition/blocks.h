/* Loads that can be shared evenly, and consecutive blocks of about equal load. */
#ifndef KERF_PARTITION_BLOCKS_H
#define KERF_PARTITION_BLOCKS_H

#include <stdint.h>

/* Caps the loads so that an even share exists: a vertex heavier than a share of what the others leave fills a
 * part by itself, and counts as one share. Loads that are all 0 become 1. */
void kerf_blocks_cap(double *load, uint32_t count, int parts);

/* Cuts vertices 0 .. count - 1 into consecutive blocks of about equal load; there is some load. No part is
 * empty unless parts > count. */
void kerf_blocks_cut(const double *load, uint32_t count, int parts, int *part_of);

#endif
