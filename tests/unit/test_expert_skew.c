/* Uneven choices of experts: the busiest group, copies, and what becomes of equal shares. */
#include "models/device/gpu_shard.h"
#include "models/network/expert_skew.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { EXPERTS = 256 };

static struct kerf_expert_skew skew_of(double exponent, int redundant, int groups)
{
    struct kerf_expert_skew skew;
    double weight[EXPERTS];
    for (int i = 0; i < EXPERTS; i++)
        weight[i] = pow(i * 37 % EXPERTS + 1.0, -exponent); /* 37 has no factor in common: every rank once */
    assert_int_equal(kerf_expert_skew_make(&skew, weight, EXPERTS, redundant, &groups, 1, NULL), KERF_OK);
    return skew;
}

static struct kerf_expert_load load_of(const struct kerf_expert_skew *skew, double tokens, double ranks)
{
    const struct kerf_operator op = {.kind = KERF_OP_EXPERTS, .experts = EXPERTS, .top_k = 8, .skew = skew};
    const struct kerf_pass pass = {.decode = {.tokens = tokens, .sequences = tokens}};
    const struct kerf_slice slice = {.expert_parallel = ranks};
    return kerf_gpu_busiest_expert_load(&op, &pass, &slice);
}

/* Equal shares give the load of balanced choices, however many tokens and ranks. */
static void equal_shares_are_balanced(void **unused)
{
    (void)unused;
    for (int ranks = 1; ranks <= 64; ranks *= 4)
        for (double tokens = 1; tokens <= 4096; tokens *= 8) {
            struct kerf_expert_skew skew = skew_of(0.0, 0, ranks);
            struct kerf_expert_load even = load_of(NULL, tokens, ranks), got = load_of(&skew, tokens, ranks);
            assert_float_equal(got.rows, even.rows, 1e-9 * even.rows);
            assert_float_equal(got.touched, even.touched, 1e-9 * even.touched);
            assert_true(got.local == even.local);
            kerf_expert_skew_free(&skew);
        }
}

/* The steeper the power law, the more falls on the busiest rank; with many tokens its share of them is that
 * of its experts, and one rank has all rows whatever the law. */
static void the_busiest_rank_has_its_share(void **unused)
{
    (void)unused;
    double before = 0.0;
    for (double exponent = 0.0; exponent < 2.0; exponent += 0.25) {
        struct kerf_expert_skew skew = skew_of(exponent, 0, 16), one = skew_of(exponent, 0, 1);
        double rows = load_of(&skew, 1e6, 16).rows;
        assert_true(rows >= before);
        assert_float_equal(rows / 8e6, skew.busiest[0].share, 0.01);
        assert_float_equal(load_of(&one, 1e6, 1).rows, 8e6, 1.0);
        before = rows;
        kerf_expert_skew_free(&skew);
        kerf_expert_skew_free(&one);
    }
}

/* Copies even the ranks out: never worse than without, better with more of them, and nearly even when they
 * are many. Placement fills every rank. */
static void copies_even_the_ranks_out(void **unused)
{
    (void)unused;
    struct kerf_expert_skew none = skew_of(0.8, 0, 16), some = skew_of(0.8, 16, 16),
                            many = skew_of(0.8, 128, 16);
    assert_true(none.busiest[0].share > some.busiest[0].share);
    assert_true(many.busiest[0].share * 16 < 1.05 && many.busiest[0].share * 16 >= 1.0 - 1e-12);
    assert_true(some.busiest[0].share * 16 < 1.05 && some.busiest[0].share * 16 >= 1.0 - 1e-12);
    assert_int_equal(some.busiest[0].slots, 17);
    assert_int_equal(many.busiest[0].slots, 24);
    assert_true(load_of(&some, 4096, 16).rows < load_of(&none, 4096, 16).rows);
    kerf_expert_skew_free(&none);
    kerf_expert_skew_free(&some);
    kerf_expert_skew_free(&many);
}

/* By hand: shares 0.7, 0.1, 0.1, 0.1 on two ranks. Consecutive experts give 0.8; with two copies the first
 * expert has three of a third each, and no rank has more than 0.5 + what does not divide. */
static void four_experts_by_hand(void **unused)
{
    (void)unused;
    static const double weight[] = {7, 1, 1, 1};
    static const int two = 2;
    struct kerf_expert_skew skew;
    assert_int_equal(kerf_expert_skew_make(&skew, weight, 4, 0, &two, 1, NULL), KERF_OK);
    assert_float_equal(skew.busiest[0].share, 0.8, 1e-12);
    assert_float_equal(kerf_expert_group_touched(&skew.busiest[0], 1.0, 0.8), 0.8, 1e-12);
    kerf_expert_skew_free(&skew);
    assert_int_equal(kerf_expert_skew_make(&skew, weight, 4, 2, &two, 1, NULL), KERF_OK);
    assert_float_equal(skew.busiest[0].share, 0.7 * 2 / 3 + 0.1, 1e-12);
    kerf_expert_skew_free(&skew);
}

/* No choices at all, and copies that leave ranks unequal, are refused. */
static void what_cannot_be_is_refused(void **unused)
{
    (void)unused;
    static const double none[] = {0, 0}, some[] = {1, 2};
    static const int two = 2;
    struct kerf_expert_skew skew;
    struct kerf_error error;
    assert_int_equal(kerf_expert_skew_make(&skew, none, 2, 0, &two, 1, &error), KERF_ERR_USAGE);
    kerf_expert_skew_free(&skew);
    assert_int_equal(kerf_expert_skew_make(&skew, some, 2, 1, &two, 1, &error), KERF_ERR_USAGE);
    kerf_expert_skew_free(&skew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_shares_are_balanced), cmocka_unit_test(the_busiest_rank_has_its_share),
        cmocka_unit_test(copies_even_the_ranks_out), cmocka_unit_test(four_experts_by_hand),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
