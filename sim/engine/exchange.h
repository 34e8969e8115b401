/* Ranks in step: once per round every rank gives its neighbours its events, and all ranks learn the same
 * bound. */
#ifndef KERF_ENGINE_EXCHANGE_H
#define KERF_ENGINE_EXCHANGE_H

#include "sim/base/error.h"
#include "sim/engine/event.h"

#include <mpi.h>

/* What each rank promises with its events; combined over all ranks. */
struct kerf_promise {
    int64_t bound;   /* nothing that this rank has or sent can reach another rank before; the least counts */
    int64_t idle;    /* 1: holds no event and sent none; the least counts */
    int64_t trouble; /* minus the kerf_status of a failure here; the least counts */
    int64_t wish;    /* minus the enum kerf_wish; the least counts */
};

struct kerf_exchange_settings {
    uint32_t first_bytes, piece_bytes;
    int direct_ranks; /* up to so many ranks send their promise to each other; more reduce it together */
    uint32_t jitter_us;
};

struct kerf_exchange;

/* `sends_to[rank]`: whether an LP here may send to one there. Collective. */
enum kerf_status kerf_exchange_create(MPI_Comm comm, const struct kerf_exchange_settings *settings,
                                      const unsigned char *sends_to, struct kerf_exchange **exchange,
                                      struct kerf_error *error);
void kerf_exchange_free(struct kerf_exchange *exchange);

/* Room for a record of `bytes` that goes to `rank` with the next swap, or NULL when memory is out. */
struct kerf_event *kerf_exchange_append(struct kerf_exchange *exchange, int rank, uint32_t bytes);

/* Sends the kept events, hands the received ones to `keep` (whose failure is remembered and returned when all
 * is received), and replaces *promise by the combination over all ranks. Collective. */
enum kerf_status kerf_exchange_swap(struct kerf_exchange *exchange,
                                    bool (*keep)(void *context, const struct kerf_event *event),
                                    void *context, struct kerf_promise *promise, struct kerf_error *error);

struct kerf_exchange_counts {
    uint64_t events_sent, messages_sent, messages_received;
    double seconds, waiting_s;
};

struct kerf_exchange_counts kerf_exchange_counts(const struct kerf_exchange *exchange);

#endif
