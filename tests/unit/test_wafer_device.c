/* The wafer as a device: what holds for every operator, and one layer of Kimi K2.6 taken apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static const struct kerf_slice square = {.pe_rows = 534, .pe_columns = 534};

static struct kerf_cost list_cost(const struct kerf_wafer_params *wafer,
                                  const struct kerf_operator_list *list, const struct kerf_pass *pass)
{
    return kerf_device_list_cost(&kerf_wafer_device, wafer, list, pass, &square);
}

static void for_every_operator(void (*check)(const struct kerf_operator *op, const struct kerf_cost *cost),
                               const struct kerf_pass *pass)
{
    const char *networks[] = {"kimi-k2.6", "llama-3.1-8b", "gpt-oss-120b"};
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    for (int n = 0; n < 3; n++) {
        struct kerf_decoder_list list = decoder_named(networks[n]);
        const struct kerf_operator_list *lists[] = {&list.embedding, &list.dense_layer, &list.moe_layer,
                                                    &list.head};
        for (int l = 0; l < 4; l++) {
            for (int i = 0; i < lists[l]->count; i++) {
                struct kerf_cost cost =
                    kerf_wafer_device.operator_cost(&wafer, &lists[l]->op[i], pass, &square);
                check(&lists[l]->op[i], &cost);
            }
        }
    }
}

static void parts_sum(const struct kerf_operator *op, const struct kerf_cost *cost)
{
    (void)op;
    double sum = 0;
    for (int part = 0; part < KERF_TIME_PARTS; part++) {
        assert_true(cost->part_s[part] >= 0);
        sum += cost->part_s[part];
    }
    assert_true(sum == cost->latency_s && cost->latency_s > 0);
    assert_true(cost->occupancy_s == cost->latency_s);
}

static void is_free(const struct kerf_operator *op, const struct kerf_cost *cost)
{
    (void)op;
    assert_true(cost->latency_s == 0 && cost->flops == 0 && cost->wavelets == 0);
}

/* The parts of a cost sum to its latency, bit by bit, and a rectangle is busy all the time. */
static void test_parts_sum_to_latency(void **state)
{
    (void)state;
    struct kerf_pass decode = decode_pass(1, 10000), batch = decode_pass(37, 3000),
                     prompt = prompt_pass(2000);
    for_every_operator(parts_sum, &decode);
    for_every_operator(parts_sum, &batch);
    for_every_operator(parts_sum, &prompt);
}

/* No tokens, no time. */
static void test_zero_tokens_cost_nothing(void **state)
{
    (void)state;
    struct kerf_pass none = decode_pass(0, 0);
    for_every_operator(is_free, &none);
}

/* A longer context, more tokens of a batch and a longer prompt never take less. */
static void test_layers_grow_with_context_and_tokens(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    double by_context = 0, by_batch = 0, by_prompt = 0;
    for (double n = 1; n < 3e5; n = ceil(n * 1.6)) {
        struct kerf_pass context = decode_pass(1, n), batch = decode_pass(n, 5000), prompt = prompt_pass(n);
        double costs[] = {list_cost(&wafer, &list.moe_layer, &context).latency_s,
                          list_cost(&wafer, &list.moe_layer, &batch).latency_s,
                          list_cost(&wafer, &list.moe_layer, &prompt).latency_s};
        assert_true(costs[0] >= by_context && costs[1] >= by_batch && costs[2] >= by_prompt);
        by_context = costs[0];
        by_batch = costs[1];
        by_prompt = costs[2];
    }
}

/* WaferLLM's dense layer has 10 all-reduces; an MLA layer of experts 16 collectives (count of the design). */
static void test_software_is_paid_once_per_collective(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_pass pass = decode_pass(1, 4096);
    double o_op_s = wafer.operator_software_cycles / wafer.clock_Hz;
    struct kerf_decoder_list llama = decoder_named("llama-3.1-8b"), kimi = decoder_named("kimi-k2.6");
    struct kerf_cost dense = list_cost(&wafer, &llama.dense_layer, &pass);
    struct kerf_cost experts = list_cost(&wafer, &kimi.moe_layer, &pass);
    assert_true(fabs(dense.part_s[KERF_TIME_SOFTWARE] / o_op_s - 10) < 1e-9);
    assert_true(fabs(experts.part_s[KERF_TIME_SOFTWARE] / o_op_s - 16) < 1e-9);
}

/* Layers that see a window stop growing where the context passes it. */
static void test_windowed_layers_are_cheaper(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_operator attention = {.kind = KERF_OP_ATTENTION,
                                      .name = "attention",
                                      .weights = KERF_FORMAT_BF16,
                                      .heads = 64,
                                      .kv_heads = 8,
                                      .score_dim = 64,
                                      .value_dim = 64,
                                      .prefill_score_dim = 64,
                                      .prefill_value_dim = 64,
                                      .kv_elements = 1024};
    struct kerf_pass pass = decode_pass(1, 100000), near = decode_pass(1, 128);
    double whole = kerf_wafer_device.operator_cost(&wafer, &attention, &pass, &square).latency_s;
    double within = kerf_wafer_device.operator_cost(&wafer, &attention, &near, &square).latency_s;
    attention.window_tokens = 128;
    attention.window_share = 0.5;
    double mixed = kerf_wafer_device.operator_cost(&wafer, &attention, &pass, &square).latency_s;
    assert_true(fabs(mixed - (whole + within) / 2) < 1e-12);
}

/* A chunk of a prompt on MLA unfolds the latents of the chunks before it: 512 x (128 + 128) products a head
 * and cached token more than attention whose cache holds keys and values, on as many PEs. */
static void test_MLA_unfolds_what_earlier_chunks_left(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    wafer.tiled_prompts = 1.0; /* tiles in any case: token by token nothing is unfolded */
    struct kerf_operator latent = {.kind = KERF_OP_ATTENTION,
                                   .name = "attention",
                                   .weights = KERF_FORMAT_BF16,
                                   .heads = 64,
                                   .kv_heads = 1,
                                   .score_dim = 576,
                                   .value_dim = 512,
                                   .prefill_score_dim = 192,
                                   .prefill_value_dim = 128,
                                   .kv_elements = 576};
    struct kerf_operator plain = latent;
    plain.kv_heads = 64;
    plain.score_dim = 192;
    plain.value_dim = 128;
    const double chunk = 1024, cached = 32768;
    struct kerf_pass first = {.prefill = {chunk, 1.0, chunk * (chunk + 1.0) / 2.0, chunk},
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
    struct kerf_pass later = first;
    later.prefill.attended += chunk * cached;
    later.prefill.context_tokens += cached;
    double at_first = kerf_wafer_device.operator_cost(&wafer, &latent, &first, &square).latency_s -
                      kerf_wafer_device.operator_cost(&wafer, &plain, &first, &square).latency_s;
    double at_later = kerf_wafer_device.operator_cost(&wafer, &latent, &later, &square).latency_s -
                      kerf_wafer_device.operator_cost(&wafer, &plain, &later, &square).latency_s;
    double macs = cached * 64 * 512 * 256, PEs = square.pe_rows * square.pe_columns;
    double arithmetic_s = macs / PEs / wafer.simd_fp16_mac_per_cycle / wafer.clock_Hz;
    assert_true(fabs(at_first) < 1e-12);
    assert_true(at_later > arithmetic_s && at_later < 3.0 * arithmetic_s);
}

/* Every leaf at its slower end is slower than nominal, at its faster end faster: columns mean what they say.
 */
static void test_columns_are_ordered(void **state)
{
    (void)state;
    const char *names[] = {"cs-2", "cs-3", "cs-4"};
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_pass passes[] = {decode_pass(1, 10000), prompt_pass(1000)};
    for (int w = 0; w < 3; w++) {
        for (int p = 0; p < 2; p++) {
            double latency_s[KERF_COLUMN_COUNT];
            for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
                struct kerf_wafer_params wafer = wafer_in_column(names[w], column);
                latency_s[column] = list_cost(&wafer, &list.moe_layer, &passes[p]).latency_s;
            }
            assert_true(latency_s[KERF_COLUMN_LOW] > latency_s[KERF_COLUMN_NOMINAL]);
            assert_true(latency_s[KERF_COLUMN_NOMINAL] > latency_s[KERF_COLUMN_HIGH]);
        }
    }
}

/* Printed for the reader: one token of Kimi K2.6 at 10k context on 534 x 534 PEs of a CS-3, cycles. */
static void test_kimi_layer_taken_apart(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_pass pass = decode_pass(1, 10000);
    print_message("%-22s %8s %8s %8s %8s\n", "operator", "compute", "fabric", "software", "cycles");
    for (int i = 0; i <= list.moe_layer.count; i++) {
        bool total = i == list.moe_layer.count;
        struct kerf_cost cost =
            total ? list_cost(&wafer, &list.moe_layer, &pass)
                  : kerf_wafer_device.operator_cost(&wafer, &list.moe_layer.op[i], &pass, &square);
        print_message("%-22s %8.0f %8.0f %8.0f %8.0f\n", total ? "layer" : list.moe_layer.op[i].name,
                      cost.part_s[KERF_TIME_COMPUTE] * wafer.clock_Hz,
                      cost.part_s[KERF_TIME_FABRIC] * wafer.clock_Hz,
                      cost.part_s[KERF_TIME_SOFTWARE] * wafer.clock_Hz, cost.latency_s * wafer.clock_Hz);
        /* a layer is the serial chain of 16 collectives at least, and far from a millisecond */
        if (total)
            assert_true(cost.latency_s * wafer.clock_Hz > 8000 && cost.latency_s < 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_sum_to_latency),
        cmocka_unit_test(test_zero_tokens_cost_nothing),
        cmocka_unit_test(test_layers_grow_with_context_and_tokens),
        cmocka_unit_test(test_software_is_paid_once_per_collective),
        cmocka_unit_test(test_windowed_layers_are_cheaper),
        cmocka_unit_test(test_MLA_unfolds_what_earlier_chunks_left),
        cmocka_unit_test(test_columns_are_ordered),
        cmocka_unit_test(test_kimi_layer_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
