/* Conversations: every prompt holds what came before, and the cache finds it. */
#include "models/workload/session.h"
#include "tests/support/serving_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kerf_draws always(double value)
{
    return (struct kerf_draws){.kind = KERF_DRAWS_CONSTANT, .centre = value};
}

/* Three sessions of two turns with three calls each: prompt 40, answer 10, a tool adds 6, a user 8. */
static struct kerf_workload talk(void)
{
    return (struct kerf_workload){.users = 1,
                                  .requests = 18,
                                  .prompt_tokens = 40,
                                  .answer_tokens = 10,
                                  .length_ratio_least = 1,
                                  .sessions = {.count = 3,
                                               .turns = always(2),
                                               .calls = always(3),
                                               .user_tokens = always(8),
                                               .tool_tokens = always(6),
                                               .think_s = always(30),
                                               .tool_s = always(2)},
                                  .seed = 5};
}

/* Prompts grow by the answer before and by what the tool or the user adds; pauses are theirs. */
static void prompts_grow_by_what_was_said(void **unused)
{
    (void)unused;
    static const uint32_t prompts[] = {40, 56, 72, 90, 106, 122};
    static const double pauses[] = {0, 2, 2, 30, 2, 2};
    struct kerf_workload workload = talk();
    struct kerf_session session = kerf_session_begin(&workload, 1);
    struct kerf_lengths lengths;
    double pause_s;
    for (int i = 0; i < 6; i++) {
        assert_true(kerf_session_next(&workload, &session, &lengths, &pause_s));
        assert_int_equal(lengths.prompt, prompts[i]);
        assert_true(pause_s == pauses[i]);
    }
    assert_false(kerf_session_next(&workload, &session, &lengths, &pause_s));
    assert_int_equal(kerf_load_measure(&workload).requests, 18);
}

/* Reasoning stays out of later prompts unless it is kept; a session ends before it exceeds its context. */
static void reasoning_and_context_are_heeded(void **unused)
{
    (void)unused;
    for (int kept = 0; kept <= 1; kept++) {
        struct kerf_workload workload = talk();
        struct kerf_lengths lengths;
        double pause_s;
        workload.reasoning_tokens = 100;
        workload.sessions.keeps_reasoning = kept;
        struct kerf_session session = kerf_session_begin(&workload, 0);
        kerf_session_next(&workload, &session, &lengths, &pause_s);
        kerf_session_next(&workload, &session, &lengths, &pause_s);
        assert_int_equal(lengths.prompt, kept ? 156 : 56);
        workload.sessions.context_most = 199;
        int calls = kerf_load_measure(&workload).requests;
        assert_int_equal(calls, kept ? 3 : 9); /* 40 + 110; 56 and 72 + 110, or 156 + 110 */
    }
}

/* Everything that was said is found again, as far as whole blocks go: answers too, but not dropped reasoning.
 */
static void turns_find_what_was_said(void **unused)
{
    (void)unused;
    for (int reasoning = 0; reasoning <= 1; reasoning++) {
        struct trial trial = gpu_trial();
        trial.workload = talk();
        trial.workload.reasoning_tokens = reasoning ? 7 : 0;
        trial.policy.block_tokens = 4;
        trial.policy.prefix_cache = true;
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 0; i < trial.sent; i++) {
            const struct kerf_request_record *one = &trial.record[i];
            assert_int_equal(one->session, i / 6);
            assert_int_equal(one->call, i % 6);
            uint32_t before = 0;
            if (one->call > 0) /* the last token of an answer was never given to the network */
                before = trial.record[i - 1].prompt_tokens +
                         (reasoning ? 0 : trial.record[i - 1].output_tokens - 1);
            assert_int_equal(one->cached_tokens, before / 4 * 4);
            if (one->call > 0)
                assert_true(one->arrival_s >= trial.record[i - 1].finish_s + 2.0);
        }
        free(trial.record);
    }
}

/* As many sessions run at once as there are users; open loads begin them at their rate. */
static void sessions_arrive_as_loads_say(void **unused)
{
    (void)unused;
    for (int open = 0; open <= 1; open++) {
        struct trial trial = gpu_trial();
        trial.workload = talk();
        trial.workload.users = 2;
        trial.workload.arrivals = open ? KERF_ARRIVALS_POISSON : KERF_ARRIVALS_CLOSED_LOOP;
        trial.workload.rate_per_s = 100;
        run(&trial);
        assert_all_answered(&trial);
        double began[3] = {0}, ended[3] = {0};
        for (int i = 0; i < trial.sent; i++) {
            if (trial.record[i].call == 0)
                began[trial.record[i].session] = trial.record[i].arrival_s;
            ended[trial.record[i].session] = trial.record[i].finish_s;
        }
        assert_true(open ? began[2] < ended[0] : began[1] == 0.0 && began[2] >= ended[0]);
        free(trial.record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_grow_by_what_was_said),
        cmocka_unit_test(reasoning_and_context_are_heeded),
        cmocka_unit_test(turns_find_what_was_said),
        cmocka_unit_test(sessions_arrive_as_loads_say),
    };
    MPI_Init(NULL, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
