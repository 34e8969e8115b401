/* Who has the least? Counts of numbered players with a tournament over them: changing a count replays the
 * matches of one player only, so it costs log2 of the players; asking costs nothing. */
#ifndef KERF_WORKLOAD_TOURNAMENT_H
#define KERF_WORKLOAD_TOURNAMENT_H

#include "sim/base/error.h"

struct kerf_tournament {
    int players;
    int *count;  /* owned: per player */
    int *winner; /* owned: of match k between the winners of 2k and 2k + 1; [1]: of all; then the players */
};

/* `players` (1 or more), all with a count of 0. On failure the caller still frees. */
enum kerf_status kerf_tournament_make(struct kerf_tournament *tournament, int players,
                                      struct kerf_error *error);

void kerf_tournament_add(struct kerf_tournament *tournament, int player, int change);

/* The player with the smallest count; of equals the one with the lowest number. */
int kerf_tournament_least(const struct kerf_tournament *tournament);

void kerf_tournament_free(struct kerf_tournament *tournament);

#endif
