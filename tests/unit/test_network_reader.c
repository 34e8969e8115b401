/* The network reader: what is wrong with a file is said with file and line, and what is right is read. */
#include "sim/io/catalog_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A good file, one line each; a test replaces one of them, and its message must name that line. */
static const char *const decoder_lines[] = {
    "name: tiny",                                                                     /* 1 */
    "kind: network",                                                                  /* 2 */
    "title: A tiny decoder",                                                          /* 3 */
    "family: decoder",                                                                /* 4 */
    "source: made up",                                                                /* 5 */
    "confidence: high",                                                               /* 6 */
    "dims:",                                                                          /* 7 */
    "  d_model: 64",                                                                  /* 8 */
    "  vocab: 1000",                                                                  /* 9 */
    "  tied_embeddings: false",                                                       /* 10 */
    "  context_max: 128",                                                             /* 11 */
    "  layers: {total: 3, dense: 1, moe: 2}",                                         /* 12 */
    "  attention: {type: gqa, heads: 8, kv_heads: 2, head_dim: 8, qk_norm: true}",    /* 13 */
    "  ffn: swiglu",                                                                  /* 14 */
    "  d_ff_dense: 256",                                                              /* 15 */
    "  moe: {experts: 16, top_k: 2, shared: 1, d_ff: 32}",                            /* 16 */
    "  norm: {kind: rmsnorm, per_layer: 2}",                                          /* 17 */
    "weight_formats: {routed_experts: int4, everything_else: bf16, source: made up}", /* 18 */
    "facts: {training: {tokens: 10, source: made up}}",                               /* 19 */
    "published: {params: 1e6, source: made up}",                                      /* 20 */
    NULL,
};

static const char *const unet_lines[] = {
    "name: tiny-unet",              /* 1 */
    "kind: network",                /* 2 */
    "title: A tiny U-Net",          /* 3 */
    "family: sdxl_unet",            /* 4 */
    "source: made up",              /* 5 */
    "confidence: low",              /* 6 */
    "dims:",                        /* 7 */
    "  latent: 16",                 /* 8 */
    "  latent_channels: 4",         /* 9 */
    "  model_channels: 32",         /* 10 */
    "  levels: 2",                  /* 11 */
    "  channel_mult: [1, 2]",       /* 12 */
    "  res_blocks: 1",              /* 13 */
    "  transformer_depth: [1, 1]",  /* 14 */
    "  attention_at_level: [0, 1]", /* 15 */
    "  context_dim: 64",            /* 16 */
    "  text_tokens: 7",             /* 17 */
    "  adm_in: 8",                  /* 18 */
    "  head_dim: 8",                /* 19 */
    NULL,
};

/* The file with line `line` (from 1; 0: none) replaced, read into `network`. */
static enum kerf_status read_lines(const char *const *lines, int line, const char *replacement,
                                   struct kerf_network *network, struct kerf_error *error)
{
    char text[4096] = "";
    for (int i = 0; lines[i]; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n",
                 i + 1 == line ? replacement : lines[i]);
    struct kerf_yaml *yaml = NULL;
    if (kerf_yaml_parse(text, "tiny.yaml", &yaml, error) != KERF_OK)
        fail_msg("%s", error->message);
    enum kerf_status status = kerf_network_read(yaml, network, error);
    kerf_yaml_free(yaml);
    return status;
}

/* Asserts that the file is refused with a message that starts with `message`. */
static void assert_refused(const char *const *lines, int line, const char *replacement, const char *message)
{
    struct kerf_network network;
    struct kerf_error error = {0};
    assert_int_equal(read_lines(lines, line, replacement, &network, &error), KERF_ERR_USAGE);
    if (strncmp(error.message, message, strlen(message)) != 0)
        fail_msg("the message is\n  %s\nand not\n  %s", error.message, message);
}

static void assert_decoder_refused(int line, const char *replacement, const char *message)
{
    assert_refused(decoder_lines, line, replacement, message);
}

/* A good decoder is read into its dimensions, defaults included. */
static void test_reads_a_decoder(void **state)
{
    (void)state;
    struct kerf_network network;
    struct kerf_error error = {0};
    assert_int_equal(read_lines(decoder_lines, 0, NULL, &network, &error), KERF_OK);
    assert_string_equal(network.name, "tiny");
    assert_int_equal(network.family, KERF_FAMILY_DECODER);
    assert_int_equal(network.decoder.layers_dense, 1);
    assert_int_equal(network.decoder.layers_moe, 2);
    assert_int_equal(network.decoder.attention.kv_heads, 2);
    assert_true(network.decoder.gated_ffn && network.decoder.final_norm && network.decoder.attention.causal);
    assert_true(network.decoder.attention.qk_norm && !network.decoder.layernorm);
    assert_int_equal(network.decoder.moe.d_ff_shared, 32);
    assert_int_equal(network.decoder.routed_expert_format, KERF_FORMAT_INT4);
    assert_int_equal(network.decoder.embedding_format, KERF_FORMAT_BF16);
    assert_true(network.published_params == 1e6);
}

/* A good U-Net is read, its lists as long as it has levels. */
static void test_reads_a_unet(void **state)
{
    (void)state;
    struct kerf_network network;
    struct kerf_error error = {0};
    assert_int_equal(read_lines(unet_lines, 0, NULL, &network, &error), KERF_OK);
    assert_int_equal(network.vision.channel_mult[1], 2);
    assert_int_equal(network.vision.attention_at_level[0], 0);
}

/* A network without weight formats is bf16. */
static void test_formats_default_to_bf16(void **state)
{
    (void)state;
    struct kerf_network network;
    struct kerf_error error = {0};
    assert_int_equal(read_lines(decoder_lines, 18, "", &network, &error), KERF_OK);
    assert_int_equal(network.decoder.routed_expert_format, KERF_FORMAT_BF16);
    assert_int_equal(network.decoder.other_format, KERF_FORMAT_BF16);
}

/* A misspelt key is refused with the key that was meant. */
static void test_misspelt_key(void **state)
{
    (void)state;
    assert_decoder_refused(8, "  d_modle: 64",
                           "tiny.yaml:8: dims: unknown key 'd_modle'; did you mean 'd_model'?");
    assert_decoder_refused(13, "  attention: {type: gqa, heads: 8, kv_head: 2, head_dim: 8}",
                           "tiny.yaml:13: dims.attention: unknown key 'kv_head'; did you mean 'kv_heads'?");
}

/* A key of the other kind of attention is not ignored. */
static void test_key_of_another_attention(void **state)
{
    (void)state;
    assert_decoder_refused(13,
                           "  attention: {type: gqa, heads: 8, kv_heads: 2, head_dim: 8, kv_lora_rank: 4}",
                           "tiny.yaml:13: dims.attention: unknown key 'kv_lora_rank'");
}

/* A missing key is named with its path. */
static void test_missing_key(void **state)
{
    (void)state;
    assert_decoder_refused(9, "", "tiny.yaml:8: dims.vocab: missing");
    assert_decoder_refused(13, "  attention: {type: gqa, heads: 8, kv_heads: 2}",
                           "tiny.yaml:13: dims.attention.head_dim: missing");
    assert_decoder_refused(5, "", "tiny.yaml:1: source: missing");
}

/* A negative size is refused with the range. */
static void test_negative_size(void **state)
{
    (void)state;
    assert_decoder_refused(8, "  d_model: -64",
                           "tiny.yaml:8: dims.d_model: must be between 1 and 1000000 (got -64)");
}

/* A size that no network has is refused. */
static void test_absurd_size(void **state)
{
    (void)state;
    assert_decoder_refused(9, "  vocab: 4e12", "tiny.yaml:9: dims.vocab: must be between 1 and");
    assert_decoder_refused(8, "  d_model: 64.5", "tiny.yaml:8: dims.d_model: a whole number is wanted");
}

/* An unknown family is refused with the family that was meant. */
static void test_wrong_family(void **state)
{
    (void)state;
    assert_decoder_refused(4, "family: decodr",
                           "tiny.yaml:4: family: unknown 'decodr'; did you mean 'decoder'?");
    assert_decoder_refused(4, "family: hopfield",
                           "tiny.yaml:4: family: unknown 'hopfield'; known are decoder, resnet,");
}

/* The dimensions of one family do not fit another. */
static void test_dims_of_another_family(void **state)
{
    (void)state;
    assert_decoder_refused(4, "family: vit", "tiny.yaml:9: dims: unknown key 'vocab'");
}

/* A file of another kind is refused. */
static void test_wrong_kind(void **state)
{
    (void)state;
    assert_decoder_refused(2, "kind: gpu", "tiny.yaml:2: kind: unknown 'gpu'");
}

/* Query heads are shared evenly by key-value heads. */
static void test_heads_not_divisible(void **state)
{
    (void)state;
    assert_decoder_refused(13, "  attention: {type: gqa, heads: 8, kv_heads: 3, head_dim: 8}",
                           "tiny.yaml:13: dims.attention.kv_heads: heads must be a multiple of it "
                           "(8 heads, 3 kv_heads)");
}

/* Layers add up. */
static void test_layers_do_not_add_up(void **state)
{
    (void)state;
    assert_decoder_refused(12, "  layers: {total: 4, dense: 1, moe: 2}",
                           "tiny.yaml:12: dims.layers: dense and moe must sum to total (1 + 2 is not 4)");
}

/* MoE layers need a description of the experts, and experts need layers. */
static void test_moe_layers_without_moe(void **state)
{
    (void)state;
    assert_decoder_refused(16, "", "tiny.yaml:12: dims.layers: 2 MoE layers, but dims.moe is missing");
    assert_decoder_refused(12, "  layers: {total: 3, dense: 3}",
                           "tiny.yaml:16: dims.moe: dims.layers has no MoE layers");
}

/* Dense layers need their width. */
static void test_dense_layers_without_width(void **state)
{
    (void)state;
    assert_decoder_refused(15, "",
                           "tiny.yaml:12: dims.layers: 1 dense layers, but dims.d_ff_dense is missing");
}

/* A token cannot use more experts than there are. */
static void test_more_chosen_than_experts(void **state)
{
    (void)state;
    assert_decoder_refused(16, "  moe: {experts: 16, top_k: 17, d_ff: 32}",
                           "tiny.yaml:16: dims.moe.top_k: more than there are experts (17 of 16)");
}

/* A window without its share of the layers says nothing. */
static void test_window_without_share(void **state)
{
    (void)state;
    assert_decoder_refused(
        13, "  attention: {type: gqa, heads: 8, kv_heads: 2, head_dim: 8, sliding_window: 128}",
        "tiny.yaml:13: dims.attention: sliding_window and sliding_window_share come together");
}

/* A share is at most one. */
static void test_share_above_one(void **state)
{
    (void)state;
    assert_decoder_refused(
        13,
        "  attention: {type: gqa, heads: 8, kv_heads: 2, head_dim: 8, sliding_window: 128, "
        "sliding_window_share: 1.5}",
        "tiny.yaml:13: dims.attention.sliding_window_share: must be between 0 and 1");
}

/* A number format that does not exist is refused with the one that was meant. */
static void test_unknown_format(void **state)
{
    (void)state;
    assert_decoder_refused(
        18, "weight_formats: {routed_experts: nvfp5, everything_else: bf16, source: made up}",
        "tiny.yaml:18: weight_formats.routed_experts: unknown 'nvfp5'; did you mean 'nvfp4'?");
}

/* A fact without a source is refused. */
static void test_fact_without_source(void **state)
{
    (void)state;
    assert_decoder_refused(19, "facts: {training: {tokens: 10}}",
                           "tiny.yaml:19: facts.training.source: missing");
}

/* A list has one number per level. */
static void test_list_of_wrong_length(void **state)
{
    (void)state;
    assert_refused(unet_lines, 12, "  channel_mult: [1, 2, 4]",
                   "tiny.yaml:12: dims.channel_mult: 2 numbers are wanted (got 3)");
    assert_refused(unet_lines, 12, "  channel_mult: [1, 1, 1, 1, 1, 1, 1, 1, 1]",
                   "tiny.yaml:12: dims.channel_mult: a list of at most 8 numbers is wanted");
}

/* A latent that cannot be halved as often as there are levels is refused. */
static void test_latent_not_divisible(void **state)
{
    (void)state;
    assert_refused(unet_lines, 8, "  latent: 15", "tiny.yaml:8: dims.latent: 15 is not a multiple of 2");
}

/* Formats of weights are a matter of decoders. */
static void test_formats_of_a_vision_network(void **state)
{
    (void)state;
    assert_refused(unet_lines, 6, "confidence: low\nweight_formats: {everything_else: bf16, source: x}",
                   "tiny.yaml:7: weight_formats: only a decoder has them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_decoder),
        cmocka_unit_test(test_reads_a_unet),
        cmocka_unit_test(test_formats_default_to_bf16),
        cmocka_unit_test(test_misspelt_key),
        cmocka_unit_test(test_key_of_another_attention),
        cmocka_unit_test(test_missing_key),
        cmocka_unit_test(test_negative_size),
        cmocka_unit_test(test_absurd_size),
        cmocka_unit_test(test_wrong_family),
        cmocka_unit_test(test_dims_of_another_family),
        cmocka_unit_test(test_wrong_kind),
        cmocka_unit_test(test_heads_not_divisible),
        cmocka_unit_test(test_layers_do_not_add_up),
        cmocka_unit_test(test_moe_layers_without_moe),
        cmocka_unit_test(test_dense_layers_without_width),
        cmocka_unit_test(test_more_chosen_than_experts),
        cmocka_unit_test(test_window_without_share),
        cmocka_unit_test(test_share_above_one),
        cmocka_unit_test(test_unknown_format),
        cmocka_unit_test(test_fact_without_source),
        cmocka_unit_test(test_list_of_wrong_length),
        cmocka_unit_test(test_latent_not_divisible),
        cmocka_unit_test(test_formats_of_a_vision_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
