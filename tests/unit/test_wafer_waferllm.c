/* The wafer against silicon: WaferLLM on a CS-2, OSDI'25 (arXiv 2502.04563), table 3 (prefill of 4096 tokens)
 * and table 4 (decode at a context of 4096), fp16. Every layer runs on the whole block of P x P PEs and hands
 * over to the next, and the rate of one user is tokens over layers times the time of a layer. Two numbers of
 * cs-2 are fitted on the rows marked so; the other rows are predictions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

enum phase { DECODE, PREFILL };

struct row {
    const char *network;
    enum phase phase;
    double P, tokens_per_s;
    bool fitted;
};

static const struct row rows[] = {
    {"llama-3.1-8b", DECODE, 420, 2699.9, true},   {"llama-3.1-8b", DECODE, 540, 2501.5, false},
    {"llama-3.1-8b", DECODE, 660, 2243.3, true},   {"qwen2-72b", DECODE, 420, 839.7, true},
    {"qwen2-72b", DECODE, 540, 824.3, false},      {"qwen2-72b", DECODE, 660, 787.1, true},
    {"llama-3.1-8b", PREFILL, 480, 20320.6, true}, {"llama-3.1-8b", PREFILL, 600, 25037.2, false},
    {"llama-3.1-8b", PREFILL, 720, 27686.5, true}, {"qwen2-72b", PREFILL, 480, 2785.2, true},
    {"qwen2-72b", PREFILL, 600, 3775.5, false},    {"qwen2-72b", PREFILL, 720, 4421.6, true},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static double predict(const struct row *row)
{
    struct kerf_wafer_params wafer = wafer_named("cs-2");
    struct kerf_decoder_list list = decoder_named(row->network);
    double tokens = row->phase == DECODE ? 1 : 4096;
    struct kerf_pass pass = row->phase == DECODE ? decode_pass(1, 4096) : prompt_pass(4096);
    struct kerf_slice block = {.pe_rows = row->P, .pe_columns = row->P};
    struct kerf_cost layer =
        kerf_device_list_cost(&kerf_wafer_device, &wafer, &list.dense_layer, &pass, &block);
    struct kerf_cost next = kerf_wafer_handover_cost(&wafer, &block, tokens, list.dense_layer.op[0].inputs);
    return tokens / (list.dense_layers * (layer.latency_s + next.latency_s));
}

/* Mean absolute error of the rows of one phase, fitted or not, printed row by row. */
static double mean_error(enum phase phase, bool fitted, double *worst)
{
    double sum = 0;
    int count = 0;
    *worst = 0;
    for (int i = 0; i < ROWS; i++) {
        if (rows[i].phase != phase || rows[i].fitted != fitted)
            continue;
        double rate = predict(&rows[i]), error = rate / rows[i].tokens_per_s - 1;
        print_message("%-13s %-8s %3.0f^2 %9.1f tok/s measured %9.1f predicted %+5.1f %% %s\n",
                      rows[i].network, phase == DECODE ? "decode" : "prefill", rows[i].P,
                      rows[i].tokens_per_s, rate, 100 * error, fitted ? "(fitted)" : "");
        sum += fabs(error);
        *worst = fmax(*worst, fabs(error));
        count++;
    }
    return sum / count;
}

/* Rows that no leaf was fitted on: within 5 %. */
static void test_held_out_rows(void **state)
{
    (void)state;
    double worst;
    assert_true(mean_error(DECODE, false, &worst) < 0.03 && worst < 0.05);
    assert_true(mean_error(PREFILL, false, &worst) < 0.03 && worst < 0.05);
}

/* Rows of the fit: within 8 %, so that the form, not the fit, carries the shape. */
static void test_fitted_rows(void **state)
{
    (void)state;
    double worst;
    assert_true(mean_error(DECODE, true, &worst) < 0.04 && worst < 0.07);
    assert_true(mean_error(PREFILL, true, &worst) < 0.04 && worst < 0.08);
}

/* Table 4: a larger block decodes more slowly, and table 3: it takes in prompts faster. Steps of less than 3
 * % are below the model's error and left out: one, qwen2-72b from 420^2 to 540^2, measured -2 %, predicted +3
 * %. */
static void test_more_cores_slow_decode_and_speed_prefill(void **state)
{
    (void)state;
    int compared = 0;
    for (int i = 0; i + 1 < ROWS; i++) {
        const struct row *less = &rows[i], *more = &rows[i + 1];
        if (strcmp(less->network, more->network) != 0 || less->phase != more->phase)
            continue;
        double measured = more->tokens_per_s / less->tokens_per_s - 1;
        if (fabs(measured) < 0.03)
            continue;
        assert_true(measured * (predict(more) - predict(less)) > 0);
        compared++;
    }
    assert_int_equal(7, compared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_out_rows),
        cmocka_unit_test(test_fitted_rows),
        cmocka_unit_test(test_more_cores_slow_decode_and_speed_prefill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
