/* The engine room: the main loop. Ranks agree on a time that no event can cross between them before, run up
 * to it, and meet again. */
#include "sim/engine/agree.h"
#include "sim/engine/clock.h"
#include "sim/engine/engine_state.h"

#include <stdlib.h>

enum { CLOCK_READS = 64 };

/* A round should end soon enough to write a checkpoint or to stop when asked, and not so soon that meeting
 * costs more than working. */
static const double round_longest_s = 0.05, round_shortest_s = 0.005;

static void measure_clock(struct kerf_engine *engine)
{
    double start_s = kerf_clock_s();
    for (int i = 0; i < CLOCK_READS; i++)
        engine->clock_s = (kerf_clock_s() - start_s) / (i + 1);
}

static enum kerf_status init_here(struct kerf_engine *engine, struct kerf_error *error)
{
    for (uint32_t i = 0; i < engine->here; i++) {
        struct kerf_lp *lp = &engine->lp[i];
        const struct kerf_lp_kind *kind = engine->kind[lp->kind];
        if (kind->init)
            KERF_TRY(kind->init(lp, engine->setup[lp->id], lp->state, error));
    }
    return KERF_OK;
}

static bool keep_received(void *context, const struct kerf_event *event)
{
    return kerf_engine_keep(context, event, event->to.destination);
}

static bool find_start(void *context, kerf_time start, struct kerf_bucket *bucket)
{
    (void)bucket;
    *(kerf_time *)context = start;
    return false;
}

/* How far this rank wants to go before the ranks meet again. */
static kerf_time own_limit(struct kerf_engine *engine)
{
    kerf_time bound = kerf_engine_bound(engine), first = KERF_TIME_NEVER;
    if (engine->rehearsal.ranks > 1)
        return bound;
    kerf_wheel_visit(engine->wheel, find_start, &first);
    if (first == KERF_TIME_NEVER)
        return bound;
    if (first < engine->window_end)
        first = engine->window_end; /* the rest of a bucket that was run in part */
    kerf_time far_enough = kerf_time_add(first, engine->slice);
    return bound < far_enough ? bound : far_enough;
}

static void adapt_slice(struct kerf_engine *engine, double round_s)
{
    if (round_s > round_longest_s && engine->slice > engine->wheel->width)
        engine->slice /= 2;
    else if (round_s < round_shortest_s)
        engine->slice = kerf_time_times(engine->slice, 2);
}

/* Meets the other ranks: events change hands, and *promise becomes what all have agreed on. */
static enum kerf_status meet(struct kerf_engine *engine, enum kerf_status status,
                             struct kerf_promise *promise, struct kerf_error *error)
{
    enum kerf_wish wish = engine->calls->wish ? engine->calls->wish(engine->calls->context) : KERF_WISH_NONE;
    *promise = (struct kerf_promise){.bound = own_limit(engine),
                                     .idle = engine->wheel->count == 0 &&
                                             engine->sent_bound == KERF_TIME_NEVER && !engine->mailed,
                                     .trouble = -(int64_t)status,
                                     .wish = -(int64_t)(wish > engine->wish ? wish : engine->wish)};
    engine->sent_bound = KERF_TIME_NEVER;
    engine->mailed = false;
    engine->wish = KERF_WISH_NONE;
    engine->stats.rounds++;
    if (engine->ranks == 1)
        return status;
    enum kerf_status swapped = kerf_exchange_swap(engine->exchange, keep_received, engine, promise, error);
    return status != KERF_OK ? status : swapped;
}

/* A round in the shape that the ranks of a rehearsal would give it. */
static void end_rehearsed_round(struct kerf_engine *engine)
{
    uint64_t most = 0;
    for (int rank = 0; rank < engine->rehearsal.ranks; rank++) {
        most = engine->rehearsal.events[rank] > most ? engine->rehearsal.events[rank] : most;
        engine->rehearsal.events[rank] = 0;
    }
    engine->stats.rehearsed_events += most;
    engine->stats.critical_events += engine->rehearsal.busiest_lp;
    engine->rehearsal.busiest_lp = 0;
}

/* Everything in one order, from one heap. */
static enum kerf_status run_reference(struct kerf_engine *engine, struct kerf_error *error)
{
    while (engine->reference.count > 0) {
        struct kerf_reference_item item = kerf_reference_pop(&engine->reference);
        enum kerf_status status = kerf_engine_deliver(
            engine, &engine->lp[kerf_engine_place(engine, item.destination)], item.event, error);
        if (engine->now > engine->last)
            engine->last = engine->now;
        free(item.event);
        KERF_TRY(status);
    }
    return KERF_OK;
}

static enum kerf_status start(struct kerf_engine *engine, struct kerf_error *error)
{
    KERF_TRY(kerf_engine_prepare(engine, error));
    measure_clock(engine);
    engine->next_look_s = kerf_clock_s();
    engine->restoring = engine->calls->load != NULL;
    KERF_TRY(kerf_error_agree(engine->comm, init_here(engine, error), error));
    engine->restoring = false;
    engine->straight = !engine->place && !engine->options.reference && !engine->rehearsal.rank_of;
    if (!engine->calls->load)
        return KERF_OK;
    return kerf_error_agree(engine->comm, engine->calls->load(engine->calls->context, engine, error), error);
}

/* The main loop. On one rank it is the same, without anyone to meet. */
static enum kerf_status run_windows(struct kerf_engine *engine, enum kerf_wish *stopped,
                                    struct kerf_error *error)
{
    enum kerf_status status = KERF_OK;
    for (;;) {
        struct kerf_promise promise;
        status = meet(engine, status, &promise, error);
        if (promise.trouble != 0 || promise.idle)
            return status;
        enum kerf_wish wish = (enum kerf_wish) - promise.wish;
        if ((wish == KERF_WISH_SAVE || wish == KERF_WISH_SAVE_AND_STOP) && engine->calls->save) {
            /* A rank that lost what it received must not save, and then none can. */
            KERF_TRY(kerf_error_agree(engine->comm, status, error));
            status = engine->calls->save(engine->calls->context, engine, error);
        }
        if (wish >= KERF_WISH_SAVE_AND_STOP) {
            *stopped = wish;
            return status;
        }
        double start_s = kerf_clock_s();
        if (status == KERF_OK)
            status = kerf_engine_run_until(engine, promise.bound, error);
        double busy_s = kerf_clock_s() - start_s;
        engine->stats.queue_s += busy_s;
        adapt_slice(engine, busy_s);
        if (engine->rehearsal.ranks > 1)
            end_rehearsed_round(engine);
    }
}

enum kerf_status kerf_engine_run(struct kerf_engine *engine, const struct kerf_engine_calls *calls,
                                 enum kerf_wish *stopped, struct kerf_error *error)
{
    static const struct kerf_engine_calls none;
    enum kerf_wish unused;
    if (!stopped)
        stopped = &unused;
    *stopped = KERF_WISH_NONE;
    engine->calls = calls ? calls : &none;
    KERF_TRY(start(engine, error));
    enum kerf_status status =
        engine->options.reference ? run_reference(engine, error) : run_windows(engine, stopped, error);
    KERF_TRY(kerf_error_agree(engine->comm, status, error));
    if (*stopped != KERF_WISH_NONE)
        return KERF_OK;
    kerf_engine_sum_up(engine);
    KERF_TRY(kerf_engine_check_mail(engine, error));
    return engine->options.may_end_waiting ? KERF_OK : kerf_engine_waiting(engine, error);
}
