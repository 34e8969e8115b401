/* The engine room: windows. In a window narrower than every lookahead events meet only inside an LP, so the
 * LPs are run one after the other, each through its own events in order. */
#include "sim/engine/clock.h"
#include "sim/engine/engine_state.h"

#include <string.h>
#define XXH_INLINE_ALL /* one hash per event: no call for it */
#include <xxhash.h>

enum { LINKS_AHEAD = 4, LPS_AHEAD = 8, STATES_AHEAD = 4, EVENTS_PER_BLOCK_LEAST = 64, SHORT_LIST = 12 };

static const double seconds_between_looks = 0.02;

/* Looks up from the work now and then: progress for a person, and a wish to stop at once. */
static void look_up(struct kerf_engine *engine, double now_s)
{
    const struct kerf_engine_calls *calls = engine->calls;
    if (calls->wish) {
        enum kerf_wish wish = calls->wish(calls->context);
        engine->wish = wish > engine->wish ? wish : engine->wish;
    }
    if (calls->watch && engine->rank == 0)
        calls->watch(calls->context, kerf_time_to_s(engine->now), engine->events_here);
    engine->next_look_s = now_s + seconds_between_looks;
}

static enum kerf_status handle_sampled(struct kerf_engine *engine, struct kerf_lp *lp,
                                       const struct kerf_event *event, struct kerf_error *error)
{
    bool straight = engine->straight;
    engine->sampling = true;
    engine->straight = false;
    double start_s = kerf_clock_s();
    if (start_s >= engine->next_look_s)
        look_up(engine, start_s);
    enum kerf_status status = engine->kind[lp->kind]->handle(lp, lp->state, event, error);
    engine->sampled_handle_s += kerf_clock_s() - start_s - engine->clock_s;
    engine->sampling = false;
    engine->straight = straight;
    return status;
}

/* Folds the event into the LP's digest (its order matters, so the digest proves the order) and hands it
 * over. */
enum kerf_status kerf_engine_deliver(struct kerf_engine *engine, struct kerf_lp *lp,
                                     const struct kerf_event *event, struct kerf_error *error)
{
    enum { HEAD_BYTES = sizeof(struct kerf_event) - offsetof(struct kerf_event, time) };
    if (engine->cancelled && kerf_lp_was_cancelled(lp, event))
        return KERF_OK;
    engine->now = event->time;
    engine->current = event;
    engine->sequence_before = lp->sequence;
    lp->digest = XXH3_64bits_withSeed(&event->time, HEAD_BYTES + (size_t)event->payload_bytes, lp->digest);
    lp->events++;
    uint64_t number = ++engine->events_here;
    if (number % KERF_EVENTS_PER_SAMPLE == 0)
        return handle_sampled(engine, lp, event, error);
    return engine->kind[lp->kind]->handle(lp, lp->state, event, error);
}

static struct kerf_event *merge(struct kerf_event *a, struct kerf_event *b)
{
    struct kerf_event *first = NULL, **end = &first;
    while (a && b) {
        struct kerf_event **earlier = kerf_event_before(b, a) ? &b : &a;
        *end = *earlier;
        end = &(*end)->next;
        *earlier = *end;
    }
    *end = a ? a : b;
    return first;
}

/* Sorts a list: by insertion while it is short, the rest by merging runs of doubling length. */
static struct kerf_event *sort_long(struct kerf_event *list)
{
    struct kerf_event *run[64] = {NULL}, *sorted = NULL;
    while (list) {
        struct kerf_event *one = list;
        list = list->next;
        one->next = NULL;
        int k = 0;
        for (; run[k]; run[k++] = NULL)
            one = merge(run[k], one);
        run[k] = one;
    }
    for (int k = 0; k < 64; k++)
        if (run[k])
            sorted = merge(run[k], sorted);
    return sorted;
}

static struct kerf_event *sort(struct kerf_event *list)
{
    struct kerf_event *sorted = list, *rest = list->next;
    sorted->next = NULL;
    for (int length = 1; rest; length++) {
        if (length == SHORT_LIST)
            return merge(sorted, sort_long(rest));
        struct kerf_event *one = rest, **place = &sorted;
        rest = rest->next;
        while (*place && kerf_event_before(*place, one))
            place = &(*place)->next;
        one->next = *place;
        *place = one;
    }
    return sorted;
}

static enum kerf_status livelock(const struct kerf_engine *engine, const struct kerf_lp *lp,
                                 const struct kerf_event *event, uint64_t count, struct kerf_error *error)
{
    return kerf_error_set(error, KERF_ERR_FAILURE,
                          "livelock: simulated time stays at %.12f s: %s %u has handled %llu events at it, "
                          "the last of type %u from LP %u",
                          kerf_time_to_s(engine->now), engine->kind[lp->kind]->name, lp->id,
                          (unsigned long long)count, event->type, event->source);
}

/* What the ranks of a rehearsal, and its busiest LP, have to do between two meetings. */
static void count_rehearsed(struct kerf_engine *engine, const struct kerf_lp *lp, uint64_t handled)
{
    struct kerf_rehearsal *rehearsal = &engine->rehearsal;
    struct kerf_round_events *own = &rehearsal->of_lp[lp - engine->lp];
    rehearsal->events[rehearsal->rank_of[lp->id]] += handled;
    if (own->round != engine->stats.rounds)
        *own = (struct kerf_round_events){.round = engine->stats.rounds};
    own->events += handled;
    if (own->events > rehearsal->busiest_lp)
        rehearsal->busiest_lp = own->events;
}

/* Runs an LP through its list of events and those that it sends itself meanwhile, in their order. */
static enum kerf_status run_list(struct kerf_engine *engine, struct kerf_lp *lp, struct kerf_event *list,
                                 struct kerf_error *error)
{
    struct kerf_soon *soon = &engine->soon;
    uint64_t at_one_time = 0,
             limit = engine->options.livelock_events ? engine->options.livelock_events : 100000000;
    kerf_time time = -1;
    while (list || soon->count > 0) {
        struct kerf_event *event = list, *next = list ? list->next : NULL;
        bool from_soon = soon->count > 0 && (!list || kerf_event_before(soon->heap[0], list));
        if (from_soon)
            event = kerf_soon_pop(soon);
        else
            list = next;
        at_one_time = event->time == time ? at_one_time + 1 : 1;
        time = event->time;
        if (at_one_time > limit)
            return livelock(engine, lp, event, at_one_time, error);
        KERF_TRY(kerf_engine_deliver(engine, lp, event, error));
        if (from_soon)
            kerf_soon_give(soon, event);
        if (engine->wish == KERF_WISH_STOP)
            return KERF_OK; /* what is left is of no use to anyone */
    }
    return KERF_OK;
}

/* Runs one LP through its events of the window: most often there is one, and nothing to sort. */
static enum kerf_status run_lp(struct kerf_engine *engine, struct kerf_lp *lp, struct kerf_error *error)
{
    struct kerf_event *list = lp->first;
    uint64_t before = lp->events;
    lp->first = NULL;
    if (list->next)
        KERF_TRY(run_list(engine, lp, sort(list), error));
    else
        KERF_TRY(kerf_engine_deliver(engine, lp, list, error));
    if (engine->soon.count > 0 && engine->wish != KERF_WISH_STOP)
        KERF_TRY(run_list(engine, lp, NULL, error));
    engine->last = engine->now > engine->last ? engine->now : engine->last;
    uint64_t handled = lp->events - before;
    if (engine->rehearsal.events)
        count_rehearsed(engine, lp, handled);
    return KERF_OK;
}

static enum kerf_status run_touched(struct kerf_engine *engine, struct kerf_error *error)
{
    uint32_t count = engine->touched_count;
    const uint32_t *touched = engine->touched;
    for (uint32_t i = 0; i < count && engine->wish != KERF_WISH_STOP; i++) {
        if (i + LPS_AHEAD < count)
            __builtin_prefetch(&engine->lp[touched[i + LPS_AHEAD]], 1);
        if (i + STATES_AHEAD < count) {
            const struct kerf_lp *soon = &engine->lp[touched[i + STATES_AHEAD]];
            __builtin_prefetch(soon->state, 1);
            __builtin_prefetch(soon->first);
        }
        KERF_TRY(run_lp(engine, &engine->lp[touched[i]], error));
    }
    return KERF_OK;
}

/* Links an event into the list of its LP. */
static void link_event(struct kerf_engine *engine, struct kerf_event *event)
{
    uint32_t place = event->to.place;
    struct kerf_lp *lp = &engine->lp[place];
    if (!lp->first)
        engine->touched[engine->touched_count++] = place;
    event->next = lp->first;
    lp->first = event;
}

static void fetch_lp_of(const struct kerf_engine *engine, const struct kerf_event *event)
{
    __builtin_prefetch(&engine->lp[event->to.place], 1);
}

/* Links what a bucket holds before the end of the window. */
static bool link_bucket(struct kerf_engine *engine, const struct kerf_bucket *bucket)
{
    bool kept = true;
    engine->touched_count = 0;
    for (struct kerf_chunk *chunk = bucket->first; chunk; chunk = chunk->next) {
        struct kerf_event *event = kerf_chunk_first(chunk), *ahead = event;
        uint32_t looked = 0;
        for (; looked < LINKS_AHEAD && looked < chunk->count; looked++, ahead = kerf_event_after(ahead))
            fetch_lp_of(engine, ahead);
        for (uint32_t i = 0; i < chunk->count; i++) {
            struct kerf_event *next = kerf_event_after(event);
            if (looked < chunk->count) {
                fetch_lp_of(engine, ahead);
                ahead = kerf_event_after(ahead);
                looked++;
            }
            if (event->time < engine->window_end)
                link_event(engine, event);
            else /* beyond the window: back to where it was */
                kept = kerf_wheel_copy(engine->wheel, &engine->pool, event, event->to.place) && kept;
            event = next;
        }
    }
    return kept;
}

static void give_chunks(struct kerf_engine *engine, struct kerf_bucket *bucket)
{
    for (struct kerf_chunk *chunk = bucket->first, *next; chunk; chunk = next) {
        next = chunk->next;
        kerf_chunk_give(&engine->pool, chunk);
    }
    bucket->first = bucket->last = NULL;
}

static enum kerf_status run_bucket(struct kerf_engine *engine, struct kerf_bucket *bucket,
                                   struct kerf_error *error)
{
    KERF_CHECK(link_bucket(engine, bucket), KERF_ERR_FAILURE, "out of memory for pending events");
    enum kerf_status status = run_touched(engine, error);
    give_chunks(engine, bucket);
    return status;
}

/* Splits a bucket by blocks of LPs, giving its chunks back as it goes. */
static bool split(struct kerf_engine *engine, struct kerf_bucket *bucket)
{
    bool kept = true;
    for (struct kerf_chunk *chunk = bucket->first, *next; chunk; chunk = next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            uint32_t bytes = kerf_event_bytes(event->payload_bytes);
            struct kerf_event *copy = kerf_bucket_append(
                &engine->block[event->to.place >> engine->block_shift], &engine->pool, bytes);
            if (copy)
                memcpy(copy, event, bytes);
            kept = kept && copy;
        }
        next = chunk->next;
        kerf_chunk_give(&engine->pool, chunk);
    }
    return kept;
}

static enum kerf_status run_blocks(struct kerf_engine *engine, struct kerf_bucket *bucket,
                                   struct kerf_error *error)
{
    KERF_CHECK(split(engine, bucket), KERF_ERR_FAILURE, "out of memory for pending events");
    enum kerf_status status = KERF_OK;
    for (uint32_t b = 0; b < engine->blocks && status == KERF_OK; b++)
        if (engine->block[b].first)
            status = run_bucket(engine, &engine->block[b], error);
    return status;
}

/* Handles the events of the front bucket of the wheel that lie before `end`. */
static enum kerf_status run_window(struct kerf_engine *engine, kerf_time start, kerf_time end,
                                   struct kerf_error *error)
{
    struct kerf_wheel *wheel = engine->wheel;
    uint64_t held = wheel->count;
    struct kerf_bucket bucket = kerf_wheel_take(wheel);
    uint64_t taken = held - wheel->count;
    kerf_time over = kerf_time_add(start, wheel->width);
    engine->window_end = over < end ? over : end;
    engine->stats.windows++;
    return engine->blocks > 1 && taken > (uint64_t)engine->blocks * EVENTS_PER_BLOCK_LEAST
               ? run_blocks(engine, &bucket, error)
               : run_bucket(engine, &bucket, error);
}

enum kerf_status kerf_engine_run_until(struct kerf_engine *engine, kerf_time end, struct kerf_error *error)
{
    bool failed = false;
    kerf_time start;
    while ((start = kerf_wheel_advance(engine->wheel, &engine->pool, end, &failed)) < end && !failed &&
           engine->wish == KERF_WISH_NONE) { /* a wish is heeded between rounds: let this one end */
        bool whole = kerf_time_add(start, engine->wheel->width) <= end;
        KERF_TRY(run_window(engine, start, end, error));
        if (!whole)
            break; /* what is left of this bucket lies beyond the end */
    }
    KERF_CHECK(!failed, KERF_ERR_FAILURE, "out of memory for pending events");
    return KERF_OK;
}
