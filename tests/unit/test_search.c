/* The search finds what trying everything finds, in one piece or in shares, and refuses no legal layout. */
#include "models/training/search.h"
#include "tests/support/draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BEST = 7, POINTS_MOST = 200000 };

/* As GPT-3 175B is cut: 96 heads, 96 layers, 12,288 wide. */
static struct kerf_network network_of(int layers, int heads, int experts)
{
    struct kerf_network network = {.family = KERF_FAMILY_DECODER};
    network.decoder.layers_dense = experts > 0 ? 0 : layers;
    network.decoder.layers_moe = experts > 0 ? layers : 0;
    network.decoder.d_model = 12288;
    network.decoder.attention.heads = heads;
    network.decoder.moe.experts = experts;
    network.decoder.moe.d_ff = 2048;
    return network;
}

/* Costs that look like nothing, with many ties, and keeps what was asked. */
struct asked {
    struct kerf_search_point point[POINTS_MOST];
    int count, prepared;
    bool all_run; /* else some cannot run after all */
    struct kerf_candidate shared;
};

static enum kerf_status prepare(void *context, const struct kerf_candidate *candidate,
                                struct kerf_error *error)
{
    struct asked *asked = context;
    (void)error;
    asked->prepared++;
    asked->shared = *candidate;
    return KERF_OK;
}

static bool cost(void *context, const struct kerf_candidate *candidate, struct kerf_search_point *point)
{
    struct asked *asked = context;
    const struct kerf_training_layout *layout = &candidate->layout, *shared = &asked->shared.layout;
    assert_true(layout->tensor == shared->tensor && layout->context == shared->context &&
                layout->expert == shared->expert && layout->expert_tensor == shared->expert_tensor &&
                layout->micro_batch == shared->micro_batch &&
                candidate->recompute == asked->shared.recompute &&
                layout->sequence_parallel == shared->sequence_parallel);
    assert_int_equal(layout->tensor * layout->context * layout->pipeline * layout->data, layout->gpus);
    uint64_t draw = draw_mix(3, point->number);
    point->step_s = (double)(draw % 97);
    point->used_bytes = (double)((draw >> 20) % 89);
    point->fits = (draw >> 40) % 3 > 0;
    if (!asked->all_run && (draw >> 50) % 11 == 0)
        return false;
    assert_true(asked->count < POINTS_MOST);
    asked->point[asked->count++] = *point;
    return true;
}

static void search(const struct kerf_search_space *space, uint64_t shares, struct asked *asked,
                   struct kerf_search_result *result)
{
    const struct kerf_search_cost by = {.context = asked, .prepare = prepare, .cost = cost};
    asked->count = asked->prepared = 0;
    assert_int_equal(kerf_search_result_make(result, BEST, NULL), KERF_OK);
    for (uint64_t share = 0; share < shares; share++) {
        struct kerf_search_result part;
        assert_int_equal(kerf_search_result_make(&part, BEST, NULL), KERF_OK);
        assert_int_equal(kerf_search_run(space, &by, share, shares, &part, NULL), KERF_OK);
        assert_int_equal(kerf_search_merge(result, &part, NULL), KERF_OK);
        kerf_search_result_free(&part);
    }
}

static int by_time(const void *left, const void *right)
{
    const struct kerf_search_point *a = left, *b = right;
    if (a->step_s != b->step_s)
        return a->step_s < b->step_s ? -1 : 1;
    if (a->used_bytes != b->used_bytes)
        return a->used_bytes < b->used_bytes ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static bool same(const struct kerf_search_point *a, const struct kerf_search_point *b)
{
    return a->number == b->number && a->step_s == b->step_s && a->used_bytes == b->used_bytes;
}

/* Everything that was costed, sorted; the best are the first that fit, and the Pareto set those that need
 * less than all before them. */
static void is_all_there_is(struct asked *asked, const struct kerf_search_result *result)
{
    int fitting = 0, pareto = 0;
    double least = INFINITY;
    assert_int_equal(result->legal, asked->count);
    qsort(asked->point, (size_t)asked->count, sizeof *asked->point, by_time);
    for (int i = 0; i < asked->count; i++) {
        const struct kerf_search_point *point = &asked->point[i];
        assert_true(result->leanest.used_bytes <= point->used_bytes);
        if (!point->fits)
            continue;
        if (fitting < BEST)
            assert_true(same(point, &result->best[fitting]));
        fitting++;
        if (point->used_bytes < least)
            assert_true(same(point, &result->pareto[pareto++]));
        least = fmin(least, point->used_bytes);
    }
    assert_int_equal(result->fitting, fitting);
    assert_int_equal(result->best_count, fitting < BEST ? fitting : BEST);
    assert_int_equal(result->pareto_count, pareto);
}

static void the_best_and_the_pareto_set_are_those_of_all(void **state)
{
    (void)state;
    static struct asked asked;
    static const struct {
        int layers, heads, experts, gpus, batch;
    } cases[] = {{96, 96, 0, 64, 96}, {12, 16, 12, 24, 24}, {7, 5, 0, 30, 90}, {1, 1, 0, 1, 1}};
    for (size_t k = 0; k < 4; k++)
        for (uint64_t shares = 1; shares <= 5; shares += 2) {
            struct kerf_network network = network_of(cases[k].layers, cases[k].heads, cases[k].experts);
            struct kerf_search_space space;
            struct kerf_search_result result;
            kerf_search_space_fill(&space, &network, 2048, cases[k].gpus, cases[k].batch, 8);
            search(&space, shares, &asked, &result);
            assert_true(asked.count > (k < 3 ? 100 : 0));
            is_all_there_is(&asked, &result);
            assert_int_equal(result.layouts, kerf_search_outer(&space) *
                                                 (uint64_t)(space.pipeline.count * space.sharding.count *
                                                            space.virtual_stages.count));
            kerf_search_result_free(&result);
        }
}

/* Counted by hand: 4 GPUs, 4 heads, 3 layers, a batch of 4 sequences of 2 tokens, which no ring can cut.
 * Tensor x pipeline, data and micro-batches by size of the micro-batch; pipelines of 4 are too deep, and a
 * share of the optimiser wants more than one replica: 1 x 1, data 4: micro-batch 1                    4
 * shardings 2 x 1 and 1 x 2, data 2: micro-batches 1, 2     2 x 2 x 4 4 x 1 and 2 x 2, data 1: micro-batches
 * 1, 2, 4  2 x 3 and three recomputes. No virtual stages: with 2 stages the 3 layers are too few. */
static void all_legal_layouts_are_costed(void **state)
{
    (void)state;
    static struct asked asked = {.all_run = true};
    struct kerf_network network = network_of(3, 4, 0);
    struct kerf_search_space space;
    struct kerf_search_result result;
    kerf_search_space_fill(&space, &network, 2, 4, 4, 8);
    search(&space, 1, &asked, &result);
    assert_int_equal(asked.count, 3 * (4 + 16 + 6));
    kerf_search_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_and_the_pareto_set_are_those_of_all),
        cmocka_unit_test(all_legal_layouts_are_costed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
