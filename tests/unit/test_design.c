/* Designs of ensembles: Sobol points, groups, correlations, and what each member of a design has. */
#include "sim/study/design.h"
#include "sim/study/sobol.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LEAVES = 5, DRAWS = 256 };

static struct kerf_uncertain_leaf leaves[LEAVES] = {
    {.entry = "a", .key = "x_one", .low = 0, .nominal = 1, .high = 2, .least = -9, .most = 9, .systems = 1},
    {.entry = "a", .key = "x_two", .low = 0, .nominal = 1, .high = 2, .least = -9, .most = 9, .systems = 1},
    {.entry = "a", .key = "y", .low = 1, .nominal = 2, .high = 3, .least = -9, .most = 9, .systems = 1},
    {.entry = "b", .key = "x_one", .low = 1, .nominal = 2, .high = 3, .least = -9, .most = 9, .systems = 1},
    {.entry = "b", .key = "z", .low = 1, .nominal = 2, .high = 3, .least = -9, .most = 9, .systems = 1},
};
static const struct kerf_uncertain uncertain = {.count = LEAVES, .leaf = leaves};

/* First points of Joe and Kuo's sequence without a shift, in units of 1/8, dimensions 0 to 5. */
static void sobol_points_are_those_of_joe_and_kuo(void **unused)
{
    (void)unused;
    const int point[5][6] = {
        {0, 0, 0, 0, 0, 0}, {4, 4, 4, 4, 4, 4}, {2, 6, 6, 6, 2, 2}, {6, 2, 2, 2, 6, 6}, {1, 5, 3, 1, 1, 3}};
    for (int d = 0; d < 6; d++) {
        double axis[5];
        assert_true(kerf_sobol_axis(1, d, 5, axis));
        for (int i = 1; i < 5; i++) /* the shift is the same for all points of an axis */
            assert_int_equal((int)(axis[i] * 8.0) ^ (int)(axis[0] * 8.0), point[i][d]);
    }
}

static void sobol_points_are_even_on_every_axis(void **unused)
{
    (void)unused;
    for (int d = 0; d < 150; d++) {
        double axis[DRAWS];
        int seen[DRAWS] = {0};
        assert_true(kerf_sobol_axis(3, d, DRAWS, axis));
        for (int i = 0; i < DRAWS; i++)
            seen[(int)(axis[i] * DRAWS)]++;
        for (int i = 0; i < DRAWS; i++)
            assert_int_equal(seen[i], 1);
    }
}

/* Of 256 points every box of 1/16 x 1/16 of the first two axes has one. */
static void sobol_points_fill_boxes(void **unused)
{
    (void)unused;
    double x[DRAWS], y[DRAWS];
    int seen[DRAWS] = {0};
    assert_true(kerf_sobol_axis(5, 0, DRAWS, x) && kerf_sobol_axis(5, 1, DRAWS, y));
    for (int i = 0; i < DRAWS; i++)
        seen[(int)(x[i] * 16) * 16 + (int)(y[i] * 16)]++;
    for (int i = 0; i < DRAWS; i++)
        assert_int_equal(seen[i], 1);
}

static struct kerf_design make(enum kerf_design_kind kind, enum kerf_sampling sampling,
                               enum kerf_grouping grouping, const struct kerf_correlations *correlations,
                               double **value)
{
    const struct kerf_design wanted = {
        .kind = kind, .sampling = sampling, .grouping = grouping, .seed = 1, .draws = DRAWS};
    struct kerf_design design;
    struct kerf_error error = {0};
    if (kerf_design_make(&wanted, &uncertain, correlations, &design, value, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return design;
}

static void groups_are_entries_families_or_leaves(void **unused)
{
    (void)unused;
    const int expected[][LEAVES] = {{0, 0, 0, 1, 1}, {0, 0, 1, 2, 3}, {0, 1, 2, 3, 4}};
    const char *const names[][2] = {{"a", "b"}, {"a.x_*", "a.y"}, {"a.x_one", "a.x_two"}};
    static const struct kerf_correlations none;
    for (int grouping = 0; grouping < 3; grouping++) {
        double *value;
        char name[KERF_UNCERTAIN_NAME_BYTES];
        struct kerf_design design = make(KERF_DESIGN_INDICES, KERF_SAMPLING_SOBOL, grouping, &none, &value);
        for (int k = 0; k < LEAVES; k++)
            assert_int_equal(design.group[k], expected[grouping][k]);
        assert_int_equal(design.groups, expected[grouping][LEAVES - 1] + 1);
        assert_int_equal(design.members, DRAWS * (design.groups + 2));
        for (int g = 0; g < 2; g++) {
            kerf_design_group_name(&design, &uncertain, g, name);
            assert_string_equal(name, names[grouping][g]);
        }
        free(value);
        kerf_design_free(&design);
    }
}

static void mixed_members_have_one_group_from_b(void **unused)
{
    (void)unused;
    static const struct kerf_correlations none;
    double *value;
    struct kerf_design design =
        make(KERF_DESIGN_INDICES, KERF_SAMPLING_LATIN_HYPERCUBE, KERF_GROUPING_FAMILY, &none, &value);
    for (int n = 0; n < DRAWS; n++)
        for (int g = 0; g < design.groups; g++)
            for (int k = 0; k < LEAVES; k++) {
                int from = design.group[k] == g ? kerf_design_member_b(&design, n)
                                                : kerf_design_member_a(&design, n);
                assert_true(value[kerf_design_member_mixed(&design, n, g) * LEAVES + k] ==
                            value[from * LEAVES + k]);
            }
    free(value);
    kerf_design_free(&design);
}

static void a_tornado_moves_one_value_at_a_time(void **unused)
{
    (void)unused;
    static const struct kerf_correlations none;
    double *value;
    struct kerf_design design =
        make(KERF_DESIGN_TORNADO, KERF_SAMPLING_SOBOL, KERF_GROUPING_LEAF, &none, &value);
    assert_int_equal(design.members, 1 + 2 * LEAVES);
    for (int k = 0; k < LEAVES; k++)
        for (int end = 0; end < 2; end++)
            for (int other = 0; other < LEAVES; other++)
                assert_true(value[kerf_design_member_end(k, end) * LEAVES + other] ==
                            (other != k ? leaves[other].nominal
                             : end      ? leaves[k].high
                                        : leaves[k].low));
    free(value);
    kerf_design_free(&design);
}

/* Scores get the correlation that was asked for, margins stay even, and what is correlated is one group. */
static void correlated_values_go_together(void **unused)
{
    (void)unused;
    static struct kerf_correlations one = {.count = 1,
                                           .block = {{.where = "x", .count = 2, .name = {"a.x_two", "b.z"}}}};
    double matrix[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX] = {{1.0, -0.8}, {-0.8, 1.0}};
    double *value, sum = 0.0, squares = 0.0;
    assert_true(kerf_correlation_factor(2, matrix, one.block[0].factor));
    for (int k = 0; k < LEAVES; k++)
        leaves[k].distribution = KERF_DISTRIBUTION_NORMAL;
    struct kerf_design design =
        make(KERF_DESIGN_SAMPLE, KERF_SAMPLING_SOBOL, KERF_GROUPING_LEAF, &one, &value);
    for (int n = 0; n < DRAWS; n++) {
        sum += (value[n * LEAVES + 1] - 1.0) * (value[n * LEAVES + 4] - 2.0) * pow(1.2815515655446004, 2);
        squares += pow((value[n * LEAVES + 4] - 2.0) * 1.2815515655446004, 2);
    }
    assert_true(fabs(sum / DRAWS + 0.8) < 0.05 && fabs(squares / DRAWS - 1.0) < 0.1);
    assert_int_equal(design.group[1], design.group[4]);
    assert_int_equal(design.groups, LEAVES - 1);
    for (int k = 0; k < LEAVES; k++)
        leaves[k].distribution = KERF_DISTRIBUTION_DEFAULT;
    free(value);
    kerf_design_free(&design);
}

static void a_matrix_may_be_singular_but_not_indefinite(void **unused)
{
    (void)unused;
    double factor[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX];
    double one[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX] = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
    double odd[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX] = {{1, 0.9, -0.9}, {0.9, 1, 0.9}, {-0.9, 0.9, 1}};
    double torn[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX] = {{1, 1, 0}, {1, 1, 0.5}, {0, 0.5, 1}};
    assert_true(kerf_correlation_factor(3, one, factor));
    assert_false(kerf_correlation_factor(3, odd, factor));
    assert_false(kerf_correlation_factor(3, torn, factor));
}

/* Whole numbers have their ends as likely as the rest; normal ones are not cut at their tenths. */
static void whole_numbers_are_drawn_evenly(void **unused)
{
    (void)unused;
    struct kerf_uncertain_leaf leaf = {.low = 2,
                                       .nominal = 3,
                                       .high = 5,
                                       .least = 2,
                                       .most = 5,
                                       .whole = true,
                                       .distribution = KERF_DISTRIBUTION_UNIFORM};
    int seen[6] = {0}, beyond = 0;
    for (int i = 0; i < 400; i++)
        seen[(int)kerf_uncertain_value(&leaf, (i + 0.5) / 400)]++;
    for (int i = 2; i < 6; i++)
        assert_int_equal(seen[i], 100);
    leaf.distribution = KERF_DISTRIBUTION_NORMAL;
    leaf.least = -INFINITY;
    leaf.most = INFINITY;
    for (int i = 0; i < 400; i++) {
        double value = kerf_uncertain_value(&leaf, (i + 0.5) / 400);
        assert_true(value == floor(value));
        beyond += value < 2 || value > 5;
    }
    assert_true(beyond > 20);
}

static void choices_come_by_their_odds(void **unused)
{
    (void)unused;
    const struct kerf_range range = {.choices = 3, .odds = {0.5, 0.25, 0.25}, .high = 2};
    const struct kerf_uncertain_leaf leaf = {.high = 2, .most = 2, .range = &range};
    int seen[3] = {0};
    for (int i = 0; i < 400; i++)
        seen[(int)kerf_uncertain_value(&leaf, (i + 0.5) / 400)]++;
    assert_int_equal(seen[0], 200);
    assert_int_equal(seen[1], 100);
    assert_int_equal(seen[2], 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sobol_points_are_those_of_joe_and_kuo),
        cmocka_unit_test(sobol_points_are_even_on_every_axis),
        cmocka_unit_test(sobol_points_fill_boxes),
        cmocka_unit_test(groups_are_entries_families_or_leaves),
        cmocka_unit_test(mixed_members_have_one_group_from_b),
        cmocka_unit_test(a_tornado_moves_one_value_at_a_time),
        cmocka_unit_test(correlated_values_go_together),
        cmocka_unit_test(a_matrix_may_be_singular_but_not_indefinite),
        cmocka_unit_test(whole_numbers_are_drawn_evenly),
        cmocka_unit_test(choices_come_by_their_odds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
