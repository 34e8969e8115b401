/* Prompts on some replicas and answers on others: nothing is lost on the way, links take the time that they
 * must, and a full pool holds the other one up. */
#include "tests/support/serving_trial.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Two pools of the same kind with a link that takes no time. */
static struct trial pools_trial(void)
{
    struct trial trial = gpu_trial();
    trial.decode_replicas = 1;
    trial.decode_backend = trial.backend;
    trial.transfer = (struct kerf_kv_transfer_setup){.prefill_Bps = 1e30,
                                                     .decode_Bps = 1e30,
                                                     .latency_s = 1e-12,
                                                     .bytes_per_token = 1000.0,
                                                     .layers = 1.0};
    return trial;
}

/* One request in two pools of equal hardware with nothing between takes as long as in one. */
static void a_free_way_changes_nothing(void **unused)
{
    (void)unused;
    for (int wafers = 0; wafers <= 1; wafers++) {
        struct trial one = wafers ? wafer_trial() : gpu_trial(), two = pools_trial();
        one.workload.requests = two.workload.requests = 1;
        two.backend = two.decode_backend = one.backend;
        run(&one);
        run(&two);
        assert_all_answered(&two);
        assert_int_equal(ps(one.record[0].first_token_s), ps(two.record[0].first_token_s));
        /* the offer, the wish and the cache itself have a way of 1 ps or two each */
        assert_in_range(ps(two.record[0].finish_s) - ps(one.record[0].finish_s), 0, 10);
        free(one.record);
        free(two.record);
    }
}

/* Every token is computed once: prompts and first tokens in one pool, the rest in the other. */
static void tokens_are_conserved(void **unused)
{
    (void)unused;
    struct trial trial = pools_trial();
    trial.replicas = 2;
    trial.decode_replicas = 3;
    trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                            .rate_per_s = 100,
                                            .requests = 400,
                                            .prompt_tokens = 60,
                                            .answer_tokens = 20,
                                            .length_ratio_least = 0.05,
                                            .seed = 4};
    for (int fair = 0; fair <= 1; fair++) {
        uint64_t prompts = 0, outputs = 0, decoded = 0, carried = 0, travellers = 0, first = 0;
        trial.prefill_tokens = 0;
        trial.transfer.fair = fair;
        trial.transfer.prefill_Bps = trial.transfer.decode_Bps = 1e7;
        trial.transfer.shared_Bps = 1.5e7;
        run(&trial);
        assert_all_answered(&trial);
        for (int i = 0; i < trial.sent; i++) {
            prompts += trial.record[i].prompt_tokens;
            outputs += trial.record[i].output_tokens;
            carried += trial.record[i].output_tokens > 1 ? trial.record[i].prompt_tokens : 0;
            travellers += trial.record[i].output_tokens > 1;
        }
        for (int i = 0; i < 2; i++) {
            first += trial.scheduler[i].output_tokens;
            assert_int_equal(trial.scheduler[i].decode_tokens, 0);
        }
        for (int i = 2; i < 5; i++) {
            decoded += trial.scheduler[i].output_tokens;
            assert_int_equal(trial.scheduler[i].prefill_tokens, 0);
        }
        assert_int_equal(trial.prefill_tokens, prompts);
        assert_int_equal(first, trial.sent);
        assert_int_equal(decoded, outputs - (uint64_t)trial.sent);
        assert_int_equal(trial.carried.tokens, carried);
        assert_int_equal(trial.carried.transfers, travellers);
        assert_int_equal(trial.carried.under_way, 0);
        free(trial.record);
    }
}

/* A batch over links at their limit: prompts are ready long before the links are, so the last lands after all
 * the bytes. In turn a prompt that waits for one port keeps the other, so that is asked of one of each. */
static void a_full_link_gives_its_bandwidth(void **unused)
{
    (void)unused;
    enum { REQUESTS = 40, PROMPT = 100 };
    for (int fair = 0; fair <= 1; fair++)
        for (int shared = 0; shared <= 1; shared++) {
            struct trial trial = pools_trial();
            int ports = fair ? 2 : 1;
            trial.replicas = trial.decode_replicas = ports;
            trial.workload.arrivals = KERF_ARRIVALS_BATCH;
            trial.workload.requests = REQUESTS;
            trial.workload.prompt_tokens = PROMPT;
            trial.workload.answer_tokens = 2;
            trial.policy.token_budget = trial.policy.prefill_chunk = REQUESTS * PROMPT;
            trial.service_s = 1e-6;
            trial.transfer.prefill_Bps = trial.transfer.decode_Bps = 1e6;
            trial.transfer.shared_Bps = shared ? 0.8e6 : 0.0;
            trial.transfer.fair = fair;
            run(&trial);
            assert_all_answered(&trial);
            double last_s = 0.0, wire_s = PROMPT * 1000.0 / 1e6;
            for (int i = 0; i < trial.sent; i++)
                last_s = fmax(last_s, trial.record[i].finish_s);
            double theory_s = REQUESTS * wire_s / (shared ? 0.8 : ports);
            if (fabs(last_s / theory_s - 1.0) > 1e-3)
                fail_msg("fair %d, shared %d: %g s, theory %g s", fair, shared, last_s, theory_s);
            free(trial.record);
        }
}

static double prefill_only(const struct trial *trial, const struct kerf_pass_message *pass, uint64_t number)
{
    (void)number;
    return pass->prefill_tokens > 0 ? 10e-3 : trial->service_s;
}

/* Servers with constant times in a row: whoever passes both waits as at the slower one alone, wherever it
 * stands (Friedman, Operations Research 13(1), 1965), so the mean wait is that of M/D/1. */
static void pools_in_a_row_are_a_tandem_queue(void **unused)
{
    (void)unused;
    static const double link_s[] = {4e-3, 10e-3, 13e-3};
    for (size_t k = 0; k < 3; k++) {
        struct trial trial = pools_trial();
        trial.workload = (struct kerf_workload){.arrivals = KERF_ARRIVALS_POISSON,
                                                .rate_per_s = 50,
                                                .requests = 20000,
                                                .prompt_tokens = 1,
                                                .answer_tokens = 2,
                                                .length_ratio_least = 1,
                                                .seed = 12};
        trial.policy.token_budget = trial.policy.prefill_chunk = 1;
        trial.policy.max_sequences = 100000; /* a prompt on its way holds nobody up */
        trial.backend.host_step_s = trial.decode_backend.host_step_s = 0.0;
        trial.backend.to_device_s = trial.decode_backend.to_device_s = 1e-9;
        trial.service_s = 1e-9;
        trial.pass_s = prefill_only;
        trial.transfer.prefill_Bps = 1000.0 / link_s[k];
        run(&trial);
        assert_all_answered(&trial);
        double mean = 0.0, slowest = fmax(10e-3, link_s[k]), rho = 50.0 * slowest;
        for (int i = 0; i < trial.sent; i++)
            mean += (trial.record[i].finish_s - trial.record[i].arrival_s - 2.0 * trial.link_s) / trial.sent;
        double theory = 10e-3 + link_s[k] + rho * slowest / (2.0 * (1.0 - rho));
        if (fabs(mean / theory - 1.0) > 0.04)
            fail_msg("link %g s: %g s, theory %g s", link_s[k], mean, theory);
        free(trial.record);
    }
}

/* A pool with cache for one request at a time decodes one after the other; prompts wait with their cache
 * where they were computed, and those that do not fit there wait before. */
static void a_full_pool_holds_the_other_up(void **unused)
{
    (void)unused;
    struct trial trial = pools_trial();
    trial.workload.arrivals = KERF_ARRIVALS_BATCH;
    trial.workload.requests = 12;
    trial.backend.kv_tokens = 4 * 11.0; /* four prompts of 10 tokens and their first tokens */
    trial.decode_backend.kv_tokens = 30.0;
    run(&trial);
    assert_all_answered(&trial);
    double step_s = trial.service_s + trial.backend.host_step_s + trial.backend.to_device_s, last_s = 0.0;
    for (int i = 0; i < trial.sent; i++) {
        last_s = fmax(last_s, trial.record[i].finish_s);
        assert_int_equal(trial.record[i].preemptions, 0);
    }
    assert_true(trial.scheduler[0].kv_tokens_most <= 44.0);
    assert_true(trial.scheduler[1].kv_tokens_most <= 30.0);
    assert_true(last_s > 12 * 19 * step_s);
    assert_true(trial.record[11].first_token_s > 7 * 19 * step_s);
    free(trial.record);
}

/* Cache that follows layer by layer shows the time of its last layer when the link is quick, and that of the
 * whole from the first layer on when it is slow. */
static void layers_hide_the_way(void **unused)
{
    (void)unused;
    static const double wire_s[] = {1e-3, 40e-3};
    double exposed[2][2];
    for (int slow = 0; slow <= 1; slow++)
        for (int layers = 0; layers <= 1; layers++) {
            struct trial trial = pools_trial();
            trial.workload.requests = 1;
            trial.pass_s = prefill_only;
            trial.service_s = 1e-3;
            trial.transfer.decode_Bps = 10 * 1000.0 / wire_s[slow];
            trial.transfer.layers = layers ? 10.0 : 1.0;
            run(&trial);
            assert_all_answered(&trial);
            exposed[slow][layers] = trial.record[0].kv_transfer_s;
            free(trial.record);
        }
    assert_float_equal(exposed[0][0], 1e-3, 1e-9);
    assert_float_equal(exposed[0][1], 0.1e-3, 1e-9);
    assert_float_equal(exposed[1][0], 40e-3, 1e-9);
    /* the first layer is there after a tenth of 10 ms; the host's share of the pass counts to it */
    double prompt_s = 10e-3 + 51e-6;
    assert_float_equal(exposed[1][1], 40e-3 - 0.9 * prompt_s, 2e-6);
}

/* Answers are preempted and computed again where they are decoded; nothing goes back. */
static void preempted_answers_stay_where_they_are(void **unused)
{
    (void)unused;
    struct trial trial = pools_trial();
    trial.workload.arrivals = KERF_ARRIVALS_BATCH;
    trial.workload.requests = 20;
    trial.policy.reserved_output = 0.0;
    trial.decode_backend.kv_tokens = 100.0;
    run(&trial);
    assert_all_answered(&trial);
    assert_true(trial.scheduler[1].preemptions > 0);
    assert_int_equal(trial.scheduler[0].preemptions, 0);
    assert_int_equal(trial.carried.transfers, 20);
    free(trial.record);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_way_changes_nothing),
        cmocka_unit_test(tokens_are_conserved),
        cmocka_unit_test(a_full_link_gives_its_bandwidth),
        cmocka_unit_test(pools_in_a_row_are_a_tandem_queue),
        cmocka_unit_test(a_full_pool_holds_the_other_up),
        cmocka_unit_test(layers_hide_the_way),
        cmocka_unit_test(preempted_answers_stay_where_they_are),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
