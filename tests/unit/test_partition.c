/* LPs are shared evenly in whole groups, and the distance to the border is the shortest path over channels.
 */
#include "sim/engine/partition.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LPS = 200, RANKS_MOST = 16 };

static int draw(uint64_t seed, uint64_t counter, int below)
{
    return (int)(kerf_random_uniform(seed, 9, counter) * below);
}

/* Blocks are consecutive: ranks never fall along the LPs, and lie between 0 and ranks - 1. */
static void blocks_are_consecutive(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (int ranks = 1; ranks <= RANKS_MOST; ranks++) {
            struct kerf_partition_lp lp[LPS];
            int rank_of[LPS];
            for (int i = 0; i < LPS; i++)
                lp[i] = (struct kerf_partition_lp){.group = -1, .load = draw(seed, (uint64_t)i, 100)};
            kerf_partition_blocks(lp, LPS, ranks, rank_of);
            assert_in_range(rank_of[0], 0, ranks - 1);
            for (int i = 1; i < LPS; i++)
                assert_in_range(rank_of[i], rank_of[i - 1], ranks - 1);
        }
}

/* No rank has more than its even share and the largest group beside: middles of groups lie in its share. */
static void loads_are_even_up_to_one_group(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (int ranks = 1; ranks <= RANKS_MOST; ranks++) {
            struct kerf_partition_lp lp[LPS];
            int rank_of[LPS];
            double on_rank[RANKS_MOST] = {0}, in_group[LPS] = {0}, total = 0.0, largest = 0.0;
            for (int i = 0; i < LPS; i++) {
                int group = i / (1 + (int)seed % 7);
                lp[i] = (struct kerf_partition_lp){.group = group, .load = 1 + draw(seed, (uint64_t)i, 9)};
                in_group[group] += lp[i].load;
                total += lp[i].load;
                if (in_group[group] > largest)
                    largest = in_group[group];
            }
            kerf_partition_blocks(lp, LPS, ranks, rank_of);
            for (int i = 0; i < LPS; i++)
                on_rank[rank_of[i]] += lp[i].load;
            for (int rank = 0; rank < ranks; rank++)
                assert_true(on_rank[rank] <= total / ranks + largest + 1e-9);
        }
}

/* LPs of one group stay together; a group number that returns later is another group; -1 is no group. */
static void groups_stay_together(void **unused)
{
    (void)unused;
    const struct kerf_partition_lp lp[] = {{3, 1}, {3, 1}, {3, 1}, {-1, 1}, {-1, 1}, {-1, 1},
                                           {3, 1}, {3, 1}, {3, 1}, {0, 1},  {0, 1},  {0, 1}};
    int rank_of[12];
    kerf_partition_blocks(lp, 12, 12, rank_of);
    for (int i = 0; i < 12; i++)
        if (lp[i].group >= 0)
            assert_int_equal(rank_of[i], rank_of[i - i % 3]);
    assert_true(rank_of[3] < rank_of[4] && rank_of[4] < rank_of[5]);
    assert_true(rank_of[0] < rank_of[3] && rank_of[5] < rank_of[6] && rank_of[6] < rank_of[9]);
}

/* Equal LPs are cut into equal blocks. */
static void equal_lps_make_equal_blocks(void **unused)
{
    (void)unused;
    struct kerf_partition_lp lp[96];
    int rank_of[96];
    for (int i = 0; i < 96; i++)
        lp[i] = (struct kerf_partition_lp){.group = -1, .load = 2.5};
    for (int ranks = 1; ranks <= 12; ranks++) {
        int count[12] = {0};
        kerf_partition_blocks(lp, 96, ranks, rank_of);
        for (int i = 0; i < 96; i++)
            count[rank_of[i]]++;
        for (int rank = 0; rank < ranks; rank++)
            assert_in_range(count[rank], 96 / ranks, (96 + ranks - 1) / ranks);
    }
}

/* LPs without load, or without LPs at all, are no trouble: everything is on a legal rank. */
static void no_load_is_no_trouble(void **unused)
{
    (void)unused;
    const struct kerf_partition_lp lp[] = {{-1, 0}, {-1, 0}, {4, 0}, {4, 0}};
    int rank_of[4] = {-1, -1, -1, -1};
    kerf_partition_blocks(lp, 0, 3, rank_of);
    assert_int_equal(rank_of[0], -1);
    kerf_partition_blocks(lp, 4, 3, rank_of);
    for (int i = 0; i < 4; i++)
        assert_in_range(rank_of[i], 0, 2);
}

static int by_from(const void *left, const void *right)
{
    const struct kerf_channel *a = left, *b = right;
    return (a->from > b->from) - (a->from < b->from);
}

/* Shortest paths between all pairs (Floyd 1962, Warshall 1962): the oracle for the distance to the border. */
static void all_distances(const struct kerf_channel *channel, size_t channels, int count,
                          kerf_time (*distance)[LPS])
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            distance[i][j] = i == j ? 0 : KERF_TIME_NEVER;
    for (size_t c = 0; c < channels; c++)
        if (channel[c].lookahead < distance[channel[c].from][channel[c].to])
            distance[channel[c].from][channel[c].to] = channel[c].lookahead;
    for (int via = 0; via < count; via++)
        for (int i = 0; i < count; i++)
            for (int j = 0; j < count; j++) {
                kerf_time through = kerf_time_add(distance[i][via], distance[via][j]);
                if (through < distance[i][j])
                    distance[i][j] = through;
            }
}

static void check_reach(uint64_t seed, int count, int channels, int ranks, kerf_time longest)
{
    static kerf_time distance[LPS][LPS];
    struct kerf_channel channel[8 * LPS];
    size_t first[LPS + 1] = {0};
    int rank_of[LPS];
    kerf_time reach[LPS];
    for (int c = 0; c < channels; c++)
        channel[c] = (struct kerf_channel){
            .from = (uint32_t)draw(seed, 3 * (uint64_t)c, count),
            .to = (uint32_t)draw(seed, 3 * (uint64_t)c + 1, count),
            .lookahead =
                1 + (kerf_time)(kerf_random_uniform(seed, 9, 3 * (uint64_t)c + 2) * (double)longest)};
    qsort(channel, (size_t)channels, sizeof channel[0], by_from);
    for (int c = 0; c < channels; c++)
        first[channel[c].from + 1]++;
    for (int i = 0; i < count; i++) {
        first[i + 1] += first[i];
        rank_of[i] = draw(seed + 100, (uint64_t)i, ranks); /* not even blocks: any partition will do */
    }
    all_distances(channel, (size_t)channels, count, distance);
    assert_true(kerf_partition_reach(channel, first, NULL, (size_t)count, rank_of, reach));
    for (int i = 0; i < count; i++) {
        kerf_time nearest = KERF_TIME_NEVER;
        for (int j = 0; j < count; j++)
            if (rank_of[j] != rank_of[i] && distance[i][j] < nearest)
                nearest = distance[i][j];
        assert_true(reach[i] == nearest);
    }
}

/* The reach of an LP is its distance to the nearest LP of another rank, on random graphs of every density. */
static void reach_is_the_shortest_way_out(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 12; seed++)
        for (int ranks = 1; ranks <= 4; ranks++) {
            check_reach(seed, 40, 0, ranks, 1000);
            check_reach(seed, 40, 30, ranks, 1000);
            check_reach(seed, 40, 80, ranks, 1000000);
            check_reach(seed, 40, 300, ranks, 3);
        }
    check_reach(77, LPS, 4 * LPS, 8, 1000000);
}

/* Sums of lookaheads beyond the range of time are "never", not an overflow. */
static void far_away_is_never(void **unused)
{
    (void)unused;
    const kerf_time half = KERF_TIME_NEVER / 2 + 1;
    const struct kerf_channel channel[] = {{0, 1, half, 0}, {1, 2, half, 0}};
    const size_t first[] = {0, 1, 2, 2};
    const int rank_of[] = {0, 0, 1};
    kerf_time reach[3];
    assert_true(kerf_partition_reach(channel, first, NULL, 3, rank_of, reach));
    assert_true(reach[0] == KERF_TIME_NEVER && reach[1] == half && reach[2] == KERF_TIME_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_consecutive), cmocka_unit_test(loads_are_even_up_to_one_group),
        cmocka_unit_test(groups_stay_together),   cmocka_unit_test(equal_lps_make_equal_blocks),
        cmocka_unit_test(no_load_is_no_trouble),  cmocka_unit_test(reach_is_the_shortest_way_out),
        cmocka_unit_test(far_away_is_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
