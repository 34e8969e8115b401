/* Scores of predictions against hand-worked numbers: interval score, leave-one-out baseline, means. */
#include "sim/study/naive.h"
#include "sim/study/scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-12 * fmax(1.0, fabs(wanted))))
        fail_msg("%.15g is not %.15g", value, wanted);
}

/* Gneiting and Raftery's eq. 43 with alpha = 0.2 in logarithms: the width, and ten times the distance. */
static void test_interval_score_charges_width_and_distance(void **state)
{
    (void)state;
    assert_near(kerf_interval_score(1.0, exp(1.0), 2.0), 1.0);
    assert_near(kerf_interval_score(1.0, exp(1.0), exp(-0.5)), 1.0 + 10.0 * 0.5);
    assert_near(kerf_interval_score(1.0, exp(1.0), exp(1.25)), 1.0 + 10.0 * 0.25);
    assert_near(kerf_interval_score(2.0, 2.0, 2.0), 0.0);
}

static struct kerf_prediction row(const char *pool, double measured, double constant, int power)
{
    struct kerf_prediction p = {.measured = measured, .naive = {.value = constant, .power = power}};
    snprintf(p.naive.pool, sizeof p.naive.pool, "%s", pool);
    return p;
}

/* Each row is predicted by the median of the others in its pool; times go down as the constant goes up. */
static void test_baseline_leaves_the_row_out(void **state)
{
    (void)state;
    struct kerf_prediction rows[] = {
        row("a", 1.0, 1.0, 1),  row("a", 2.0, 2.0, 1), row("b", 3.0, 8.0, -1), row("a", 10.0, 10.0, 1),
        row("b", 5.0, 4.0, -1), row("c", 7.0, 7.0, 1), row("a", 9.0, NAN, 1),  row("", 1.0, 1.0, 0),
    };
    assert_int_equal(kerf_naive_predict(rows, 8, NULL), KERF_OK);
    assert_near(rows[0].naive.predicted, 6.0); /* of 2 and 10 */
    assert_near(rows[1].naive.predicted, 5.5);
    assert_near(rows[3].naive.predicted, 1.5);
    assert_near(rows[2].naive.predicted, 6.0); /* half the speed: twice 3 */
    assert_near(rows[4].naive.predicted, 2.5);
    for (int i = 5; i < 8; i++)
        assert_true(isnan(rows[i].naive.predicted)); /* alone, without constant, in no pool */
}

/* Two rows: 20 % too high and inside, 50 % too low and outside. */
static void test_scores_of_two_rows(void **state)
{
    (void)state;
    struct kerf_scores s;
    const struct kerf_prediction a = {
        .measured = 10.0, .predicted = {8.0, 12.0, 16.0}, .naive = {.predicted = 11.0}};
    const struct kerf_prediction b = {
        .measured = 10.0, .predicted = {6.0, 5.0, 4.0}, .naive = {.predicted = NAN}};
    const struct kerf_prediction *const rows[] = {&a, &b};
    assert_int_equal(kerf_scores_of(rows, 2, &s, NULL), KERF_OK);
    assert_int_equal(s.rows, 2);
    assert_near(s.mean_absolute, 0.35);
    assert_near(s.median_absolute, 0.35);
    assert_near(s.bias, -0.15);
    assert_near(s.coverage, 0.5);
    assert_near(s.interval_score, 0.5 * (log(2.0) + log(1.5) + 10.0 * log(10.0 / 6.0)));
    assert_near(s.median_spread, 1.75);
    assert_int_equal(s.naive_rows, 1);
    assert_near(s.naive_mean_absolute, 0.1);
    assert_near(s.naive_median_absolute, 0.1);
    assert_int_equal(kerf_scores_of(rows, 0, &s, NULL), KERF_OK);
    assert_true(s.rows == 0 && s.mean_absolute == 0.0 && s.naive_rows == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval_score_charges_width_and_distance),
        cmocka_unit_test(test_baseline_leaves_the_row_out),
        cmocka_unit_test(test_scores_of_two_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
