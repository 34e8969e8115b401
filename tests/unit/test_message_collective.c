/* All-reduces of LogGP messages take as long as their closed forms say, and as a recursion over their steps
 * says where sizes or start times differ. */
#include "models/fabric/message_collective.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS_MOST = 64 };

/* Adds and runs the collective; when each rank was done. */
static void run(struct kerf_message_collective *c, kerf_time *done)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    if (kerf_message_collective_add(c, engine, &error) != KERF_OK ||
        kerf_engine_run(engine, NULL, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    for (uint32_t rank = 0; rank < c->ranks; rank++)
        done[rank] = kerf_message_collective_done(c, engine, rank);
    assert_int_equal(kerf_engine_stats(engine).events, (uint64_t)c->ranks * c->steps);
    kerf_engine_free(engine);
}

/* G is a whole number of ps and sizes are whole numbers of bytes, so that nothing is rounded. */
static struct kerf_message_collective even_collective(const struct kerf_message_algorithm *algorithm,
                                                      uint32_t ranks)
{
    return (struct kerf_message_collective){.algorithm = algorithm,
                                            .loggp = {.L = 2000000, .o = 300000, .g = 500000, .G = 20.0},
                                            .ranks = ranks,
                                            .bytes = 64.0 * 1024.0 * ranks};
}

/* Alexandrov et al. 1995: one message of k bytes end to end takes o + (k - 1) G + L + o. A ring of n is
 * 2 (n - 1) of them in a row, each of 1/n of the buffer. */
static void an_even_ring_takes_its_closed_form(void **unused)
{
    (void)unused;
    for (uint32_t n = 2; n <= RANKS_MOST; n += n < 8 ? 1 : 28) {
        struct kerf_message_collective c = even_collective(&kerf_ring_allreduce, n);
        kerf_time done[RANKS_MOST], message = 300000 + (64 * 1024 - 1) * 20 + 2000000 + 300000;
        run(&c, done);
        for (uint32_t rank = 0; rank < n; rank++)
            assert_int_equal(done[rank], 2 * (n - 1) * message);
        assert_int_equal(kerf_message_collective_even(&c), done[0]);
    }
}

/* Thakur, Rabenseifner and Gropp 2005: 2 log2(n) messages in a row that carry 2 (n - 1)/n of the buffer. */
static void even_halving_and_doubling_takes_its_closed_form(void **unused)
{
    (void)unused;
    for (uint32_t n = 2, log2_n = 1; n <= RANKS_MOST; n *= 2, log2_n++) {
        struct kerf_message_collective c = even_collective(&kerf_halving_doubling_allreduce, n);
        kerf_time done[RANKS_MOST], carried = 2 * (n - 1) * 64 * 1024;
        run(&c, done);
        for (uint32_t rank = 0; rank < n; rank++)
            assert_int_equal(done[rank],
                             2 * log2_n * (300000 + 2000000 + 300000) + (carried - 2 * log2_n) * 20);
        assert_int_equal(kerf_message_collective_even(&c), done[0]);
    }
}

/* Where the gap is longer than a message is under way, a step takes (k - 1) G + g, but for the last. */
static void a_long_gap_sets_the_pace(void **unused)
{
    (void)unused;
    struct kerf_message_collective c = even_collective(&kerf_ring_allreduce, 5);
    c.loggp.g = 9000000;
    kerf_time done[RANKS_MOST], wire = (64 * 1024 - 1) * 20;
    run(&c, done);
    assert_int_equal(done[0], 8 * wire + 7 * 9000000 + 2600000);
    assert_int_equal(kerf_message_collective_even(&c), done[0]);
}

static kerf_time later(kerf_time a, kerf_time b)
{
    return a > b ? a : b;
}

/* The oracle for the rest: all ranks step by step, without events. */
static void recursion(const struct kerf_message_collective *c, kerf_time *done)
{
    kerf_time interface_free[RANKS_MOST] = {0}, arrival[RANKS_MOST];
    for (uint32_t rank = 0; rank < c->ranks; rank++)
        done[rank] = c->start ? c->start[rank] : 0;
    for (uint32_t step = 0; step < c->steps; step++) {
        for (uint32_t rank = 0; rank < c->ranks; rank++) {
            struct kerf_message_step s = c->algorithm->step(c, rank, step);
            assert_int_equal(c->algorithm->step(c, s.to, step).from, rank);
            kerf_time start = later(done[rank], interface_free[rank]);
            kerf_time wire = (kerf_time)((fmax(s.bytes, 1.0) - 1.0) * c->loggp.G + 0.5);
            done[rank] = start + c->loggp.o;
            interface_free[rank] = later(start + wire + c->loggp.g, done[rank]);
            arrival[s.to] = done[rank] + wire + c->loggp.L;
        }
        for (uint32_t rank = 0; rank < c->ranks; rank++)
            done[rank] = later(done[rank], arrival[rank]) + c->loggp.o;
    }
}

static void equals_recursion(const struct kerf_message_algorithm *algorithm, double uneven,
                             const kerf_time *start, double bytes)
{
    struct kerf_message_collective c = even_collective(algorithm, 32);
    c.bytes = bytes;
    c.uneven = uneven;
    c.start = start;
    kerf_time done[RANKS_MOST], expected[RANKS_MOST];
    run(&c, done);
    recursion(&c, expected);
    assert_memory_equal(done, expected, 32 * sizeof done[0]);
}

static void uneven_sizes_and_starts_equal_the_recursion(void **unused)
{
    (void)unused;
    kerf_time start[RANKS_MOST] = {0};
    for (uint32_t rank = 0; rank < 32; rank++)
        start[rank] = (kerf_time)(rank * 7919 % 97) * 500000;
    start[13] = 400000000; /* a straggler: its neighbours run far ahead of it */
    const struct kerf_message_algorithm *const algorithms[] = {&kerf_ring_allreduce,
                                                               &kerf_halving_doubling_allreduce};
    for (int i = 0; i < 2; i++) {
        equals_recursion(algorithms[i], 0.0, start, 1e6);
        equals_recursion(algorithms[i], 0.7, NULL, 1e6);
        equals_recursion(algorithms[i], 0.99, start, 1e8);
        equals_recursion(algorithms[i], 0.5, start, 8.0); /* less than a byte each */
    }
}

/* Each rank sends every piece of the buffer but one, twice: the sizes over a ring add up to
 * 2 (n - 1) buffers, even or not. */
static void a_ring_carries_every_piece(void **unused)
{
    (void)unused;
    struct kerf_message_collective c = even_collective(&kerf_ring_allreduce, 7);
    c.uneven = 0.5;
    c.steps = 12;
    double sum = 0.0, pieces = 0.0;
    for (uint32_t rank = 0; rank < 7; rank++) {
        pieces += c.algorithm->step(&c, rank, 0).bytes;
        for (uint32_t step = 0; step < 12; step++)
            sum += c.algorithm->step(&c, rank, step).bytes;
    }
    assert_true(fabs(sum - 12.0 * pieces) < 1e-6 * sum);
}

static void what_does_not_fit_is_refused(void **unused)
{
    (void)unused;
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    struct kerf_message_collective c = even_collective(&kerf_halving_doubling_allreduce, 12);
    assert_int_equal(kerf_message_collective_add(&c, engine, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "a power of two of ranks (got 12)"));
    c = even_collective(&kerf_ring_allreduce, 12);
    c.loggp = (struct kerf_loggp){0};
    assert_int_equal(kerf_message_collective_add(&c, engine, &error), KERF_ERR_USAGE);
    kerf_engine_free(engine);
}

static void one_rank_has_nothing_to_do(void **unused)
{
    (void)unused;
    struct kerf_message_collective c = even_collective(&kerf_ring_allreduce, 1);
    kerf_time done[RANKS_MOST];
    run(&c, done);
    assert_int_equal(done[0], 0);
    assert_int_equal(kerf_message_collective_even(&c), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_ring_takes_its_closed_form),
        cmocka_unit_test(even_halving_and_doubling_takes_its_closed_form),
        cmocka_unit_test(a_long_gap_sets_the_pace),
        cmocka_unit_test(uneven_sizes_and_starts_equal_the_recursion),
        cmocka_unit_test(a_ring_carries_every_piece),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(one_rank_has_nothing_to_do),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
