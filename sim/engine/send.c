/* The engine room: what a handler may do. */
#include "sim/engine/clock.h"
#include "sim/engine/engine_state.h"

#include <stdlib.h>
#include <string.h>

uint32_t kerf_lp_id(const struct kerf_lp *lp)
{
    return lp->id;
}

kerf_time kerf_lp_now(const struct kerf_lp *lp)
{
    return lp->engine->now;
}

const void *kerf_lp_setup(const struct kerf_lp *lp)
{
    return lp->engine->setup[lp->id];
}

static enum kerf_status refuse(const struct kerf_lp *lp, kerf_time delay, uint32_t type, size_t payload_bytes,
                               struct kerf_error *error)
{
    const char *name = lp->engine->kind[lp->kind]->name;
    KERF_CHECK(payload_bytes <= KERF_PAYLOAD_BYTES, KERF_ERR_FAILURE,
               "internal: %s %u: payload of %zu bytes, at most %d fit an event", name, lp->id, payload_bytes,
               KERF_PAYLOAD_BYTES);
    KERF_CHECK(type <= UINT16_MAX, KERF_ERR_FAILURE, "internal: %s %u: event type %u", name, lp->id, type);
    KERF_CHECK(delay >= 0, KERF_ERR_FAILURE, "internal: %s %u sends %lld ps into the past", name, lp->id,
               -(long long)delay);
    return kerf_error_set(error, KERF_ERR_FAILURE, "%s %u: simulated time leaves its range of 106 days", name,
                          lp->id);
}

/* Over a declared channel: long enough after now, and no sooner than promised. *swallowed is set when a like
 * LP's event stands for this one. */
static enum kerf_status check_channel(const struct kerf_lp *lp, uint32_t destination, kerf_time delay,
                                      bool *swallowed, struct kerf_error *error)
{
    const struct kerf_engine *engine = lp->engine;
    const char *name = engine->kind[lp->kind]->name;
    const struct kerf_channel *channel =
        destination < engine->lp_count ? kerf_engine_channel(engine, lp->id, destination) : NULL;
    KERF_CHECK(channel, KERF_ERR_FAILURE,
               lp->open == KERF_TIME_NEVER || destination >= engine->lp_count
                   ? "internal: %s %u sends to %u without a channel"
                   : "internal: %s %u breaks its lookahead to all (sends to %u)",
               name, lp->id, destination);
    KERF_CHECK(delay >= channel->lookahead, KERF_ERR_FAILURE,
               "internal: %s %u breaks its lookahead to %u: %lld ps, declared %lld ps", name, lp->id,
               destination, (long long)delay, (long long)channel->lookahead);
    size_t c = (size_t)(channel - engine->channel);
    KERF_CHECK(!engine->promised || engine->now + delay >= engine->promised[c], KERF_ERR_FAILURE,
               "internal: %s %u breaks its promise to %u: arrives at %lld ps, promised %lld ps", name, lp->id,
               destination, (long long)(engine->now + delay), (long long)engine->promised[c]);
    if (engine->copies && engine->copies[c] == 0)
        *swallowed = true;
    return KERF_OK;
}

static void note_delay(struct kerf_engine *engine, const struct kerf_lp *lp, uint32_t destination,
                       kerf_time delay)
{
    engine->stats.delays[64 - __builtin_clzll((unsigned long long)delay | 1)]++;
    int pair = engine->kinds == 1 ? 0 : lp->kind * engine->kinds + engine->kind_of[destination];
    if (delay < engine->least_delay[pair])
        engine->least_delay[pair] = delay;
}

/* A send that was found legal. */
struct message {
    kerf_time time;
    uint32_t destination, source;
    uint16_t type, payload_bytes;
    const void *payload;
};

/* Writes the record field by field: a copy of a whole head would wait for its fields to be stored first. */
static void fill(struct kerf_event *event, const struct kerf_lp *lp, const struct message *message,
                 uint32_t place)
{
    uint32_t bytes = message->payload_bytes;
    event->to.destination = message->destination;
    event->to.place = place;
    event->time = message->time;
    event->sequence = lp->sequence;
    event->source = message->source;
    event->type = message->type;
    event->payload_bytes = message->payload_bytes;
    if (bytes % 8 > 0) /* what pads a payload goes to other ranks and to checkpoints too */
        memset(event->payload + bytes / 8 * 8, 0, 8);
    if (bytes > 0)
        memcpy(event->payload, message->payload, bytes);
}

static bool keep_reference(struct kerf_engine *engine, const struct kerf_lp *lp,
                           const struct message *message)
{
    _Alignas(8) unsigned char record[sizeof(struct kerf_event) + KERF_PAYLOAD_BYTES];
    fill((struct kerf_event *)(void *)record, lp, message, 0);
    uint32_t destination = message->destination;
    if (engine->representative)
        destination = engine->representative[destination];
    return kerf_reference_push(&engine->reference, (struct kerf_event *)(void *)record, destination);
}

/* Until an event is there, only its sender can say how soon it may matter to a third rank. */
static void note_sent(struct kerf_engine *engine, const struct message *message)
{
    kerf_time bound =
        kerf_time_add(message->time, engine->reach[message->destination & engine->wheel->reach_mask]);
    if (bound < engine->sent_bound)
        engine->sent_bound = bound;
}

static void rehearse_sending(struct kerf_engine *engine, const struct message *message)
{
    const int *rank_of = engine->rehearsal.rank_of;
    if (rank_of[message->source] != rank_of[message->destination])
        note_sent(engine, message);
}

static bool keep_remote(struct kerf_engine *engine, const struct kerf_lp *lp, const struct message *message)
{
    note_sent(engine, message);
    engine->mailed = true;
    struct kerf_event *event = kerf_exchange_append(engine->exchange, engine->rank_of[message->destination],
                                                    kerf_event_bytes(message->payload_bytes));
    if (event)
        fill(event, lp, message, 0);
    return event;
}

static bool keep_soon(struct kerf_engine *engine, const struct kerf_lp *lp, const struct message *message)
{
    struct kerf_event *event =
        kerf_soon_take(&engine->soon, &engine->pool, kerf_event_bytes(message->payload_bytes));
    if (event)
        fill(event, lp, message, 0);
    return event && kerf_soon_push(&engine->soon, event);
}

static inline bool keep_in_wheel(struct kerf_engine *engine, const struct kerf_lp *lp,
                                 const struct message *message, uint32_t place)
{
    struct kerf_event *event = kerf_wheel_push(engine->wheel, &engine->pool, message->time, place,
                                               kerf_event_bytes(message->payload_bytes));
    if (event)
        fill(event, lp, message, place);
    return event;
}

/* Puts a new event where it waits: in the heap of the running LP, in the mail, or in the wheel. */
static bool keep(struct kerf_engine *engine, const struct kerf_lp *lp, const struct message *message)
{
    uint32_t destination = message->destination;
    if (engine->options.reference)
        return keep_reference(engine, lp, message);
    if (destination == lp->id && message->time < engine->window_end)
        return keep_soon(engine, lp, message);
    if (!kerf_engine_has(engine, destination))
        return keep_remote(engine, lp, message);
    if (engine->rehearsal.rank_of)
        rehearse_sending(engine, message);
    return keep_in_wheel(engine, lp, message, kerf_engine_place(engine, destination));
}

bool kerf_engine_keep(struct kerf_engine *engine, const struct kerf_event *event, uint32_t destination)
{
    if (engine->options.reference)
        return kerf_reference_push(&engine->reference, event, destination);
    uint32_t place = kerf_engine_place(engine, destination);
    struct kerf_event *kept = kerf_wheel_copy(engine->wheel, &engine->pool, event, place);
    if (!kept)
        return false;
    kept->to.destination = destination;
    kept->to.place = place;
    return true;
}

static enum kerf_status send_checked(struct kerf_lp *lp, uint32_t destination, kerf_time delay, uint32_t type,
                                     const void *payload, size_t payload_bytes, struct kerf_error *error)
{
    struct kerf_engine *engine = lp->engine;
    double start_s = engine->sampling ? kerf_clock_s() : 0.0;
    if (payload_bytes > KERF_PAYLOAD_BYTES || type > UINT16_MAX || delay < 0 ||
        engine->now > KERF_TIME_NEVER - 1 - delay)
        return refuse(lp, delay, type, payload_bytes, error);
    struct message message = {.time = engine->now + delay,
                              .destination = destination,
                              .source = lp->id,
                              .type = (uint16_t)type,
                              .payload_bytes = (uint16_t)payload_bytes,
                              .payload = payload};
    bool swallowed = engine->restoring;
    if (destination != lp->id) {
        if (delay < lp->open || destination >= engine->lp_count)
            KERF_TRY(check_channel(lp, destination, delay, &swallowed, error));
        note_delay(engine, lp, destination, delay);
        if (engine->representative && engine->representative[destination] == lp->id)
            message.source = destination; /* one of its class, but not the LP itself */
    }
    KERF_CHECK(swallowed || keep(engine, lp, &message), KERF_ERR_FAILURE, "out of memory for pending events");
    lp->sequence++;
    if (engine->sampling)
        engine->sampled_send_s += kerf_clock_s() - start_s - engine->clock_s;
    return KERF_OK;
}

/* Whether a send needs no more than a place in the wheel: to itself later than this window, or over an open
 * channel to another LP of this rank, where neither folding nor a rehearsal looks on. Most sends of large
 * models are such. */
static bool goes_straight(const struct kerf_engine *engine, const struct kerf_lp *lp, uint32_t destination,
                          kerf_time delay, size_t payload_bytes, uint32_t type)
{
    kerf_time room = KERF_TIME_NEVER - 1 - engine->now;
    if (!engine->straight || delay < 0 || delay > room || payload_bytes > KERF_PAYLOAD_BYTES ||
        type > UINT16_MAX)
        return false;
    if (destination == lp->id)
        return engine->now + delay >= engine->window_end;
    return delay >= lp->open && destination - engine->first_here < engine->here;
}

enum kerf_status kerf_lp_send(struct kerf_lp *lp, uint32_t destination, kerf_time delay, uint32_t type,
                              const void *payload, size_t payload_bytes, struct kerf_error *error)
{
    struct kerf_engine *engine = lp->engine;
    if (!goes_straight(engine, lp, destination, delay, payload_bytes, type))
        return send_checked(lp, destination, delay, type, payload, payload_bytes, error);
    const struct message message = {.time = engine->now + delay,
                                    .destination = destination,
                                    .source = lp->id,
                                    .type = (uint16_t)type,
                                    .payload_bytes = (uint16_t)payload_bytes,
                                    .payload = payload};
    if (destination != lp->id)
        note_delay(engine, lp, destination, delay);
    KERF_CHECK(keep_in_wheel(engine, lp, &message, destination - engine->first_here), KERF_ERR_FAILURE,
               "out of memory for pending events");
    lp->sequence++;
    return KERF_OK;
}

enum kerf_status kerf_lp_set_timer(struct kerf_lp *lp, kerf_time delay, uint32_t type, const void *payload,
                                   size_t payload_bytes, struct kerf_timer *timer, struct kerf_error *error)
{
    uint64_t sequence = lp->sequence;
    KERF_TRY(kerf_lp_send(lp, lp->id, delay, type, payload, payload_bytes, error)); /* checks the range */
    *timer = (struct kerf_timer){.time = lp->engine->now + delay, .sequence = sequence};
    return KERF_OK;
}

/* Whether a timer has not gone off: it lies in the future, or now and behind the running event. */
static bool has_not_gone_off(const struct kerf_lp *lp, struct kerf_timer timer)
{
    const struct kerf_engine *engine = lp->engine;
    if (timer.time != engine->now)
        return timer.time > engine->now;
    if (timer.sequence >= engine->sequence_before || !engine->current)
        return true;
    if (engine->current->source != lp->id)
        return engine->current->source < lp->id;
    return engine->current->sequence < timer.sequence;
}

/* Place of a number in a rising list. */
static uint32_t place_in(const struct kerf_cancelled *list, uint64_t sequence)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->sequence[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum kerf_status kerf_lp_cancel(struct kerf_lp *lp, struct kerf_timer timer, bool *pending,
                                struct kerf_error *error)
{
    struct kerf_engine *engine = lp->engine;
    if (!engine->cancelled) {
        engine->cancelled = calloc((size_t)engine->here + 1, sizeof *engine->cancelled);
        KERF_CHECK(engine->cancelled, KERF_ERR_FAILURE, "out of memory for timers");
    }
    struct kerf_cancelled *list = &engine->cancelled[lp - engine->lp];
    uint32_t at = place_in(list, timer.sequence);
    bool known = at < list->count && list->sequence[at] == timer.sequence;
    bool takes = timer.sequence < lp->sequence && !known && has_not_gone_off(lp, timer);
    if (pending)
        *pending = takes;
    if (!takes)
        return KERF_OK;
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
        uint64_t *grown = realloc(list->sequence, capacity * sizeof *grown);
        KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for timers");
        list->sequence = grown;
        list->capacity = capacity;
    }
    memmove(list->sequence + at + 1, list->sequence + at, (list->count - at) * sizeof *list->sequence);
    list->sequence[at] = timer.sequence;
    list->count++;
    return KERF_OK;
}

bool kerf_lp_was_cancelled(struct kerf_lp *lp, const struct kerf_event *event)
{
    struct kerf_cancelled *list = &lp->engine->cancelled[lp - lp->engine->lp];
    if (list->count == 0 || event->source != lp->id)
        return false;
    uint32_t at = place_in(list, event->sequence);
    if (at == list->count || list->sequence[at] != event->sequence)
        return false;
    list->count--;
    memmove(list->sequence + at, list->sequence + at + 1, (list->count - at) * sizeof *list->sequence);
    return true;
}

enum kerf_status kerf_engine_heed_promises(struct kerf_engine *engine, struct kerf_error *error)
{
    if (engine->promised)
        return KERF_OK;
    engine->promised = calloc(engine->channels + 1, sizeof *engine->promised);
    KERF_CHECK(engine->promised, KERF_ERR_FAILURE, "out of memory for promises");
    return kerf_engine_find_border(engine, error);
}

enum kerf_status kerf_lp_promise(struct kerf_lp *lp, uint32_t destination, kerf_time earliest,
                                 struct kerf_error *error)
{
    struct kerf_engine *engine = lp->engine;
    const struct kerf_channel *channel =
        destination < engine->lp_count ? kerf_engine_channel(engine, lp->id, destination) : NULL;
    KERF_CHECK(channel && lp->open == KERF_TIME_NEVER, KERF_ERR_FAILURE,
               "internal: %s %u promises to %u without a channel of its own", engine->kind[lp->kind]->name,
               lp->id, destination);
    KERF_TRY(kerf_engine_heed_promises(engine, error));
    kerf_time *promised = &engine->promised[channel - engine->channel];
    if (earliest > *promised)
        *promised = earliest;
    return KERF_OK;
}
