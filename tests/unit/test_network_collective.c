/* Collectives run event by event on a network take the closed form where no link is shared, and longer by
 * what late ranks and full links add; a rank that never starts is named with those that wait for it.
 *
 * Oracle: kerf_plan_closed_s() (sum of steps, by hand below), and counting uplinks. */
#include "models/fabric/network_collective.h"
#include "models/fabric/topology_layers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double LINK_Bps = 50e9, STEP_s = 1e-6, MB = 1e6;

static struct kerf_topology *fat_tree(uint32_t endpoints, uint32_t leaf_down, uint32_t leaf_up)
{
    struct kerf_topology *t = NULL;
    struct kerf_topology_layer layer = {
        .kind = KERF_TOPOLOGY_LAYER_FAT_TREE,
        .port = {LINK_Bps, 1e-6, KERF_LINK_NIC},
        .trunk = {LINK_Bps, 0.5e-6, KERF_LINK_TRUNK},
        .fat_tree = {.levels = 2, .leaf_down = leaf_down, .leaf_up = leaf_up, .spines = leaf_up}};
    assert_int_equal(kerf_topology_create("GPU", endpoints, 1, &t, NULL), KERF_OK);
    assert_int_equal(kerf_topology_add_layer(t, &layer, NULL), KERF_OK);
    assert_int_equal(kerf_topology_finish(t, NULL), KERF_OK);
    return t;
}

static struct kerf_network_collective collective_of(const struct kerf_topology *t,
                                                    const struct kerf_plan_kind *kind, uint32_t planes)
{
    return (struct kerf_network_collective){
        .topology = t,
        .routes = {.choice = KERF_ROUTE_DESTINATION},
        .traffic = {.step_s = STEP_s},
        .plan = {.kind = kind, .ranks = t->endpoints, .group = t->endpoints, .bytes = t->endpoints * MB},
        .planes = planes};
}

/* Runs it; returns when the last rank was done, in s. */
static double run(struct kerf_network_collective *c, enum kerf_status expected, struct kerf_error *error)
{
    struct kerf_engine *engine = NULL;
    kerf_time last = 0;
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, error), KERF_OK);
    assert_int_equal(kerf_network_collective_add(c, engine, error), KERF_OK);
    if (kerf_engine_run(engine, NULL, NULL, error) != expected)
        fail_msg("%s", error->message);
    for (uint32_t plane = 0; plane < c->planes && expected == KERF_OK; plane++)
        for (uint32_t r = 0; r < c->plan.ranks; r++) {
            kerf_time done = kerf_network_collective_done(c, engine, plane, r);
            assert_true(done < KERF_TIME_NEVER);
            last = done > last ? done : last;
        }
    kerf_engine_free(engine);
    return kerf_time_to_s(last);
}

static void near(double value, double expected)
{
    if (!(fabs(value / expected - 1.0) <= 1e-6))
        fail_msg("%.9g is not %.9g", value, expected);
}

/* Ring inside one leaf: 2 (n - 1) steps over two links each. */
static void a_ring_takes_its_closed_form(void **unused)
{
    (void)unused;
    struct kerf_topology *t = fat_tree(16, 16, 16);
    struct kerf_error error = {0};
    struct kerf_network_collective c = collective_of(t, &kerf_plan_ring_allreduce, 3);
    struct kerf_plain_network plain = {.in_latency_s = 2e-6, .in_Bps = LINK_Bps, .step_s = STEP_s};
    double took_s = run(&c, KERF_OK, &error);
    near(took_s, 2 * 15 * (STEP_s + 2e-6 + MB / LINK_Bps));
    near(took_s, kerf_plan_closed_s(&c.plan, &plain));
    kerf_topology_free(t);
}

/* All-to-all, pairwise: with as many uplinks as ports no flow waits. Ranks run ahead of each other where
 * routes are shorter, so it takes no longer than the sum of the longest steps, and no less than the bytes.
 * With a quarter of the uplinks the bytes that leave a leaf of 16 share 4 of them. */
static void an_alltoall_waits_for_full_uplinks_only(void **unused)
{
    (void)unused;
    for (uint32_t factor = 1; factor <= 4; factor *= 4) {
        struct kerf_topology *t = fat_tree(64, 16, 16 / factor);
        struct kerf_error error = {0};
        struct kerf_network_collective c = collective_of(t, &kerf_plan_alltoall, 1);
        double took_s = run(&c, KERF_OK, &error), port_s = 63 * MB / LINK_Bps;
        double uplink_s = 48 * MB * factor / LINK_Bps; /* of each of 64 MB a rank sends 48 to other leaves */
        double least_s = fmax(port_s, uplink_s) + 63 * STEP_s;
        if (took_s < least_s || took_s > 1.25 * least_s + 63 * (STEP_s + 3e-6))
            fail_msg("%u : 1 takes %g s, at least %g", factor, took_s, least_s);
        if (factor == 1)
            assert_true(took_s <= 63 * (STEP_s + 3e-6 + MB / LINK_Bps) * (1.0 + 1e-6));
        kerf_topology_free(t);
    }
}

/* One rank 1 ms late: the ring waits for it once, and ends exactly that much later. */
static void a_late_rank_makes_all_late(void **unused)
{
    (void)unused;
    struct kerf_topology *t = fat_tree(8, 8, 8);
    struct kerf_error error = {0};
    struct kerf_network_collective c = collective_of(t, &kerf_plan_ring_allreduce, 1);
    kerf_time start[8] = {0};
    start[3] = kerf_time_from_s(1e-3);
    c.start = start;
    near(run(&c, KERF_OK, &error), 1e-3 + 2 * 7 * (STEP_s + 2e-6 + MB / LINK_Bps));
    kerf_topology_free(t);
}

/* Never a hang: the engine ends, and the report names the rank and who waits for it. */
static void a_rank_that_never_starts_is_named(void **unused)
{
    (void)unused;
    struct kerf_topology *t = fat_tree(8, 8, 8);
    struct kerf_error error = {0};
    struct kerf_network_collective c = collective_of(t, &kerf_plan_ring_allreduce, 1);
    kerf_time start[8] = {0};
    start[3] = KERF_TIME_NEVER;
    c.start = start;
    run(&c, KERF_ERR_FAILURE, &error);
    print_message("%s\n", error.message);
    if (!strstr(error.message, "rank 3 of plane 0 never started") ||
        !strstr(error.message, "rank 4 waits for rank 3 of plane 0 in step 0 of 14"))
        fail_msg("%s", error.message);
    kerf_topology_free(t);
}

static void plans_that_do_not_fit_are_refused_in_words(void **unused)
{
    (void)unused;
    struct kerf_topology *t = fat_tree(8, 8, 8);
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    struct kerf_network_collective c = collective_of(t, &kerf_plan_alltoall_at_once, 1);
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    assert_int_equal(kerf_network_collective_add(&c, engine, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "cannot be run step by step"));
    c.plan.kind = &kerf_plan_alltoall;
    c.traffic.step_s = 0.0;
    assert_int_equal(kerf_network_collective_add(&c, engine, &error), KERF_ERR_USAGE);
    c.traffic.step_s = STEP_s;
    c.plan.ranks = 16;
    assert_int_equal(kerf_network_collective_add(&c, engine, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "16 ranks in groups of 8 on a network of 8"));
    kerf_engine_free(engine);
    kerf_topology_free(t);
}

static int start_mpi(void **unused)
{
    (void)unused;
    return MPI_Init(NULL, NULL);
}

static int end_mpi(void **unused)
{
    (void)unused;
    return MPI_Finalize();
}

/* Planes that are alike are simulated once when the engine folds: the same times, by an eighth of the events.
 * Also with routes by hash, on an oversubscribed network. */
static void planes_alike_are_folded(void **unused)
{
    (void)unused;
    struct kerf_topology *t = fat_tree(16, 4, 2);
    uint64_t events[2];
    kerf_time done[2][8 * 16];
    for (int fold = 0; fold < 2; fold++) {
        struct kerf_network_collective c = collective_of(t, &kerf_plan_alltoall, 8);
        struct kerf_engine_options options = {.fold = fold};
        struct kerf_engine *engine = NULL;
        struct kerf_error error = {0};
        c.routes.choice = KERF_ROUTE_ECMP;
        assert_int_equal(kerf_engine_create(MPI_COMM_SELF, &options, &engine, &error), KERF_OK);
        assert_int_equal(kerf_network_collective_add(&c, engine, &error), KERF_OK);
        if (kerf_engine_run(engine, NULL, NULL, &error) != KERF_OK)
            fail_msg("%s", error.message);
        events[fold] = 0;
        for (uint32_t lp = 0; lp < kerf_engine_lps(engine); lp++)
            events[fold] += fold && lp > 16 ? 0 : kerf_engine_events_of(engine, lp);
        for (uint32_t i = 0; i < 8 * 16; i++)
            done[fold][i] = kerf_network_collective_done(&c, engine, i / 16, i % 16);
        kerf_engine_free(engine);
    }
    assert_int_equal(events[0], 8 * events[1]);
    assert_memory_equal(done[0], done[1], sizeof done[0]);
    kerf_topology_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_takes_its_closed_form),
        cmocka_unit_test(an_alltoall_waits_for_full_uplinks_only),
        cmocka_unit_test(a_late_rank_makes_all_late),
        cmocka_unit_test(a_rank_that_never_starts_is_named),
        cmocka_unit_test(plans_that_do_not_fit_are_refused_in_words),
        cmocka_unit_test(planes_alike_are_folded),
    };
    return cmocka_run_group_tests(tests, start_mpi, end_mpi);
}
