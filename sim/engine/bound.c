/* The engine room: how soon this rank can reach another. Every event waits at an LP that is some way from the
 * border (its reach); buckets of the wheel keep the least of time + reach, and promises of LPs raise it. */
#include "sim/engine/engine_state.h"

#include <stdlib.h>

struct search {
    const struct kerf_engine *engine;
    kerf_time least;
};

static const int *ranks_of_lps(const struct kerf_engine *engine)
{
    return engine->rank_of ? engine->rank_of : engine->rehearsal.rank_of;
}

static bool is_on_border(const struct kerf_engine *engine, size_t c)
{
    uint32_t from = engine->channel[c].from;
    const int *rank_of = ranks_of_lps(engine);
    return rank_of[from] != rank_of[engine->channel[c].to] && !(engine->copies && engine->copies[c] == 0) &&
           (!engine->rank_of || kerf_engine_is_here(engine, from)) &&
           (!engine->representative || engine->representative[from] == from);
}

enum kerf_status kerf_engine_find_border(struct kerf_engine *engine, struct kerf_error *error)
{
    if (!engine->reach || engine->open)
        return KERF_OK; /* nobody to reach, or reached without a channel */
    struct kerf_border *border = &engine->border;
    size_t count = 0;
    for (size_t c = 0; c < engine->channels; c++)
        count += is_on_border(engine, c);
    border->ranks = engine->rank_of ? 1 : engine->rehearsal.ranks;
    border->channel = malloc((count + 1) * sizeof *border->channel);
    border->silent_until = calloc((size_t)border->ranks, sizeof *border->silent_until);
    KERF_CHECK(border->channel && border->silent_until, KERF_ERR_FAILURE, "out of memory for promises");
    for (size_t c = 0; c < engine->channels; c++)
        if (is_on_border(engine, c))
            border->channel[border->channels++] = c;
    return KERF_OK;
}

static int place_on_border(const struct kerf_engine *engine, uint32_t lp)
{
    return engine->rank_of ? 0 : engine->rehearsal.rank_of[lp];
}

/* A promise holds whatever its LP meets with: nothing leaves a rank before the least of the promises on the
 * channels that leave it, even when events travel inside the rank first. */
static void hear_silence(struct kerf_engine *engine)
{
    struct kerf_border *border = &engine->border;
    border->silent_least = 0;
    if (!border->silent_until)
        return;
    for (int rank = 0; rank < border->ranks; rank++)
        border->silent_until[rank] = KERF_TIME_NEVER;
    for (size_t k = 0; k < border->channels; k++) {
        size_t c = border->channel[k];
        kerf_time *until = &border->silent_until[place_on_border(engine, engine->channel[c].from)];
        if (engine->promised[c] < *until)
            *until = engine->promised[c];
        if (*until == 0 && border->ranks == 1)
            return; /* no silence at all */
    }
    border->silent_least = KERF_TIME_NEVER;
    for (int rank = 0; rank < border->ranks; rank++)
        if (border->silent_until[rank] < border->silent_least)
            border->silent_least = border->silent_until[rank];
}

/* An event at an LP that has made promises: over each channel it arrives no sooner than promised, and goes on
 * from there. */
static kerf_time promised_bound(const struct kerf_engine *engine, const struct kerf_event *event)
{
    uint32_t id = engine->lp[event->to.place].id;
    const int *rank_of = ranks_of_lps(engine);
    kerf_time least = KERF_TIME_NEVER, silent = 0;
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
    if (engine->border.silent_until)
        silent = engine->border.silent_until[place_on_border(engine, id)];
    return least > silent ? least : silent;
}

static bool look_into(void *context, kerf_time start, struct kerf_bucket *bucket)
{
    struct search *search = context;
    const struct kerf_engine *engine = search->engine;
    if (kerf_time_add(start, engine->reach_least) >= search->least)
        return false; /* later buckets are further off still */
    if (engine->promised && search->least <= engine->border.silent_least)
        return false; /* no event is nearer */
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
    if (engine->promised)
        hear_silence(engine);
    if (engine->reach)
        kerf_wheel_visit(engine->wheel, look_into, &search);
    return search.least;
}
