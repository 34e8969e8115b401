/* The engine room: messages between ranks. A first message of fixed size carries the promise and the first
 * events, so that quiet rounds cost one eager message; what does not fit follows in larger pieces, which are
 * received one at a time per neighbour, so that no rank needs memory for all of them. */
#include "sim/engine/exchange.h"

#include "sim/engine/clock.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_FIRST = 1, TAG_PIECE = 2, POLLS_BEFORE_YIELD = 64 };

struct first_message {
    struct kerf_promise promise;
    uint64_t events;
    uint32_t pieces, bytes; /* pieces that follow; bytes of records in this message */
};

struct piece {
    unsigned char *data; /* owned */
    uint32_t used;
};

/* What goes to one rank: piece 0 begins with a first_message. */
struct outbox {
    struct piece *piece; /* owned */
    uint32_t filled, made;
    uint64_t events;
};

struct neighbour {
    int rank;
    unsigned char *in; /* owned: of the larger message size */
    uint32_t pieces_due;
    struct outbox out;
    bool sends, receives; /* we send to it; we receive from it */
};

struct kerf_exchange {
    MPI_Comm comm;
    int rank, ranks;
    struct kerf_exchange_settings settings;
    bool direct;
    struct neighbour *neighbour; /* owned */
    int neighbours;
    int *neighbour_of;                      /* owned: by rank, -1: none */
    MPI_Request *request;                   /* owned: sends of this swap */
    int requests, request_capacity, pieces; /* pieces: made in all outboxes; each has room for a request */
    MPI_Request *receive;                   /* owned: one per neighbour */
    int *arrived;                           /* owned: indices that MPI_Testsome returns */
    MPI_Status *status;                     /* owned */
    uint64_t jitter;
    struct kerf_exchange_counts counts;
};

/* Room for the request of one more piece, made with the piece: sends never wait for each other, nor for
 * memory. */
static bool reserve_request(struct kerf_exchange *x)
{
    if (x->pieces == x->request_capacity) {
        int capacity = 2 * x->request_capacity + 8;
        MPI_Request *grown = realloc(x->request, (size_t)capacity * sizeof(MPI_Request));
        if (!grown)
            return false;
        x->request = grown;
        x->request_capacity = capacity;
    }
    x->pieces++;
    return true;
}

static enum kerf_status make_neighbours(struct kerf_exchange *x, const unsigned char *sends_to,
                                        const unsigned char *receives_from, struct kerf_error *error)
{
    size_t in_bytes =
        x->settings.first_bytes > x->settings.piece_bytes ? x->settings.first_bytes : x->settings.piece_bytes;
    for (int peer = 0; peer < x->ranks; peer++) {
        x->neighbour_of[peer] = -1;
        if (peer == x->rank || !(x->direct || sends_to[peer] || receives_from[peer]))
            continue;
        struct neighbour *neighbour = &x->neighbour[x->neighbours];
        x->neighbour_of[peer] = x->neighbours++;
        neighbour->rank = peer;
        neighbour->sends = x->direct || sends_to[peer];
        neighbour->receives = x->direct || receives_from[peer];
        neighbour->in = malloc(in_bytes);
        neighbour->out.piece = calloc(1, sizeof *neighbour->out.piece);
        KERF_CHECK(neighbour->in && neighbour->out.piece, KERF_ERR_FAILURE,
                   "out of memory for the exchange with rank %d", peer);
        neighbour->out.made = 1;
        neighbour->out.piece[0].data = malloc(x->settings.first_bytes);
        neighbour->out.piece[0].used = sizeof(struct first_message);
        KERF_CHECK(neighbour->out.piece[0].data && reserve_request(x), KERF_ERR_FAILURE,
                   "out of memory for the exchange with rank %d", peer);
    }
    return KERF_OK;
}

enum kerf_status kerf_exchange_create(MPI_Comm comm, const struct kerf_exchange_settings *settings,
                                      const unsigned char *sends_to, struct kerf_exchange **exchange,
                                      struct kerf_error *error)
{
    struct kerf_exchange *made = calloc(1, sizeof *made);
    int made_here = made != NULL, made_everywhere; /* what follows is collective: all or none */
    MPI_Allreduce(&made_here, &made_everywhere, 1, MPI_INT, MPI_MIN, comm);
    *exchange = made;
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for the exchange between ranks");
    if (!made_everywhere)
        return KERF_OK; /* the rank that has none says so */
    made->comm = comm;
    made->settings = *settings;
    MPI_Comm_rank(comm, &made->rank);
    MPI_Comm_size(comm, &made->ranks);
    made->direct = made->ranks <= settings->direct_ranks;
    made->jitter = (uint64_t)made->rank + 1;
    size_t ranks = (size_t)made->ranks;
    unsigned char *receives_from = calloc(ranks, 1);
    made->neighbour = calloc(ranks, sizeof *made->neighbour);
    made->neighbour_of = calloc(ranks, sizeof *made->neighbour_of);
    made->receive = calloc(ranks, sizeof *made->receive);
    made->arrived = calloc(ranks, sizeof *made->arrived);
    made->status = calloc(ranks, sizeof *made->status);
    enum kerf_status status = KERF_OK;
    if (!receives_from || !made->neighbour || !made->neighbour_of || !made->receive || !made->arrived ||
        !made->status)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the exchange between %d ranks",
                                made->ranks);
    int able = status == KERF_OK, all_able;
    MPI_Allreduce(&able, &all_able, 1, MPI_INT, MPI_MIN, comm);
    if (all_able) {
        MPI_Alltoall(sends_to, 1, MPI_UNSIGNED_CHAR, receives_from, 1, MPI_UNSIGNED_CHAR, comm);
        status = make_neighbours(made, sends_to, receives_from, error);
    }
    free(receives_from);
    return status;
}

void kerf_exchange_free(struct kerf_exchange *x)
{
    if (!x)
        return;
    for (int i = 0; x->neighbour && i < x->neighbours; i++) {
        struct outbox *out = &x->neighbour[i].out;
        for (uint32_t k = 0; k < out->made; k++)
            free(out->piece[k].data);
        free(out->piece);
        free(x->neighbour[i].in);
    }
    free(x->neighbour);
    free(x->neighbour_of);
    free(x->request);
    free(x->receive);
    free(x->arrived);
    free(x->status);
    free(x);
}

static bool next_piece(struct kerf_exchange *x, struct outbox *out)
{
    if (out->filled + 1 == out->made) {
        struct piece *grown = realloc(out->piece, (out->made + 1) * sizeof *grown);
        if (!grown)
            return false;
        out->piece = grown;
        out->piece[out->made].data = malloc(x->settings.piece_bytes);
        if (!out->piece[out->made].data)
            return false;
        out->made++;
        if (!reserve_request(x)) {
            free(out->piece[--out->made].data);
            return false;
        }
    }
    out->piece[++out->filled].used = 0;
    return true;
}

struct kerf_event *kerf_exchange_append(struct kerf_exchange *x, int rank, uint32_t bytes)
{
    struct outbox *out = &x->neighbour[x->neighbour_of[rank]].out;
    uint32_t room = out->filled == 0 ? x->settings.first_bytes : x->settings.piece_bytes;
    if (out->piece[out->filled].used + bytes > room && !next_piece(x, out))
        return NULL;
    struct piece *piece = &out->piece[out->filled];
    struct kerf_event *event = (struct kerf_event *)(void *)(piece->data + piece->used);
    piece->used += bytes;
    out->events++;
    return event;
}

/* Holds messages back, so that tests meet them late. */
static void hold_back(struct kerf_exchange *x)
{
    if (x->settings.jitter_us == 0)
        return;
    x->jitter = x->jitter * 6364136223846793005u + 1442695040888963407u;
    struct timespec pause = {.tv_nsec = (long)((x->jitter >> 33) % x->settings.jitter_us) * 1000};
    nanosleep(&pause, NULL);
}

/* Between polls: lets others run when nothing comes for a while. */
static void be_polite(unsigned *polls)
{
    if (++*polls % POLLS_BEFORE_YIELD == 0)
        sched_yield();
}

static void send_piece(struct kerf_exchange *x, int rank, const struct piece *piece, int tag)
{
    hold_back(x);
    MPI_Isend(piece->data, (int)piece->used, MPI_BYTE, rank, tag, x->comm, &x->request[x->requests++]);
    x->counts.messages_sent++;
}

static void post_first_receives(struct kerf_exchange *x)
{
    for (int i = 0; i < x->neighbours; i++) {
        struct neighbour *from = &x->neighbour[i];
        x->receive[i] = MPI_REQUEST_NULL;
        if (from->receives)
            MPI_Irecv(from->in, (int)x->settings.first_bytes, MPI_BYTE, from->rank, TAG_FIRST, x->comm,
                      &x->receive[i]);
    }
}

static void send_all(struct kerf_exchange *x, const struct kerf_promise *promise)
{
    x->requests = 0;
    for (int i = 0; i < x->neighbours; i++) {
        struct neighbour *to = &x->neighbour[i];
        struct outbox *out = &to->out;
        if (!to->sends)
            continue;
        const struct first_message first = {.promise = *promise,
                                            .events = out->events,
                                            .pieces = out->filled,
                                            .bytes =
                                                out->piece[0].used - (uint32_t)sizeof(struct first_message)};
        memcpy(out->piece[0].data, &first, sizeof first);
        for (uint32_t k = 0; k <= out->filled; k++)
            send_piece(x, to->rank, &out->piece[k], k == 0 ? TAG_FIRST : TAG_PIECE);
        x->counts.events_sent += out->events;
    }
}

static void combine(struct kerf_promise *all, const struct kerf_promise *one)
{
    all->bound = one->bound < all->bound ? one->bound : all->bound;
    all->idle = one->idle < all->idle ? one->idle : all->idle;
    all->trouble = one->trouble < all->trouble ? one->trouble : all->trouble;
    all->wish = one->wish < all->wish ? one->wish : all->wish;
}

static bool keep_records(const unsigned char *data, size_t bytes,
                         bool (*keep)(void *context, const struct kerf_event *event), void *context)
{
    bool kept = true;
    for (const unsigned char *end = data + bytes; data < end;) {
        const struct kerf_event *event = (const struct kerf_event *)(const void *)data;
        kept = keep(context, event) && kept;
        data += kerf_event_bytes(event->payload_bytes);
    }
    return kept;
}

/* Takes in one arrived message and asks for the next piece, if there is one. */
static bool take_in(struct kerf_exchange *x, int i, const MPI_Status *status, struct kerf_promise *all,
                    bool (*keep)(void *context, const struct kerf_event *event), void *context)
{
    struct neighbour *from = &x->neighbour[i];
    bool kept;
    x->counts.messages_received++;
    if (status->MPI_TAG == TAG_FIRST) {
        struct first_message first;
        memcpy(&first, from->in, sizeof first);
        from->pieces_due = first.pieces;
        combine(all, &first.promise);
        kept = keep_records(from->in + sizeof first, first.bytes, keep, context);
    } else {
        int bytes;
        MPI_Get_count(status, MPI_BYTE, &bytes);
        from->pieces_due--;
        kept = keep_records(from->in, (size_t)bytes, keep, context);
    }
    if (from->pieces_due > 0)
        MPI_Irecv(from->in, (int)x->settings.piece_bytes, MPI_BYTE, from->rank, TAG_PIECE, x->comm,
                  &x->receive[i]);
    return kept;
}

/* Receives from all neighbours until each has sent all. */
static bool receive_all(struct kerf_exchange *x, struct kerf_promise *all,
                        bool (*keep)(void *context, const struct kerf_event *event), void *context)
{
    bool kept = true;
    double idle_since_s = kerf_clock_s();
    for (unsigned polls = 0;;) {
        int count;
        MPI_Testsome(x->neighbours, x->receive, &count, x->arrived, x->status);
        if (count == MPI_UNDEFINED)
            break;
        if (count == 0) {
            be_polite(&polls);
            continue;
        }
        x->counts.waiting_s += kerf_clock_s() - idle_since_s;
        for (int k = 0; k < count; k++)
            kept = take_in(x, x->arrived[k], &x->status[k], all, keep, context) && kept;
        idle_since_s = kerf_clock_s();
    }
    return kept;
}

static void wait_for(struct kerf_exchange *x, int count, MPI_Request *request)
{
    double since_s = kerf_clock_s();
    int done = 0;
    for (unsigned polls = 0; !done; be_polite(&polls))
        MPI_Testall(count, request, &done, MPI_STATUSES_IGNORE);
    x->counts.waiting_s += kerf_clock_s() - since_s;
}

static void empty_outboxes(struct kerf_exchange *x)
{
    for (int i = 0; i < x->neighbours; i++) {
        struct outbox *out = &x->neighbour[i].out;
        out->filled = 0;
        out->events = 0;
        out->piece[0].used = sizeof(struct first_message);
    }
}

enum kerf_status kerf_exchange_swap(struct kerf_exchange *x,
                                    bool (*keep)(void *context, const struct kerf_event *event),
                                    void *context, struct kerf_promise *promise, struct kerf_error *error)
{
    double start_s = kerf_clock_s();
    const struct kerf_promise mine = *promise;
    struct kerf_promise all = mine;
    MPI_Request reduction = MPI_REQUEST_NULL;
    if (!x->direct) /* under way while events travel */
        MPI_Iallreduce(&mine, promise, sizeof mine / sizeof mine.bound, MPI_INT64_T, MPI_MIN, x->comm,
                       &reduction);
    post_first_receives(x);
    send_all(x, &mine);
    bool kept = receive_all(x, &all, keep, context);
    wait_for(x, x->requests, x->request);
    if (x->direct)
        *promise = all;
    else
        wait_for(x, 1, &reduction);
    empty_outboxes(x);
    x->counts.seconds += kerf_clock_s() - start_s;
    KERF_CHECK(kept, KERF_ERR_FAILURE, "out of memory for received events");
    return KERF_OK;
}

struct kerf_exchange_counts kerf_exchange_counts(const struct kerf_exchange *x)
{
    return x->counts;
}
