/* Flows on a topology take the time of closed forms where links are not shared, and what sharing makes of it
 * where they are: incast, permutations under ECMP, oversubscription, a slow cable.
 *
 * Oracles: Patarasuk and Yuan, JPDC 69(2), 2009 (rings); Zahavi et al., CCPE 22(2), 2010 (shifts do not
 * collide on a full fat tree); counting links by hand. */
#include "models/fabric/topology_layers.h"
#include "models/fabric/traffic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double NIC_Bps = 50e9, NVLINK_Bps = 900e9, MiB = 1048576.0;

struct cluster {
    struct kerf_topology *topology;
    struct kerf_router *router;
    struct kerf_traffic *traffic;
};

static struct cluster cluster_of(uint32_t endpoints, uint32_t per_server,
                                 const struct kerf_topology_layer *layers, uint32_t count,
                                 enum kerf_route_choice choice, const struct kerf_link_fault *fault)
{
    struct cluster c = {0};
    struct kerf_error error = {0};
    const struct kerf_route_options options = {.choice = choice, .by_rail = true};
    assert_int_equal(kerf_topology_create("GPU", endpoints, per_server, &c.topology, &error), KERF_OK);
    for (uint32_t i = 0; i < count; i++)
        if (kerf_topology_add_layer(c.topology, &layers[i], &error) != KERF_OK)
            fail_msg("%s", error.message);
    assert_int_equal(kerf_topology_finish(c.topology, &error), KERF_OK);
    assert_int_equal(kerf_topology_set_faults(c.topology, fault, fault != NULL, &error), KERF_OK);
    assert_int_equal(kerf_router_create(c.topology, &options, &c.router, &error), KERF_OK);
    assert_int_equal(kerf_traffic_create(c.topology, c.router, NULL, &c.traffic, &error), KERF_OK);
    return c;
}

static void free_cluster(struct cluster *c)
{
    kerf_traffic_free(c->traffic);
    kerf_router_free(c->router);
    kerf_topology_free(c->topology);
}

static struct kerf_topology_layer fat_tree(uint32_t leaf_down, uint32_t leaf_up, bool by_rail)
{
    return (struct kerf_topology_layer){
        .kind = KERF_TOPOLOGY_LAYER_FAT_TREE,
        .port = {NIC_Bps, 1e-6, KERF_LINK_NIC},
        .trunk = {NIC_Bps, 0.5e-6, KERF_LINK_TRUNK},
        .fat_tree = {
            .levels = 2, .leaf_down = leaf_down, .leaf_up = leaf_up, .spines = leaf_up, .by_rail = by_rail}};
}

static struct kerf_topology_layer domain(uint32_t size)
{
    return (struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_STAR,
                                        .port = {NVLINK_Bps, 0.35e-6, KERF_LINK_DOMAIN},
                                        .star = {.size = size}};
}

static void near(double value, double expected, double tolerance)
{
    if (!(fabs(value / expected - 1.0) <= tolerance))
        fail_msg("%.9g is not %.9g", value, expected);
}

static double time_of(struct cluster *c, const struct kerf_plan *plan)
{
    double time_s;
    struct kerf_error error = {0};
    if (kerf_traffic_plan(c->traffic, plan, &time_s, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return time_s;
}

/* All plans inside one NVLink domain: every phase is a permutation over ports of its own. */
static void plans_in_a_domain_take_their_closed_forms(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layer = domain(72);
    struct cluster c = cluster_of(72, 72, &layer, 1, KERF_ROUTE_ECMP, NULL);
    const struct kerf_plain_network plain = {.in_latency_s = 0.7e-6, .in_Bps = NVLINK_Bps};
    const struct kerf_plan_kind *kinds[] = {&kerf_plan_shift, &kerf_plan_ring_allreduce,
                                            &kerf_plan_ring_allgather, &kerf_plan_alltoall,
                                            &kerf_plan_alltoall_at_once};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct kerf_plan plan = {.kind = kinds[k], .ranks = 72, .group = 72, .bytes = 64 * MiB, .shift = 5};
        near(time_of(&c, &plan), kerf_plan_closed_s(&plan, &plain), 1e-6);
    }
    struct kerf_plan ring = {.kind = &kerf_plan_ring_allreduce, .ranks = 72, .group = 72, .bytes = 64 * MiB};
    near(time_of(&c, &ring), 2.0 * 71 * (0.7e-6 + 64 * MiB / 72 / NVLINK_Bps), 1e-6);
    free_cluster(&c);
}

/* 16 servers of 8 on rails of 16: two-level plans share no link, on full bisection or none at all. */
static void two_level_plans_on_rails_take_their_closed_forms(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layers[2] = {domain(8), fat_tree(16, 1, true)};
    struct cluster c = cluster_of(128, 8, layers, 2, KERF_ROUTE_ECMP, NULL);
    const struct kerf_plain_network plain = {0.7e-6, NVLINK_Bps, 2e-6, NIC_Bps, 0.0};
    struct kerf_plan reduce = {.kind = &kerf_plan_two_level_allreduce,
                               .ranks = 128,
                               .group = 8,
                               .bytes = 64 * MiB},
                     all = {
                         .kind = &kerf_plan_two_level_alltoall, .ranks = 128, .group = 8, .bytes = 64 * MiB};
    near(time_of(&c, &reduce), kerf_plan_closed_s(&reduce, &plain), 1e-6);
    near(time_of(&c, &reduce),
         2 * 7 * (0.7e-6 + 8 * MiB / NVLINK_Bps) + 2 * 15 * (2e-6 + 0.5 * MiB / NIC_Bps), 1e-6);
    near(time_of(&c, &all), kerf_plan_closed_s(&all, &plain), 1e-6);
    near(time_of(&c, &all), 7 * (0.7e-6 + 8 * MiB / NVLINK_Bps) + 15 * (2e-6 + 4 * MiB / NIC_Bps), 1e-6);
    free_cluster(&c);
}

/* 2-D all-reduce on a torus of 8 x 4: rings along rows, then along columns, neighbour to neighbour. */
static void a_two_dimensional_allreduce_on_a_torus_takes_its_closed_form(void **unused)
{
    (void)unused;
    struct kerf_topology_layer torus = {.kind = KERF_TOPOLOGY_LAYER_TORUS,
                                        .port = {4 * NIC_Bps, 0.1e-6, KERF_LINK_NIC},
                                        .trunk = {NIC_Bps, 0.5e-6, KERF_LINK_TRUNK},
                                        .torus = {{8, 4, 1}}};
    struct cluster c = cluster_of(32, 1, &torus, 1, KERF_ROUTE_ECMP, NULL);
    struct kerf_plan plan = {
        .kind = &kerf_plan_two_level_allreduce, .ranks = 32, .group = 8, .bytes = 32 * MiB};
    near(time_of(&c, &plan), 2 * 7 * (0.7e-6 + 4 * MiB / NIC_Bps) + 2 * 3 * (0.7e-6 + MiB / NIC_Bps), 1e-6);
    free_cluster(&c);
}

/* n - 1 senders to one receiver: its port is the bottleneck. */
static void an_incast_takes_the_receivers_port(void **unused)
{
    (void)unused;
    struct kerf_topology_layer tree = fat_tree(8, 8, false);
    struct cluster c = cluster_of(64, 1, &tree, 1, KERF_ROUTE_ECMP, NULL);
    struct kerf_flow flow[40];
    double time_s;
    for (uint32_t i = 0; i < 40; i++)
        flow[i] = (struct kerf_flow){.from = i + 8, .to = 3, .bytes = MiB};
    assert_int_equal(kerf_traffic_flows(c.traffic, flow, 40, &time_s, NULL), KERF_OK);
    near(time_s, 40 * MiB / NIC_Bps + 3e-6, 1e-6);
    free_cluster(&c);
}

/* A permutation across leaves: at full speed when routed by destination; under ECMP as slow as the busiest
 * uplink or downlink, which is counted here from the routes. */
static void a_permutation_is_as_slow_as_its_busiest_link(void **unused)
{
    (void)unused;
    struct kerf_topology_layer tree = fat_tree(16, 16, false);
    struct kerf_plan plan = {
        .kind = &kerf_plan_shift, .ranks = 256, .group = 256, .bytes = 16 * MiB, .shift = 128};
    struct cluster even = cluster_of(256, 1, &tree, 1, KERF_ROUTE_DESTINATION, NULL),
                   hashed = cluster_of(256, 1, &tree, 1, KERF_ROUTE_ECMP, NULL);
    near(time_of(&even, &plan), 16 * MiB / NIC_Bps + 3e-6, 1e-6);
    uint32_t load[2 * (256 + 16 * 16)] = {0}, most = 0;
    for (uint32_t e = 0; e < 256; e++) {
        struct kerf_path path;
        assert_int_equal(kerf_route(hashed.router, e, (e + 128) % 256, 0, &path, NULL), KERF_OK);
        for (uint32_t i = 0; i < path.hops; i++)
            if (++load[path.link[i]] > most)
                most = load[path.link[i]];
    }
    assert_in_range(most, 3, 8); /* 16 balls into 16 bins, 32 times */
    near(time_of(&hashed, &plan), most * 16 * MiB / NIC_Bps + 3e-6, 1e-6);
    free_cluster(&even);
    free_cluster(&hashed);
}

/* Every flow crosses leaves: f : 1 slows it down f times, and the latency stays. */
static void oversubscription_slows_by_its_factor(void **unused)
{
    (void)unused;
    for (uint32_t factor = 1; factor <= 4; factor *= 2) {
        struct kerf_topology_layer tree = fat_tree(16, 16 / factor, false);
        struct cluster c = cluster_of(128, 1, &tree, 1, KERF_ROUTE_DESTINATION, NULL);
        struct kerf_plan plan = {
            .kind = &kerf_plan_shift, .ranks = 128, .group = 128, .bytes = MiB, .shift = 64};
        near(time_of(&c, &plan), factor * MiB / NIC_Bps + 3e-6, 1e-6);
        /* All-to-all: of 127 shifts by s all flows cross if 16 <= s <= 112; of the others, in 16 flows of a
         * leaf, min(s, 128 - s) do. Uplinks carry ceil(crossing / uplinks). */
        struct kerf_plan all = {.kind = &kerf_plan_alltoall, .ranks = 128, .group = 128, .bytes = 128 * MiB};
        double expected_s = 0.0;
        for (uint32_t s = 1; s < 128; s++) {
            uint32_t crossing = s < 128 - s ? s : 128 - s;
            crossing = crossing > 16 ? 16 : crossing;
            uint32_t shared = (crossing + 16 / factor - 1) / (16 / factor);
            expected_s += shared * MiB / NIC_Bps + 3e-6;
        }
        near(time_of(&c, &all), expected_s, 0.02);
        free_cluster(&c);
    }
}

/* One cable of a ring at a quarter: every step waits for it. */
static void a_slow_cable_slows_the_ring_over_it(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layers[2] = {domain(8), fat_tree(4, 4, true)};
    struct cluster whole = cluster_of(32, 8, layers, 2, KERF_ROUTE_ECMP, NULL);
    uint32_t nic = kerf_topology_find(whole.topology, 8, whole.topology->endpoints + 4, 0);
    assert_int_not_equal(nic, KERF_NO_LINK); /* GPU 8 to the leaf of rail 0, behind 4 domains' switches */
    struct cluster slow = cluster_of(32, 8, layers, 2, KERF_ROUTE_ECMP, &(struct kerf_link_fault){nic, 0.25});
    struct kerf_plan plan = {
        .kind = &kerf_plan_two_level_allreduce, .ranks = 32, .group = 8, .bytes = 32 * MiB};
    double in_s = 2 * 7 * (0.7e-6 + 4 * MiB / NVLINK_Bps), step_s = MiB / NIC_Bps;
    near(time_of(&whole, &plan), in_s + 2 * 3 * (2e-6 + step_s), 1e-6);
    near(time_of(&slow, &plan), in_s + 2 * 3 * (2e-6 + 4 * step_s), 1e-6);
    free_cluster(&whole);
    free_cluster(&slow);
}

/* Software and achieved shares stand where they should. */
static void achieved_shares_and_software_are_heeded(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layer = domain(8);
    struct cluster c = cluster_of(8, 8, &layer, 1, KERF_ROUTE_ECMP, NULL);
    kerf_traffic_free(c.traffic);
    struct kerf_traffic_options options = {.achieved = {[KERF_LINK_DOMAIN] = 0.8}, .step_s = 3e-6};
    assert_int_equal(kerf_traffic_create(c.topology, c.router, &options, &c.traffic, NULL), KERF_OK);
    struct kerf_plan plan = {.kind = &kerf_plan_ring_allgather, .ranks = 8, .group = 8, .bytes = 8 * MiB};
    near(time_of(&c, &plan), 7 * (3e-6 + 0.7e-6 + MiB / (0.8 * NVLINK_Bps)), 1e-6);
    assert_int_equal(kerf_traffic_carried(c.traffic), 8); /* seven like phases are carried once */
    free_cluster(&c);
}

static void wrong_plans_and_cut_pairs_are_refused_in_words(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layer = domain(4); /* two domains and nothing between them */
    struct cluster c = cluster_of(8, 8, &layer, 1, KERF_ROUTE_ECMP, NULL);
    struct kerf_plan plan = {.kind = &kerf_plan_shift, .ranks = 8, .group = 8, .bytes = MiB, .shift = 4};
    struct kerf_error error = {0};
    double time_s;
    assert_int_equal(kerf_traffic_plan(c.traffic, &plan, &time_s, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "from GPU 0 (server 0) to GPU 4 (server 0): nothing joins them"));
    plan.group = 3;
    assert_int_equal(kerf_traffic_plan(c.traffic, &plan, &time_s, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "8 ranks are not groups of 3"));
    plan.ranks = plan.group = 16;
    assert_int_equal(kerf_traffic_plan(c.traffic, &plan, &time_s, &error), KERF_ERR_USAGE);
    free_cluster(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_in_a_domain_take_their_closed_forms),
        cmocka_unit_test(two_level_plans_on_rails_take_their_closed_forms),
        cmocka_unit_test(a_two_dimensional_allreduce_on_a_torus_takes_its_closed_form),
        cmocka_unit_test(an_incast_takes_the_receivers_port),
        cmocka_unit_test(a_permutation_is_as_slow_as_its_busiest_link),
        cmocka_unit_test(oversubscription_slows_by_its_factor),
        cmocka_unit_test(a_slow_cable_slows_the_ring_over_it),
        cmocka_unit_test(achieved_shares_and_software_are_heeded),
        cmocka_unit_test(wrong_plans_and_cut_pairs_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
