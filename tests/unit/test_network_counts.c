/* Every network of the catalog, counted from its dimensions, is the network its authors published. */
#include "models/network/count.h"
#include "models/network/operator.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

/* Prints one line of the table; true if `computed` is within `tolerance` of `published`, or nothing is. */
static bool compare(const char *name, const char *what, double computed, double published, double tolerance)
{
    if (published <= 0.0) {
        print_message("%-24s %-7s %18.0f %18s\n", name, what, computed, "not published");
        return true;
    }
    double difference = computed / published - 1.0;
    bool good = fabs(difference) <= tolerance;
    print_message("%-24s %-7s %18.0f %18.0f %8.3f %%%s\n", name, what, computed, published,
                  100.0 * difference, good ? "" : "  <--");
    return good;
}

/* Each file is named as the network in it. */
static void test_files_are_named_as_their_networks(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    for (int i = 0; i < names.count; i++)
        assert_string_equal(network_named(names.name[i]).name, names.name[i]);
}

/* Parameters agree with the published count to 1 %. */
static void test_params_agree_with_published(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    int failed = 0;
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        struct kerf_network_count count = kerf_network_count(&network);
        failed += !compare(names.name[i], "params", count.params, network.published_params, 0.01);
    }
    assert_int_equal(failed, 0);
}

/* Active parameters agree with the published ones to 8 %: vendors round them and differ over the embedding.
 */
static void test_active_params_agree_with_published(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    int failed = 0;
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        if (network.published_active <= 0.0)
            continue;
        struct kerf_network_count count = kerf_network_count(&network);
        failed += !compare(names.name[i], "active", count.active_params, network.published_active, 0.08);
    }
    assert_int_equal(failed, 0);
}

/* Multiply-accumulates of vision networks agree with the published ones to 1 %. */
static void test_macs_agree_with_published(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    int failed = 0, compared = 0;
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        if (network.published_macs <= 0.0)
            continue;
        struct kerf_network_count count = kerf_network_count(&network);
        failed += !compare(names.name[i], "MACs", count.forward_macs, network.published_macs, 0.01);
        compared++;
    }
    assert_int_equal(failed, 0);
    assert_true(compared >= 7);
}

/* Counts of checkpoints that were published to the last parameter are met exactly. */
static void test_exact_counts_are_exact(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-3.1-8b",     "llama-3.1-70b", "llama-3.1-405b", "llama-2-70b",
                                        "llama-2-7b",       "resnet50",      "vit-b-16",       "vit-l-16",
                                        "vit-h-14",         "swin-b",        "sdxl-unet",      "flux.1-dev",
                                        "retinanet-r50-fpn"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct kerf_network network = network_named(names[i]);
        struct kerf_network_count count = kerf_network_count(&network);
        compare(names[i], "params", count.params, network.published_params, 0.0);
        assert_true(count.params == network.published_params);
    }
}

/* In their own formats, the operators' weights are as large as the published checkpoints. */
static void test_native_checkpoint_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double bytes, tolerance;
    } checkpoints[] = {
        {"kimi-k2.6", 594.3e9, 0.001},                      /* facts of its weight_formats */
        {"gpt-oss-120b", 60.8 * 1024 * 1024 * 1024, 0.005}, /* arXiv 2508.10925, table 1 */
        {"llama-3.1-8b", 2.0 * 8030261248.0, 1e-12},        /* bf16 */
        {"cerebras-gpt-13b", 51.5e9 / 2.0, 0.005},          /* fp32 there, bf16 here */
    };
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++) {
        struct kerf_network network = network_named(checkpoints[i].name);
        struct kerf_weight_formats formats = kerf_network_native_formats(&network);
        struct kerf_decoder_list list;
        kerf_decoder_operators(&network, &formats, &list);
        double bytes = kerf_operators_weight_bytes(&list.embedding) +
                       kerf_operators_weight_bytes(&list.head) +
                       list.dense_layers * kerf_operators_weight_bytes(&list.dense_layer) +
                       list.moe_layers * kerf_operators_weight_bytes(&list.moe_layer);
        assert_true(
            compare(checkpoints[i].name, "bytes", bytes, checkpoints[i].bytes, checkpoints[i].tolerance));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_named_as_their_networks),
        cmocka_unit_test(test_params_agree_with_published),
        cmocka_unit_test(test_active_params_agree_with_published),
        cmocka_unit_test(test_macs_agree_with_published),
        cmocka_unit_test(test_exact_counts_are_exact),
        cmocka_unit_test(test_native_checkpoint_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
