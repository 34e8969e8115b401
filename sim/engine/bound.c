/* The engine room: how soon this rank can reach another. Every event waits at an LP that is some way from the
 * border (its reach); buckets of the wheel keep the least of time + reach, and promises of LPs raise it. */
#include "sim/engine/engine_state.h"

struct search {
    const struct kerf_engine *engine;
    kerf_time least;
};

/* An event at an LP that has made promises: over each channel it arrives no sooner than promised, and goes on
 * from there. */
static kerf_time promised_bound(const struct kerf_engine *engine, const struct kerf_event *event)
{
    uint32_t id = engine->lp[event->to.place].id;
    const int *rank_of = engine->rank_of ? engine->rank_of : engine->rehearsal.rank_of;
    kerf_time least = KERF_TIME_NEVER;
    if (engine->lp[event->to.place].open != KERF_TIME_NEVER)
        return kerf_time_add(event->time, engine->reach[id]);
    for (size_t c = engine->first_channel[id]; c < engine->first_channel[id + 1]; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        kerf_time arrival = kerf_time_add(event->time, channel->lookahead);
        if (engine->promised[c] > arrival)
            arrival = engine->promised[c];
        bool crosses = rank_of[channel->to] != rank_of[id];
        if (!crosses && channel->to != id)
            arrival = kerf_time_add(arrival, engine->reach[channel->to]);
        if ((crosses || channel->to != id) && arrival < least)
            least = arrival;
    }
    return least;
}

static bool look_into(void *context, kerf_time start, struct kerf_bucket *bucket)
{
    struct search *search = context;
    const struct kerf_engine *engine = search->engine;
    if (kerf_time_add(start, engine->reach_least) >= search->least)
        return false; /* later buckets are further off still */
    if (bucket->bound >= search->least)
        return true;
    if (!engine->promised) {
        search->least = bucket->bound;
        return true;
    }
    for (struct kerf_chunk *chunk = bucket->first; chunk; chunk = chunk->next) {
        const struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++) {
            kerf_time bound = promised_bound(engine, event);
            if (bound < search->least)
                search->least = bound;
            event = kerf_event_after((struct kerf_event *)(uintptr_t)event);
        }
    }
    return true;
}

kerf_time kerf_engine_bound(struct kerf_engine *engine)
{
    struct search search = {.engine = engine, .least = engine->sent_bound};
    if (engine->reach)
        kerf_wheel_visit(engine->wheel, look_into, &search);
    return search.least;
}
