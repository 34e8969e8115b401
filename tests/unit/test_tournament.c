/* The tournament names the player that a scan of all counts finds, ties included, for every number of
 * players. */
#include "models/workload/tournament.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLAYERS_MOST = 70, STEPS = 600 };

static int scanned_least(const int *count, int players)
{
    int best = 0;
    for (int i = 1; i < players; i++)
        if (count[i] < count[best])
            best = i;
    return best;
}

static int draw(uint64_t stream, uint64_t counter, int below)
{
    return (int)(kerf_random_uniform(9, stream, counter) * below);
}

/* Counts wander by -2 ... 2, so that equal ones are common. */
static void names_the_player_that_a_scan_finds(void **unused)
{
    (void)unused;
    for (int players = 1; players <= PLAYERS_MOST; players++) {
        struct kerf_tournament tournament;
        struct kerf_error error = {0};
        int count[PLAYERS_MOST] = {0};
        assert_int_equal(kerf_tournament_make(&tournament, players, &error), KERF_OK);
        assert_int_equal(kerf_tournament_least(&tournament), 0);
        for (int step = 0; step < STEPS; step++) {
            uint64_t counter = (uint64_t)(players * STEPS + step);
            int player = draw(1, counter, players), change = draw(2, counter, 5) - 2;
            kerf_tournament_add(&tournament, player, change);
            count[player] += change;
            assert_int_equal(kerf_tournament_least(&tournament), scanned_least(count, players));
        }
        kerf_tournament_free(&tournament);
    }
}

/* Giving to the least in turn goes round the players in their order. */
static void equals_are_served_in_turn(void **unused)
{
    (void)unused;
    struct kerf_tournament tournament;
    struct kerf_error error = {0};
    assert_int_equal(kerf_tournament_make(&tournament, PLAYERS_MOST, &error), KERF_OK);
    for (int step = 0; step < 3 * PLAYERS_MOST; step++) {
        assert_int_equal(kerf_tournament_least(&tournament), step % PLAYERS_MOST);
        kerf_tournament_add(&tournament, step % PLAYERS_MOST, 1);
    }
    kerf_tournament_free(&tournament);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_player_that_a_scan_finds),
        cmocka_unit_test(equals_are_served_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
