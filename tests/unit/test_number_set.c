/* The set of numbers does what an array of booleans does, at every size where its levels change. */
#include "models/workload/number_set.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Around the words of one, two and three levels. */
static const int sizes[] = {1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262144, 262145};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int draw(uint64_t stream, uint64_t counter, int below)
{
    return (int)(kerf_random_uniform(5, stream, counter) * below);
}

static int model_next(const bool *model, int numbers, int from)
{
    while (from < numbers && !model[from])
        from++;
    return from < numbers ? from : -1;
}

static int model_previous(const bool *model, int from)
{
    while (from >= 0 && !model[from])
        from--;
    return from;
}

/* Every member in order, and nothing else. */
static void assert_same(const struct kerf_number_set *set, const bool *model, int numbers)
{
    int from = 0, expected;
    do {
        expected = model_next(model, numbers, from);
        assert_int_equal(kerf_number_set_next(set, from), expected);
        from = expected + 1;
    } while (expected >= 0);
}

/* Random adding, removing and asking, sparse and dense; members come back in order. */
static void does_what_an_array_of_booleans_does(void **unused)
{
    (void)unused;
    for (int k = 0; k < SIZES; k++)
        for (int dense = 0; dense <= 1; dense++) {
            int numbers = sizes[k];
            struct kerf_number_set set = {0};
            struct kerf_error error = {0};
            bool *model = calloc((size_t)numbers, sizeof *model);
            assert_non_null(model);
            assert_int_equal(kerf_number_set_reserve(&set, numbers, &error), KERF_OK);
            for (int i = 0; dense && i < numbers; i++) {
                kerf_number_set_add(&set, i);
                model[i] = true;
            }
            for (int step = 0; step < 4000; step++) {
                int number = draw(1, (uint64_t)step, numbers), from = draw(2, (uint64_t)step, numbers);
                bool in = draw(3, (uint64_t)step, 10) < (dense ? 8 : 2);
                (in ? kerf_number_set_add : kerf_number_set_remove)(&set, number);
                model[number] = in;
                assert_int_equal(kerf_number_set_has(&set, from), model[from]);
                assert_int_equal(kerf_number_set_previous(&set, from), model_previous(model, from));
                if (numbers <= 4097 || step % 100 == 0)
                    assert_int_equal(kerf_number_set_next(&set, from), model_next(model, numbers, from));
            }
            assert_same(&set, model, numbers);
            for (int i = 0; i < numbers; i++)
                kerf_number_set_remove(&set, i);
            assert_int_equal(kerf_number_set_next(&set, 0), -1);
            kerf_number_set_free(&set);
            free(model);
        }
}

/* The first and the last number, alone, are found from everywhere before them and not from behind. */
static void one_member_is_found_from_before_only(void **unused)
{
    (void)unused;
    for (int k = 0; k < SIZES; k++)
        for (int last = 0; last <= 1; last++) {
            int numbers = sizes[k], member = last ? numbers - 1 : 0;
            struct kerf_number_set set = {0};
            struct kerf_error error = {0};
            assert_int_equal(kerf_number_set_reserve(&set, numbers, &error), KERF_OK);
            kerf_number_set_add(&set, member);
            for (int from = 0; from <= numbers; from++)
                assert_int_equal(kerf_number_set_next(&set, from), from <= member ? member : -1);
            kerf_number_set_free(&set);
        }
}

/* Members stay when room is made, through every number of levels; a set without room is empty. */
static void members_outlive_growth(void **unused)
{
    (void)unused;
    struct kerf_number_set set = {0};
    struct kerf_error error = {0};
    bool *model = calloc((size_t)sizes[SIZES - 1], sizeof *model);
    assert_non_null(model);
    assert_int_equal(kerf_number_set_reserve(&set, 0, &error), KERF_OK);
    assert_int_equal(kerf_number_set_next(&set, 0), -1);
    for (int k = 0; k < SIZES; k++) {
        assert_int_equal(kerf_number_set_reserve(&set, sizes[k], &error), KERF_OK);
        assert_same(&set, model, sizes[k]);
        for (int i = 0; i < 20; i++) {
            int number = draw(4, (uint64_t)(100 * k + i), sizes[k]);
            kerf_number_set_add(&set, number);
            model[number] = true;
        }
        assert_int_equal(kerf_number_set_reserve(&set, 1, &error), KERF_OK); /* gives nothing back */
        assert_same(&set, model, sizes[k]);
    }
    kerf_number_set_free(&set);
    assert_int_equal(kerf_number_set_next(&set, 0), -1);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_what_an_array_of_booleans_does),
        cmocka_unit_test(one_member_is_found_from_before_only),
        cmocka_unit_test(members_outlive_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
