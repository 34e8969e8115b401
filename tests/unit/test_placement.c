/* Placement of whole layers on wafers: nothing lost, nothing overfilled, no wafer too many. */
#include "models/device/placement.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

/* xorshift: the same networks in every run */
static double uniform(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

static struct kerf_operator_list weights_only(double bytes)
{
    return (struct kerf_operator_list){.count = 1,
                                       .op = {{.kind = KERF_OP_LINEAR,
                                               .name = "weights",
                                               .weights = KERF_FORMAT_BF16,
                                               .batch = 1,
                                               .weight_elements = bytes / 2}}};
}

/* A pipeline of a random shape that fits somewhere: a stage is at most the usable 37.4 GB. */
static struct kerf_decoder_list random_decoder(uint64_t *seed, int layers_most)
{
    struct kerf_decoder_list list = {.embedding = weights_only(uniform(seed) * 4e9),
                                     .dense_layer = weights_only(uniform(seed) * 20e9),
                                     .moe_layer = weights_only(uniform(seed) * 36e9),
                                     .head = weights_only(uniform(seed) * 4e9)};
    list.dense_layers = (int)(uniform(seed) * layers_most);
    list.moe_layers = (int)(uniform(seed) * layers_most);
    return list;
}

static double bytes_of(const struct kerf_stage *stage)
{
    return stage->weight_bytes + stage->kv_bytes + stage->activation_bytes;
}

static enum kerf_status place(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                              int wafers, struct kerf_wafer_placement *placement)
{
    return kerf_wafer_place(wafer, "cs-3", list, "a network", wafers, 0, KERF_FORMAT_BF16, 0, placement,
                            NULL);
}

/* Stages stand once each in pipeline order, wafers rise by at most one, and no wafer holds more than fits. */
static void check_placement(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                            const struct kerf_wafer_placement *placement)
{
    int kinds[4] = {0};
    double total = 0, here = 0, PEs = 0, fullest = 0;
    for (int s = 0; s < placement->stages; s++) {
        const struct kerf_stage *stage = &placement->stage[s];
        kinds[stage->kind]++;
        int step = s == 0 ? 0 : stage->wafer - stage[-1].wafer;
        assert_true(s == 0 ? stage->wafer == 0 : (step == 0 || step == 1));
        assert_true(s == 0 || stage->kind >= stage[-1].kind);
        here = step ? bytes_of(stage) : here + bytes_of(stage);
        PEs = (step ? 0 : PEs) + stage->pe_rows * stage->pe_columns;
        fullest = fmax(fullest, here);
        total += bytes_of(stage);
        assert_true(here <= placement->usable_bytes_per_wafer * (1 + 1e-12));
        assert_true(stage->pe_rows >= 1 && stage->pe_rows <= wafer->pe_rows);
        assert_true(stage->pe_columns >= 1 && stage->pe_columns <= wafer->pe_columns);
        assert_true(PEs <=
                    wafer->pe_rows * wafer->pe_columns * wafer->pe_usable_fraction + placement->stages);
    }
    assert_true(kinds[KERF_STAGE_EMBEDDING] == 1 && kinds[KERF_STAGE_HEAD] == 1);
    assert_true(kinds[KERF_STAGE_DENSE_LAYER] == list->dense_layers &&
                kinds[KERF_STAGE_MOE_LAYER] == list->moe_layers);
    assert_true(placement->stage[placement->stages - 1].wafer < placement->wafers);
    assert_true(fabs(total - placement->total_bytes) <= 1e-9 * total);
    assert_true(fabs(fullest - placement->largest_wafer_bytes) <= 1e-9 * fullest);
}

/* Random networks on random numbers of wafers, fixed seed: every stage once, never more than fits. */
static void test_random_networks_keep_order_and_capacity(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    uint64_t seed = 20260901;
    for (int trial = 0; trial < 300; trial++) {
        struct kerf_decoder_list list = random_decoder(&seed, 50);
        struct kerf_wafer_placement placement;
        enum kerf_status status = place(&wafer, &list, 1 + (int)(uniform(&seed) * 90), &placement);
        assert_int_equal(placement.wafers >= placement.wafers_needed ? KERF_OK : KERF_ERR_USAGE, status);
        if (status == KERF_OK)
            check_placement(&wafer, &list, &placement);
        kerf_wafer_placement_free(&placement);
    }
}

/* Every cut of up to 12 stages, tried one by one: the fewest wafers, and the least fullest wafer for
 * `wafers`. */
static void brute_force(const struct kerf_wafer_placement *placement, int wafers, int *fewest,
                        double *fullest)
{
    int n = placement->stages;
    *fewest = n + 1;
    *fullest = INFINITY;
    for (unsigned cuts = 0; cuts < 1u << (n - 1); cuts++) {
        int used = 1;
        double here = 0, largest = 0;
        for (int s = 0; s < n; s++) {
            if (s > 0 && (cuts >> (s - 1) & 1u)) {
                used++;
                here = 0;
            }
            here += bytes_of(&placement->stage[s]);
            largest = fmax(largest, here);
        }
        if (largest <= placement->usable_bytes_per_wafer && used < *fewest)
            *fewest = used;
        if (used <= wafers)
            *fullest = fmin(*fullest, largest);
    }
}

/* Exhaustive search is the oracle on small networks. */
static void test_small_networks_equal_exhaustive_search(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    uint64_t seed = 7;
    for (int trial = 0; trial < 200; trial++) {
        struct kerf_decoder_list list = random_decoder(&seed, 6);
        int stages = 2 + list.dense_layers + list.moe_layers;
        struct kerf_wafer_placement placement;
        assert_int_equal(KERF_OK, place(&wafer, &list, stages, &placement));
        int fewest, needed = placement.wafers_needed;
        double fullest;
        kerf_wafer_placement_free(&placement);
        int wafers = needed + (int)(uniform(&seed) * 3);
        assert_int_equal(KERF_OK, place(&wafer, &list, wafers, &placement));
        brute_force(&placement, wafers, &fewest, &fullest);
        assert_int_equal(fewest, needed);
        assert_true(fabs(fullest - placement.largest_wafer_bytes) <= 1e-9 * fullest);
        kerf_wafer_placement_free(&placement);
    }
}

static int wafers_needed(const char *network, double usable_fraction)
{
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    wafer.sram_usable_fraction = usable_fraction;
    struct kerf_decoder_list list = decoder_named(network);
    struct kerf_wafer_placement placement;
    assert_int_equal(KERF_OK, place(&wafer, &list, 60, &placement));
    kerf_wafer_placement_free(&placement);
    int needed = placement.wafers_needed;
    assert_int_equal(KERF_OK, place(&wafer, &list, needed, &placement));
    check_placement(&wafer, &list, &placement);
    kerf_wafer_placement_free(&placement);
    return needed;
}

/* At 85 % usable SRAM: 8B in 16 bit on one CS-3 and 70B on four (Cerebras, 2024-08); Kimi K2.6 in its own
 * int4 experts on 20 with whole layers. 405B has layers of 6.4 GB, five a wafer: 26. Common estimates of 19
 * to 24 take more of the SRAM; with 92 % six layers fit. */
static void test_known_networks_need_known_wafers(void **state)
{
    (void)state;
    assert_int_equal(1, wafers_needed("llama-3.1-8b", 0.85));
    assert_int_equal(4, wafers_needed("llama-3.1-70b", 0.85));
    assert_int_equal(20, wafers_needed("kimi-k2.6", 0.85));
    assert_int_equal(26, wafers_needed("llama-3.1-405b", 0.85));
    assert_in_range(wafers_needed("llama-3.1-405b", 0.92), 19, 24);
}

/* On 20 wafers Kimi K2.6 has three layers of experts of 9.8 GB on each. */
static void test_kimi_has_three_layers_a_wafer(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_wafer_placement placement;
    assert_int_equal(KERF_OK, place(&wafer, &list, 20, &placement));
    int layers[20] = {0};
    for (int s = 0; s < placement.stages; s++) {
        if (placement.stage[s].kind != KERF_STAGE_MOE_LAYER)
            continue;
        layers[placement.stage[s].wafer]++;
        assert_true(fabs(placement.stage[s].weight_bytes / 9.8e9 - 1) < 0.01);
    }
    for (int w = 0; w < 20; w++)
        assert_int_equal(3, layers[w]);
    const struct kerf_stage *middle = &placement.stage[30];
    print_message("a layer of experts on %.0f x %.0f PEs\n", middle->pe_rows, middle->pe_columns);
    kerf_wafer_placement_free(&placement);
}

/* The message says what is needed, what it is made of, and what there is. */
static void test_too_few_wafers_are_refused_with_a_count(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_wafer_placement placement;
    struct kerf_error error = {0};
    assert_int_equal(KERF_ERR_USAGE, kerf_wafer_place(&wafer, "cs-3", &list, "kimi-k2.6", 10, 10000,
                                                      KERF_FORMAT_BF16, 0, &placement, &error));
    assert_string_equal("needs at least 20 cs-3 wafers for kimi-k2.6 (594.2 GB of weights, 0.7 GB of KV "
                        "cache for 10000 tokens, "
                        "37.4 GB usable per wafer), has 10",
                        error.message);
    assert_int_equal(20, placement.wafers_needed);
    assert_null(placement.stage);
}

/* A drafter takes PEs and bytes beside the head in proportion, and the head's wafer must hold both. */
static void test_a_drafter_has_a_rectangle_beside_the_head(void **state)
{
    (void)state;
    const double drafter = 2e9;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_wafer_placement without, with;
    assert_int_equal(KERF_OK, kerf_wafer_place(&wafer, "cs-3", &list, "kimi-k2.6", 20, 1e4, KERF_FORMAT_BF16,
                                               0, &without, NULL));
    assert_int_equal(KERF_OK, kerf_wafer_place(&wafer, "cs-3", &list, "kimi-k2.6", 20, 1e4, KERF_FORMAT_BF16,
                                               drafter, &with, NULL));
    const struct kerf_stage *head = &with.stage[with.stages - 1];
    assert_int_equal(with.drafter.wafer, head->wafer);
    assert_true(fabs(with.total_bytes - without.total_bytes - drafter) < 1.0);
    double area = with.drafter.pe_rows * with.drafter.pe_columns, beside = head->pe_rows * head->pe_columns;
    assert_true(fabs(area / beside * bytes_of(head) / drafter - 1.0) < 0.02);
    assert_true(without.drafter.pe_rows == 0.0);
    double room = with.usable_bytes_per_wafer;
    kerf_wafer_placement_free(&without);
    kerf_wafer_placement_free(&with);
    struct kerf_error error;
    assert_int_equal(KERF_ERR_USAGE, kerf_wafer_place(&wafer, "cs-3", &list, "kimi-k2.6", 20, 1e4,
                                                      KERF_FORMAT_BF16, room, &with, &error));
}

/* One token of cache is 576 elements of 2 B in each of the three layers of a wafer. */
static void test_cache_takes_room_and_is_counted_per_token(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_wafer_placement placement;
    assert_int_equal(KERF_OK, kerf_wafer_place(&wafer, "cs-3", &list, "kimi-k2.6", 31, 1e6, KERF_FORMAT_BF16,
                                               0, &placement, NULL));
    double kv = 0;
    for (int s = 0; s < placement.stages; s++)
        kv += placement.stage[s].kv_bytes;
    assert_true(fabs(kv / (61 * 576 * 2.0 * 1e6) - 1) < 1e-12);
    assert_true(fmod(placement.kv_bytes_per_token_fullest, 576 * 2.0) == 0);
    check_placement(&wafer, &list, &placement);
    kerf_wafer_placement_free(&placement);
}

/* A layer that is larger than a wafer is an error that says so. */
static void test_a_layer_larger_than_a_wafer_is_refused(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_decoder_list list = {.embedding = weights_only(1e9),
                                     .dense_layer = weights_only(40e9),
                                     .head = weights_only(1e9),
                                     .dense_layers = 2};
    struct kerf_wafer_placement placement;
    struct kerf_error error = {0};
    assert_int_equal(KERF_ERR_USAGE, kerf_wafer_place(&wafer, "cs-3", &list, "huge", 99, 0, KERF_FORMAT_BF16,
                                                      0, &placement, &error));
    assert_non_null(strstr(error.message, "a whole layer of huge takes 40.0 GB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks_keep_order_and_capacity),
        cmocka_unit_test(test_small_networks_equal_exhaustive_search),
        cmocka_unit_test(test_known_networks_need_known_wafers),
        cmocka_unit_test(test_kimi_has_three_layers_a_wafer),
        cmocka_unit_test(test_too_few_wafers_are_refused_with_a_count),
        cmocka_unit_test(test_a_drafter_has_a_rectangle_beside_the_head),
        cmocka_unit_test(test_cache_takes_room_and_is_counted_per_token),
        cmocka_unit_test(test_a_layer_larger_than_a_wafer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
