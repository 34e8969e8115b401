/* The engine room: one message per pair of ranks and window. A first message has a fixed size and carries the
 * promise and the first events, so that quiet windows cost one eager message; what does not fit follows in a
 * second. */
#include "sim/engine/exchange.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_EVENTS = 24, TAG_FIRST = 1, TAG_REST = 2, POLLS_BEFORE_YIELD = 64 };

struct first_message {
    struct kerf_promise promise;
    uint64_t count; /* events in all, those that follow included */
    struct kerf_event event[FIRST_EVENTS];
};

struct outbox {
    struct kerf_event *event; /* owned */
    size_t count, capacity;
};

struct kerf_exchange {
    MPI_Comm comm;
    int rank, ranks;
    struct outbox *outbox;          /* one per rank */
    struct first_message *out, *in; /* one per rank */
    MPI_Request *request;           /* 2 * ranks: receives, then sends */
    struct kerf_event *rest;        /* receive buffer for second messages */
    size_t rest_capacity;
};

enum kerf_status kerf_exchange_create(MPI_Comm comm, struct kerf_exchange **exchange,
                                      struct kerf_error *error)
{
    struct kerf_exchange *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for the exchange between ranks");
    *exchange = made;
    made->comm = comm;
    MPI_Comm_rank(comm, &made->rank);
    MPI_Comm_size(comm, &made->ranks);
    size_t ranks = (size_t)made->ranks;
    made->outbox = calloc(ranks, sizeof *made->outbox);
    made->out = calloc(ranks, sizeof *made->out);
    made->in = calloc(ranks, sizeof *made->in);
    made->request = calloc(2 * ranks, sizeof *made->request);
    KERF_CHECK(made->outbox && made->out && made->in && made->request, KERF_ERR_FAILURE,
               "out of memory for the exchange between %d ranks", made->ranks);
    return KERF_OK;
}

void kerf_exchange_free(struct kerf_exchange *exchange)
{
    if (!exchange)
        return;
    for (int i = 0; exchange->outbox && i < exchange->ranks; i++)
        free(exchange->outbox[i].event);
    free(exchange->outbox);
    free(exchange->out);
    free(exchange->in);
    free(exchange->request);
    free(exchange->rest);
    free(exchange);
}

bool kerf_exchange_send(struct kerf_exchange *exchange, int rank, const struct kerf_event *event)
{
    struct outbox *outbox = &exchange->outbox[rank];
    if (outbox->count == outbox->capacity) {
        size_t capacity = outbox->capacity ? 2 * outbox->capacity : FIRST_EVENTS;
        struct kerf_event *grown = realloc(outbox->event, capacity * sizeof *grown);
        if (!grown)
            return false;
        outbox->event = grown;
        outbox->capacity = capacity;
    }
    outbox->event[outbox->count++] = *event;
    return true;
}

/* Waits without starving the other ranks of an oversubscribed machine. */
static void wait_all(int count, MPI_Request *request)
{
    int done = 0;
    for (unsigned polls = 1; !done; polls++) {
        MPI_Testall(count, request, &done, MPI_STATUSES_IGNORE);
        if (!done && polls % POLLS_BEFORE_YIELD == 0)
            sched_yield();
    }
}

static void combine(struct kerf_promise *all, const struct kerf_promise *one)
{
    if (one->bound < all->bound)
        all->bound = one->bound;
    all->pending += one->pending;
    if (one->trouble > all->trouble)
        all->trouble = one->trouble;
    if (one->stop > all->stop)
        all->stop = one->stop;
}

static size_t beyond_first(uint64_t count)
{
    return count > FIRST_EVENTS ? (size_t)count - FIRST_EVENTS : 0;
}

static void swap_first(struct kerf_exchange *x, const struct kerf_promise *promise)
{
    int posted = 0;
    for (int peer = 0; peer < x->ranks; peer++)
        if (peer != x->rank)
            MPI_Irecv(&x->in[peer], sizeof x->in[peer], MPI_BYTE, peer, TAG_FIRST, x->comm,
                      &x->request[posted++]);
    for (int peer = 0; peer < x->ranks; peer++) {
        if (peer == x->rank)
            continue;
        struct first_message *message = &x->out[peer];
        const struct outbox *outbox = &x->outbox[peer];
        size_t here = outbox->count < FIRST_EVENTS ? outbox->count : FIRST_EVENTS;
        message->promise = *promise;
        message->count = outbox->count;
        if (here > 0)
            memcpy(message->event, outbox->event, here * sizeof message->event[0]);
        size_t bytes = offsetof(struct first_message, event) + here * sizeof message->event[0];
        MPI_Isend(message, (int)bytes, MPI_BYTE, peer, TAG_FIRST, x->comm, &x->request[posted++]);
    }
    wait_all(posted, x->request);
}

/* Second messages, for the pairs whose events did not fit. */
static bool swap_rest(struct kerf_exchange *x, struct kerf_event_queue *queue)
{
    size_t expected = 0;
    int posted = 0;
    for (int peer = 0; peer < x->ranks; peer++)
        if (peer != x->rank)
            expected += beyond_first(x->in[peer].count);
    if (expected > x->rest_capacity) {
        free(x->rest);
        x->rest = malloc(expected * sizeof *x->rest);
        x->rest_capacity = x->rest ? expected : 0;
        if (!x->rest)
            return false;
    }
    struct kerf_event *at = x->rest;
    for (int peer = 0; peer < x->ranks; peer++) {
        size_t count = peer == x->rank ? 0 : beyond_first(x->in[peer].count);
        if (count == 0)
            continue;
        MPI_Irecv(at, (int)(count * sizeof *at), MPI_BYTE, peer, TAG_REST, x->comm, &x->request[posted++]);
        at += count;
    }
    for (int peer = 0; peer < x->ranks; peer++) {
        size_t count = peer == x->rank ? 0 : beyond_first(x->outbox[peer].count);
        if (count > 0)
            MPI_Isend(x->outbox[peer].event + FIRST_EVENTS, (int)(count * sizeof *at), MPI_BYTE, peer,
                      TAG_REST, x->comm, &x->request[posted++]);
    }
    wait_all(posted, x->request);
    for (size_t i = 0; i < expected; i++)
        if (!kerf_event_queue_push(queue, &x->rest[i]))
            return false;
    return true;
}

enum kerf_status kerf_exchange_swap(struct kerf_exchange *x, struct kerf_event_queue *queue,
                                    struct kerf_promise *promise, struct kerf_error *error)
{
    if (x->ranks == 1)
        return KERF_OK;
    swap_first(x, promise);
    struct kerf_promise all = *promise;
    bool kept = true;
    for (int peer = 0; peer < x->ranks; peer++) {
        if (peer == x->rank)
            continue;
        combine(&all, &x->in[peer].promise);
        size_t here = x->in[peer].count < FIRST_EVENTS ? (size_t)x->in[peer].count : FIRST_EVENTS;
        for (size_t i = 0; i < here; i++)
            kept = kept && kerf_event_queue_push(queue, &x->in[peer].event[i]);
    }
    kept = swap_rest(x, queue) && kept;
    for (int peer = 0; peer < x->ranks; peer++)
        x->outbox[peer].count = 0;
    *promise = all;
    KERF_CHECK(kept, KERF_ERR_FAILURE, "out of memory for received events");
    return KERF_OK;
}
