/* Collectives of the wafer's mesh: the closed forms against counts by hand and against what distance forbids.
 */
#include "models/device/wafer_mesh.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct kerf_wafer_params mesh = {.hop_cycles = 1.0, .ramp_cycles = 2.0};

static void assert_cycles(double expected, double actual)
{
    assert_true(fabs(expected - actual) < 1e-9 * (1.0 + fabs(expected)));
}

/* Hand counts of HPDC'24, section 4: B wavelets leave one a cycle, the last one travels P-1 hops, and ramps.
 */
static void test_broadcast_is_payload_plus_distance_plus_ramps(void **state)
{
    (void)state;
    assert_cycles(1 + 1 + 5, kerf_mesh_broadcast(&mesh, 2, 1));
    assert_cycles(8 + 3 + 5, kerf_mesh_broadcast(&mesh, 4, 8));
    assert_cycles(8 + 3 + 4 + 5, kerf_mesh_broadcast_2d(&mesh, 4, 5, 8));
}

/* Each PE of a chain receives, adds and sends: 2 T_R + 2 = 6 cycles after its neighbour. */
static void test_chain_adds_six_cycles_a_PE(void **state)
{
    (void)state;
    assert_cycles(1 + 6, kerf_mesh_chain(&mesh, 2, 1));
    assert_cycles(8 + 3 * 6, kerf_mesh_chain(&mesh, 4, 8));
}

/* The root takes in (P-1) B wavelets, one a cycle. */
static void test_star_is_bound_by_its_root(void **state)
{
    (void)state;
    assert_cycles(1 + 6, kerf_mesh_star(&mesh, 2, 1));
    assert_cycles(3 * 8 + 6, kerf_mesh_star(&mesh, 4, 8));
}

/* Two rounds of pairs: 2 B on the busiest link, 3 hops, twice down and up. */
static void test_tree_takes_one_round_a_doubling(void **state)
{
    (void)state;
    assert_cycles(2 * 8 + 3 + 2 * 5, kerf_mesh_tree(&mesh, 4, 8));
}

/* With one group, or groups of one, both phases are the same chain, and the payload passes twice. */
static void test_two_phase_ends_at_a_chain(void **state)
{
    (void)state;
    for (double P = 2; P < 700; P = ceil(P * 1.7)) {
        double chain = kerf_mesh_chain(&mesh, P, 20) + 20;
        assert_cycles(chain, kerf_mesh_two_phase(&mesh, P, 20, 1));
        assert_cycles(chain, kerf_mesh_two_phase(&mesh, P, 20, P));
        assert_true(kerf_mesh_two_phase_best(&mesh, P, 20) <= chain);
    }
}

/* HPDC'24, section 8: a chain wins once the payload passes about 6 P. */
static void test_long_vectors_take_the_chain(void **state)
{
    (void)state;
    assert_cycles(kerf_mesh_chain(&mesh, 64, 1000), kerf_mesh_reduce(&mesh, 64, 1000));
    assert_true(kerf_mesh_reduce(&mesh, 512, 8) < kerf_mesh_chain(&mesh, 512, 8));
}

/* No all-reduce beats the distance from one end to the middle and back, and the best G beats all others. */
static void test_ktree_is_above_the_distance_and_below_every_grouping(void **state)
{
    (void)state;
    for (double P = 2; P < 1200; P = ceil(P * 1.4)) {
        double best = kerf_mesh_ktree_best(&mesh, P, 4);
        assert_true(best >= mesh.hop_cycles * P);
        for (double G = 1; G <= P; G += 1)
            assert_true(best <= kerf_mesh_ktree(&mesh, P, 4, G) + 1e-9);
    }
}

/* A longer line or a longer vector never takes less. */
static void test_allreduce_grows_with_line_and_payload(void **state)
{
    (void)state;
    for (double P = 2; P < 1200; P += 7) {
        for (double B = 1; B < 1e5; B *= 3) {
            double here = kerf_mesh_allreduce(&mesh, P, B);
            assert_true(kerf_mesh_allreduce(&mesh, P + 1, B) >= here - 1e-9);
            assert_true(kerf_mesh_allreduce(&mesh, P, B + 1) >= here - 1e-9);
        }
    }
}

/* One PE has nobody to talk to, and nothing to say takes no time. */
static void test_nothing_costs_nothing(void **state)
{
    (void)state;
    double none[] = {kerf_mesh_broadcast(&mesh, 1, 9),   kerf_mesh_chain(&mesh, 1, 9),
                     kerf_mesh_star(&mesh, 1, 9),        kerf_mesh_allreduce(&mesh, 1, 9),
                     kerf_mesh_allreduce(&mesh, 9, 0),   kerf_mesh_transfer(&mesh, 9, 0),
                     kerf_mesh_reduce_2d(&mesh, 1, 1, 9)};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_cycles(0, none[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast_is_payload_plus_distance_plus_ramps),
        cmocka_unit_test(test_chain_adds_six_cycles_a_PE),
        cmocka_unit_test(test_star_is_bound_by_its_root),
        cmocka_unit_test(test_tree_takes_one_round_a_doubling),
        cmocka_unit_test(test_two_phase_ends_at_a_chain),
        cmocka_unit_test(test_long_vectors_take_the_chain),
        cmocka_unit_test(test_ktree_is_above_the_distance_and_below_every_grouping),
        cmocka_unit_test(test_allreduce_grows_with_line_and_payload),
        cmocka_unit_test(test_nothing_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
