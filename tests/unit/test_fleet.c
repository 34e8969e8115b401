/* Who gets a request by each rule, and when replicas start and stop. */
#include "models/workload/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kerf_fleet fleet_of(int replicas, int running, enum kerf_routing routing)
{
    struct kerf_fleet fleet = {.routing = routing, .seed = 5};
    assert_int_equal(kerf_fleet_make(&fleet, replicas, running, NULL), KERF_OK);
    return fleet;
}

static int send(struct kerf_fleet *fleet, uint64_t request, uint64_t key, long long tokens)
{
    int replica = kerf_fleet_choose(fleet, request, key);
    assert_in_range(replica, 0, fleet->replicas - 1);
    assert_int_equal(fleet->replica[replica].phase, KERF_REPLICA_ON);
    kerf_fleet_take(fleet, replica, tokens);
    return replica;
}

/* In turn over those that are on, and the least by requests or by tokens, of equals the first. */
static void rules_pick_whom_they_say(void **unused)
{
    (void)unused;
    struct kerf_fleet turn = fleet_of(4, 3, KERF_ROUTING_ROUND_ROBIN);
    for (int i = 0; i < 9; i++)
        assert_int_equal(send(&turn, (uint64_t)i, 0, 1), i % 3);
    kerf_fleet_free(&turn);
    struct kerf_fleet fewest = fleet_of(3, 3, KERF_ROUTING_FEWEST);
    struct kerf_fleet tokens = fleet_of(3, 3, KERF_ROUTING_LEAST_TOKENS);
    static const long long length[] = {100, 10, 10, 10, 10};
    static const int by_count[] = {0, 1, 2, 0, 1}, by_tokens[] = {0, 1, 2, 1, 2};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send(&fewest, (uint64_t)i, 0, length[i]), by_count[i]);
        assert_int_equal(send(&tokens, (uint64_t)i, 0, length[i]), by_tokens[i]);
    }
    kerf_fleet_answer(&fewest, 2, 10, 0);
    assert_int_equal(send(&fewest, 5, 0, 1), 2);
    kerf_fleet_free(&fewest);
    kerf_fleet_free(&tokens);
}

/* The fullest of n replicas after n requests that are never answered: about ln n / ln ln n at random, about
 * log2 ln n with two choices. */
static void two_choices_level_the_load(void **unused)
{
    (void)unused;
    enum { REPLICAS = 1000 };
    int most[2] = {0};
    for (int two = 0; two <= 1; two++) {
        struct kerf_fleet fleet =
            fleet_of(REPLICAS, REPLICAS, two ? KERF_ROUTING_TWO_CHOICES : KERF_ROUTING_RANDOM);
        for (int i = 0; i < REPLICAS; i++)
            send(&fleet, (uint64_t)i, 0, 1);
        for (int i = 0; i < REPLICAS; i++)
            most[two] = fleet.replica[i].requests > most[two] ? fleet.replica[i].requests : most[two];
        kerf_fleet_free(&fleet);
    }
    assert_in_range(most[0], 4, 8);
    assert_in_range(most[1], 2, 3);
}

/* A session stays where it is; when a replica goes, only its own sessions move. */
static void sessions_stay(void **unused)
{
    (void)unused;
    enum { SESSIONS = 600 };
    struct kerf_fleet fleet = fleet_of(6, 6, KERF_ROUTING_SESSION);
    int home[SESSIONS], share[6] = {0};
    for (int i = 0; i < SESSIONS; i++)
        share[home[i] = send(&fleet, (uint64_t)i, (uint64_t)i, 1)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(share[i], 70, 130);
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(send(&fleet, (uint64_t)(SESSIONS + i), (uint64_t)i, 1), home[i]);
    fleet.replica[5].phase = KERF_REPLICA_DRAINING;
    for (int i = 0; i < SESSIONS; i++)
        if (home[i] != 5)
            assert_int_equal(kerf_fleet_choose(&fleet, 0, (uint64_t)i), home[i]);
    kerf_fleet_free(&fleet);
}

/* One prefix that all share stays on one replica until that has far more to do than the others. */
static void a_popular_prefix_spreads(void **unused)
{
    (void)unused;
    struct kerf_fleet fleet = fleet_of(4, 4, KERF_ROUTING_PREFIX);
    int first = send(&fleet, 0, 77, 1), elsewhere = 0;
    assert_int_equal(send(&fleet, 1, 77, 1), first);
    for (int i = 2; i < 100; i++)
        elsewhere += send(&fleet, (uint64_t)i, 77, 1) != first;
    assert_in_range(elsewhere, 40, 75);
    kerf_fleet_free(&fleet);
}

/* Replicas start when requests pile up, take some time to be on, and stop one cool-down later when they have
 * answered what they have; they are paid from their start to their stop. */
static void replicas_come_and_go(void **unused)
{
    (void)unused;
    const kerf_time second = kerf_time_from_s(1.0);
    const struct kerf_autoscale scale = {
        .least = 1, .requests_target = 2.0, .interval_s = 1.0, .start_s = 10.0, .cool_down_s = 30.0};
    struct kerf_fleet fleet = fleet_of(3, 1, KERF_ROUTING_FEWEST);
    kerf_time ready;
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(send(&fleet, i, 0, 1), 0);
    kerf_fleet_scale(&fleet, &scale, 5 * second, &ready); /* 5 requests want 3 replicas */
    assert_int_equal(ready, 15 * second);
    assert_int_equal(send(&fleet, 5, 0, 1), 0);
    kerf_fleet_scale(&fleet, &scale, 6 * second, &ready); /* which are on their way */
    assert_int_equal(ready, 0);
    kerf_fleet_wake(&fleet, 15 * second);
    assert_int_equal(send(&fleet, 6, 0, 1), 1);
    for (int i = 0; i < 6; i++)
        kerf_fleet_answer(&fleet, 0, 1, 20 * second);
    kerf_fleet_scale(&fleet, &scale, 34 * second, &ready); /* too early */
    assert_int_equal(fleet.replica[2].phase, KERF_REPLICA_ON);
    kerf_fleet_scale(&fleet, &scale, 35 * second, &ready); /* 1 request wants 1 replica */
    assert_int_equal(fleet.replica[2].phase, KERF_REPLICA_OFF);
    assert_int_equal(fleet.replica[1].phase, KERF_REPLICA_DRAINING);
    kerf_fleet_answer(&fleet, 1, 1, 40 * second);
    assert_int_equal(fleet.replica[1].phase, KERF_REPLICA_OFF);
    assert_float_equal(kerf_fleet_paid_s(&fleet, 100 * second), 100.0 + 30.0 + 35.0, 1e-9);
    assert_int_equal(fleet.most, 3);
    assert_int_equal(fleet.starts, 2);
    assert_int_equal(fleet.stops, 2);
    kerf_fleet_free(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_pick_whom_they_say),
        cmocka_unit_test(two_choices_level_the_load),
        cmocka_unit_test(sessions_stay),
        cmocka_unit_test(a_popular_prefix_spreads),
        cmocka_unit_test(replicas_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
