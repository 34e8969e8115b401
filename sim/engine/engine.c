/* The engine room: adding logical processes and channels, and getting ready to run them. */
#include "sim/engine/agree.h"
#include "sim/engine/engine_state.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MOST = 1024, BLOCK_STATE_BYTES = 256 * 1024 };

/* Windows of LPs that never send to each other could be for ever; so wide is enough (1.1 s). */
static const kerf_time window_widest = (kerf_time)1 << 40;

enum kerf_status kerf_engine_create(MPI_Comm comm, const struct kerf_engine_options *options,
                                    struct kerf_engine **engine, struct kerf_error *error)
{
    struct kerf_engine *made = calloc(1, sizeof *made);
    enum kerf_status status =
        made ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the engine");
    status = kerf_error_agree(comm, status, error);
    if (status != KERF_OK) {
        free(made);
        made = NULL;
    } else {
        made->comm = comm;
        if (options)
            made->options = *options;
        MPI_Comm_rank(comm, &made->rank);
        MPI_Comm_size(comm, &made->ranks);
    }
    *engine = made;
    return status;
}

static void free_states(struct kerf_engine *engine)
{
    for (uint32_t i = 0; engine->lp && i < engine->here; i++) {
        const struct kerf_lp_kind *kind = engine->kind[engine->lp[i].kind];
        if (engine->lp[i].state && kind->free)
            kind->free(engine->lp[i].state);
    }
    for (int k = 0; engine->state_of_kind && k < engine->kinds; k++)
        free(engine->state_of_kind[k]);
    for (uint32_t i = 0; engine->cancelled && i < engine->here; i++)
        free(engine->cancelled[i].sequence);
}

void kerf_engine_free(struct kerf_engine *engine)
{
    if (!engine)
        return;
    free_states(engine);
    kerf_exchange_free(engine->exchange);
    kerf_wheel_free(engine->wheel);
    kerf_soon_free(&engine->soon);
    kerf_reference_free(&engine->reference);
    kerf_chunk_pool_free(&engine->pool);
    void *const owned[] = {engine->setup,
                           engine->weight,
                           engine->kind_of,
                           engine->open,
                           engine->label,
                           engine->representative,
                           engine->rank_of,
                           engine->place,
                           engine->reach,
                           engine->channel,
                           engine->first_channel,
                           engine->copies,
                           engine->promised,
                           engine->lp,
                           engine->state_of_kind,
                           engine->reach_here,
                           engine->cancelled,
                           engine->touched,
                           engine->block,
                           engine->least_delay,
                           engine->rehearsal.rank_of,
                           engine->rehearsal.events,
                           engine->rehearsal.of_lp,
                           engine->border.channel,
                           engine->border.silent_until,
                           engine->fold_pair};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    free(engine);
}

static bool grow(struct kerf_engine *engine, void **items, size_t capacity, size_t item_bytes)
{
    void *grown = realloc(*items, capacity * item_bytes);
    if (grown)
        *items = grown;
    else
        engine->out_of_memory = true;
    return grown != NULL;
}

static bool grow_lps(struct kerf_engine *engine)
{
    size_t capacity = engine->lp_capacity ? 2 * engine->lp_capacity : 256;
    bool grown = grow(engine, (void **)&engine->setup, capacity, sizeof *engine->setup) &&
                 grow(engine, (void **)&engine->weight, capacity, sizeof *engine->weight) &&
                 grow(engine, (void **)&engine->kind_of, capacity, sizeof *engine->kind_of);
    if (grown)
        engine->lp_capacity = capacity;
    return grown;
}

static uint8_t kind_number(struct kerf_engine *engine, const struct kerf_lp_kind *kind)
{
    int k = engine->kinds - 1; /* most often the last one again */
    while (k >= 0 && engine->kind[k] != kind)
        k--;
    if (k >= 0)
        return (uint8_t)k;
    if (engine->kinds == KERF_KINDS_MOST) {
        engine->too_many_kinds = true;
        return 0;
    }
    engine->kind[engine->kinds] = kind;
    return (uint8_t)engine->kinds++;
}

uint32_t kerf_engine_add(struct kerf_engine *engine, const struct kerf_lp_kind *kind, const void *setup,
                         int group, double load)
{
    uint32_t id = engine->lp_count;
    if (engine->out_of_memory || (id == engine->lp_capacity && !grow_lps(engine)))
        return id;
    engine->setup[id] = setup;
    engine->weight[id] = (struct kerf_partition_lp){.group = group, .load = (float)load};
    engine->kind_of[id] = kind_number(engine, kind);
    engine->lp_count++;
    return id;
}

uint32_t kerf_engine_lps(const struct kerf_engine *engine)
{
    return engine->lp_count;
}

void kerf_engine_connect_alike(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead,
                               uint64_t label)
{
    if (engine->channels == engine->channel_capacity) {
        size_t capacity = engine->channel_capacity ? 2 * engine->channel_capacity : 256;
        if (!grow(engine, (void **)&engine->channel, capacity, sizeof *engine->channel))
            return;
        engine->channel_capacity = capacity;
    }
    engine->channel[engine->channels++] =
        (struct kerf_channel){.from = from, .to = to, .lookahead = lookahead, .label = label};
}

void kerf_engine_connect(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead)
{
    kerf_engine_connect_alike(engine, from, to, lookahead, 0);
}

/* Every LP that there is room for has an entry; those not opened, NEVER. */
static void grow_open(struct kerf_engine *engine)
{
    if (engine->lp_capacity > engine->open_capacity &&
        grow(engine, (void **)&engine->open, engine->lp_capacity, sizeof *engine->open)) {
        for (size_t i = engine->open_capacity; i < engine->lp_capacity; i++)
            engine->open[i] = KERF_TIME_NEVER;
        engine->open_capacity = engine->lp_capacity;
    }
}

void kerf_engine_open(struct kerf_engine *engine, uint32_t from, kerf_time lookahead)
{
    grow_open(engine);
    if (!engine->out_of_memory && from < engine->lp_count)
        engine->open[from] = lookahead;
}

void kerf_engine_label(struct kerf_engine *engine, uint32_t lp, uint64_t label)
{
    if (!engine->options.fold)
        return;
    if (engine->label_capacity < engine->lp_capacity &&
        grow(engine, (void **)&engine->label, engine->lp_capacity, sizeof *engine->label)) {
        memset(engine->label + engine->label_capacity, 0,
               (engine->lp_capacity - engine->label_capacity) * sizeof *engine->label);
        engine->label_capacity = engine->lp_capacity;
    }
    if (!engine->out_of_memory && lp < engine->lp_count)
        engine->label[lp] = label;
}

static int compare_ends(const void *left, const void *right)
{
    const struct kerf_channel *a = left, *b = right;
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return (a->lookahead > b->lookahead) - (a->lookahead < b->lookahead);
}

/* Sorts the channels by (from, to): by counting, as there may be millions, and then each LP's few. */
static enum kerf_status sort_channels(struct kerf_engine *engine, struct kerf_error *error)
{
    uint32_t count = engine->lp_count;
    size_t *first = calloc((size_t)count + 2, sizeof *first);
    struct kerf_channel *sorted = malloc((engine->channels + 1) * sizeof *sorted);
    engine->first_channel = first;
    if (!first || !sorted) {
        free(sorted);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %zu channels", engine->channels);
    }
    for (size_t c = 0; c < engine->channels; c++)
        first[engine->channel[c].from + 2]++;
    for (uint32_t i = 2; i <= count; i++)
        first[i] += first[i - 1];
    for (size_t c = 0; c < engine->channels; c++)
        sorted[first[engine->channel[c].from + 1]++] = engine->channel[c];
    free(engine->channel);
    engine->channel = sorted;
    engine->channel_capacity = engine->channels;
    for (uint32_t i = 0; i < count; i++)
        if (first[i + 1] - first[i] > 1)
            qsort(sorted + first[i], first[i + 1] - first[i], sizeof *sorted, compare_ends);
    return KERF_OK;
}

static enum kerf_status check_channels(struct kerf_engine *engine, struct kerf_error *error)
{
    kerf_time least = KERF_TIME_NEVER;
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        KERF_CHECK(channel->from < engine->lp_count && channel->to < engine->lp_count &&
                       channel->lookahead > 0,
                   KERF_ERR_FAILURE, "internal: channel %u -> %u has no lookahead or no end", channel->from,
                   channel->to);
        least = channel->lookahead < least ? channel->lookahead : least;
    }
    for (uint32_t i = 0; engine->open && i < engine->lp_count; i++) {
        KERF_CHECK(engine->open[i] > 0, KERF_ERR_FAILURE, "internal: LP %u is open without lookahead", i);
        least = engine->open[i] < least ? engine->open[i] : least;
    }
    engine->stats.lookahead_least_s = least == KERF_TIME_NEVER ? 0.0 : kerf_time_to_s(least);
    return KERF_OK;
}

const struct kerf_channel *kerf_engine_channel(const struct kerf_engine *engine, uint32_t from, uint32_t to)
{
    size_t low = engine->first_channel[from], high = engine->first_channel[from + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (engine->channel[middle].to < to)
            low = middle + 1;
        else
            high = middle;
    }
    return low < engine->first_channel[from + 1] && engine->channel[low].to == to ? &engine->channel[low]
                                                                                  : NULL;
}

enum kerf_status kerf_engine_cut_over(struct kerf_engine *engine, int ranks, int *rank_of,
                                      struct kerf_error *error)
{
    const struct kerf_partition_problem problem = {.count = engine->lp_count,
                                                   .ranks = ranks,
                                                   .lp = engine->weight,
                                                   .channel = engine->channel,
                                                   .first = engine->first_channel};
    if (engine->options.partitioner && ranks > 1)
        KERF_TRY(engine->options.partitioner(engine->options.partitioner_context, engine->comm, &problem,
                                             rank_of, error));
    else
        kerf_partition_blocks(engine->weight, engine->lp_count, ranks, rank_of);
    for (uint32_t i = 0; engine->representative && i < engine->lp_count; i++)
        rank_of[i] = rank_of[engine->representative[i]];
    return KERF_OK;
}

/* Who holds what, and how far each LP is from the border of its rank. On one rank nothing is needed, unless
 * other ranks are rehearsed. A partitioner may be collective, so there is memory on all ranks before it. */
static enum kerf_status allocate_partition(struct kerf_engine *engine, struct kerf_error *error)
{
    struct kerf_rehearsal *rehearsal = &engine->rehearsal;
    rehearsal->ranks = engine->ranks == 1 ? engine->options.rehearse_ranks : 0;
    if (engine->ranks == 1 && rehearsal->ranks < 2)
        return KERF_OK;
    int ranks = engine->ranks > 1 ? engine->ranks : rehearsal->ranks;
    int *rank_of = calloc((size_t)engine->lp_count + 1, sizeof *rank_of);
    engine->reach = calloc((size_t)engine->lp_count + 1, sizeof *engine->reach);
    if (engine->ranks > 1)
        engine->rank_of = rank_of;
    else
        rehearsal->rank_of = rank_of;
    KERF_CHECK(rank_of && engine->reach, KERF_ERR_FAILURE, "out of memory for %u logical processes",
               engine->lp_count);
    if (engine->ranks == 1) {
        rehearsal->events = calloc((size_t)ranks, sizeof *rehearsal->events);
        rehearsal->of_lp = calloc((size_t)engine->lp_count + 1, sizeof *rehearsal->of_lp);
        KERF_CHECK(rehearsal->events && rehearsal->of_lp, KERF_ERR_FAILURE, "out of memory for %d ranks",
                   ranks);
    }
    return KERF_OK;
}

static enum kerf_status partition(struct kerf_engine *engine, struct kerf_error *error)
{
    int ranks = engine->ranks > 1 ? engine->ranks : engine->rehearsal.ranks;
    int *rank_of = engine->ranks > 1 ? engine->rank_of : engine->rehearsal.rank_of;
    if (!rank_of)
        return KERF_OK;
    KERF_TRY(kerf_engine_cut_over(engine, ranks, rank_of, error));
    KERF_CHECK(kerf_partition_reach(engine->channel, engine->first_channel, engine->open, engine->lp_count,
                                    rank_of, engine->reach),
               KERF_ERR_FAILURE, "out of memory for %zu channels", engine->channels);
    return KERF_OK;
}

/* Counts the LPs of this rank; true when they follow each other, so that their places need no table. */
static bool find_here(struct kerf_engine *engine)
{
    uint32_t first = 0, last = 0;
    for (uint32_t i = 0; i < engine->lp_count; i++) {
        if (!kerf_engine_is_here(engine, i))
            continue;
        first = engine->here++ == 0 ? i : first;
        last = i;
    }
    bool in_a_row = !engine->representative && (engine->here == 0 || last - first + 1 == engine->here);
    engine->first_here = in_a_row ? first : 0;
    return in_a_row;
}

static bool reach_is_the_same(const struct kerf_engine *engine)
{
    for (uint32_t i = 1; i < engine->lp_count; i++)
        if (engine->reach[i] != engine->reach[0])
            return false;
    return true;
}

static enum kerf_status allocate_here(struct kerf_engine *engine, struct kerf_error *error)
{
    bool mapped = !find_here(engine);
    size_t here = (size_t)engine->here + 1;
    engine->lp = aligned_alloc(64, here * sizeof *engine->lp);
    if (engine->lp)
        memset(engine->lp, 0, here * sizeof *engine->lp);
    engine->touched = malloc(here * sizeof *engine->touched);
    engine->least_delay = malloc((size_t)(engine->kinds * engine->kinds + 1) * sizeof *engine->least_delay);
    engine->state_of_kind = calloc((size_t)engine->kinds + 1, sizeof *engine->state_of_kind);
    if (mapped)
        engine->place = calloc((size_t)engine->lp_count + 1, sizeof *engine->place);
    if (engine->reach)
        engine->reach_here = calloc(here, sizeof *engine->reach_here);
    KERF_CHECK(engine->lp && engine->touched && engine->least_delay && engine->state_of_kind &&
                   (!mapped || engine->place) && (!engine->reach || engine->reach_here),
               KERF_ERR_FAILURE, "out of memory for %u logical processes", engine->here);
    for (int i = 0; i < engine->kinds * engine->kinds; i++)
        engine->least_delay[i] = KERF_TIME_NEVER;
    return KERF_OK;
}

static size_t state_stride(const struct kerf_lp_kind *kind)
{
    return (kind->state_bytes + 15) / 16 * 16;
}

/* Places the LPs of this rank in the order of their ids, and the states of each kind in one array. */
static enum kerf_status place_here(struct kerf_engine *engine, struct kerf_error *error)
{
    uint32_t of_kind[KERF_KINDS_MOST] = {0}, place = 0;
    for (uint32_t i = 0; i < engine->lp_count; i++)
        of_kind[engine->kind_of[i]] += kerf_engine_is_here(engine, i);
    for (int k = 0; k < engine->kinds; k++) {
        size_t bytes = of_kind[k] * state_stride(engine->kind[k]);
        engine->state_of_kind[k] = calloc(1, bytes + 16);
        KERF_CHECK(engine->state_of_kind[k], KERF_ERR_FAILURE, "out of memory for %u LPs of kind %s",
                   of_kind[k], engine->kind[k]->name);
        of_kind[k] = 0;
    }
    engine->reach_least = KERF_TIME_NEVER;
    for (uint32_t i = 0; i < engine->lp_count; i++) {
        if (!kerf_engine_is_here(engine, i))
            continue;
        uint8_t kind = engine->kind_of[i];
        engine->lp[place] = (struct kerf_lp){.engine = engine,
                                             .state = (char *)engine->state_of_kind[kind] +
                                                      of_kind[kind]++ * state_stride(engine->kind[kind]),
                                             .open = engine->open ? engine->open[i] : KERF_TIME_NEVER,
                                             .id = i,
                                             .kind = kind};
        if (engine->reach) {
            engine->reach_here[place] = engine->reach[i];
            if (engine->reach[i] < engine->reach_least)
                engine->reach_least = engine->reach[i];
        }
        if (engine->place)
            engine->place[i] = place;
        place++;
    }
    for (uint32_t i = 0; engine->representative && i < engine->lp_count; i++)
        engine->place[i] = engine->place[engine->representative[i]];
    return KERF_OK;
}

/* Width of windows inside this rank: no LP of it reaches another sooner. Windows of the ranks together are
 * no wider, so wider ones here would be cut each time. */
static kerf_time window_width(const struct kerf_engine *engine)
{
    kerf_time width = engine->options.widest_window_ps > 0 ? engine->options.widest_window_ps : window_widest;
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        if (channel->from != channel->to && channel->lookahead < width &&
            (!engine->rank_of || engine->rank_of[channel->from] == engine->rank))
            width = channel->lookahead;
    }
    for (uint32_t i = 0; i < engine->here; i++)
        if (engine->lp[i].open < width)
            width = engine->lp[i].open;
    for (uint32_t i = 0; engine->reach && i < engine->lp_count; i++)
        if (engine->reach[i] < width)
            width = engine->reach[i];
    return width;
}

/* LPs are run in blocks whose state fits half a second-level cache, when they do not fit as a whole. */
static enum kerf_status make_blocks(struct kerf_engine *engine, struct kerf_error *error)
{
    size_t bytes = sizeof(struct kerf_lp);
    for (int k = 0; k < engine->kinds; k++)
        if (state_stride(engine->kind[k]) + sizeof(struct kerf_lp) > bytes)
            bytes = state_stride(engine->kind[k]) + sizeof(struct kerf_lp);
    while (((size_t)1 << engine->block_shift) * bytes < BLOCK_STATE_BYTES ||
           engine->here >> engine->block_shift >= BLOCKS_MOST)
        engine->block_shift++;
    engine->blocks = (engine->here >> engine->block_shift) + 1;
    engine->block = calloc(engine->blocks, sizeof *engine->block);
    KERF_CHECK(engine->block, KERF_ERR_FAILURE, "out of memory for the engine");
    return KERF_OK;
}

static enum kerf_status create_exchange(struct kerf_engine *engine, struct kerf_error *error)
{
    if (engine->ranks == 1)
        return KERF_OK;
    uint32_t least_piece = kerf_event_bytes(KERF_PAYLOAD_BYTES), first = engine->options.first_bytes;
    uint32_t piece = engine->options.piece_bytes ? engine->options.piece_bytes : 65536;
    const struct kerf_exchange_settings settings = {
        .first_bytes = first >= 64 ? first : 4000,
        .piece_bytes = piece > least_piece ? piece : least_piece,
        .direct_ranks = engine->options.direct_ranks ? engine->options.direct_ranks : 16,
        .jitter_us = engine->options.jitter_us};
    unsigned char *sends_to = calloc((size_t)engine->ranks, 1);
    enum kerf_status status = sends_to ? KERF_OK : KERF_ERR_FAILURE;
    for (size_t c = 0; sends_to && c < engine->channels; c++)
        if (engine->rank_of[engine->channel[c].from] == engine->rank)
            sends_to[engine->rank_of[engine->channel[c].to]] = 1;
    for (uint32_t i = 0; sends_to && engine->open && i < engine->lp_count; i++)
        if (engine->rank_of[i] == engine->rank && engine->open[i] != KERF_TIME_NEVER)
            memset(sends_to, 1, (size_t)engine->ranks);
    if (status != KERF_OK)
        kerf_error_set(error, status, "out of memory for the exchange between %d ranks", engine->ranks);
    int able = status == KERF_OK, all_able;
    MPI_Allreduce(&able, &all_able, 1, MPI_INT, MPI_MIN, engine->comm);
    if (all_able)
        status = kerf_exchange_create(engine->comm, &settings, sends_to, &engine->exchange, error);
    free(sends_to);
    return status;
}

/* Channels sorted, alike LPs folded: what has to be known before anything is cut. */
enum kerf_status kerf_engine_arrange(struct kerf_engine *engine, struct kerf_error *error)
{
    if (engine->open)
        grow_open(engine); /* LPs may have been added since the last was opened */
    KERF_CHECK(!engine->out_of_memory, KERF_ERR_FAILURE, "out of memory for %u logical processes",
               engine->lp_count);
    KERF_CHECK(!engine->too_many_kinds, KERF_ERR_FAILURE, "internal: more than %d kinds of LPs",
               KERF_KINDS_MOST);
    KERF_CHECK(!engine->options.reference || engine->ranks == 1, KERF_ERR_FAILURE,
               "internal: the reference runs on one rank");
    KERF_TRY(check_channels(engine, error));
    KERF_TRY(sort_channels(engine, error));
    if (engine->options.fold)
        KERF_TRY(kerf_engine_fold(engine, error));
    return KERF_OK;
}

static enum kerf_status settle_here(struct kerf_engine *engine, struct kerf_error *error)
{
    KERF_TRY(allocate_here(engine, error));
    KERF_TRY(place_here(engine, error));
    KERF_TRY(make_blocks(engine, error));
    engine->wheel = kerf_wheel_create(window_width(engine));
    KERF_CHECK(engine->wheel, KERF_ERR_FAILURE, "out of memory for the engine");
    engine->wheel->reach = engine->reach_here;
    engine->wheel->reach_mask = engine->reach && reach_is_the_same(engine) ? 0 : UINT32_MAX;
    engine->slice = engine->wheel->width; /* short rounds first: how much work lies ahead is not known */
    engine->sent_bound = KERF_TIME_NEVER;
    return KERF_OK;
}

enum kerf_status kerf_engine_prepare(struct kerf_engine *engine, struct kerf_error *error)
{
    KERF_TRY(kerf_error_agree(engine->comm, kerf_engine_arrange(engine, error), error));
    KERF_TRY(kerf_error_agree(engine->comm, allocate_partition(engine, error), error));
    KERF_TRY(kerf_error_agree(engine->comm, partition(engine, error), error));
    KERF_TRY(kerf_error_agree(engine->comm, settle_here(engine, error), error));
    return kerf_error_agree(engine->comm, create_exchange(engine, error), error);
}

int kerf_engine_rank_of(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->rank_of ? engine->rank_of[lp] : 0;
}

static const struct kerf_lp *lp_here(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->lp && kerf_engine_rank_of(engine, lp) == engine->rank
               ? &engine->lp[kerf_engine_place(engine, lp)]
               : NULL;
}

uint64_t kerf_engine_events_of(const struct kerf_engine *engine, uint32_t lp)
{
    const struct kerf_lp *here = lp_here(engine, lp);
    return here ? here->events : 0;
}

void *kerf_engine_state(const struct kerf_engine *engine, uint32_t lp)
{
    const struct kerf_lp *here = lp_here(engine, lp);
    return here ? here->state : NULL;
}

struct kerf_engine_stats kerf_engine_stats(const struct kerf_engine *engine)
{
    return engine->stats;
}
