/* The closed forms of models/device/wafer_mesh.h and wafer_gemv.h against the cycle-driven mesh, and the mesh
 * itself: no wavelet is lost or made up, sums are right, and a program that must deadlock is caught. */
#include "cases.h"
#include "programs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_runs(const struct ms_case *one, const struct ms_outcome *outcome, int wrong)
{
    char text[96];
    ms_case_describe(one, text, sizeof text);
    if (outcome->deadlock)
        fail_msg("%s, %s: deadlock: %s", one->form, text, outcome->blocked);
    if (wrong)
        fail_msg("%s, %s: %d wrong elements", one->form, text, wrong);
    assert_int_equal(outcome->left, 0);
    assert_int_equal(outcome->injected + outcome->copied, outcome->absorbed);
}

/* Allowed differences: wafer-scale reduce (HPDC'24) is measured within some cycles of its forms; a tree may
 * be a cycle faster in every round, for the form counts the addition apart. */
static void test_closed_forms_hold(void **state)
{
    (void)state;
    for (int i = 0; i < ms_case_count; i++) {
        const struct ms_case *one = &ms_cases[i];
        int wrong;
        struct ms_outcome outcome = one->run(one, 2, &wrong);
        assert_runs(one, &outcome, wrong);
        double closed = one->closed(one), most = one->most_cycles + one->most_share * closed;
        if (fabs((double)outcome.cycles - closed) > most)
            fail_msg("%s, case %d: closed form %.1f, simulated %lld, %.1f apart allowed", one->form, i,
                     closed, (long long)outcome.cycles, most);
    }
}

/* Deeper FIFOs change neither results nor, by more than the tolerance, times: two slots keep a link full. */
static void test_two_slots_are_enough(void **state)
{
    (void)state;
    for (int i = 0; i < ms_case_count; i += 3) {
        const struct ms_case *one = &ms_cases[i];
        int wrong;
        struct ms_outcome outcome = one->run(one, 6, &wrong);
        assert_runs(one, &outcome, wrong);
        assert_true(fabs((double)outcome.cycles - one->closed(one)) <=
                    one->most_cycles + one->most_share * one->closed(one));
    }
}

static struct ms_mesh *small_mesh(int rows, int columns, int depth, int wavelets)
{
    const struct ms_parameters parameters = {.rows = rows,
                                             .columns = columns,
                                             .ramp_cycles = 2,
                                             .fifo_depth = depth,
                                             .memory_elements = 2 * wavelets,
                                             .elements_per_cycle = 2};
    return ms_create(&parameters);
}

/* A slot is free for the next wavelet only in the cycle after it emptied: with one, links run at half their
 * rate. */
static void test_one_slot_halves_the_rate(void **state)
{
    (void)state;
    enum { B = 200 };
    struct ms_mesh *mesh = small_mesh(1, 8, 1, B);
    struct ms_line line = ms_row(mesh, 0);
    ms_broadcast(&line, 0, 7, B, 0);
    struct ms_outcome outcome = ms_run(mesh);
    assert_false(outcome.deadlock);
    assert_in_range(outcome.cycles, 2 * B, 2 * B + 20);
    ms_free(mesh);
}

/* Four PEs in a square, each sending `n` wavelets to the next before it takes any from the one before. */
static struct ms_outcome square_exchange(int n, int depth)
{
    static const struct {
        int row, column;
        enum ms_port out, in;
    } corner[] = {{0, 0, MS_EAST, MS_SOUTH},
                  {0, 1, MS_SOUTH, MS_WEST},
                  {1, 1, MS_WEST, MS_NORTH},
                  {1, 0, MS_NORTH, MS_EAST}};
    struct ms_mesh *mesh = small_mesh(2, 2, depth, n);
    for (int i = 0; i < 4; i++) {
        int to = i, from = (i + 3) % 4; /* a colour per sender */
        ms_route(mesh, corner[i].row, corner[i].column, to, MS_RAMP, 1 << corner[i].out, MS_FOREVER);
        ms_route(mesh, corner[i].row, corner[i].column, from, corner[i].in, 1 << MS_RAMP, MS_FOREVER);
        ms_append(mesh, corner[i].row, corner[i].column, 0,
                  (struct ms_operation){.kind = MS_SEND, .colour = to, .n = n});
        ms_append(mesh, corner[i].row, corner[i].column, 0,
                  (struct ms_operation){.kind = MS_RECEIVE, .colour = from, .n = n});
    }
    struct ms_outcome outcome = ms_run(mesh);
    ms_free(mesh);
    return outcome;
}

/* On the way are two ramps with what is under way in them, and one link. What does not fit there waits for a
 * core that waits for the next. */
static void test_a_cycle_deadlocks_exactly_when_the_way_is_full(void **state)
{
    (void)state;
    for (int depth = 1; depth <= 4; depth++) {
        int room = 3 * depth + 2 * 2;
        struct ms_outcome fits = square_exchange(room, depth), full = square_exchange(room + 1, depth);
        assert_false(fits.deadlock);
        assert_int_equal(fits.left, 0);
        assert_true(full.deadlock);
        assert_true(full.left > 0);
        assert_non_null(full.blocked);
        assert_true(full.blocked[0] != '\0');
    }
}

/* A wait for a wavelet that nobody sends is a deadlock, too. */
static void test_a_missing_sender_is_found(void **state)
{
    (void)state;
    struct ms_mesh *mesh = small_mesh(1, 2, 2, 4);
    ms_route(mesh, 0, 1, 0, MS_WEST, 1 << MS_RAMP, MS_FOREVER);
    ms_append(mesh, 0, 1, 0, (struct ms_operation){.kind = MS_RECEIVE, .colour = 0, .n = 1});
    struct ms_outcome outcome = ms_run(mesh);
    assert_true(outcome.deadlock);
    ms_free(mesh);
}

/* B wavelets from one of P PEs: P - 1 links each, one leaving copy per PE passed. */
static void test_wavelets_are_counted_where_they_go(void **state)
{
    (void)state;
    enum { P = 10, B = 7 };
    struct ms_mesh *mesh = small_mesh(1, P, 2, B);
    struct ms_line line = ms_row(mesh, 0);
    ms_broadcast(&line, 0, P - 1, B, 0);
    struct ms_outcome outcome = ms_run(mesh);
    assert_int_equal(outcome.injected, B);
    assert_int_equal(outcome.absorbed, B * (P - 1));
    assert_int_equal(outcome.copied, B * (P - 2));
    assert_int_equal(outcome.link_wavelets, B * (P - 1));
    ms_free(mesh);
}

/* Two calls of 9 elements at 2 a cycle: start-up and five cycles each. Twice the width of the reads: SRAM
 * gives 16 bytes a cycle, four elements of two operands. */
static void nothing(float *memory, int call, const void *context)
{
    (void)memory;
    (void)call;
    (void)context;
}

static int64_t axpy_cycles(int vector, int length, int cache)
{
    const struct ms_parameters parameters = {
        .rows = 1, .columns = 1, .fifo_depth = 2, .elements_per_cycle = vector, .cache_elements = cache};
    struct ms_mesh *mesh = ms_create(&parameters);
    ms_append(mesh, 0, 0, 0,
              (struct ms_operation){
                  .kind = MS_AXPY, .n = 2, .length = length, .call_cycles = 3, .kernel = nothing});
    struct ms_outcome outcome = ms_run(mesh);
    ms_free(mesh);
    return outcome.cycles;
}

static void test_vectors_wait_for_SRAM(void **state)
{
    (void)state;
    assert_int_equal(axpy_cycles(2, 9, 0), 2 * (3 + 5));
    assert_int_equal(axpy_cycles(8, 64, 64), 2 * (3 + 8));
    assert_int_equal(axpy_cycles(8, 64, 0), 2 * (3 + 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_forms_hold),
        cmocka_unit_test(test_two_slots_are_enough),
        cmocka_unit_test(test_one_slot_halves_the_rate),
        cmocka_unit_test(test_a_cycle_deadlocks_exactly_when_the_way_is_full),
        cmocka_unit_test(test_a_missing_sender_is_found),
        cmocka_unit_test(test_wavelets_are_counted_where_they_go),
        cmocka_unit_test(test_vectors_wait_for_SRAM),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
