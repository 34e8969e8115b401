/* What the files of the engine share: an engine from the inside. Nobody else includes this. */
#ifndef KERF_ENGINE_ENGINE_STATE_H
#define KERF_ENGINE_ENGINE_STATE_H

#include "sim/engine/engine.h"
#include "sim/engine/exchange.h"
#include "sim/engine/partition.h"
#include "sim/engine/reference.h"
#include "sim/engine/soon.h"
#include "sim/engine/wheel.h"

enum { KERF_KINDS_MOST = 255, KERF_EVENTS_PER_SAMPLE = 256 };

/* An LP of this rank: one cache line. */
struct kerf_lp {
    struct kerf_event *first; /* waits for it in the open window, unsorted */
    void *state;
    struct kerf_engine *engine;
    uint64_t sequence, digest, events;
    kerf_time open; /* lookahead to any LP; KERF_TIME_NEVER: over channels only */
    uint32_t id;
    uint8_t kind;
};

/* Timers that were taken back and have not come up yet, in rising order. */
struct kerf_cancelled {
    uint64_t *sequence; /* owned */
    uint32_t count, capacity;
};

/* Folded: an event from one representative to another stands for so many. */
struct kerf_fold_pair {
    uint32_t from, to, copies;
};

/* Events that an LP handled in the last round in which it had any. */
struct kerf_round_events {
    uint64_t round, events;
};

/* Windows as a number of ranks that is not there would have them. */
struct kerf_rehearsal {
    int ranks;
    int *rank_of;                    /* owned: by id */
    uint64_t *events;                /* owned: of each rank in this round */
    struct kerf_round_events *of_lp; /* owned: by place */
    uint64_t busiest_lp;             /* events of the busiest LP of this round */
};

/* Channels that leave this rank, or in a rehearsal any rank, and until when they are silent by promise. */
struct kerf_border {
    size_t *channel; /* owned: indices */
    size_t channels;
    int ranks;               /* 1: this one */
    kerf_time *silent_until; /* owned: by rank; NULL: no promise was made */
    kerf_time silent_least;  /* of the ranks */
};

struct kerf_engine {
    MPI_Comm comm;
    int rank, ranks;
    struct kerf_engine_options options;
    bool out_of_memory, too_many_kinds;

    /* all LPs, by id */
    const struct kerf_lp_kind *kind[KERF_KINDS_MOST];
    int kinds;
    uint32_t lp_count;
    size_t lp_capacity, open_capacity, label_capacity;
    const void **setup;
    struct kerf_partition_lp *weight;
    uint8_t *kind_of;
    kerf_time *open;              /* NULL: no LP is open */
    uint64_t *label;              /* NULL: none is labelled */
    uint32_t *representative;     /* NULL: not folded */
    int *rank_of;                 /* NULL on one rank */
    uint32_t first_here;          /* id of the first LP of this rank, when they follow each other; else 0 */
    uint32_t *place;              /* of LPs of this rank; NULL: the id less first_here */
    kerf_time *reach;             /* NULL on one rank without rehearsal */
    struct kerf_channel *channel; /* sorted by (from, to) */
    size_t channels, channel_capacity;
    size_t *first_channel;
    uint32_t *copies;                 /* by channel, when folded: events that one stands for; 0: swallowed */
    struct kerf_fold_pair *fold_pair; /* sorted by (from, to) */
    size_t fold_pairs;
    kerf_time *promised; /* by channel; NULL: no promise was made */
    struct kerf_border border;

    /* LPs of this rank, by place */
    struct kerf_lp *lp;
    uint32_t here;
    void **state_of_kind;
    kerf_time *reach_here, reach_least;
    struct kerf_cancelled *cancelled; /* NULL: nothing was taken back */

    /* pending */
    struct kerf_chunk_pool pool;
    struct kerf_wheel *wheel;
    struct kerf_soon soon;
    struct kerf_reference reference;
    struct kerf_exchange *exchange;
    kerf_time sent_bound; /* least (time + reach) of the events sent to other ranks since the last exchange */
    bool mailed;          /* events were sent to other ranks since */

    /* the running window and LP */
    kerf_time now, window_end;
    uint64_t sequence_before; /* of the running LP when its handler began */
    const struct kerf_event *current;
    uint32_t *touched; /* places of the LPs that have events in the window */
    uint32_t touched_count;
    unsigned block_shift; /* LPs are run in blocks of 2^block_shift */
    uint32_t blocks;
    struct kerf_bucket *block;
    kerf_time slice; /* how far a round may go, so that it ends soon enough to look up */
    struct kerf_rehearsal rehearsal;

    /* looking up */
    const struct kerf_engine_calls *calls;
    enum kerf_wish wish;
    double next_look_s;
    uint64_t events_here;
    kerf_time last; /* time of the last event here */
    bool restoring; /* what LPs send from `init` is in the checkpoint already */
    bool sampling;
    bool straight; /* sends may take the short way: nothing is folded, rehearsed, sampled or restored */
    double clock_s, sampled_send_s, sampled_handle_s; /* clock_s: what reading the clock costs */
    kerf_time *least_delay;                           /* kinds x kinds */
    struct kerf_engine_stats stats;
};

/* engine.c */
enum kerf_status kerf_engine_prepare(struct kerf_engine *engine, struct kerf_error *error);
enum kerf_status kerf_engine_arrange(struct kerf_engine *engine, struct kerf_error *error);
enum kerf_status kerf_engine_cut_over(struct kerf_engine *engine, int ranks, int *rank_of,
                                      struct kerf_error *error);
const struct kerf_channel *kerf_engine_channel(const struct kerf_engine *engine, uint32_t from, uint32_t to);

static inline uint32_t kerf_engine_place(const struct kerf_engine *engine, uint32_t id)
{
    return engine->place ? engine->place[id] : id - engine->first_here;
}

/* Whether this rank runs the LP, or the one that stands for it. */
static inline bool kerf_engine_has(const struct kerf_engine *engine, uint32_t id)
{
    if (!engine->place)
        return id - engine->first_here < engine->here;
    return !engine->rank_of || engine->rank_of[id] == engine->rank;
}

static inline bool kerf_engine_is_here(const struct kerf_engine *engine, uint32_t id)
{
    return (!engine->rank_of || engine->rank_of[id] == engine->rank) &&
           (!engine->representative || engine->representative[id] == id);
}

/* window.c: handles every event of this rank before `end`, which the ranks have agreed on. */
enum kerf_status kerf_engine_run_until(struct kerf_engine *engine, kerf_time end, struct kerf_error *error);

/* send.c: makes room for promises, if there is none yet. */
enum kerf_status kerf_engine_heed_promises(struct kerf_engine *engine, struct kerf_error *error);

/* Hands one event to its LP. */
enum kerf_status kerf_engine_deliver(struct kerf_engine *engine, struct kerf_lp *lp,
                                     const struct kerf_event *event, struct kerf_error *error);

/* bound.c: nothing that this rank holds or just sent can reach another rank before this time. */
kerf_time kerf_engine_bound(struct kerf_engine *engine);

/* bound.c: with the first promise: which channels leave this rank. */
enum kerf_status kerf_engine_find_border(struct kerf_engine *engine, struct kerf_error *error);

/* send.c: puts a received or restored event among the pending ones; false when memory is out. */
bool kerf_engine_keep(struct kerf_engine *engine, const struct kerf_event *event, uint32_t destination);

/* send.c: whether this event is a timer that was taken back; then it is forgotten. */
bool kerf_lp_was_cancelled(struct kerf_lp *lp, const struct kerf_event *event);

/* fold.c */
enum kerf_status kerf_engine_fold(struct kerf_engine *engine, struct kerf_error *error);

/* summary.c: agrees on the statistics, and that all mail was received. Collective. */
void kerf_engine_sum_up(struct kerf_engine *engine);
enum kerf_status kerf_engine_check_mail(struct kerf_engine *engine, struct kerf_error *error);

#endif
