/* What collectives get from networks that they share: the closed forms of the places where it is tight. */
#include "models/fabric/pattern.h"
#include "models/fabric/topology_layers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double nic_Bps = 50e9, domain_Bps = 450e9;
static const struct kerf_route_options by_destination = {.choice = KERF_ROUTE_DESTINATION};

/* 4 servers of 8 on a network of one layer. */
static struct kerf_topology *servers(struct kerf_topology_layer network)
{
    struct kerf_topology *t = NULL;
    struct kerf_error error = {0};
    struct kerf_topology_layer domain = {.kind = KERF_TOPOLOGY_LAYER_STAR,
                                         .port = {domain_Bps, 0.3e-6, KERF_LINK_DOMAIN},
                                         .star = {.size = 8}};
    network.port = (struct kerf_cable){nic_Bps, 0.7e-6, KERF_LINK_NIC};
    network.trunk = (struct kerf_cable){nic_Bps, 0.4e-6, KERF_LINK_TRUNK};
    if (kerf_topology_create("GPU", 32, 8, &t, &error) != KERF_OK ||
        kerf_topology_add_layer(t, &domain, &error) != KERF_OK ||
        kerf_topology_add_layer(t, &network, &error) != KERF_OK || kerf_topology_finish(t, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return t;
}

static struct kerf_topology_layer fat_tree(uint32_t down, uint32_t up, bool by_rail)
{
    return (struct kerf_topology_layer){
        .kind = KERF_TOPOLOGY_LAYER_FAT_TREE,
        .fat_tree = {.levels = 2, .leaf_down = down, .leaf_up = up, .spines = up, .by_rail = by_rail}};
}

static struct kerf_pattern_share share_of(const struct kerf_topology *t, const struct kerf_pattern *pattern,
                                          uint32_t group)
{
    struct kerf_groups groups = {32, group, 8};
    struct kerf_pattern_share share = {-1.0, -1.0};
    struct kerf_error error = {0};
    if (kerf_pattern_run(t, &by_destination, pattern, &groups, &share, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return share;
}

static void near(double actual, double expected, double tolerance)
{
    if (!(fabs(actual / expected - 1.0) <= tolerance))
        fail_msg("%.9g is not %.9g", actual, expected);
}

/* On a star every rank has its port to itself. */
static void ports_are_whole_on_a_star(void **unused)
{
    (void)unused;
    struct kerf_topology *t = servers((struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_STAR});
    near(share_of(t, &kerf_pattern_ring_near, 32).rank_Bps, domain_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_ring_far, 32).rank_Bps, nic_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_all_near, 32).rank_Bps, domain_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_all_far, 32).rank_Bps, nic_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_next_group, 8).rank_Bps, nic_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_ring_far, 16).latency_s, 1.4e-6, 1e-5);
    kerf_topology_free(t);
}

/* Of an all-to-all between leaves of 8 with u uplinks each rank gets u / 8 of its port. */
static void oversubscription_is_shared(void **unused)
{
    (void)unused;
    for (uint32_t up = 8; up >= 2; up /= 2) {
        struct kerf_topology *t = servers(fat_tree(8, up, false));
        near(share_of(t, &kerf_pattern_all_far, 32).rank_Bps, nic_Bps * up / 8.0, 1e-6);
        near(share_of(t, &kerf_pattern_all_far, 32).latency_s, 2 * 0.7e-6 + 2 * 0.4e-6, 1e-3);
        kerf_topology_free(t);
    }
}

/* A ring over domains stays on its rail, however tight the spines are. */
static void rings_stay_on_their_rail(void **unused)
{
    (void)unused;
    struct kerf_topology *t = servers(fat_tree(4, 1, true));
    near(share_of(t, &kerf_pattern_ring_far, 32).rank_Bps, nic_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_all_far, 32).rank_Bps, nic_Bps * 24 / (21 * 4), 1e-6);
    kerf_topology_free(t);
}

/* All wait for the rank behind a slow cable; one whose only cable is down has no way. */
static void the_slowest_cable_decides(void **unused)
{
    (void)unused;
    struct kerf_topology *t = servers((struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_STAR});
    uint32_t hub = t->vertices - 1, cable = kerf_topology_find(t, 5, hub, 0);
    struct kerf_error error = {0};
    assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){cable, 0.25}, 1, &error), KERF_OK);
    near(share_of(t, &kerf_pattern_ring_far, 32).rank_Bps, 0.25 * nic_Bps, 1e-9);
    near(share_of(t, &kerf_pattern_ring_near, 32).rank_Bps, domain_Bps, 1e-9);
    assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){cable, 0.0}, 1, &error), KERF_OK);
    struct kerf_groups groups = {32, 32, 8};
    struct kerf_pattern_share share;
    assert_int_equal(kerf_pattern_run(t, &by_destination, &kerf_pattern_ring_far, &groups, &share, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "no path from GPU 5 (server 0)"));
    kerf_topology_free(t);
}

/* A group inside a domain sends nothing outside: what was there is left. */
static void who_sends_nothing_gets_nothing(void **unused)
{
    (void)unused;
    struct kerf_topology *t = servers((struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_STAR});
    assert_true(share_of(t, &kerf_pattern_ring_far, 8).rank_Bps == -1.0);
    assert_true(share_of(t, &kerf_pattern_all_far, 4).rank_Bps == -1.0);
    assert_true(share_of(t, &kerf_pattern_next_group, 32).rank_Bps == -1.0);
    assert_true(share_of(t, &kerf_pattern_ring_near, 1).rank_Bps == -1.0);
    kerf_topology_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_whole_on_a_star),      cmocka_unit_test(oversubscription_is_shared),
        cmocka_unit_test(rings_stay_on_their_rail),       cmocka_unit_test(the_slowest_cable_decides),
        cmocka_unit_test(who_sends_nothing_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
