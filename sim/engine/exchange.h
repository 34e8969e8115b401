/* Ranks in step: once per window every rank gives every other its events and its promise, and all learn the
 * same bound. */
#ifndef KERF_ENGINE_EXCHANGE_H
#define KERF_ENGINE_EXCHANGE_H

#include "sim/base/error.h"
#include "sim/engine/event_queue.h"

#include <mpi.h>

/* What each rank promises with its events; combined over all ranks. */
struct kerf_promise {
    kerf_time
        bound; /* nothing that this rank has or sent can reach another rank before; combined by minimum */
    uint64_t pending; /* events held or just sent; summed */
    int trouble;      /* 0, or the kerf_status of a failure here; combined by maximum */
    int stop;         /* a stop was asked for; combined by maximum */
};

struct kerf_exchange;

enum kerf_status kerf_exchange_create(MPI_Comm comm, struct kerf_exchange **exchange,
                                      struct kerf_error *error);
void kerf_exchange_free(struct kerf_exchange *exchange);

/* Keeps an event for another rank until the next swap; false when memory is out. */
bool kerf_exchange_send(struct kerf_exchange *exchange, int rank, const struct kerf_event *event);

/* Sends the kept events, puts the received ones into `queue`, and replaces *promise by the combination over
 * all ranks. Collective. */
enum kerf_status kerf_exchange_swap(struct kerf_exchange *exchange, struct kerf_event_queue *queue,
                                    struct kerf_promise *promise, struct kerf_error *error);

#endif
