/* Groups meet when the last member comes; ranks that never come, and groups whose members come in orders that
 * do not fit, are named as a cycle of who waits for whom. */
#include "models/fabric/group_collective.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS = 4 };

/* Ranks 0 1 / 2 3 are tensor parallel, 0 2 / 1 3 data parallel. */
static const uint32_t members[4][2] = {{0, 1}, {2, 3}, {0, 2}, {1, 3}};
static const struct kerf_group groups[4] = {{"tp 0", members[0], 2, 1000},
                                            {"tp 1", members[1], 2, 1000},
                                            {"dp 0", members[2], 2, 5000},
                                            {"dp 1", members[3], 2, 5000}};

static enum kerf_status run_of(const struct kerf_group_program *program, kerf_time *done,
                               struct kerf_error *error)
{
    struct kerf_engine *engine = NULL;
    struct kerf_group_run run = {.group = groups, .program = program, .groups = 4, .ranks = RANKS};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, error), KERF_OK);
    enum kerf_status status = kerf_group_run_add(&run, engine, error);
    if (status == KERF_OK)
        status = kerf_engine_run(engine, NULL, NULL, error);
    for (uint32_t r = 0; r < RANKS && status == KERF_OK; r++)
        done[r] = kerf_group_run_done(&run, engine, r);
    kerf_engine_free(engine);
    return status;
}

/* tp, dp, tp: rank 3 computes 70 ps before each, the others 10. tp 0 ends at 1010; tp 1 at 1070; dp 0 waits
 * for rank 2 until 1080, dp 1 for rank 3 until 1140; tp 0 begins at max(6080, 6140) + 10, tp 1 at 6140 + 70.
 */
static void a_group_begins_when_its_last_member_comes(void **unused)
{
    (void)unused;
    static const uint32_t lists[RANKS][3] = {{0, 2, 0}, {0, 3, 0}, {1, 2, 1}, {1, 3, 1}};
    struct kerf_group_program program[RANKS];
    struct kerf_error error = {0};
    kerf_time done[RANKS];
    for (uint32_t r = 0; r < RANKS; r++)
        program[r] = (struct kerf_group_program){.group = lists[r], .steps = 3, .between = r == 3 ? 70 : 10};
    if (run_of(program, done, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(done[0], 6150 + 1000);
    assert_int_equal(done[1], 6150 + 1000);
    assert_int_equal(done[2], 6210 + 1000);
    assert_int_equal(done[3], 6210 + 1000);
}

static void a_rank_that_never_comes_is_named(void **unused)
{
    (void)unused;
    static const uint32_t lists[RANKS][1] = {{0}, {0}, {1}, {1}};
    struct kerf_group_program program[RANKS];
    struct kerf_error error = {0};
    for (uint32_t r = 0; r < RANKS; r++)
        program[r] = (struct kerf_group_program){lists[r], 1, 10, r == 3};
    assert_int_equal(run_of(program, NULL, &error), KERF_ERR_FAILURE);
    assert_non_null(strstr(error.message, "rank 3 never came"));
    assert_non_null(strstr(error.message, "'tp 1' has 1 of 2 ranks and misses rank 3"));
    assert_null(strstr(error.message, "'tp 0'")); /* it met */
}

/* 0: tp 0 first; 1: dp 1 first; 3: tp 1 first; 2: dp 0 first: a cycle of four. */
static void groups_that_overlap_wrongly_are_named(void **unused)
{
    (void)unused;
    static const uint32_t lists[RANKS][2] = {{0, 2}, {3, 0}, {2, 1}, {1, 3}};
    struct kerf_group_program program[RANKS];
    struct kerf_error error = {0};
    for (uint32_t r = 0; r < RANKS; r++)
        program[r] = (struct kerf_group_program){lists[r], 2, 10, false};
    assert_int_equal(run_of(program, NULL, &error), KERF_ERR_FAILURE);
    print_message("%s\n", error.message);
    const char *says[] = {"rank 0 is in 'tp 0', its collective 1 of 2",
                          "'tp 0' has 1 of 2 ranks and misses rank 1", "rank 1 is in 'dp 1'",
                          "rank 2 is in 'dp 0'", "rank 3 is in 'tp 1'"};
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        if (!strstr(error.message, says[i]))
            fail_msg("'%s' does not say '%s'", error.message, says[i]);
}

static void wrong_lists_are_refused_in_words(void **unused)
{
    (void)unused;
    static const uint32_t lists[RANKS][1] = {{0}, {0}, {0}, {1}}; /* rank 2 is not in tp 0 */
    struct kerf_group_program program[RANKS];
    struct kerf_error error = {0};
    for (uint32_t r = 0; r < RANKS; r++)
        program[r] = (struct kerf_group_program){lists[r], 1, 10, false};
    assert_int_equal(run_of(program, NULL, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "rank 2 takes part in 'tp 0' and is no member"));
    program[0].between = 0;
    assert_int_equal(run_of(program, NULL, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "rank 0 must compute longer than 0"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_begins_when_its_last_member_comes),
        cmocka_unit_test(a_rank_that_never_comes_is_named),
        cmocka_unit_test(groups_that_overlap_wrongly_are_named),
        cmocka_unit_test(wrong_lists_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, start_mpi, end_mpi);
}
