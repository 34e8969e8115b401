/* Operators of decoders: their parameters, FLOPs and bytes against closed forms written out here. */
#include "models/network/count.h"
#include "models/network/operator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static struct kerf_decoder_list operators_of(const char *name)
{
    struct kerf_network network = network_named(name);
    struct kerf_weight_formats formats = kerf_network_native_formats(&network);
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    return list;
}

static const struct kerf_operator *find(const struct kerf_operator_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->op[i].name, name) == 0)
            return &list->op[i];
    fail_msg("no operator '%s'", name);
    return NULL;
}

/* The four lists and how often each runs. */
struct repeated {
    const struct kerf_operator_list *list;
    int times;
};

enum { LISTS = 4 };

static void all_lists(const struct kerf_decoder_list *decoder, struct repeated lists[LISTS])
{
    lists[0] = (struct repeated){&decoder->embedding, 1};
    lists[1] = (struct repeated){&decoder->dense_layer, decoder->dense_layers};
    lists[2] = (struct repeated){&decoder->moe_layer, decoder->moe_layers};
    lists[3] = (struct repeated){&decoder->head, 1};
}

static double total_weight_elements(const struct kerf_decoder_list *decoder)
{
    struct repeated lists[LISTS];
    double sum = 0.0;
    all_lists(decoder, lists);
    for (int l = 0; l < LISTS; l++)
        for (int i = 0; i < lists[l].list->count; i++)
            sum += lists[l].times * lists[l].list->op[i].weight_elements;
    return sum;
}

static bool is_matrix(enum kerf_operator_kind kind)
{
    return kind == KERF_OP_LINEAR || kind == KERF_OP_ROUTER || kind == KERF_OP_EXPERTS ||
           kind == KERF_OP_LM_HEAD;
}

static double matrix_flops(const struct kerf_decoder_list *decoder, const struct kerf_pass *pass)
{
    struct repeated lists[LISTS];
    double sum = 0.0;
    all_lists(decoder, lists);
    for (int l = 0; l < LISTS; l++)
        for (int i = 0; i < lists[l].list->count; i++)
            if (is_matrix(lists[l].list->op[i].kind))
                sum += lists[l].times * kerf_operator_work(&lists[l].list->op[i], pass).flops;
    return sum;
}

static void assert_near(double value, double wanted, double relative)
{
    if (!(fabs(value - wanted) <= relative * fabs(wanted)))
        fail_msg("%.17g is not %.17g", value, wanted);
}

/* The operators of every decoder hold exactly its parameters: nothing is missing, nothing counted twice. */
static void test_operators_hold_all_parameters(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    int decoders = 0;
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        if (network.family != KERF_FAMILY_DECODER)
            continue;
        struct kerf_decoder_list list = operators_of(names.name[i]);
        double wanted = kerf_network_count(&network).params;
        if (total_weight_elements(&list) != wanted)
            fail_msg("%s: %.0f parameters in its operators, %.0f counted", names.name[i],
                     total_weight_elements(&list), wanted);
        decoders++;
    }
    assert_true(decoders >= 26);
}

/* The matrices of every decoder do two FLOPs per active weight and token, in decode and in prefill. */
static void test_matrix_flops_are_twice_the_active_macs(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        if (network.family != KERF_FAMILY_DECODER)
            continue;
        struct kerf_decoder_list list = operators_of(names.name[i]);
        struct kerf_pass decode = decode_pass(1.0, 1000.0), prefill = prompt_pass(1.0);
        double wanted = 2.0 * kerf_network_count(&network).forward_macs;
        assert_near(matrix_flops(&list, &decode), wanted, 1e-12);
        assert_near(matrix_flops(&list, &prefill), wanted, 1e-12);
    }
}

/* The operators' caches are the counted ones. */
static void test_cache_elements_agree_with_the_count(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        if (network.family != KERF_FAMILY_DECODER)
            continue;
        struct kerf_decoder_list list = operators_of(names.name[i]);
        assert_true(kerf_decoder_kv_elements(&list) == kerf_network_count(&network).kv_elements_per_token);
    }
}

/* MLA caches one latent and one rotary key per layer for all heads. */
static void test_mla_caches_latents(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    assert_true(kerf_decoder_kv_elements(&kimi) == 61 * (512 + 64));
}

/* GQA caches a key and a value per key-value head. */
static void test_gqa_caches_keys_and_values(void **state)
{
    (void)state;
    struct kerf_decoder_list llama = operators_of("llama-3.1-70b");
    assert_true(kerf_decoder_kv_elements(&llama) == 2 * 80 * 8 * 128);
}

/* MLA attention multiplies in the latent space in decode and unfolded in prefill (arXiv 2405.04434). */
static void test_mla_attention_flops(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    const struct kerf_operator *attention = find(&kimi.moe_layer, "attention");
    struct kerf_pass decode = decode_pass(3.0, 5000.0), prefill = prompt_pass(2000.0);
    assert_near(kerf_operator_work(attention, &decode).flops, 2.0 * 64 * (576 + 512) * 15000.0, 1e-12);
    assert_near(kerf_operator_work(attention, &prefill).flops, 2.0 * 64 * (192 + 128) * 2000.0 * 2001.0 / 2.0,
                1e-12);
}

/* GQA attention does four FLOPs per head, element and attended token. */
static void test_gqa_attention_flops(void **state)
{
    (void)state;
    struct kerf_decoder_list llama = operators_of("llama-3.1-8b");
    struct kerf_pass decode = decode_pass(2.0, 1000.0);
    const struct kerf_operator *attention = find(&llama.dense_layer, "attention");
    assert_near(kerf_operator_work(attention, &decode).flops, 4.0 * 32 * 128 * 2000.0, 1e-12);
}

/* Decode reads the whole cache and appends one token per sequence, in the cache's own format. */
static void test_cache_bytes(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    struct kerf_pass decode = decode_pass(4.0, 10000.0);
    const struct kerf_operator *attention = find(&kimi.moe_layer, "attention");
    const struct kerf_operator *write = find(&kimi.moe_layer, "kv_write");
    assert_near(kerf_operator_work(attention, &decode).kv_read_bytes, 576 * 2.0 * 40000.0, 1e-12);
    assert_near(kerf_operator_work(write, &decode).kv_write_bytes, 576 * 2.0 * 4.0, 1e-12);
    decode.kv = KERF_FORMAT_FP8;
    assert_near(kerf_operator_work(attention, &decode).kv_read_bytes, 576 * 40000.0, 1e-12);
}

/* Where half of the layers see 128 tokens, a long context costs half its length plus 64 tokens per layer. */
static void test_sliding_window(void **state)
{
    (void)state;
    struct kerf_decoder_list oss = operators_of("gpt-oss-120b");
    const struct kerf_operator *attention = find(&oss.moe_layer, "attention");
    struct kerf_pass brief = decode_pass(1.0, 100.0), lengthy = decode_pass(1.0, 10000.0);
    assert_near(kerf_operator_work(attention, &brief).flops, 2.0 * 64 * 128 * 100.0, 1e-12);
    assert_near(kerf_operator_work(attention, &lengthy).flops, 2.0 * 64 * 128 * (5000.0 + 64.0), 1e-12);
    assert_near(kerf_operator_work(attention, &lengthy).kv_read_bytes, 2.0 * 1024 * (5000.0 + 64.0), 1e-12);
}

/* Tokens whose logits nobody wants do not meet the LM head. */
static void test_lm_head_serves_logit_tokens_only(void **state)
{
    (void)state;
    struct kerf_decoder_list llama = operators_of("llama-3.1-8b");
    struct kerf_pass prefill = prompt_pass(1000.0);
    const struct kerf_operator *head = find(&llama.head, "lm_head");
    assert_near(kerf_operator_work(head, &prefill).flops, 2.0 * 4096 * 128256, 1e-12);
    prefill.logit_tokens = 0.0;
    assert_true(kerf_operator_work(head, &prefill).flops == 0.0);
    assert_true(kerf_operator_work(head, &prefill).weight_bytes == 0.0);
}

/* A look-up reads one row per token, whether or not the table is tied to the head. */
static void test_embedding_reads_rows(void **state)
{
    (void)state;
    struct kerf_decoder_list llama = operators_of("llama-3.1-8b"), gpt = operators_of("gpt-3-175b");
    struct kerf_pass decode = decode_pass(3.0, 10.0);
    const struct kerf_operator *untied = find(&llama.embedding, "token_embedding");
    const struct kerf_operator *tied = find(&gpt.embedding, "token_embedding");
    assert_near(kerf_operator_work(untied, &decode).weight_bytes, 3.0 * 4096 * 2.0, 1e-12);
    assert_near(kerf_operator_work(tied, &decode).weight_bytes, 3.0 * 12288 * 2.0, 1e-12);
}

/* No tokens, no work: not even for weights. */
static void test_an_empty_pass_costs_nothing(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    struct kerf_pass empty = decode_pass(0.0, 0.0);
    for (int i = 0; i < kimi.moe_layer.count; i++) {
        struct kerf_work work = kerf_operator_work(&kimi.moe_layer.op[i], &empty);
        assert_true(work.flops == 0.0 && work.weight_bytes == 0.0 && work.activation_bytes == 0.0);
        assert_true(work.kv_read_bytes == 0.0 && work.kv_write_bytes == 0.0);
    }
}

/* A pass of decode and prefill together does the sum of their FLOPs, and reads dense weights once. */
static void test_mixed_pass_adds_flops_and_shares_weights(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    struct kerf_pass decode = decode_pass(8.0, 3000.0), prefill = prompt_pass(500.0), both = decode;
    both.prefill = prefill.prefill;
    for (int i = 0; i < kimi.dense_layer.count; i++) {
        const struct kerf_operator *op = &kimi.dense_layer.op[i];
        struct kerf_work a = kerf_operator_work(op, &decode), b = kerf_operator_work(op, &prefill);
        struct kerf_work sum = kerf_operator_work(op, &both);
        assert_near(sum.flops, a.flops + b.flops, 1e-12);
        assert_near(sum.activation_bytes, a.activation_bytes + b.activation_bytes, 1e-12);
        assert_near(sum.weight_bytes, a.weight_bytes, 1e-12);
    }
}

/* Unfolding latents in prefill reads one latent per token, not one per head. */
static void test_prefill_shares_the_latent(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    struct kerf_pass decode = decode_pass(1.0, 1.0), prefill = prompt_pass(1.0);
    const struct kerf_operator *op = find(&kimi.moe_layer, "v_up");
    assert_near(kerf_operator_work(op, &decode).activation_bytes, 2.0 * 64 * (512 + 128), 1e-12);
    assert_near(kerf_operator_work(op, &prefill).activation_bytes, 2.0 * (512 + 64 * 128), 1e-12);
}

/* One token touches top_k experts. */
static void test_one_token_touches_top_k_experts(void **state)
{
    (void)state;
    assert_near(kerf_experts_touched(384, 8, 1), 8.0, 1e-12);
    assert_near(kerf_experts_touched(8, 2, 1), 2.0, 1e-12);
}

/* More tokens touch more experts, and never more than there are. */
static void test_experts_touched_grow_to_all(void **state)
{
    (void)state;
    double before = 0.0;
    for (double tokens = 0.0; tokens < 500.0; tokens += 1.0) {
        double touched = kerf_experts_touched(128, 4, tokens);
        assert_true(tokens == 0.0 ? touched == 0.0 : touched > before);
        assert_true(touched <= 128.0);
        before = touched;
    }
    assert_near(kerf_experts_touched(128, 4, 1e6), 128.0, 1e-12);
    assert_true(kerf_experts_touched(8, 8, 1) == 8.0);
}

/* Two tokens touch what inclusion and exclusion say: 2k - k^2/E. */
static void test_two_tokens_by_inclusion_and_exclusion(void **state)
{
    (void)state;
    assert_near(kerf_experts_touched(384, 8, 2), 16.0 - 64.0 / 384.0, 1e-12);
}

/* A pass reads the weights of the touched experts and multiplies by top_k of them per token. */
static void test_experts_read_what_they_touch(void **state)
{
    (void)state;
    struct kerf_decoder_list kimi = operators_of("kimi-k2.6");
    const struct kerf_operator *experts = find(&kimi.moe_layer, "experts");
    double one = 3.0 * 7168 * 2048;
    struct kerf_pass single = decode_pass(1.0, 100.0), many = decode_pass(1e6, 100.0);
    assert_near(kerf_operator_work(experts, &single).weight_bytes, 8 * one * 4.5 / 8.0, 1e-9);
    assert_near(kerf_operator_work(experts, &single).flops, 2.0 * 8 * one, 1e-12);
    assert_near(kerf_operator_work(experts, &many).weight_bytes, 384 * one * 4.5 / 8.0, 1e-9);
}

/* Quantizing the experts leaves everything else as it was. */
static void test_bytes_scale_with_the_format(void **state)
{
    (void)state;
    struct kerf_network network = network_named("deepseek-v3");
    struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list wide, narrow;
    kerf_decoder_operators(&network, &formats, &wide);
    formats.experts = KERF_FORMAT_NVFP4;
    kerf_decoder_operators(&network, &formats, &narrow);
    double experts = 256 * 3.0 * 7168 * 2048;
    double saved =
        kerf_operators_weight_bytes(&wide.moe_layer) - kerf_operators_weight_bytes(&narrow.moe_layer);
    assert_near(saved, experts * (2.0 - 4.5 / 8.0), 1e-12);
    assert_true(kerf_operators_weight_bytes(&wide.dense_layer) ==
                kerf_operators_weight_bytes(&narrow.dense_layer));
}

/* The scenario's three formats land on the operators they name; norms and routers stay 16 bit. */
static void test_formats_land_where_they_belong(void **state)
{
    (void)state;
    struct kerf_network network = network_named("kimi-k2.6");
    struct kerf_weight_formats formats = {KERF_FORMAT_NVFP4, KERF_FORMAT_FP8, KERF_FORMAT_FP16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    assert_int_equal(find(&list.moe_layer, "experts")->weights, KERF_FORMAT_NVFP4);
    assert_int_equal(find(&list.moe_layer, "q_b_proj")->weights, KERF_FORMAT_FP8);
    assert_int_equal(find(&list.moe_layer, "shared_down_proj")->weights, KERF_FORMAT_FP8);
    assert_int_equal(find(&list.dense_layer, "gate_up_proj")->weights, KERF_FORMAT_FP8);
    assert_int_equal(find(&list.moe_layer, "router")->weights, KERF_FORMAT_BF16);
    assert_int_equal(find(&list.moe_layer, "attention_norm")->weights, KERF_FORMAT_BF16);
    assert_int_equal(find(&list.embedding, "token_embedding")->weights, KERF_FORMAT_FP16);
    assert_int_equal(find(&list.head, "lm_head")->weights, KERF_FORMAT_FP16);
}

/* Every spelling of the measurement tables finds its format. */
static void test_format_aliases(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum kerf_format format;
    } spellings[] = {{"nvfp4", KERF_FORMAT_NVFP4},    {"fp8", KERF_FORMAT_FP8},
                     {"fp16", KERF_FORMAT_FP16},      {"fp4", KERF_FORMAT_NVFP4},
                     {"bfloat16", KERF_FORMAT_BF16},  {"fp8_block", KERF_FORMAT_FP8_BLOCK},
                     {"mxfp4", KERF_FORMAT_MXFP4},    {"mxfp4/fp4", KERF_FORMAT_MXFP4},
                     {"fp16/bf16", KERF_FORMAT_BF16}, {"int4_group32_symmetric", KERF_FORMAT_INT4}};
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        enum kerf_format format;
        assert_true(kerf_format_find(spellings[i].name, &format));
        assert_int_equal(format, spellings[i].format);
    }
    enum kerf_format unknown;
    assert_false(kerf_format_find("fp5", &unknown));
}

/* Scales are part of an element: 4.5 bit for int4 in groups of 32 and for nvfp4, 4.25 for mxfp4. */
static void test_format_bytes_include_scales(void **state)
{
    (void)state;
    assert_true(kerf_format_facts(KERF_FORMAT_INT4)->bytes_per_element == 4.5 / 8.0);
    assert_true(kerf_format_facts(KERF_FORMAT_NVFP4)->bytes_per_element == 4.5 / 8.0);
    assert_true(kerf_format_facts(KERF_FORMAT_MXFP4)->bytes_per_element == 4.25 / 8.0);
    assert_int_equal(kerf_format_facts(KERF_FORMAT_INT4)->arithmetic, KERF_MATH_16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators_hold_all_parameters),
        cmocka_unit_test(test_matrix_flops_are_twice_the_active_macs),
        cmocka_unit_test(test_cache_elements_agree_with_the_count),
        cmocka_unit_test(test_mla_caches_latents),
        cmocka_unit_test(test_gqa_caches_keys_and_values),
        cmocka_unit_test(test_mla_attention_flops),
        cmocka_unit_test(test_gqa_attention_flops),
        cmocka_unit_test(test_cache_bytes),
        cmocka_unit_test(test_sliding_window),
        cmocka_unit_test(test_lm_head_serves_logit_tokens_only),
        cmocka_unit_test(test_embedding_reads_rows),
        cmocka_unit_test(test_an_empty_pass_costs_nothing),
        cmocka_unit_test(test_mixed_pass_adds_flops_and_shares_weights),
        cmocka_unit_test(test_prefill_shares_the_latent),
        cmocka_unit_test(test_one_token_touches_top_k_experts),
        cmocka_unit_test(test_experts_touched_grow_to_all),
        cmocka_unit_test(test_two_tokens_by_inclusion_and_exclusion),
        cmocka_unit_test(test_experts_read_what_they_touch),
        cmocka_unit_test(test_bytes_scale_with_the_format),
        cmocka_unit_test(test_formats_land_where_they_belong),
        cmocka_unit_test(test_format_aliases),
        cmocka_unit_test(test_format_bytes_include_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
