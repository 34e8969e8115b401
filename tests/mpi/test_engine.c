/* The engine gives one result on any number of ranks, that of a reference engine with a sorted list, and one
 * rank's failure is every rank's. Run under mpirun; every verdict is agreed among the ranks, and rank 0
 * prints it. */
#include "sim/engine/engine.h"
#include "sim/engine/random.h"
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

/* A model like PHOLD (Fujimoto, 1990): an event makes others until its hops are used up. Where they go
 * depends on what the LP has seen so far in its order, so one event out of order changes everything after it.
 * Delays are multiples of 1 ns, so that many events fall on one time. */
enum { LPS = 60, DEGREE = 5, FIRST_EVENTS = 8, HOPS = 40, TIME_STEP_PS = 1000 };

typedef void phold_send(void *context, uint32_t destination, kerf_time delay, uint32_t type, uint32_t hops);

struct phold {
    uint64_t hash, events;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint32_t neighbour(uint32_t lp, uint32_t k)
{
    return (lp + 1 + k * 13 + k * k) % LPS;
}

static kerf_time lookahead(uint32_t lp, uint32_t k)
{
    return TIME_STEP_PS * (1 + (lp + k) % 4);
}

static void phold_start(uint32_t lp, uint64_t seed, phold_send *send, void *context)
{
    for (uint32_t k = 0; k < FIRST_EVENTS; k++) {
        double draw = kerf_random_uniform(seed, lp, k);
        send(context, lp, (kerf_time)(4.0 * draw) * TIME_STEP_PS, k % 3, HOPS);
    }
}

static void phold_event(struct phold *phold, uint32_t lp, kerf_time now, uint32_t source, uint32_t type,
                        uint32_t hops, phold_send *send, void *context)
{
    phold->hash = mix(mix(mix(mix(phold->hash, (uint64_t)now), source), type), hops);
    phold->events++;
    if (hops == 0)
        return;
    if (phold->hash % 16 == 0) { /* once more, now */
        send(context, lp, 0, type + 1, hops - 1);
        return;
    }
    uint32_t copies = phold->hash % 64 == 1 ? 3 : 1; /* a burst */
    for (uint32_t i = 0; i < copies; i++) {
        uint32_t k = (uint32_t)(mix(phold->hash, i) >> 40) % DEGREE;
        kerf_time extra = (kerf_time)(mix(phold->hash, 7 + i) >> 45 & 1) * TIME_STEP_PS;
        send(context, neighbour(lp, k), lookahead(lp, k) + extra, type, (hops - 1) / copies);
    }
}

/* The reference: all pending events in one sorted list, no ranks, no windows. */
struct reference_event {
    kerf_time time;
    uint64_t sequence;
    uint32_t destination, source, type, hops;
};

static bool reference_before(const struct reference_event *a, const struct reference_event *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->destination != b->destination)
        return a->destination < b->destination;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

struct reference {
    struct reference_event *pending; /* latest first */
    size_t count, capacity;
    uint64_t sequence[LPS], handled;
    struct phold lp[LPS];
    kerf_time now;
    uint32_t current;
};

static void reference_send(void *context, uint32_t destination, kerf_time delay, uint32_t type, uint32_t hops)
{
    struct reference *r = context;
    struct reference_event event = {.time = r->now + delay,
                                    .sequence = r->sequence[r->current]++,
                                    .destination = destination,
                                    .source = r->current,
                                    .type = type,
                                    .hops = hops};
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 1024;
        r->pending = realloc(r->pending, r->capacity * sizeof *r->pending);
        if (!r->pending)
            abort();
    }
    size_t place = r->count++;
    for (; place > 0 && reference_before(&r->pending[place - 1], &event); place--)
        r->pending[place] = r->pending[place - 1];
    r->pending[place] = event;
}

static void reference_run(struct reference *r, uint64_t seed)
{
    for (r->current = 0; r->current < LPS; r->current++)
        phold_start(r->current, seed, reference_send, r);
    while (r->count > 0) {
        struct reference_event event = r->pending[--r->count];
        r->now = event.time;
        r->current = event.destination;
        r->handled++;
        phold_event(&r->lp[event.destination], event.destination, event.time, event.source, event.type,
                    event.hops, reference_send, r);
    }
    free(r->pending);
}

/* The same model as LPs of the engine. */
struct sending {
    struct kerf_lp *lp;
    struct kerf_error *error;
    enum kerf_status status;
};

static void engine_send(void *context, uint32_t destination, kerf_time delay, uint32_t type, uint32_t hops)
{
    struct sending *s = context;
    if (s->status == KERF_OK)
        s->status = kerf_lp_send(s->lp, destination, delay, type, &hops, sizeof hops, s->error);
}

static enum kerf_status phold_lp_init(struct kerf_lp *lp, const void *setup, void *state,
                                      struct kerf_error *error)
{
    (void)state;
    struct sending sending = {.lp = lp, .error = error};
    phold_start(kerf_lp_id(lp), *(const uint64_t *)setup, engine_send, &sending);
    return sending.status;
}

static enum kerf_status phold_lp_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                        struct kerf_error *error)
{
    struct sending sending = {.lp = lp, .error = error};
    uint32_t hops;
    memcpy(&hops, event->payload, sizeof hops);
    phold_event(state, kerf_lp_id(lp), kerf_lp_now(lp), event->source, event->type, hops, engine_send,
                &sending);
    return sending.status;
}

static const struct kerf_lp_kind phold_kind = {
    .name = "phold", .state_bytes = sizeof(struct phold), .init = phold_lp_init, .handle = phold_lp_handle};

static struct kerf_engine *new_engine(MPI_Comm comm)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error;
    if (kerf_engine_create(comm, NULL, &engine, &error) != KERF_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    return engine;
}

static struct kerf_engine *run_phold(MPI_Comm comm, const uint64_t *seed, bool *ran)
{
    struct kerf_engine *engine = new_engine(comm);
    struct kerf_error error = {0};
    for (uint32_t i = 0; i < LPS; i++)
        kerf_engine_add(engine, &phold_kind, seed, i / 3 % 2 ? (int)i / 3 : -1, 1.0 + i % 4);
    for (uint32_t i = 0; i < LPS; i++)
        for (uint32_t k = 0; k < DEGREE; k++)
            kerf_engine_connect(engine, i, neighbour(i, k), lookahead(i, k));
    *ran = kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK;
    if (!*ran)
        fprintf(stderr, "rank %d: %s\n", world_rank, error.message);
    return engine;
}

/* Every LP meets its events in the order that one sorted list of all events gives. */
static void every_lp_sees_the_order_of_the_reference(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        static struct reference reference;
        memset(&reference, 0, sizeof reference);
        reference_run(&reference, seed);
        bool ran;
        struct kerf_engine *engine = run_phold(MPI_COMM_WORLD, &seed, &ran);
        ASSERT_EVERYWHERE(ran);
        bool same = true;
        uint64_t events = 0;
        for (uint32_t i = 0; i < LPS; i++) {
            const struct phold *phold = kerf_engine_state(engine, i);
            same = same && (phold != NULL) == (kerf_engine_rank_of(engine, i) == world_rank);
            same = same && kerf_engine_events_of(engine, i) == (phold ? reference.lp[i].events : 0);
            same = same && (!phold || phold->hash == reference.lp[i].hash);
            events += kerf_engine_events_of(engine, i);
        }
        ASSERT_EVERYWHERE(same);
        uint64_t all;
        MPI_Allreduce(&events, &all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
        ASSERT_EVERYWHERE(all == reference.handled && all > 10000);
        struct kerf_engine_stats stats = kerf_engine_stats(engine);
        ASSERT_EVERYWHERE(stats.events == all && stats.lps == LPS);
        ASSERT_EVERYWHERE(stats.end_s == kerf_time_to_s(reference.now));
        ASSERT_EVERYWHERE(stats.lookahead_least_s == kerf_time_to_s(TIME_STEP_PS));
        ASSERT_EVERYWHERE((stats.remote_events > 0) == (world_ranks > 1));
        kerf_engine_free(engine);
    }
}

/* The digest is the same on one rank and on all, and another on another seed. */
static void the_digest_does_not_depend_on_the_ranks(void **unused)
{
    (void)unused;
    const uint64_t seed = 5, another = 6;
    bool ran[3];
    struct kerf_engine *alone = run_phold(MPI_COMM_SELF, &seed, &ran[0]);
    struct kerf_engine *together = run_phold(MPI_COMM_WORLD, &seed, &ran[1]);
    struct kerf_engine *other = run_phold(MPI_COMM_WORLD, &another, &ran[2]);
    ASSERT_EVERYWHERE(ran[0] && ran[1] && ran[2]);
    ASSERT_EVERYWHERE(kerf_engine_stats(alone).digest == kerf_engine_stats(together).digest);
    ASSERT_EVERYWHERE(kerf_engine_stats(alone).digest != kerf_engine_stats(other).digest);
    kerf_engine_free(alone);
    kerf_engine_free(together);
    kerf_engine_free(other);
}

/* LPs for the smaller tests: what they do is said by their setup. */
enum { LOG_LENGTH = 256, SENDERS = 16 };
enum role {
    ROLE_QUIET,     /* does nothing */
    ROLE_SELF,      /* sends itself ten events without delay */
    ROLE_SENDER,    /* sends three events to LP 0, all for the same time */
    ROLE_PING,      /* answers for ever */
    ROLE_EARLY,     /* sends sooner than declared */
    ROLE_STRANGER,  /* sends where no channel leads */
    ROLE_FAILING,   /* fails when it handles its first event */
    ROLE_STILLBORN, /* fails to start */
    ROLE_LARGE,     /* sends more payload than an event holds */
    ROLE_ETERNAL,   /* sends beyond the range of time */
    ROLE_BACKWARDS, /* sends itself an event into the past */
};

struct log {
    enum role role;
    int count, ping_to;
    uint32_t source[LOG_LENGTH], type[LOG_LENGTH];
    kerf_time time[LOG_LENGTH];
};

struct role_setup {
    enum role role;
    int partner;
};

static enum kerf_status role_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    const struct role_setup *mine = setup;
    struct log *log = state;
    log->role = mine->role;
    log->ping_to = mine->partner;
    KERF_CHECK(mine->role != ROLE_STILLBORN, KERF_ERR_FAILURE, "stillborn on purpose");
    if (mine->role == ROLE_QUIET)
        return KERF_OK;
    if (mine->role == ROLE_SENDER) {
        for (uint32_t i = 0; i < 3; i++)
            KERF_TRY(kerf_lp_send(lp, 0, 5000, 10 + i, NULL, 0, error));
        return KERF_OK;
    }
    return kerf_lp_send(lp, kerf_lp_id(lp), 1000, 0, NULL, 0, error);
}

static enum kerf_status misbehave(struct kerf_lp *lp, const struct log *log, struct kerf_error *error)
{
    static const unsigned char large[KERF_PAYLOAD_BYTES + 1];
    uint32_t partner = (uint32_t)log->ping_to;
    switch (log->role) {
    case ROLE_EARLY:
        return kerf_lp_send(lp, partner, 999, 0, NULL, 0, error);
    case ROLE_STRANGER:
        return kerf_lp_send(lp, kerf_lp_id(lp) + 2, 1000000, 0, NULL, 0, error);
    case ROLE_FAILING:
        return kerf_error_set(error, KERF_ERR_USAGE, "failed on purpose in LP %u", kerf_lp_id(lp));
    case ROLE_LARGE:
        return kerf_lp_send(lp, kerf_lp_id(lp), 1, 0, large, sizeof large, error);
    case ROLE_ETERNAL:
        return kerf_lp_send(lp, kerf_lp_id(lp), KERF_TIME_NEVER - 1, 0, NULL, 0, error);
    case ROLE_BACKWARDS:
        return kerf_lp_send(lp, kerf_lp_id(lp), -1, 0, NULL, 0, error);
    default:
        return KERF_OK;
    }
}

static enum kerf_status role_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    struct log *log = state;
    if (log->count < LOG_LENGTH) {
        log->source[log->count] = event->source;
        log->type[log->count] = event->type;
        log->time[log->count] = kerf_lp_now(lp);
    }
    log->count++;
    if (log->role == ROLE_SELF && event->type == 0)
        for (uint32_t i = 0; i < 10; i++)
            KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), 0, 1 + i, NULL, 0, error));
    if (log->role == ROLE_PING)
        return kerf_lp_send(lp, (uint32_t)log->ping_to, 1000, 0, NULL, 0, error);
    return misbehave(lp, log, error);
}

static const struct kerf_lp_kind role_kind = {
    .name = "role", .state_bytes = sizeof(struct log), .init = role_init, .handle = role_handle};

/* A ring of LPs that all play `role`, or ping with the odd one out at `place`. */
static struct kerf_engine *ring(struct role_setup *setup, int count, enum role role, int place, enum role odd)
{
    struct kerf_engine *engine = new_engine(MPI_COMM_WORLD);
    for (int i = 0; i < count; i++) {
        setup[i] = (struct role_setup){.role = i == place ? odd : role, .partner = (i + 1) % count};
        kerf_engine_add(engine, &role_kind, &setup[i], -1, 1.0);
    }
    for (int i = 0; i < count; i++)
        kerf_engine_connect(engine, (uint32_t)i, (uint32_t)((i + 1) % count), 1000);
    return engine;
}

/* An event that an LP sends itself without delay happens now, after what was sent before it. */
static void events_without_delay_keep_their_order(void **unused)
{
    (void)unused;
    struct role_setup setup[SENDERS];
    struct kerf_error error = {0};
    struct kerf_engine *engine = ring(setup, SENDERS, ROLE_SELF, -1, ROLE_SELF);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
    bool ordered = true;
    for (uint32_t i = 0; i < SENDERS; i++) {
        const struct log *log = kerf_engine_state(engine, i);
        ordered = ordered && (!log || log->count == 11);
        for (uint32_t k = 0; log && k < 11; k++)
            ordered = ordered && log->type[k] == k && log->time[k] == 1000;
    }
    ASSERT_EVERYWHERE(ordered);
    ASSERT_EVERYWHERE(kerf_engine_stats(engine).end_s == 1e-9);
    kerf_engine_free(engine);
}

/* Events for one LP at one time run by source, and those of one source in the order they were sent. */
static void ties_run_by_source_and_number(void **unused)
{
    (void)unused;
    struct role_setup setup[SENDERS + 1];
    struct kerf_error error = {0};
    struct kerf_engine *engine = new_engine(MPI_COMM_WORLD);
    for (uint32_t i = 0; i <= SENDERS; i++) {
        setup[i] = (struct role_setup){.role = i == 0 ? ROLE_QUIET : ROLE_SENDER};
        kerf_engine_add(engine, &role_kind, &setup[i], -1, 1.0);
    }
    for (uint32_t i = SENDERS; i > 0; i--)
        kerf_engine_connect(engine, i, 0, 5000);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
    const struct log *log = kerf_engine_state(engine, 0);
    bool ordered = !log || log->count == 3 * SENDERS;
    for (uint32_t k = 0; log && k < 3 * SENDERS; k++)
        ordered = ordered && log->source[k] == 1 + k / 3 && log->type[k] == 10 + k % 3;
    ASSERT_EVERYWHERE(ordered);
    kerf_engine_free(engine);
}

/* An engine without LPs, and one whose LPs never send, end at once with nothing done. */
static void an_empty_run_ends(void **unused)
{
    (void)unused;
    struct role_setup setup[4];
    struct kerf_error error = {0};
    for (int count = 0; count <= 4; count += 4) {
        struct kerf_engine *engine = ring(setup, count, ROLE_QUIET, -1, ROLE_QUIET);
        ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
        struct kerf_engine_stats stats = kerf_engine_stats(engine);
        ASSERT_EVERYWHERE(stats.events == 0 && stats.lps == (uint64_t)count && stats.end_s == 0.0);
        kerf_engine_free(engine);
    }
}

/* A failure of one LP ends the run on every rank with the same status and message, while others are busy. */
static void one_ranks_failure_is_every_ranks(void **unused)
{
    (void)unused;
    static const struct {
        enum role role;
        enum kerf_status status;
        const char *message;
    } cases[] = {
        {ROLE_EARLY, KERF_ERR_FAILURE, "breaks its lookahead to"},
        {ROLE_STRANGER, KERF_ERR_FAILURE, "without a channel"},
        {ROLE_FAILING, KERF_ERR_USAGE, "failed on purpose in LP"},
        {ROLE_STILLBORN, KERF_ERR_FAILURE, "stillborn on purpose"},
        {ROLE_LARGE, KERF_ERR_FAILURE, "payload of 1025 bytes"},
        {ROLE_ETERNAL, KERF_ERR_FAILURE, "leaves its range of 106 days"},
        {ROLE_BACKWARDS, KERF_ERR_FAILURE, "1 ps into the past"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int place = 0; place < SENDERS; place += SENDERS - 1) {
            struct role_setup setup[SENDERS];
            struct kerf_error error = {0}, first;
            struct kerf_engine *engine = ring(setup, SENDERS, ROLE_PING, place, cases[i].role);
            enum kerf_status status = kerf_engine_run(engine, NULL, NULL, &error);
            first = error;
            MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, MPI_COMM_WORLD);
            bool same = status == cases[i].status && strstr(error.message, cases[i].message) &&
                        strcmp(error.message, first.message) == 0 && error.status == status;
            if (!same)
                fprintf(stderr, "rank %d: status %d, '%s' for '%s'\n", world_rank, (int)status, error.message,
                        cases[i].message);
            ASSERT_EVERYWHERE(same);
            kerf_engine_free(engine);
        }
    }
}

/* A channel without lookahead is refused before anything runs. */
static void a_channel_needs_lookahead(void **unused)
{
    (void)unused;
    struct role_setup setup[2] = {{.role = ROLE_QUIET}, {.role = ROLE_QUIET}};
    struct kerf_error error = {0};
    struct kerf_engine *engine = new_engine(MPI_COMM_WORLD);
    kerf_engine_add(engine, &role_kind, &setup[0], -1, 1.0);
    kerf_engine_add(engine, &role_kind, &setup[1], -1, 1.0);
    kerf_engine_connect(engine, 0, 1, 0);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_ERR_FAILURE);
    ASSERT_EVERYWHERE(strstr(error.message, "channel 0 -> 1") != NULL);
    kerf_engine_free(engine);
}

struct watching {
    int calls;
    enum kerf_wish wish;
};

static enum kerf_wish wish_of(void *context)
{
    return ((const struct watching *)context)->wish;
}

static void ask_to_stop(void *context, double simulated_s, uint64_t events_here)
{
    struct watching *watching = context;
    (void)simulated_s, (void)events_here;
    watching->calls++;
    watching->wish = KERF_WISH_STOP;
}

/* A stop asked for on rank 0 ends an endless run on every rank; only rank 0 is called to watch. */
static void a_stop_flag_ends_the_run(void **unused)
{
    (void)unused;
    struct role_setup setup[SENDERS];
    struct kerf_error error = {0};
    struct watching watching = {0};
    struct kerf_engine *engine = ring(setup, SENDERS, ROLE_PING, -1, ROLE_PING);
    const struct kerf_engine_calls calls = {.context = &watching, .watch = ask_to_stop, .wish = wish_of};
    enum kerf_wish stopped;
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_STOP);
    ASSERT_EVERYWHERE((watching.calls > 0) == (world_rank == 0));
    kerf_engine_free(engine);
}

/* A stop asked for on the last rank alone ends the run on every rank. */
static void any_rank_can_stop_the_run(void **unused)
{
    (void)unused;
    struct role_setup setup[SENDERS];
    struct kerf_error error = {0};
    struct watching watching = {.wish = world_rank == world_ranks - 1 ? KERF_WISH_STOP : KERF_WISH_NONE};
    const struct kerf_engine_calls calls = {.context = &watching, .wish = wish_of};
    enum kerf_wish stopped;
    struct kerf_engine *engine = ring(setup, SENDERS, ROLE_PING, -1, ROLE_PING);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_STOP);
    kerf_engine_free(engine);
}

/* LPs of a group are on one rank, and every rank knows the same places. */
static void groups_stay_on_one_rank(void **unused)
{
    (void)unused;
    enum { COUNT = 48, IN_GROUP = 6 };
    struct role_setup setup[COUNT];
    struct kerf_error error = {0};
    int place[COUNT], first[COUNT];
    struct kerf_engine *engine = new_engine(MPI_COMM_WORLD);
    for (int i = 0; i < COUNT; i++) {
        setup[i] = (struct role_setup){.role = ROLE_QUIET};
        kerf_engine_add(engine, &role_kind, &setup[i], i / IN_GROUP, 1.0);
    }
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
    bool together = true;
    int used = 0;
    for (int i = 0; i < COUNT; i++) {
        place[i] = first[i] = kerf_engine_rank_of(engine, (uint32_t)i);
        together = together && place[i] >= 0 && place[i] < world_ranks && place[i] == place[i - i % IN_GROUP];
        used += i == 0 || place[i] != place[i - 1];
    }
    MPI_Bcast(first, COUNT, MPI_INT, 0, MPI_COMM_WORLD);
    ASSERT_EVERYWHERE(together && memcmp(place, first, sizeof place) == 0);
    ASSERT_EVERYWHERE(used == world_ranks); /* eight equal groups cover up to eight ranks */
    kerf_engine_free(engine);
}

/* Ranks without an LP take part and learn the result. */
static void more_ranks_than_lps_work(void **unused)
{
    (void)unused;
    struct role_setup setup[2];
    struct kerf_error error = {0};
    struct kerf_engine *engine = ring(setup, 2, ROLE_SELF, -1, ROLE_SELF);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
    struct kerf_engine_stats stats = kerf_engine_stats(engine);
    uint64_t digest = stats.digest;
    MPI_Bcast(&digest, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    ASSERT_EVERYWHERE(stats.events == 22 && stats.digest == digest);
    kerf_engine_free(engine);
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
        cmocka_unit_test(every_lp_sees_the_order_of_the_reference),
        cmocka_unit_test(the_digest_does_not_depend_on_the_ranks),
        cmocka_unit_test(events_without_delay_keep_their_order),
        cmocka_unit_test(ties_run_by_source_and_number),
        cmocka_unit_test(an_empty_run_ends),
        cmocka_unit_test(one_ranks_failure_is_every_ranks),
        cmocka_unit_test(a_channel_needs_lookahead),
        cmocka_unit_test(a_stop_flag_ends_the_run),
        cmocka_unit_test(any_rank_can_stop_the_run),
        cmocka_unit_test(groups_stay_on_one_rank),
        cmocka_unit_test(more_ranks_than_lps_work),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
