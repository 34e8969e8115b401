/* The search for layouts: spaces, the walk through them, and the points that are kept. */
#include "models/training/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_value(struct kerf_search_values *values, int value)
{
    if (values->count < KERF_SEARCH_VALUES)
        values->value[values->count++] = value;
}

/* Divisors of `whole`, up to `most`. */
static void divisors(struct kerf_search_values *values, int whole, int most)
{
    values->count = 0;
    for (int d = 1; d <= whole && d <= most; d++)
        if (whole % d == 0)
            add_value(values, d);
}

static void range(struct kerf_search_values *values, int from, int to)
{
    values->count = 0;
    for (int v = from; v <= to; v++)
        add_value(values, v);
}

/* Keeps the values that divide `whole`, too. */
static void keep_divisors(struct kerf_search_values *values, int whole)
{
    int kept = 0;
    for (int i = 0; i < values->count; i++)
        if (whole % values->value[i] == 0)
            values->value[kept++] = values->value[i];
    values->count = kept;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void kerf_search_space_fill(struct kerf_search_space *space, const struct kerf_network *network,
                            double sequence, int gpus, int global_batch, int domain)
{
    const struct kerf_decoder_dims *dims = &network->decoder;
    int experts = dims->moe.experts > 0 ? (int)dims->moe.experts : 1;
    int layers = dims->layers_dense + dims->layers_moe;
    *space = (struct kerf_search_space){
        .network = network, .sequence = sequence, .gpus = gpus, .global_batch = global_batch};
    divisors(&space->tensor, gpus, domain);
    keep_divisors(&space->tensor, dims->attention.heads);
    /* A ring has two halves of a block for each rank. */
    divisors(&space->context, gpus, least((int)(sequence / 2.0), 64));
    keep_divisors(&space->context, (int)(sequence / 2.0));
    divisors(&space->expert, experts, gpus);
    divisors(&space->expert_tensor, experts > 1 ? gpus : 1, domain);
    divisors(&space->micro_batch, global_batch, 64);
    range(&space->recompute, 0, KERF_RECOMPUTE_COUNT - 1);
    divisors(&space->pipeline, gpus, layers);
    range(&space->virtual_stages, 1, 8);
    range(&space->sharding, 0, KERF_SHARDING_COUNT - 1);
}

enum kerf_status kerf_search_result_make(struct kerf_search_result *result, int best_room,
                                         struct kerf_error *error)
{
    *result = (struct kerf_search_result){.best_room = best_room};
    result->best = malloc(((size_t)best_room + 1) * sizeof *result->best);
    KERF_CHECK(result->best, KERF_ERR_FAILURE, "out of memory for the best %d layouts", best_room);
    return KERF_OK;
}

void kerf_search_result_free(struct kerf_search_result *result)
{
    free(result->best);
    free(result->pareto);
    *result = (struct kerf_search_result){0};
}

static bool is_before(const struct kerf_search_point *a, const struct kerf_search_point *b)
{
    if (a->step_s != b->step_s)
        return a->step_s < b->step_s;
    if (a->used_bytes != b->used_bytes)
        return a->used_bytes < b->used_bytes;
    return a->number < b->number;
}

static bool is_leaner(const struct kerf_search_point *a, const struct kerf_search_point *b)
{
    return a->used_bytes < b->used_bytes || (a->used_bytes <= b->used_bytes && a->number < b->number);
}

static void insert(struct kerf_search_point *list, int count, int at, const struct kerf_search_point *point)
{
    memmove(&list[at + 1], &list[at], (size_t)(count - at) * sizeof *list);
    list[at] = *point;
}

static void add_best(struct kerf_search_result *result, const struct kerf_search_point *point)
{
    int at = result->best_count;
    if (at == result->best_room && !is_before(point, &result->best[at - 1]))
        return;
    while (at > 0 && is_before(point, &result->best[at - 1]))
        at--;
    insert(result->best, result->best_count, at, point);
    if (result->best_count < result->best_room)
        result->best_count++;
}

/* The list is sorted by time, and memory falls along it: who comes before and needs no more beats a point;
 * those behind that need no less are beaten. */
static enum kerf_status add_pareto(struct kerf_search_result *result, const struct kerf_search_point *point,
                                   struct kerf_error *error)
{
    int low = 0, high = result->pareto_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (is_before(&result->pareto[middle], point))
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && result->pareto[low - 1].used_bytes <= point->used_bytes)
        return KERF_OK;
    int beaten = low;
    while (beaten < result->pareto_count && result->pareto[beaten].used_bytes >= point->used_bytes)
        beaten++;
    if (beaten > low) {
        memmove(&result->pareto[low], &result->pareto[beaten],
                (size_t)(result->pareto_count - beaten) * sizeof *result->pareto);
        result->pareto_count -= beaten - low;
    }
    if (result->pareto_count == result->pareto_room) {
        int room = result->pareto_room > 0 ? 2 * result->pareto_room : 64;
        struct kerf_search_point *grown = realloc(result->pareto, (size_t)room * sizeof *grown);
        KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for %d layouts", room);
        result->pareto = grown;
        result->pareto_room = room;
    }
    insert(result->pareto, result->pareto_count++, low, point);
    return KERF_OK;
}

static enum kerf_status add_point(struct kerf_search_result *result, const struct kerf_search_point *point,
                                  struct kerf_error *error)
{
    if (!point->fits)
        return KERF_OK;
    add_best(result, point);
    return add_pareto(result, point, error);
}

enum kerf_status kerf_search_merge(struct kerf_search_result *result, const struct kerf_search_result *other,
                                   struct kerf_error *error)
{
    for (int i = 0; i < other->best_count; i++)
        add_best(result, &other->best[i]);
    for (int i = 0; i < other->pareto_count; i++)
        KERF_TRY(add_pareto(result, &other->pareto[i], error));
    if (other->legal > 0 && (result->legal == 0 || is_leaner(&other->leanest, &result->leanest)))
        result->leanest = other->leanest;
    result->layouts += other->layouts;
    result->legal += other->legal;
    result->fitting += other->fitting;
    return KERF_OK;
}

/* The outer choices, the last one changing fastest. */
enum { OUTER = 6, INNER = 3 };

struct choice {
    const struct kerf_search_values *values;
    int *field;
};

static uint64_t combinations(const struct choice *choice, int choices)
{
    uint64_t product = 1;
    for (int i = 0; i < choices; i++)
        product *= (uint64_t)choice[i].values->count;
    return product;
}

static void choose(const struct choice *choice, int choices, uint64_t number)
{
    for (int i = choices; i-- > 0; number /= (uint64_t)choice[i].values->count)
        *choice[i].field = choice[i].values->value[number % (uint64_t)choice[i].values->count];
}

/* A walk through a space: the numbers in hand. */
struct walk {
    const struct kerf_search_space *space;
    struct kerf_training_layout layout;
    int recompute, sharding;
    struct choice outer[OUTER], inner[INNER];
};

static void begin(struct walk *walk, const struct kerf_search_space *space)
{
    struct kerf_training_layout *layout = &walk->layout;
    walk->space = space;
    *layout = (struct kerf_training_layout){.gpus = space->gpus, .global_batch = space->global_batch};
    const struct choice outer[OUTER] = {
        {&space->tensor, &layout->tensor},           {&space->context, &layout->context},
        {&space->expert, &layout->expert},           {&space->expert_tensor, &layout->expert_tensor},
        {&space->micro_batch, &layout->micro_batch}, {&space->recompute, &walk->recompute}};
    const struct choice inner[INNER] = {{&space->pipeline, &layout->pipeline},
                                        {&space->virtual_stages, &layout->virtual_stages},
                                        {&space->sharding, &walk->sharding}};
    memcpy(walk->outer, outer, sizeof outer);
    memcpy(walk->inner, inner, sizeof inner);
}

uint64_t kerf_search_outer(const struct kerf_search_space *space)
{
    struct walk walk;
    begin(&walk, space);
    return combinations(walk.outer, OUTER);
}

/* What no inner choice mends. */
static bool outer_is_legal(const struct walk *walk)
{
    const struct kerf_training_layout *layout = &walk->layout;
    const struct kerf_search_space *space = walk->space;
    const struct kerf_decoder_dims *dims = &space->network->decoder;
    int replica = layout->tensor * layout->context;
    return space->gpus % replica == 0 && dims->attention.heads % layout->tensor == 0 &&
           (layout->expert == 1 || (dims->moe.experts > 0 && (int)dims->moe.experts % layout->expert == 0)) &&
           space->gpus % (layout->expert * layout->expert_tensor) == 0;
}

/* Whether GPUs and batch divide with this pipeline, whatever else is chosen. */
static bool leaves_replicas(const struct walk *walk)
{
    const struct kerf_training_layout *layout = &walk->layout;
    int replica = layout->tensor * layout->context * layout->pipeline;
    return layout->gpus % replica == 0 &&
           layout->global_batch % (layout->gpus / replica * layout->micro_batch) == 0;
}

/* The cheap part of the rules, before all of them are asked. */
static bool inner_is_legal(const struct walk *walk)
{
    const struct kerf_training_layout *layout = &walk->layout;
    if (!leaves_replicas(walk))
        return false;
    int data = layout->gpus / (layout->tensor * layout->context * layout->pipeline);
    /* Interleaved passes go round in groups of a micro-batch per stage; sharing among one is none. */
    bool rounds = layout->virtual_stages == 1 ||
                  layout->global_batch / (data * layout->micro_batch) % layout->pipeline == 0;
    return rounds && (data * layout->context > 1 || walk->sharding == KERF_SHARDING_NONE);
}

static enum kerf_status cost_inner(struct walk *walk, const struct kerf_search_cost *cost, uint64_t first,
                                   struct kerf_search_result *result, struct kerf_error *error)
{
    uint64_t inner = combinations(walk->inner, INNER);
    uint64_t block = combinations(&walk->inner[1], INNER - 1);
    bool prepared = false;
    for (uint64_t i = 0; i < inner; i++) {
        choose(walk->inner, INNER, i);
        walk->layout.data = 0;
        if (!inner_is_legal(walk)) {
            /* Nor is any other with this pipeline, if it leaves no whole number of replicas. */
            if (!leaves_replicas(walk))
                i += block - 1 - i % block;
            continue;
        }
        struct kerf_search_point point = {
            .candidate = {.layout = walk->layout, .recompute = (enum kerf_recompute)walk->recompute},
            .number = first + i};
        struct kerf_training_layout *layout = &point.candidate.layout;
        layout->sharding = (enum kerf_sharding)walk->sharding;
        layout->sequence_parallel = layout->tensor > 1;
        if (kerf_training_layout_check(layout, walk->space->network, walk->space->sequence, NULL) != KERF_OK)
            continue;
        if (cost->prepare && !prepared)
            KERF_TRY(cost->prepare(cost->context, &point.candidate, error));
        prepared = true;
        if (!cost->cost(cost->context, &point.candidate, &point))
            continue;
        if (result->legal++ == 0 || is_leaner(&point, &result->leanest))
            result->leanest = point;
        result->fitting += point.fits;
        KERF_TRY(add_point(result, &point, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_search_run(const struct kerf_search_space *space, const struct kerf_search_cost *cost,
                                 uint64_t share, uint64_t shares, struct kerf_search_result *result,
                                 struct kerf_error *error)
{
    struct walk walk;
    begin(&walk, space);
    uint64_t outer = combinations(walk.outer, OUTER), inner = combinations(walk.inner, INNER);
    for (uint64_t o = share; o < outer; o += shares) {
        choose(walk.outer, OUTER, o);
        result->layouts += inner;
        if (outer_is_legal(&walk))
            KERF_TRY(cost_inner(&walk, cost, o * inner, result, error));
    }
    return KERF_OK;
}
