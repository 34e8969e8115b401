/* The engine room: logical processes, windows, and the loop that runs them. */
#include "sim/engine/engine.h"

#include "sim/engine/agree.h"
#include "sim/engine/event_queue.h"
#include "sim/engine/exchange.h"
#include "sim/engine/partition.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { EVENTS_BETWEEN_LOOKS = 16384 };
static const double seconds_between_watches = 0.02;

struct kerf_lp {
    struct kerf_engine *engine;
    const struct kerf_lp_kind *kind;
    const void *setup;
    void *state; /* on the rank that holds it */
    kerf_time now;
    uint64_t sequence, digest, events;
    uint32_t id;
};

struct kerf_engine {
    MPI_Comm comm;
    int rank, ranks;
    struct kerf_lp *lp;
    struct kerf_partition_lp *weight;
    size_t lp_count, lp_capacity;
    struct kerf_channel *channel; /* sorted by (from, to) before the run */
    size_t channel_count, channel_capacity;
    size_t *first_channel;
    int *rank_of;
    kerf_time *reach;
    struct kerf_event_queue queue;
    struct kerf_exchange *exchange;
    kerf_time sent_bound; /* least time + reach of the events sent to other ranks in this window */
    uint64_t sent;
    bool out_of_memory;
    struct kerf_engine_stats stats;
    uint64_t events_here;
};

enum kerf_status kerf_engine_create(MPI_Comm comm, struct kerf_engine **engine, struct kerf_error *error)
{
    *engine = calloc(1, sizeof **engine);
    KERF_CHECK(*engine, KERF_ERR_FAILURE, "out of memory for the engine");
    (*engine)->comm = comm;
    MPI_Comm_rank(comm, &(*engine)->rank);
    MPI_Comm_size(comm, &(*engine)->ranks);
    return KERF_OK;
}

void kerf_engine_free(struct kerf_engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->lp_count; i++)
        if (engine->lp[i].state)
            engine->lp[i].kind->free(engine->lp[i].state);
    kerf_event_queue_free(&engine->queue);
    kerf_exchange_free(engine->exchange);
    free(engine->lp);
    free(engine->weight);
    free(engine->channel);
    free(engine->first_channel);
    free(engine->rank_of);
    free(engine->reach);
    free(engine);
}

/* Room for one more item; on failure the engine remembers, and the run reports it. */
static bool grow(struct kerf_engine *engine, void **items, size_t count, size_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*items, wanted * item_bytes);
    if (!grown) {
        engine->out_of_memory = true;
        return false;
    }
    *items = grown;
    *capacity = wanted;
    return true;
}

uint32_t kerf_engine_add(struct kerf_engine *engine, const struct kerf_lp_kind *kind, const void *setup,
                         int group, double load)
{
    uint32_t id = (uint32_t)engine->lp_count;
    size_t weights = engine->lp_capacity;
    if (!grow(engine, (void **)&engine->weight, engine->lp_count, &weights, sizeof *engine->weight) ||
        !grow(engine, (void **)&engine->lp, engine->lp_count, &engine->lp_capacity, sizeof *engine->lp))
        return id;
    engine->weight[id] = (struct kerf_partition_lp){.group = group, .load = load};
    engine->lp[id] = (struct kerf_lp){.engine = engine, .kind = kind, .setup = setup, .id = id};
    engine->lp_count++;
    return id;
}

void kerf_engine_connect(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead)
{
    if (grow(engine, (void **)&engine->channel, engine->channel_count, &engine->channel_capacity,
             sizeof *engine->channel))
        engine->channel[engine->channel_count++] =
            (struct kerf_channel){.from = from, .to = to, .lookahead = lookahead};
}

static int compare_channels(const void *left, const void *right)
{
    const struct kerf_channel *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

/* Sorts the channels, cuts the LPs over the ranks and measures how far each is from the border. */
static enum kerf_status prepare(struct kerf_engine *engine, struct kerf_error *error)
{
    size_t count = engine->lp_count;
    engine->first_channel = calloc(count + 1, sizeof *engine->first_channel);
    engine->rank_of = calloc(count + 1, sizeof *engine->rank_of);
    engine->reach = calloc(count + 1, sizeof *engine->reach);
    KERF_CHECK(!engine->out_of_memory && engine->first_channel && engine->rank_of && engine->reach,
               KERF_ERR_FAILURE, "out of memory for %zu logical processes", count);
    if (engine->channel_count > 0)
        qsort(engine->channel, engine->channel_count, sizeof *engine->channel, compare_channels);
    kerf_time least = KERF_TIME_NEVER;
    for (size_t c = 0; c < engine->channel_count; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        KERF_CHECK(channel->from < count && channel->to < count && channel->lookahead > 0, KERF_ERR_FAILURE,
                   "internal: channel %u -> %u has no lookahead or no end", channel->from, channel->to);
        engine->first_channel[channel->from + 1]++;
        if (channel->lookahead < least)
            least = channel->lookahead;
    }
    for (size_t i = 0; i < count; i++)
        engine->first_channel[i + 1] += engine->first_channel[i];
    kerf_partition_blocks(engine->weight, count, engine->ranks, engine->rank_of);
    KERF_CHECK(
        kerf_partition_reach(engine->channel, engine->first_channel, count, engine->rank_of, engine->reach),
        KERF_ERR_FAILURE, "out of memory for %zu channels", engine->channel_count);
    engine->stats.lookahead_least_s = least == KERF_TIME_NEVER ? 0.0 : kerf_time_to_s(least);
    return kerf_exchange_create(engine->comm, &engine->exchange, error);
}

static enum kerf_status init_own(struct kerf_engine *engine, struct kerf_error *error)
{
    for (size_t i = 0; i < engine->lp_count; i++) {
        struct kerf_lp *lp = &engine->lp[i];
        if (engine->rank_of[i] == engine->rank)
            KERF_TRY(lp->kind->init(lp, lp->setup, &lp->state, error));
    }
    return KERF_OK;
}

uint32_t kerf_lp_id(const struct kerf_lp *lp)
{
    return lp->id;
}

kerf_time kerf_lp_now(const struct kerf_lp *lp)
{
    return lp->now;
}

static const struct kerf_channel *find_channel(const struct kerf_engine *engine, uint32_t from, uint32_t to)
{
    struct kerf_channel key = {.from = from, .to = to};
    size_t first = engine->first_channel[from], count = engine->first_channel[from + 1] - first;
    return count ? bsearch(&key, engine->channel + first, count, sizeof key, compare_channels) : NULL;
}

enum kerf_status kerf_lp_send(struct kerf_lp *lp, uint32_t destination, kerf_time delay, uint32_t type,
                              const void *payload, size_t payload_bytes, struct kerf_error *error)
{
    struct kerf_engine *engine = lp->engine;
    KERF_CHECK(payload_bytes <= KERF_PAYLOAD_BYTES, KERF_ERR_FAILURE, "internal: %s %u: payload of %zu bytes",
               lp->kind->name, lp->id, payload_bytes);
    if (destination != lp->id) {
        const struct kerf_channel *channel = find_channel(engine, lp->id, destination);
        KERF_CHECK(channel, KERF_ERR_FAILURE, "internal: %s %u sends to %u without a channel", lp->kind->name,
                   lp->id, destination);
        KERF_CHECK(delay >= channel->lookahead, KERF_ERR_FAILURE,
                   "internal: %s %u breaks its lookahead to %u: %lld ps, declared %lld ps", lp->kind->name,
                   lp->id, destination, (long long)delay, (long long)channel->lookahead);
    }
    KERF_CHECK(delay >= 0 && lp->now <= KERF_TIME_NEVER - 1 - delay, KERF_ERR_FAILURE,
               "%s %u: simulated time leaves its range of 106 days", lp->kind->name, lp->id);
    struct kerf_event event = {.time = lp->now + delay,
                               .sequence = lp->sequence++,
                               .destination = destination,
                               .source = lp->id,
                               .type = type,
                               .payload_bytes = (uint32_t)payload_bytes};
    if (payload_bytes > 0)
        memcpy(event.payload, payload, payload_bytes);
    bool kept;
    int rank = engine->rank_of[destination];
    if (rank == engine->rank) {
        kept = kerf_event_queue_push(&engine->queue, &event);
    } else {
        kerf_time bound = kerf_time_add(event.time, engine->reach[destination]);
        if (bound < engine->sent_bound)
            engine->sent_bound = bound;
        engine->sent++;
        kept = kerf_exchange_send(engine->exchange, rank, &event);
    }
    KERF_CHECK(kept, KERF_ERR_FAILURE, "out of memory for pending events");
    return KERF_OK;
}

/* Folds an event into the LP's digest; the order matters, so the digest proves the order. */
static void fold(struct kerf_lp *lp, const struct kerf_event *event)
{
    const uint64_t words[4] = {(uint64_t)event->time, event->source, event->sequence, event->type};
    lp->digest = XXH3_64bits_withSeed(words, sizeof words, lp->digest);
    if (event->payload_bytes > 0)
        lp->digest = XXH3_64bits_withSeed(event->payload, event->payload_bytes, lp->digest);
    lp->events++;
}

struct look {
    kerf_engine_watch *watch;
    void *context;
    const volatile int *stop;
    double next_watch_s;
};

/* Looks up from the work now and then: progress for a person, and a wish to stop. */
static bool look_up(struct kerf_engine *engine, struct look *look, kerf_time now)
{
    if (look->watch && engine->rank == 0 && MPI_Wtime() >= look->next_watch_s) {
        look->watch(look->context, kerf_time_to_s(now), engine->events_here);
        look->next_watch_s = MPI_Wtime() + seconds_between_watches;
    }
    return look->stop && *look->stop;
}

/* Handles every event of this rank before `end`. *stopped: a stop was asked for. */
static enum kerf_status run_window(struct kerf_engine *engine, kerf_time end, struct look *look,
                                   bool *stopped, struct kerf_error *error)
{
    const struct kerf_event *first;
    while ((first = kerf_event_queue_first(&engine->queue)) != NULL && first->time < end) {
        struct kerf_event event = *first;
        kerf_event_queue_pop(&engine->queue);
        struct kerf_lp *lp = &engine->lp[event.destination];
        lp->now = event.time;
        fold(lp, &event);
        KERF_TRY(lp->kind->handle(lp, lp->state, &event, error));
        engine->stats.end_s = kerf_time_to_s(event.time);
        if (++engine->events_here % EVENTS_BETWEEN_LOOKS == 0 && look_up(engine, look, event.time)) {
            *stopped = true;
            return KERF_OK;
        }
    }
    *stopped = look_up(engine, look, kerf_time_from_s(engine->stats.end_s));
    return KERF_OK;
}

/* Nothing that this rank holds or just sent can reach another rank before this time. */
static kerf_time own_bound(const struct kerf_engine *engine)
{
    kerf_time bound = engine->sent_bound;
    for (size_t i = 0; engine->ranks > 1 && i < engine->queue.count; i++) {
        const struct kerf_event *event = &engine->queue.heap[i];
        kerf_time reached = kerf_time_add(event->time, engine->reach[event->destination]);
        if (reached < bound)
            bound = reached;
    }
    return bound;
}

static enum kerf_status swap(struct kerf_engine *engine, enum kerf_status status, bool stopped,
                             struct kerf_promise *promise, struct kerf_error *error)
{
    *promise = (struct kerf_promise){.bound = own_bound(engine),
                                     .pending = engine->queue.count + engine->sent,
                                     .trouble = (int)status,
                                     .stop = stopped};
    engine->stats.remote_events += engine->sent;
    engine->sent_bound = KERF_TIME_NEVER;
    engine->sent = 0;
    enum kerf_status swapped = kerf_exchange_swap(engine->exchange, &engine->queue, promise, error);
    return status != KERF_OK ? status : swapped;
}

static void sum_up(struct kerf_engine *engine)
{
    uint64_t here[3] = {engine->events_here, 0, engine->stats.remote_events}, all[3];
    double end_s = engine->stats.end_s;
    for (size_t i = 0; i < engine->lp_count; i++) {
        const uint64_t words[2] = {i, engine->lp[i].digest};
        if (engine->rank_of[i] == engine->rank)
            here[1] += XXH3_64bits(words, sizeof words);
    }
    MPI_Allreduce(here, all, 3, MPI_UINT64_T, MPI_SUM, engine->comm);
    MPI_Allreduce(&end_s, &engine->stats.end_s, 1, MPI_DOUBLE, MPI_MAX, engine->comm);
    MPI_Allreduce(here, &engine->stats.events_least, 1, MPI_UINT64_T, MPI_MIN, engine->comm);
    MPI_Allreduce(here, &engine->stats.events_most, 1, MPI_UINT64_T, MPI_MAX, engine->comm);
    engine->stats.events = all[0];
    engine->stats.digest = all[1];
    engine->stats.remote_events = all[2];
    engine->stats.lps = engine->lp_count;
}

enum kerf_status kerf_engine_run(struct kerf_engine *engine, kerf_engine_watch *watch, void *context,
                                 const volatile int *stop, struct kerf_error *error)
{
    struct look look = {.watch = watch, .context = context, .stop = stop};
    struct kerf_promise promise;
    bool stopped = false;
    KERF_TRY(kerf_error_agree(engine->comm, prepare(engine, error), error));
    engine->sent_bound = KERF_TIME_NEVER;
    enum kerf_status status = init_own(engine, error);
    for (;;) {
        status = swap(engine, status, stopped, &promise, error);
        if (promise.trouble != KERF_OK || promise.stop || promise.pending == 0)
            break;
        engine->stats.windows++;
        if (status == KERF_OK)
            status = run_window(engine, promise.bound, &look, &stopped, error);
    }
    if (status == KERF_OK && promise.stop)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "interrupted; nothing was written");
    KERF_TRY(kerf_error_agree(engine->comm, status, error));
    sum_up(engine);
    return KERF_OK;
}

struct kerf_engine_stats kerf_engine_stats(const struct kerf_engine *engine)
{
    return engine->stats;
}

int kerf_engine_rank_of(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->rank_of[lp];
}

uint64_t kerf_engine_events_of(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->lp[lp].events;
}

void *kerf_engine_state(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->lp[lp].state;
}
