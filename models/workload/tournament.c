/* The workload room: the least of many counts. Knows nothing of what is counted. */
#include "models/workload/tournament.h"

#include <stdlib.h>

static void play(struct kerf_tournament *tournament, int match)
{
    int a = tournament->winner[2 * match], b = tournament->winner[2 * match + 1];
    int lead = tournament->count[b] - tournament->count[a];
    tournament->winner[match] = lead > 0 || (lead == 0 && a < b) ? a : b;
}

enum kerf_status kerf_tournament_make(struct kerf_tournament *tournament, int players,
                                      struct kerf_error *error)
{
    *tournament = (struct kerf_tournament){.players = players};
    tournament->count = calloc((size_t)players, sizeof *tournament->count);
    tournament->winner = calloc(2 * (size_t)players, sizeof *tournament->winner);
    KERF_CHECK(tournament->count && tournament->winner, KERF_ERR_FAILURE, "out of memory for %d counts",
               players);
    for (int i = 0; i < players; i++)
        tournament->winner[players + i] = i;
    for (int match = players - 1; match > 0; match--)
        play(tournament, match);
    return KERF_OK;
}

void kerf_tournament_add(struct kerf_tournament *tournament, int player, int change)
{
    tournament->count[player] += change;
    for (int match = (tournament->players + player) / 2; match > 0; match /= 2)
        play(tournament, match);
}

int kerf_tournament_least(const struct kerf_tournament *tournament)
{
    return tournament->winner[1]; /* a lone player stands there itself */
}

void kerf_tournament_free(struct kerf_tournament *tournament)
{
    free(tournament->count);
    free(tournament->winner);
    *tournament = (struct kerf_tournament){0};
}
