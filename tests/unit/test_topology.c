/* Topologies have the bisection, hop counts and numbers of paths of their closed forms; routes are shortest,
 * spread evenly, heed rails and faults, and a pair that is cut off is named with the cable.
 *
 * Oracles: W. J. Dally and B. Towles, Principles and Practices of Interconnection Networks, 2004: chapters 3
 * to 6; J. Kim et al., ISCA 2008 (dragonfly). Bisections are found by max-flow min-cut, not by the builders'
 * counts. */
#include "models/fabric/route.h"
#include "models/fabric/topology_layers.h"
#include "tests/support/max_flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GBps 1e9

static const struct kerf_cable port = {50 * GBps, 1e-6, KERF_LINK_NIC};
static const struct kerf_cable trunk = {50 * GBps, 0.5e-6, KERF_LINK_TRUNK};
static const struct kerf_cable nvlink = {900 * GBps, 0.7e-6, KERF_LINK_DOMAIN};

static struct kerf_topology *made(uint32_t endpoints, uint32_t per_server,
                                  const struct kerf_topology_layer *layer, uint32_t layers)
{
    struct kerf_topology *t = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_topology_create("GPU", endpoints, per_server, &t, &error), KERF_OK);
    for (uint32_t i = 0; i < layers; i++)
        if (kerf_topology_add_layer(t, &layer[i], &error) != KERF_OK)
            fail_msg("%s", error.message);
    if (kerf_topology_finish(t, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return t;
}

static struct kerf_topology_layer of(enum kerf_topology_layer_kind kind)
{
    return (struct kerf_topology_layer){.kind = kind, .port = port, .trunk = trunk, .far = trunk};
}

static struct kerf_topology_layer fat_tree(uint32_t levels, uint32_t ports, double oversubscription)
{
    struct kerf_topology_layer layer = of(KERF_TOPOLOGY_LAYER_FAT_TREE);
    layer.fat_tree = kerf_fat_tree_of_ports(levels, ports, oversubscription);
    return layer;
}

static struct kerf_topology_layer domain(uint32_t size)
{
    return (struct kerf_topology_layer){
        .kind = KERF_TOPOLOGY_LAYER_STAR, .port = nvlink, .star = {.size = size, .reduces = true}};
}

static struct kerf_router *router_of(const struct kerf_topology *t, const struct kerf_route_options *options)
{
    struct kerf_router *router = NULL;
    assert_int_equal(kerf_router_create(t, options, &router, NULL), KERF_OK);
    return router;
}

/* The path is one: it starts and ends where it should and hangs together. */
static struct kerf_path path_of(const struct kerf_topology *t, struct kerf_router *router, uint32_t from,
                                uint32_t to, uint64_t flow)
{
    struct kerf_path path;
    struct kerf_error error = {0};
    if (kerf_route(router, from, to, flow, &path, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(t->link[path.link[0]].from, from);
    assert_int_equal(t->link[path.link[path.hops - 1]].to, to);
    double latency_s = 0.0;
    for (uint32_t i = 0; i < path.hops; i++) {
        if (i > 0)
            assert_int_equal(t->link[path.link[i]].from, t->link[path.link[i - 1]].to);
        latency_s += t->link[path.link[i]].latency_s;
    }
    assert_true(latency_s == path.latency_s);
    return path;
}

/* Greatest hop count from endpoint 0, and number of shortest paths from one endpoint to another. */
static void check_paths(const struct kerf_topology_layer *layer, uint32_t endpoints, uint32_t most_hops,
                        uint32_t from, uint32_t end, double paths)
{
    struct kerf_topology *t = made(endpoints, 1, layer, 1);
    struct kerf_router *router = router_of(t, NULL);
    uint32_t most = 0;
    for (uint32_t to = 1; to < endpoints; to++) {
        uint32_t hops = path_of(t, router, 0, to, to).hops;
        most = hops > most ? hops : most;
    }
    double counted;
    assert_int_equal(kerf_route_count(router, from, end, &counted, NULL), KERF_OK);
    if (most != most_hops || counted != paths)
        fail_msg("%s: %u hops, %g paths; expected %u, %g", kerf_topology_layer_name(layer->kind), most,
                 counted, most_hops, paths);
    kerf_router_free(router);
    kerf_topology_free(t);
}

static void bisects(const struct kerf_topology_layer *layer, uint32_t endpoints, double expected_Bps)
{
    struct kerf_topology *t = made(endpoints, 1, layer, 1);
    double cut_Bps = max_flow_Bps(t, endpoints / 2);
    if (fabs(cut_Bps - expected_Bps) > 1e-6 * expected_Bps)
        fail_msg("%s: bisection %g B/s, expected %g", kerf_topology_layer_name(layer->kind), cut_Bps,
                 expected_Bps);
    kerf_topology_free(t);
}

/* A full fat tree bisects at half of its ports; oversubscription divides by its factor. */
static void fat_trees_bisect_by_their_oversubscription(void **unused)
{
    (void)unused;
    struct kerf_topology_layer two = fat_tree(2, 8, 1.0), three = fat_tree(3, 4, 1.0),
                               thin = fat_tree(2, 8, 3.0);
    bisects(&two, 32, 16 * port.capacity_Bps);
    bisects(&three, 16, 8 * port.capacity_Bps);
    assert_int_equal(thin.fat_tree.leaf_down, 6); /* 6 down, 2 up: 48 endpoints on 8 leaves */
    bisects(&thin, 48, 24 * port.capacity_Bps / 3.0);
    struct kerf_topology_layer tall = fat_tree(3, 8, 1.0);
    tall.fat_tree.core_up = 2; /* 2 : 1 between the pods: 4 spines with 2 of 4 uplinks in each of 8 pods */
    bisects(&tall, 128, 64 * port.capacity_Bps / 2.0);
}

/* Torus: 2 N / (longest side) links cross the middle of the longest side. Dragonfly: with an even number of
 * groups (g/2)^2 cables per round cross. */
static void tori_and_dragonflies_bisect_by_their_closed_forms(void **unused)
{
    (void)unused;
    struct kerf_topology_layer flat = of(KERF_TOPOLOGY_LAYER_TORUS), box = flat,
                               fly = of(KERF_TOPOLOGY_LAYER_DRAGONFLY);
    flat.torus = (struct kerf_torus_layer){{4, 8, 1}};
    bisects(&flat, 32, 2.0 * 4 * trunk.capacity_Bps);
    box.torus = (struct kerf_torus_layer){{4, 4, 8}};
    bisects(&box, 128, 2.0 * 16 * trunk.capacity_Bps);
    fly.dragonfly = (struct kerf_dragonfly_layer){.down = 2, .routers = 5, .global = 1, .groups = 6};
    bisects(&fly, 60, 9 * trunk.capacity_Bps);
    fly.dragonfly = (struct kerf_dragonfly_layer){.down = 4, .routers = 5, .global = 2, .groups = 6};
    bisects(&fly, 120, 18 * trunk.capacity_Bps);
}

static void stars_trees_and_graphs_bisect_by_their_closed_forms(void **unused)
{
    (void)unused;
    struct kerf_topology_layer star = of(KERF_TOPOLOGY_LAYER_STAR), tree = of(KERF_TOPOLOGY_LAYER_TREE),
                               graph = of(KERF_TOPOLOGY_LAYER_GRAPH);
    bisects(&star, 10, 5 * port.capacity_Bps);
    tree.tree.fan = 2; /* 8 leaves and the root; the 4 leaves on the left send over one trunk */
    bisects(&tree, 9, 1 * trunk.capacity_Bps);
    struct kerf_graph_cable cable[] = {{0, 4, port}, {1, 4, port}, {2, 5, port}, {3, 5, port}, {4, 5, trunk}};
    graph.graph = (struct kerf_graph_layer){.switches = 2, .cable = cable, .cables = 5};
    bisects(&graph, 4, trunk.capacity_Bps);
}

/* Hops with the two ports; shortest paths: k/2 and (k/2)^2 in fat trees, the multinomial in a torus (half-way
 * round a side of 4 both ways count), one between the two routers of a dragonfly that hold the cable of their
 * groups. */
static void hops_and_paths_are_those_of_the_closed_forms(void **unused)
{
    (void)unused;
    struct kerf_topology_layer two = fat_tree(2, 8, 1.0), three = fat_tree(3, 8, 1.0),
                               flat = of(KERF_TOPOLOGY_LAYER_TORUS), fly = of(KERF_TOPOLOGY_LAYER_DRAGONFLY),
                               star = of(KERF_TOPOLOGY_LAYER_STAR), tree = of(KERF_TOPOLOGY_LAYER_TREE);
    check_paths(&two, 32, 4, 0, 31, 4.0);
    check_paths(&three, 128, 6, 0, 127, 16.0);
    flat.torus = (struct kerf_torus_layer){{5, 5, 1}};
    check_paths(&flat, 25, 2 + 4, 0, 24, 2.0); /* the last point is one step back in both dimensions */
    flat.torus = (struct kerf_torus_layer){{2, 2, 2}};
    check_paths(&flat, 8, 2 + 3, 0, 7, 6.0);
    flat.torus = (struct kerf_torus_layer){{2, 4, 1}};
    check_paths(&flat, 8, 2 + 3, 0, 7, 2.0);
    fly.dragonfly = (struct kerf_dragonfly_layer){.down = 2, .routers = 4, .global = 2, .groups = 9};
    check_paths(&fly, 72, 2 + 3, 6, 64, 1.0);
    check_paths(&star, 10, 2, 0, 9, 1.0);
    tree.tree.fan = 4; /* 16 leaves: up two switches */
    check_paths(&tree, 17, 4, 0, 15, 1.0);
}

/* Dragonfly: every two groups are joined by as many cables as any other two. */
static void a_dragonfly_joins_all_groups_equally(void **unused)
{
    (void)unused;
    struct kerf_topology_layer fly = of(KERF_TOPOLOGY_LAYER_DRAGONFLY);
    fly.dragonfly = (struct kerf_dragonfly_layer){.down = 1, .routers = 4, .global = 3, .groups = 7};
    struct kerf_topology *t = made(28, 1, &fly, 1);
    uint32_t joined[7][7] = {{0}}, used[28] = {0};
    for (uint32_t l = 0; l < t->links; l++) {
        uint32_t a = t->link[l].from, b = t->link[l].to;
        if (a >= 28 && b >= 28 && (a - 28) / 4 != (b - 28) / 4) {
            joined[(a - 28) / 4][(b - 28) / 4]++;
            used[a - 28]++;
        }
    }
    for (uint32_t a = 0; a < 7; a++)
        for (uint32_t b = 0; b < 7; b++)
            assert_int_equal(joined[a][b], a == b ? 0 : 2);
    for (uint32_t r = 0; r < 28; r++)
        assert_true(used[r] <= 3);
    kerf_topology_free(t);
}

/* Load of each link under one flow from every endpoint to the one `shift` further; the greatest among trunks.
 */
static uint32_t busiest_trunk(const struct kerf_topology *t, struct kerf_router *router, uint32_t shift,
                              uint32_t *load)
{
    uint32_t most = 0;
    memset(load, 0, t->links * sizeof *load);
    for (uint32_t e = 0; e < t->endpoints; e++) {
        struct kerf_path path = path_of(t, router, e, (e + shift) % t->endpoints, 0);
        for (uint32_t i = 0; i < path.hops; i++)
            if (t->link[path.link[i]].kind == KERF_LINK_TRUNK && ++load[path.link[i]] > most)
                most = load[path.link[i]];
    }
    return most;
}

/* Zahavi et al.: a shift over a full fat tree routed by destination shares no link. ECMP does: 128 flows fall
 * on links like balls into bins. */
static void routing_by_destination_shares_no_link_and_ecmp_does(void **unused)
{
    (void)unused;
    for (uint32_t levels = 2; levels <= 3; levels++) {
        struct kerf_topology_layer layer = fat_tree(levels, levels == 2 ? 16 : 8, 1.0);
        struct kerf_topology *t = made(128, 1, &layer, 1);
        uint32_t *load = malloc(t->links * sizeof *load), worst = 0;
        struct kerf_router *modulo =
                               router_of(t, &(struct kerf_route_options){.choice = KERF_ROUTE_DESTINATION}),
                           *hashed = router_of(t, NULL);
        for (uint32_t shift = 1; shift < 128; shift++)
            assert_true(busiest_trunk(t, modulo, shift, load) <= 1);
        for (uint32_t shift = 16; shift < 32; shift++) {
            uint32_t busiest = busiest_trunk(t, hashed, shift, load);
            worst = busiest > worst ? busiest : worst;
        }
        assert_in_range(worst, 2, 12);
        kerf_router_free(modulo);
        kerf_router_free(hashed);
        free(load);
        kerf_topology_free(t);
    }
}

/* 80,000 flows of one pair over 16 core switches: chi-squared with 15 degrees of freedom stays below 37.7
 * (0.1 %). The same flow always takes the same path, another seed another. */
static void ecmp_spreads_evenly_and_repeats_itself(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layer = fat_tree(3, 8, 1.0);
    struct kerf_topology *t = made(128, 1, &layer, 1);
    struct kerf_router *router = router_of(t, NULL),
                       *other = router_of(t, &(struct kerf_route_options){.seed = 1});
    uint32_t *count = calloc(t->links, sizeof *count), differ = 0;
    const uint32_t flows = 80000, bins = 16;
    for (uint32_t flow = 0; flow < flows; flow++) {
        struct kerf_path path = path_of(t, router, 3, 100, flow), again = path_of(t, router, 3, 100, flow);
        assert_memory_equal(path.link, again.link, path.hops * sizeof path.link[0]);
        count[path.link[2]]++;
        struct kerf_path elsewhere = path_of(t, other, 3, 100, flow);
        differ += memcmp(path.link, elsewhere.link, path.hops * sizeof path.link[0]) != 0;
    }
    double chi_squared = 0.0, even = (double)flows / bins;
    uint32_t seen = 0;
    for (uint32_t l = 0; l < t->links; l++)
        if (count[l] > 0) {
            seen++;
            chi_squared += (count[l] - even) * (count[l] - even) / even;
        }
    assert_int_equal(seen, bins);
    assert_true(chi_squared < 37.7);
    assert_true(differ > flows / 2);
    free(count);
    kerf_router_free(router);
    kerf_router_free(other);
    kerf_topology_free(t);
}

/* 16 servers of 8 on rails: the same rail is one leaf away; another rail goes over NVLink first, and without
 * that rule over the spines. Inside a server NVLink is nearest. */
static void rails_are_kept_by_going_over_nvlink_first(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layers[2] = {domain(8), of(KERF_TOPOLOGY_LAYER_FAT_TREE)};
    layers[1].fat_tree =
        (struct kerf_fat_tree_layer){.levels = 2, .leaf_down = 8, .leaf_up = 8, .spines = 8, .by_rail = true};
    struct kerf_topology *t = made(128, 8, layers, 2);
    struct kerf_router *plain = router_of(t, NULL),
                       *rails = router_of(t, &(struct kerf_route_options){.by_rail = true});
    assert_int_equal(path_of(t, rails, 0, 5, 0).hops, 2);
    assert_int_equal(t->link[path_of(t, rails, 0, 5, 0).link[0]].kind, KERF_LINK_DOMAIN);
    assert_int_equal(path_of(t, rails, 3, 59, 0).hops, 2); /* server 7, rail 3: the same leaf */
    assert_int_equal(path_of(t, plain, 3, 60, 0).hops, 4);
    struct kerf_path over = path_of(t, rails, 3, 60, 0);
    assert_int_equal(over.hops, 4);
    assert_int_equal(t->link[over.link[1]].kind, KERF_LINK_DOMAIN);
    assert_int_equal(t->link[over.link[1]].to, 4);         /* the GPU on rail 4 of server 0 */
    assert_int_equal(path_of(t, rails, 3, 67, 0).hops, 4); /* server 8: the next group of leaves */
    kerf_router_free(plain);
    kerf_router_free(rails);
    kerf_topology_free(t);
}

/* A cable that is down moves only the routes that were on it; when none is left the pair and the cable are
 * named. */
static void faults_move_what_was_on_them_and_name_what_they_cut(void **unused)
{
    (void)unused;
    struct kerf_topology_layer layer = fat_tree(2, 4, 1.0); /* 4 leaves of 2, 2 spines */
    struct kerf_topology *t = made(8, 1, &layer, 1);
    struct kerf_router *before = router_of(t, NULL);
    uint32_t cut = kerf_topology_find(t, 8, 12, 0), up = kerf_topology_find(t, 8, 13, 0);
    assert_int_not_equal(cut, KERF_NO_LINK);
    struct kerf_path whole[64];
    for (uint32_t flow = 0; flow < 64; flow++)
        whole[flow] = path_of(t, before, 0, 7, flow);
    assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){cut, 0.0}, 1, NULL), KERF_OK);
    struct kerf_router *after = router_of(t, NULL);
    for (uint32_t flow = 0; flow < 64; flow++) {
        struct kerf_path path = path_of(t, after, 0, 7, flow);
        assert_int_equal(path.link[1], up);
        if (whole[flow].link[1] == up)
            assert_memory_equal(path.link, whole[flow].link, path.hops * sizeof path.link[0]);
    }
    assert_true(fabs(max_flow_Bps(t, 2) - port.capacity_Bps) < 1.0); /* half of the leaf's uplinks */
    assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){up + 1, 0.0}, 1, NULL), KERF_OK);
    struct kerf_router *last = router_of(t, NULL);
    struct kerf_error error = {0};
    struct kerf_path path;
    assert_int_equal(kerf_route(last, 0, 7, 0, &path, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "from GPU 0 to GPU 7"));
    assert_non_null(strstr(error.message, "leaf switch 0 to spine switch 0 is down"));
    assert_int_equal(path_of(t, last, 0, 1, 0).hops, 2);
    kerf_router_free(before);
    kerf_router_free(after);
    kerf_router_free(last);
    kerf_topology_free(t);
}

static void wrong_topologies_are_refused_in_words(void **unused)
{
    (void)unused;
    struct kerf_topology_layer wrong[5] = {of(KERF_TOPOLOGY_LAYER_TORUS), of(KERF_TOPOLOGY_LAYER_FAT_TREE),
                                           of(KERF_TOPOLOGY_LAYER_DRAGONFLY), of(KERF_TOPOLOGY_LAYER_TREE),
                                           of(KERF_TOPOLOGY_LAYER_GRAPH)};
    struct kerf_graph_cable cable = {0, 9, port};
    wrong[0].torus = (struct kerf_torus_layer){{3, 3, 1}};
    wrong[1].fat_tree = (struct kerf_fat_tree_layer){.levels = 2, .leaf_down = 4, .leaf_up = 4, .spines = 3};
    wrong[2].dragonfly = (struct kerf_dragonfly_layer){.down = 1, .routers = 2, .global = 1, .groups = 4};
    wrong[4].graph = (struct kerf_graph_layer){.switches = 1, .cable = &cable, .cables = 1};
    const char *says[5] = {"torus of 3 x 3 x 1 has 9 points", "spread evenly over the spines (got 3)",
                           "takes 3 cables out of each", "fan of 2 or more", "cable 0 joins 0 and 9"};
    for (int i = 0; i < 5; i++) {
        struct kerf_topology *t = NULL;
        struct kerf_error error = {0};
        assert_int_equal(kerf_topology_create("GPU", 8, 1, &t, &error), KERF_OK);
        assert_int_equal(kerf_topology_add_layer(t, &wrong[i], &error), KERF_ERR_USAGE);
        if (!strstr(error.message, says[i]))
            fail_msg("'%s' does not say '%s'", error.message, says[i]);
        kerf_topology_free(t);
    }
}

static void wrong_links_and_faults_are_refused_in_words(void **unused)
{
    (void)unused;
    const struct kerf_cable wrong[2] = {{0.0, 1e-6, KERF_LINK_NIC}, {1e9, -1.0, KERF_LINK_NIC}};
    for (int i = 0; i < 2; i++) {
        struct kerf_topology *t = NULL;
        struct kerf_error error = {0};
        assert_int_equal(kerf_topology_create("wafer", 2, 1, &t, NULL), KERF_OK);
        kerf_topology_add_cable(t, 0, 1, &wrong[i]);
        assert_int_equal(kerf_topology_finish(t, &error), KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, "wafer 0 to wafer 1"));
        assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){0, 1.5}, 1, &error),
                         KERF_ERR_USAGE);
        assert_int_equal(kerf_topology_set_faults(t, &(struct kerf_link_fault){2, 0.5}, 1, &error),
                         KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, "link 2"));
        kerf_topology_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fat_trees_bisect_by_their_oversubscription),
        cmocka_unit_test(tori_and_dragonflies_bisect_by_their_closed_forms),
        cmocka_unit_test(stars_trees_and_graphs_bisect_by_their_closed_forms),
        cmocka_unit_test(hops_and_paths_are_those_of_the_closed_forms),
        cmocka_unit_test(a_dragonfly_joins_all_groups_equally),
        cmocka_unit_test(routing_by_destination_shares_no_link_and_ecmp_does),
        cmocka_unit_test(ecmp_spreads_evenly_and_repeats_itself),
        cmocka_unit_test(rails_are_kept_by_going_over_nvlink_first),
        cmocka_unit_test(faults_move_what_was_on_them_and_name_what_they_cut),
        cmocka_unit_test(wrong_topologies_are_refused_in_words),
        cmocka_unit_test(wrong_links_and_faults_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
