/* What a handler may do and may not, what becomes of timers and promises, and how a run ends: each rule of
 * engine/engine.h by the smallest model that shows it. Also run under mpirun; every verdict is agreed among
 * the ranks. */
#include "sim/engine/cut.h"
#include "sim/engine/engine.h"
#include "sim/engine/partition.h"
#include "tests/support/everywhere.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int world_rank, world_ranks;

enum { SEEN = 32, TIMERS = 4 };

/* An actor keeps what it saw and does what its script says. */
struct actor {
    uint32_t count, type[SEEN], source[SEEN];
    kerf_time time[SEEN];
    struct kerf_timer timer[TIMERS];
    bool pending[TIMERS];
};

struct script {
    enum kerf_status (*begin)(struct kerf_lp *lp, struct actor *actor, struct kerf_error *error);
    enum kerf_status (*act)(struct kerf_lp *lp, struct actor *actor, uint32_t type, struct kerf_error *error);
    bool (*waits)(uint32_t id, uint32_t *whom, char *why, size_t why_bytes);
};

static enum kerf_status actor_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    const struct script *script = setup;
    return script && script->begin ? script->begin(lp, state, error) : KERF_OK;
}

static enum kerf_status actor_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct actor *actor = state;
    const struct script *script = kerf_lp_setup(lp);
    if (actor->count < SEEN) {
        actor->type[actor->count] = event->type;
        actor->source[actor->count] = event->source;
        actor->time[actor->count] = kerf_lp_now(lp);
    }
    actor->count++;
    return script && script->act ? script->act(lp, actor, event->type, error) : KERF_OK;
}

static bool actor_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                        size_t why_bytes)
{
    const struct script *script = kerf_lp_setup(lp);
    (void)state;
    return script && script->waits && script->waits(kerf_lp_id(lp), whom, why, why_bytes);
}

static const struct kerf_lp_kind actor_kind = {.name = "actor",
                                               .state_bytes = sizeof(struct actor),
                                               .init = actor_init,
                                               .handle = actor_handle,
                                               .waits = actor_waits};

static struct kerf_engine *new_engine(const struct kerf_engine_options *options)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error;
    if (kerf_engine_create(MPI_COMM_WORLD, options, &engine, &error) != KERF_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return engine;
}

/* An engine of `count` actors that all follow one script. */
static struct kerf_engine *cast(const struct kerf_engine_options *options, uint32_t count,
                                const struct script *script)
{
    struct kerf_engine *engine = new_engine(options);
    for (uint32_t i = 0; i < count; i++)
        kerf_engine_add(engine, &actor_kind, script, -1, 1.0);
    return engine;
}

/* Runs and frees; every rank must fail, with the same words that hold these. */
static bool fails_with(struct kerf_engine *engine, const struct kerf_engine_calls *calls, const char *words)
{
    struct kerf_error error = {0}, first;
    enum kerf_status status = kerf_engine_run(engine, calls, NULL, &error);
    first = error;
    MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, MPI_COMM_WORLD);
    bool right = status == KERF_ERR_FAILURE && strstr(error.message, words) &&
                 strcmp(error.message, first.message) == 0;
    if (!right)
        fprintf(stderr, "rank %d: status %d, '%s' for '%s'\n", world_rank, (int)status, error.message, words);
    kerf_engine_free(engine);
    return right;
}

static bool runs(struct kerf_engine *engine)
{
    struct kerf_error error = {0};
    bool ran = kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK;
    if (!ran)
        fprintf(stderr, "rank %d: %s\n", world_rank, error.message);
    return ran;
}

static enum kerf_status wake(struct kerf_lp *lp, struct actor *actor, struct kerf_error *error)
{
    (void)actor;
    return kerf_lp_send(lp, kerf_lp_id(lp), 1000, 0, NULL, 0, error);
}

/* Deadlock: LP 0 is content, LP 1 waits for nobody in particular, the others for the one before. */
static bool wait_for_the_one_before(uint32_t id, uint32_t *whom, char *why, size_t why_bytes)
{
    if (id >= 2)
        *whom = id - 1;
    snprintf(why, why_bytes, "needs part %u", id);
    return id > 0;
}

static void a_deadlock_tells_who_waits_for_whom(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = wake, .waits = wait_for_the_one_before};
    ASSERT_EVERYWHERE(fails_with(
        cast(NULL, 9, &script), NULL,
        "deadlock at 0.000000001 s: no event is left and 8 of 9 logical processes still wait: actor 1: needs "
        "part 1; actor 2 waits for actor 1: needs part 2; actor 3 waits for actor 2: needs part 3; actor 4 "
        "waits for actor 3: needs part 4; actor 5 waits for actor 4: needs part 5; actor 6 waits for actor "
        "5: "
        "needs part 6"));
}

/* Livelock: an LP sends itself so many events without delay. */
static enum kerf_status loop_for_ever(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                      struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, kerf_lp_id(lp), 0, 3, NULL, 0, error);
}

static enum kerf_status loop_a_hundred_times(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                             struct kerf_error *error)
{
    return actor->count < 100 ? loop_for_ever(lp, actor, type, error) : KERF_OK;
}

static void a_livelock_ends_the_run(void **unused)
{
    (void)unused;
    static const struct script endless = {.begin = wake, .act = loop_for_ever},
                               long_one = {.begin = wake, .act = loop_a_hundred_times};
    const struct kerf_engine_options options = {.livelock_events = 100};
    struct kerf_engine *engine = cast(&options, 5, NULL);
    kerf_engine_add(engine, &actor_kind, &endless, -1, 1.0);
    ASSERT_EVERYWHERE(
        fails_with(engine, NULL,
                   "livelock: simulated time stays at 0.000000001000 s: actor 5 has handled 101 "
                   "events at it, the last of type 3 from LP 5"));
    engine = cast(&options, 5, &long_one);
    ASSERT_EVERYWHERE(runs(engine) && kerf_engine_stats(engine).events == 500);
    kerf_engine_free(engine);
}

/* What may not be sent. The sender is LP 1 of 4; it has a channel to LP 2 with 500 ps. */
static enum kerf_status send_to_nobody(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                       struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, 4, 5000, 0, NULL, 0, error);
}

static enum kerf_status send_to_the_last_number(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                                struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, UINT32_MAX, 5000, 0, NULL, 0, error);
}

static enum kerf_status send_a_large_type(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                          struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, 2, 5000, UINT16_MAX + 1, NULL, 0, error);
}

static enum kerf_status set_an_eternal_timer(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                             struct kerf_error *error)
{
    (void)type;
    return kerf_lp_set_timer(lp, KERF_TIME_NEVER, 0, NULL, 0, &actor->timer[0], error);
}

static enum kerf_status set_a_timer_in_the_past(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                                struct kerf_error *error)
{
    (void)type;
    return kerf_lp_set_timer(lp, -7, 0, NULL, 0, &actor->timer[0], error);
}

static enum kerf_status send_one_ps_early(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                          struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, 2, 499, 0, NULL, 0, error);
}

static enum kerf_status send_to_a_stranger(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                           struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_send(lp, 3, 799, 0, NULL, 0, error);
}

static enum kerf_status promise_a_stranger(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                           struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_promise(lp, 3, 5000, error);
}

static enum kerf_status promise_nobody(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                       struct kerf_error *error)
{
    (void)actor, (void)type;
    return kerf_lp_promise(lp, 4, 5000, error);
}

static enum kerf_status break_a_promise(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                        struct kerf_error *error)
{
    (void)actor, (void)type;
    KERF_TRY(kerf_lp_promise(lp, 2, 9000, error));
    KERF_TRY(kerf_lp_promise(lp, 2, 2000, error)); /* does not shrink it */
    KERF_TRY(kerf_lp_send(lp, 2, 8000, 0, NULL, 0, error));
    return kerf_lp_send(lp, 2, 7999, 0, NULL, 0, error);
}

/* `open`: LP 1 may send to all from 800 ps on. */
static struct kerf_engine *with_offender(const struct script *script, bool open)
{
    struct kerf_engine *engine = new_engine(NULL);
    for (uint32_t i = 0; i < 4; i++)
        kerf_engine_add(engine, &actor_kind, i == 1 ? script : NULL, -1, 1.0);
    kerf_engine_connect(engine, 1, 2, 500);
    if (open)
        kerf_engine_open(engine, 1, 800);
    return engine;
}

static void what_may_not_be_sent_ends_the_run(void **unused)
{
    (void)unused;
    static const struct {
        struct script script;
        bool open;
        const char *words;
    } cases[] = {
        {{.begin = wake, .act = send_to_nobody}, false, "actor 1 sends to 4 without a channel"},
        {{.begin = wake, .act = send_to_nobody}, true, "actor 1 sends to 4 without a channel"},
        {{.begin = wake, .act = send_to_the_last_number}, true, "sends to 4294967295 without a channel"},
        {{.begin = wake, .act = send_a_large_type}, false, "actor 1: event type 65536"},
        {{.begin = wake, .act = set_an_eternal_timer}, false, "leaves its range of 106 days"},
        {{.begin = wake, .act = set_a_timer_in_the_past}, false, "actor 1 sends 7 ps into the past"},
        {{.begin = wake, .act = send_one_ps_early},
         false,
         "breaks its lookahead to 2: 499 ps, declared 500 ps"},
        {{.begin = wake, .act = send_one_ps_early},
         true,
         "breaks its lookahead to 2: 499 ps, declared 500 ps"},
        {{.begin = wake, .act = send_to_a_stranger}, false, "actor 1 sends to 3 without a channel"},
        {{.begin = wake, .act = send_to_a_stranger}, true, "breaks its lookahead to all (sends to 3)"},
        {{.begin = wake, .act = promise_a_stranger}, false, "promises to 3 without a channel"},
        {{.begin = wake, .act = promise_a_stranger}, true, "promises to 3 without a channel"},
        {{.begin = wake, .act = promise_nobody}, false, "promises to 4 without a channel"},
        {{.begin = wake, .act = break_a_promise},
         false,
         "breaks its promise to 2: arrives at 8999 ps, promised 9000 ps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ASSERT_EVERYWHERE(fails_with(with_offender(&cases[i].script, cases[i].open), NULL, cases[i].words));
}

/* Timers, told by type: each step says what it takes back and what it learns. Timer k comes as type 10 + k.
 */
static enum kerf_status set_timers(struct kerf_lp *lp, struct actor *actor, struct kerf_error *error)
{
    static const kerf_time delay[TIMERS] = {3000, 1000, 1000, 9000000};
    KERF_TRY(wake(lp, actor, error));
    for (uint32_t k = 0; k < TIMERS; k++)
        KERF_TRY(kerf_lp_set_timer(lp, delay[k], 10 + k, NULL, 0, &actor->timer[k], error));
    return kerf_lp_send(lp, kerf_lp_id(lp), 4000, 1, NULL, 0, error);
}

static enum kerf_status take_timers_back(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                         struct kerf_error *error)
{
    bool *pending = actor->pending;
    if (type == 0) { /* at 1000 ps, before timers 1 and 2 of the same time */
        KERF_TRY(kerf_lp_cancel(lp, actor->timer[1], &pending[0], error));
        return kerf_lp_cancel(lp, actor->timer[1], &pending[1], error);
    }
    if (type == 12) { /* timer 2 itself */
        KERF_TRY(kerf_lp_cancel(lp, actor->timer[2], &pending[2], error));
        return kerf_lp_cancel(lp, actor->timer[3], &pending[3], error);
    }
    if (type == 1) { /* timer 0 went off */
        bool late;
        KERF_TRY(kerf_lp_cancel(lp, actor->timer[0], &late, error));
        pending[1] = pending[1] || late;
        KERF_TRY(kerf_lp_cancel(lp, actor->timer[0], NULL, error));
    }
    return KERF_OK;
}

/* A timer can be taken back until it goes off, once; what was taken back never comes and is no event: the run
 * ends with the last that came. */
static void timers_are_taken_back_once_and_in_time(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = set_timers, .act = take_timers_back};
    for (int reference = 0; reference <= (world_ranks == 1); reference++) {
        struct kerf_engine *engine = cast(&(struct kerf_engine_options){.reference = reference}, 3, &script);
        ASSERT_EVERYWHERE(runs(engine));
        bool right = true;
        for (uint32_t i = 0; i < 3; i++) {
            const struct actor *actor = kerf_engine_state(engine, i);
            if (!actor)
                continue;
            static const uint32_t types[4] = {0, 12, 10, 1};
            right = right && actor->count == 4 && memcmp(actor->type, types, sizeof types) == 0;
            right = right && actor->pending[0] && !actor->pending[1] && !actor->pending[2];
            right = right && actor->pending[3];
        }
        ASSERT_EVERYWHERE(right);
        ASSERT_EVERYWHERE(kerf_engine_stats(engine).events == 12);
        ASSERT_EVERYWHERE(kerf_engine_stats(engine).end_s == 4e-9);
        kerf_engine_free(engine);
    }
}

/* Exactly as early as promised: LP 0 promises LP 1 a time and sends for it; LP 1 meets its own timer of that
 * time after it, as LP 0 comes first. LP 1 would run ahead of a bound that is one picosecond late. */
static enum kerf_status promise_and_keep(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                         struct kerf_error *error)
{
    (void)actor;
    if (type == 0) {
        KERF_TRY(kerf_lp_promise(lp, 1, 50000, error));
        return kerf_lp_send(lp, 0, 47500, 1, NULL, 0, error);
    }
    return kerf_lp_send(lp, 1, 1500, 2, NULL, 0, error); /* the channel would allow 500 ps less */
}

static enum kerf_status send_to_the_last(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                         struct kerf_error *error)
{
    (void)actor;
    return type == 0 ? kerf_lp_send(lp, 1, 49000, 2, NULL, 0, error) : KERF_OK;
}

static enum kerf_status tick(struct kerf_lp *lp, struct actor *actor, struct kerf_error *error)
{
    (void)actor;
    for (kerf_time t = 1000; t <= 60000; t += 3500)
        KERF_TRY(kerf_lp_send(lp, 1, t, 3, NULL, 0, error));
    return KERF_OK;
}

static enum kerf_status one_lp_per_rank(void *context, MPI_Comm comm,
                                        const struct kerf_partition_problem *problem, int *rank_of,
                                        struct kerf_error *error)
{
    (void)context, (void)comm, (void)error;
    for (uint32_t i = 0; i < problem->count; i++)
        rank_of[i] = (int)i % problem->ranks;
    return KERF_OK;
}

static void bounds_are_exact_to_the_picosecond(void **unused)
{
    (void)unused;
    static const struct script keeps = {.begin = wake, .act = promise_and_keep},
                               opens = {.begin = wake, .act = send_to_the_last}, ticks = {.begin = tick};
    for (int open = 0; open <= 1; open++) {
        struct kerf_engine *engine =
            new_engine(&(struct kerf_engine_options){.partitioner = one_lp_per_rank});
        kerf_engine_add(engine, &actor_kind, open ? &opens : &keeps, -1, 1.0);
        kerf_engine_add(engine, &actor_kind, &ticks, -1, 1.0);
        if (open)
            kerf_engine_open(engine, 0, 49000);
        else
            kerf_engine_connect(engine, 0, 1, 1000);
        ASSERT_EVERYWHERE(runs(engine));
        const struct actor *actor = kerf_engine_state(engine, 1);
        /* Ticks 0 to 13 come before, tick 14 at 50,000 ps after it. */
        ASSERT_EVERYWHERE(!actor || (actor->count == 18 && actor->type[14] == 2 && actor->time[14] == 50000 &&
                                     actor->type[15] == 3 && actor->time[15] == 50000));
        kerf_engine_free(engine);
    }
}

/* An LP that is opened while few are known may send to all that come later; they are not open. */
static enum kerf_status send_to_the_newest(struct kerf_lp *lp, struct actor *actor, uint32_t type,
                                           struct kerf_error *error)
{
    (void)actor;
    return type == 0 ? kerf_lp_send(lp, 999, 700, 5, NULL, 0, error) : KERF_OK;
}

static void lps_may_be_added_after_one_is_opened(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = wake, .act = send_to_the_newest};
    struct kerf_engine *engine = cast(NULL, 1, &script);
    kerf_engine_open(engine, 0, 700);
    for (uint32_t i = 1; i < 1000; i++)
        kerf_engine_add(engine, &actor_kind, NULL, -1, 1.0);
    ASSERT_EVERYWHERE(runs(engine));
    const struct actor *actor = kerf_engine_state(engine, 999);
    ASSERT_EVERYWHERE(!actor || (actor->count == 1 && actor->time[0] == 1700));
    ASSERT_EVERYWHERE(kerf_engine_stats(engine).lookahead_least_s == 700e-12);
    kerf_engine_free(engine);
}

/* More kinds than an engine can tell apart are refused. */
static void too_many_kinds_are_refused(void **unused)
{
    (void)unused;
    static struct kerf_lp_kind kind[256];
    for (int over = 0; over <= 1; over++) {
        struct kerf_engine *engine = new_engine(NULL);
        for (int k = 0; k < 255 + over; k++) {
            kind[k] = actor_kind;
            kerf_engine_add(engine, &kind[k], NULL, -1, 1.0);
        }
        if (over) {
            ASSERT_EVERYWHERE(fails_with(engine, NULL, "more than 255 kinds of LPs"));
        } else {
            ASSERT_EVERYWHERE(runs(engine));
            kerf_engine_free(engine);
        }
    }
}

/* Wishes and checkpoints. */
struct voyage {
    enum kerf_wish wish;
    struct kerf_pack row[4];
    kerf_time time;
    int saves, failing_rank;
    enum { ROW_GOOD, ROW_SHORT, ROW_LONG, ROW_EMPTY, ROW_EVENT_TIME, ROW_EVENT_SOURCE, ROW_TIMERS } damage;
};

static enum kerf_wish wish_of(void *context)
{
    return ((const struct voyage *)context)->wish;
}

static enum kerf_status save_rows(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct voyage *voyage = context;
    struct kerf_cut *cut;
    voyage->saves++;
    voyage->time = kerf_cut_time(engine); /* collective, so before anything can fail */
    KERF_CHECK(voyage->failing_rank != world_rank, KERF_ERR_FAILURE, "disk of rank %d is full", world_rank);
    KERF_TRY(kerf_cut_open(engine, &cut, error));
    for (uint32_t k = 0; k < kerf_cut_lps(cut); k++) {
        struct kerf_pack *row = &voyage->row[kerf_cut_id(cut, k)];
        kerf_pack_free(row);
        kerf_cut_pack(cut, k, row);
    }
    kerf_cut_close(cut);
    return KERF_OK;
}

/* Words of a row of an LP without promises: sequence, digest, events, promises, timers taken back (and as
 * many words), pending events and the first of them: destination, time, sequence, source. */
static enum kerf_status load_rows(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    const struct voyage *voyage = context;
    for (uint32_t i = 0; i < 4; i++) {
        if (!kerf_cut_holds(engine, i))
            continue;
        size_t bytes = voyage->row[i].bytes;
        uint64_t word[400] = {0}, bad_time = UINT64_MAX, many = UINT64_MAX / 4;
        if (bytes > sizeof word - 8)
            abort();
        memcpy(word, voyage->row[i].data, bytes);
        size_t event = 6 + word[4];
        bytes = voyage->damage == ROW_SHORT ? bytes - 1 : voyage->damage == ROW_LONG ? bytes + 1 : bytes;
        bytes = voyage->damage == ROW_EMPTY ? 0 : bytes;
        if (voyage->damage == ROW_EVENT_TIME)
            word[event + 1] = bad_time;
        if (voyage->damage == ROW_EVENT_SOURCE)
            memset(&word[event + 3], 0xff, sizeof(uint32_t));
        if (voyage->damage == ROW_TIMERS)
            word[4] = many;
        KERF_TRY(kerf_cut_restore(engine, i, (const unsigned char *)word, bytes, error));
    }
    kerf_cut_set_time(engine, voyage->time);
    return KERF_OK;
}

static void free_rows(struct voyage *voyage)
{
    for (int i = 0; i < 4; i++)
        kerf_pack_free(&voyage->row[i]);
}

static const struct kerf_engine_calls *calls_of(struct kerf_engine_calls *calls, struct voyage *voyage)
{
    *calls = (struct kerf_engine_calls){.context = voyage, .wish = wish_of, .save = save_rows};
    return calls;
}

/* What is saved on any ranks goes on where it was: timers that were taken back stay so, and a run whose last
 * event came before the checkpoint ends at that event's time. Rows that do not fit are refused. */
static void a_checkpoint_is_taken_up_or_refused(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = set_timers, .act = take_timers_back};
    struct kerf_engine_calls calls;
    struct kerf_error error = {0};
    struct voyage voyage = {.wish = KERF_WISH_SAVE_AND_STOP, .failing_rank = -1};
    enum kerf_wish stopped;
    struct kerf_engine *engine = cast(NULL, 4, &script);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, calls_of(&calls, &voyage), &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_SAVE_AND_STOP && voyage.saves == 1 && voyage.time == 0);
    kerf_engine_free(engine);
    calls = (struct kerf_engine_calls){.context = &voyage, .load = load_rows};
    engine = cast(NULL, 4, &script);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, NULL, &error) == KERF_OK);
    ASSERT_EVERYWHERE(kerf_engine_stats(engine).events == 16 && kerf_engine_stats(engine).end_s == 4e-9);
    kerf_engine_free(engine);
    for (voyage.damage = ROW_SHORT; voyage.damage <= ROW_TIMERS; voyage.damage++)
        ASSERT_EVERYWHERE(fails_with(cast(NULL, 4, &script), &calls, "in the checkpoint does not fit"));
    free_rows(&voyage);
}

/* The time of a cut is that of the last event, and a run that has none left ends there. */
static enum kerf_wish save_often(void *context)
{
    (void)context;
    return KERF_WISH_SAVE;
}

static void the_time_of_a_cut_is_that_of_the_last_event(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = set_timers, .act = take_timers_back};
    struct kerf_error error = {0};
    struct voyage voyage = {.failing_rank = -1};
    struct kerf_engine_calls calls = {.context = &voyage, .wish = save_often, .save = save_rows};
    /* Windows of 1 ps and timers 9 us ahead: the last cuts hold only a timer that was taken back. */
    const struct kerf_engine_options options = {.widest_window_ps = 1};
    struct kerf_engine *engine = cast(&options, 4, &script);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, NULL, &error) == KERF_OK);
    ASSERT_EVERYWHERE(voyage.saves > 1 && voyage.time == 4000);
    kerf_engine_free(engine);
    calls = (struct kerf_engine_calls){.context = &voyage, .load = load_rows};
    engine = cast(NULL, 4, &script);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, NULL, &error) == KERF_OK);
    ASSERT_EVERYWHERE(kerf_engine_stats(engine).events == 16 && kerf_engine_stats(engine).end_s == 4e-9);
    kerf_engine_free(engine);
    free_rows(&voyage);
}

/* One rank that cannot save ends the run on all; of several wishes the highest counts. */
static void wishes_and_failures_are_shared(void **unused)
{
    (void)unused;
    static const struct script script = {.begin = set_timers, .act = take_timers_back};
    struct kerf_engine_calls calls;
    struct kerf_error error = {0};
    char words[64];
    for (int wish = KERF_WISH_SAVE; wish <= KERF_WISH_SAVE_AND_STOP; wish++) {
        struct voyage voyage = {.wish = (enum kerf_wish)wish, .failing_rank = world_ranks - 1};
        snprintf(words, sizeof words, "disk of rank %d is full", world_ranks - 1);
        ASSERT_EVERYWHERE(fails_with(cast(NULL, 4, &script), calls_of(&calls, &voyage), words));
        free_rows(&voyage);
    }
    struct voyage voyage = {.wish = world_rank == 0 ? KERF_WISH_STOP : KERF_WISH_SAVE, .failing_rank = -1};
    enum kerf_wish stopped;
    struct kerf_engine *engine = cast(NULL, 4, &script);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, calls_of(&calls, &voyage), &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_STOP && voyage.saves == 0);
    kerf_engine_free(engine);
    free_rows(&voyage);
}

/* A cut's shape tells systems apart. */
static enum kerf_status note_shape(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    (void)error;
    *(uint64_t *)context = kerf_cut_shape(engine);
    return KERF_OK;
}

static uint64_t shape_of(int change)
{
    static const struct kerf_lp_kind another = {.name = "another", .state_bytes = 8, .handle = actor_handle};
    struct kerf_engine *engine = new_engine(NULL);
    struct kerf_error error;
    uint64_t shape = 0;
    const struct kerf_engine_calls calls = {.context = &shape, .load = note_shape};
    for (uint32_t i = 0; i < 4u + (change == 1); i++)
        kerf_engine_add(engine, change == 2 && i == 2 ? &another : &actor_kind, NULL, -1, 1.0);
    kerf_engine_connect(engine, 1, change == 3 ? 3 : 2, change == 4 ? 501 : 500);
    if (change == 5)
        kerf_engine_connect(engine, 2, 1, 500);
    if (change >= 6)
        kerf_engine_open(engine, change == 6 ? 1 : 2, 500);
    if (kerf_engine_run(engine, &calls, NULL, &error) != KERF_OK)
        shape = 0;
    kerf_engine_free(engine);
    return shape;
}

/* Seconds apart at first, so that a round may go far, then close together. */
enum { SPARSE_EVENTS = 2000, DENSE_EVENTS = 20000000 };

struct thickening {
    uint64_t events;
};

static enum kerf_status thickening_init(struct kerf_lp *lp, const void *setup, void *state,
                                        struct kerf_error *error)
{
    (void)setup, (void)state;
    return kerf_lp_send(lp, kerf_lp_id(lp), 1, 0, NULL, 0, error);
}

static enum kerf_status thickening_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                          struct kerf_error *error)
{
    (void)event;
    struct thickening *seen = state;
    if (++seen->events == SPARSE_EVENTS + DENSE_EVENTS)
        return KERF_OK;
    kerf_time delay = seen->events < SPARSE_EVENTS ? 1000000000000 : 1000000;
    return kerf_lp_send(lp, kerf_lp_id(lp), delay, 0, NULL, 0, error);
}

static enum kerf_wish wish_when_dense(void *context)
{
    const struct kerf_engine *engine = *(struct kerf_engine **)context;
    const struct thickening *seen = kerf_engine_state(engine, (uint32_t)world_rank);
    return seen && seen->events > SPARSE_EVENTS ? KERF_WISH_SAVE_AND_STOP : KERF_WISH_NONE;
}

/* A wish is heeded soon, also when a round was meant to go far through what was sparse until then. */
static void a_wish_ends_a_long_round(void **unused)
{
    (void)unused;
    const struct kerf_lp_kind kind = {.name = "thickening",
                                      .state_bytes = sizeof(struct thickening),
                                      .init = thickening_init,
                                      .handle = thickening_handle};
    struct kerf_error error = {0};
    struct kerf_engine *engine = NULL;
    enum kerf_wish stopped;
    const struct kerf_engine_calls calls = {.context = &engine, .wish = wish_when_dense};
    ASSERT_EVERYWHERE(kerf_engine_create(MPI_COMM_WORLD, NULL, &engine, &error) == KERF_OK);
    for (int i = 0; i < world_ranks; i++)
        kerf_engine_add(engine, &kind, NULL, -1, 1.0);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_SAVE_AND_STOP);
    ASSERT_EVERYWHERE(kerf_engine_events_of(engine, (uint32_t)world_rank) < DENSE_EVENTS / 2);
    kerf_engine_free(engine);
}

static void the_shape_of_a_cut_tells_systems_apart(void **unused)
{
    (void)unused;
    uint64_t shape[8];
    bool distinct = true;
    for (int i = 0; i < 8; i++) {
        shape[i] = shape_of(i);
        for (int k = 0; k < i; k++)
            distinct = distinct && shape[k] != shape[i];
    }
    uint64_t first = shape[0];
    MPI_Bcast(&first, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    ASSERT_EVERYWHERE(distinct && first == shape[0] && shape_of(0) == first);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_ranks);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (world_rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadlock_tells_who_waits_for_whom),
        cmocka_unit_test(a_livelock_ends_the_run),
        cmocka_unit_test(what_may_not_be_sent_ends_the_run),
        cmocka_unit_test(timers_are_taken_back_once_and_in_time),
        cmocka_unit_test(bounds_are_exact_to_the_picosecond),
        cmocka_unit_test(lps_may_be_added_after_one_is_opened),
        cmocka_unit_test(too_many_kinds_are_refused),
        cmocka_unit_test(a_checkpoint_is_taken_up_or_refused),
        cmocka_unit_test(the_time_of_a_cut_is_that_of_the_last_event),
        cmocka_unit_test(wishes_and_failures_are_shared),
        cmocka_unit_test(a_wish_ends_a_long_round),
        cmocka_unit_test(the_shape_of_a_cut_tells_systems_apart),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
