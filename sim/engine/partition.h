/* Which rank holds which LP, and how soon an event at an LP can matter to another rank. */
#ifndef KERF_ENGINE_PARTITION_H
#define KERF_ENGINE_PARTITION_H

#include "sim/engine/time.h"

#include <stddef.h>

struct kerf_partition_lp {
    int group; /* consecutive LPs of one group >= 0 stay together */
    float load;
};

struct kerf_channel {
    uint32_t from, to;
    kerf_time lookahead;
    uint64_t label; /* 0: like no other */
};

/* What a partitioner sees. */
struct kerf_partition_problem {
    uint32_t count;
    int ranks;
    const struct kerf_partition_lp *lp;
    const struct kerf_channel *channel; /* sorted by from; of LP i: first[i] .. first[i + 1] - 1 */
    const size_t *first;
};

/* Cuts LPs 0 .. count-1 into `ranks` consecutive blocks of about equal load, between groups only. */
void kerf_partition_blocks(const struct kerf_partition_lp *lp, size_t count, int ranks, int *rank_of);

/* reach[i]: least time from an event at LP i until anything that follows from it can arrive at an LP of
 * another rank: the shortest path over channels to the first one that crosses ranks. `open[i]` (NULL: none)
 * is the lookahead of LP i to every LP. KERF_TIME_NEVER if none crosses. Returns 0 when memory is out. */
int kerf_partition_reach(const struct kerf_channel *channel, const size_t *first, const kerf_time *open,
                         size_t count, const int *rank_of, kerf_time *reach);

#endif
