/* The engine: logical processes (LPs) that exchange events in simulated time, on any number of MPI ranks,
 * with the same result on each.
 *
 * Use: create; add every LP and every channel on every rank, in the same order; run; read the statistics;
 * free. Each rank holds the state of its own LPs only. Synchronisation is conservative: ranks run in step
 * through windows that no rank can reach into, found from the channels' lookahead. The engine knows MPI and
 * nothing of accelerators or files. */
#ifndef KERF_ENGINE_ENGINE_H
#define KERF_ENGINE_ENGINE_H

#include "sim/base/error.h"
#include "sim/engine/event.h"

#include <mpi.h>
#include <stddef.h>

struct kerf_engine;
struct kerf_lp; /* the running LP, as its own handler sees it */

/* One kind of LP is one table. Every function runs on the rank that holds the LP. */
struct kerf_lp_kind {
    const char *name;
    /* Makes the state from the setup given to kerf_engine_add, and may send first events (the time is 0). */
    enum kerf_status (*init)(struct kerf_lp *lp, const void *setup, void **state, struct kerf_error *error);
    enum kerf_status (*handle)(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                               struct kerf_error *error);
    void (*free)(void *state);
};

/* Creates an engine. `comm` is not duplicated and must outlive it. Collective. */
enum kerf_status kerf_engine_create(MPI_Comm comm, struct kerf_engine **engine, struct kerf_error *error);
void kerf_engine_free(struct kerf_engine *engine);

/* Adds an LP and returns its id (0, 1, ...). `setup` must stay valid until the run. LPs with the same `group`
 * (>= 0) that are added one after the other stay on one rank; `load` is the expected share of work, any unit.
 */
uint32_t kerf_engine_add(struct kerf_engine *engine, const struct kerf_lp_kind *kind, const void *setup,
                         int group, double load);

/* Declares that `from` may send to `to`, never sooner than `lookahead` > 0 after its own time. Sending
 * elsewhere, or sooner, is an error at run time. An LP may always send to itself, also without delay. */
void kerf_engine_connect(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead);

/* Called about every 20 ms of wall time on rank 0 (other ranks: never). */
typedef void kerf_engine_watch(void *context, double simulated_s, uint64_t events_here);

/* Runs until no event is left. Collective; every rank returns the same status and message. `stop`, when not
 * NULL, is read now and then: non-zero ends the run at the next window with KERF_ERR_FAILURE. */
enum kerf_status kerf_engine_run(struct kerf_engine *engine, kerf_engine_watch *watch, void *context,
                                 const volatile int *stop, struct kerf_error *error);

/* What the run did. All values are the same on every rank; those marked * depend on the number of ranks. */
struct kerf_engine_stats {
    uint64_t lps, events;
    uint64_t digest;                    /* of every event of every LP in order */
    double end_s;                       /* time of the last event */
    uint64_t windows;                   /* * */
    uint64_t remote_events;             /* * */
    uint64_t events_least, events_most; /* * handled by the least and the busiest rank */
    double lookahead_least_s;           /* smallest declared lookahead between two LPs */
};

struct kerf_engine_stats kerf_engine_stats(const struct kerf_engine *engine);

/* Rank that holds an LP, and the events that it handled (known on that rank; 0 elsewhere). */
int kerf_engine_rank_of(const struct kerf_engine *engine, uint32_t lp);
uint64_t kerf_engine_events_of(const struct kerf_engine *engine, uint32_t lp);

/* State of an LP of this rank after the run, or NULL if another rank holds it. */
void *kerf_engine_state(const struct kerf_engine *engine, uint32_t lp);

/* For handlers. */
uint32_t kerf_lp_id(const struct kerf_lp *lp);
kerf_time kerf_lp_now(const struct kerf_lp *lp);
enum kerf_status kerf_lp_send(struct kerf_lp *lp, uint32_t destination, kerf_time delay, uint32_t type,
                              const void *payload, size_t payload_bytes, struct kerf_error *error);

#endif
