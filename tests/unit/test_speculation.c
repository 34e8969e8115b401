/* Guesses by published acceptance lengths, and what they bring and cost as the load grows. */
#include "tests/support/serving_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* SemiAnalysisAI/InferenceX golden_al_distribution/kimik2.5_eagle3.yaml, reasoning on. */
static const double published[KERF_ROUND_TOKENS] = {1.83, 2.43, 2.88, 3.24, 3.46, 3.62, 3.71, 3.77};

static void use_table(struct trial *trial)
{
    for (int i = 0; i < KERF_ROUND_TOKENS; i++)
        trial->policy.round_tokens[i] = published[i];
}

/* Tokens per round are those of the table, in the formula to the last digits and in rounds that are drawn
 * within their noise; without a table those of a constant probability. */
static void rounds_are_as_long_as_published(void **unused)
{
    (void)unused;
    static const double none[KERF_ROUND_TOKENS] = {0};
    for (uint32_t guesses = 1; guesses <= KERF_ROUND_TOKENS; guesses++) {
        double constant = (1.0 - pow(0.7, guesses + 1.0)) / 0.3;
        assert_float_equal(kerf_tokens_per_round(0.5, published, guesses), published[guesses - 1], 1e-12);
        assert_float_equal(kerf_tokens_per_round(0.7, none, guesses), constant, 1e-12);
        struct trial trial = gpu_trial();
        use_table(&trial);
        trial.workload.requests = 1;
        trial.workload.answer_tokens = 20000;
        trial.policy.draft_tokens = (int)guesses;
        run(&trial);
        assert_all_answered(&trial);
        assert_float_equal(20000.0 / trial.record[0].rounds, published[guesses - 1], 0.1);
        free(trial.record);
    }
}

/* A step reads its weights for 5 ms and computes 50 us per token: from 100 tokens on it is full. */
static double roofline(const struct trial *trial, const struct kerf_pass_message *pass, uint64_t number)
{
    (void)number;
    return fmax(trial->service_s, 50e-6 * (pass->decode_tokens + pass->prefill_tokens));
}

static double span_s(int users, int guesses, int limit)
{
    struct trial trial = gpu_trial();
    double last_s = 0.0;
    use_table(&trial);
    trial.pass_s = roofline;
    trial.workload.users = trial.workload.requests = users;
    trial.workload.answer_tokens = 400;
    trial.policy.draft_tokens = guesses;
    trial.policy.draft_limit = limit;
    trial.policy.token_budget = trial.policy.prefill_chunk = 100000;
    run(&trial);
    assert_all_answered(&trial);
    for (int i = 0; i < trial.sent; i++)
        last_s = fmax(last_s, trial.record[i].finish_s);
    free(trial.record);
    return last_s;
}

/* One user is served nearly as much faster as rounds are long. When steps are full of answers guesses cost
 * more than they bring, and a limit on the tokens of a step takes that away, at no cost to the one user. */
static void guesses_lose_when_steps_are_full(void **unused)
{
    (void)unused;
    assert_float_equal(span_s(1, 0, 0) / span_s(1, 3, 0), published[2], 0.25);
    assert_true(span_s(1, 3, 100) == span_s(1, 3, 0));
    double without_s = span_s(200, 0, 0), with_s = span_s(200, 3, 0), limited_s = span_s(200, 3, 100);
    assert_true(with_s > 1.2 * without_s);
    assert_true(limited_s < 1.02 * without_s);
    /* between the two a limit makes fewer guesses, not none */
    assert_true(span_s(40, 3, 100) < span_s(40, 0, 0));
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_are_as_long_as_published),
        cmocka_unit_test(guesses_lose_when_steps_are_full),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
