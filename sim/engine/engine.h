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
#include "sim/engine/pack.h"
#include "sim/engine/stats.h"

#include <mpi.h>
#include <stddef.h>

struct kerf_engine;
struct kerf_lp; /* the running LP, as its own handler sees it */

/* One kind of LP is one table. Every function runs on the rank that holds the LP. */
struct kerf_lp_kind {
    const char *name;
    size_t state_bytes; /* of one LP's state; the engine keeps the states of a rank in arrays */
    /* Fills the state, which is zero, from the setup given to kerf_engine_add, and may send first events (the
     * time is 0). NULL: nothing to do. */
    enum kerf_status (*init)(struct kerf_lp *lp, const void *setup, void *state, struct kerf_error *error);
    enum kerf_status (*handle)(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                               struct kerf_error *error);
    /* Frees what the state owns. NULL: it owns nothing. */
    void (*free)(void *state);
    /* For checkpoints. Without `save` the bytes of the state are kept as they are (then it holds no
     * pointers). `load` is called after `init` and changes what the run had changed; false: the bytes do not
     * fit. */
    void (*save)(const void *state, struct kerf_pack *pack);
    bool (*load)(void *state, struct kerf_unpack *unpack);
    /* True when the LP still waits for something although no event is left: for another LP (`*whom`, or its
     * own id) and why, in words. NULL: never. */
    bool (*waits)(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why, size_t why_bytes);
};

/* Cuts the LPs over `ranks` (engine/partition.h). */
struct kerf_partition_problem;
typedef enum kerf_status kerf_partitioner(void *context, MPI_Comm comm,
                                          const struct kerf_partition_problem *problem, int *rank_of,
                                          struct kerf_error *error);

/* All zero is the default. None of these changes a result. */
struct kerf_engine_options {
    bool fold;                     /* LPs that are alike are simulated once (engine/fold.h) */
    bool may_end_waiting;          /* the run may end while an LP waits; ask kerf_engine_waiting */
    bool reference;                /* one rank, one plain heap: slow, obvious, for tests */
    kerf_partitioner *partitioner; /* NULL: blocks of consecutive LPs */
    void *partitioner_context;
    int rehearse_ranks;         /* on one rank: keep the windows that so many ranks would have */
    uint32_t first_bytes;       /* of the first message of a pair in a window; 0: 4000 */
    uint32_t piece_bytes;       /* of the messages that follow; 0: 65536 */
    int direct_ranks;           /* up to so many ranks tell each other their promises directly; 0: 16 */
    uint32_t jitter_us;         /* messages are held back for up to this long, for tests */
    uint64_t livelock_events;   /* events of one LP at one time that are too many; 0: 100 million */
    kerf_time widest_window_ps; /* 0: as wide as lookahead allows; for tests */
};

/* Creates an engine. `comm` is not duplicated and must outlive it; `options` may be NULL. Collective. */
enum kerf_status kerf_engine_create(MPI_Comm comm, const struct kerf_engine_options *options,
                                    struct kerf_engine **engine, struct kerf_error *error);
void kerf_engine_free(struct kerf_engine *engine);

/* Adds an LP and returns its id (0, 1, ...). `setup` must stay valid until the engine is freed. LPs with the
 * same `group` (>= 0) that are added one after the other stay on one rank; `load` is the expected share of
 * work, any unit. */
uint32_t kerf_engine_add(struct kerf_engine *engine, const struct kerf_lp_kind *kind, const void *setup,
                         int group, double load);

/* Declares that `from` may send to `to`, never sooner than `lookahead` > 0 after its own time. Sending
 * elsewhere, or sooner, is an error at run time. An LP may always send to itself, also without delay. */
void kerf_engine_connect(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead);

/* The same, and a promise about all channels of `from` with this `label` (> 0): whatever is sent over one of
 * them is sent over all of them at the same time. It lets LPs be folded. */
void kerf_engine_connect_alike(struct kerf_engine *engine, uint32_t from, uint32_t to, kerf_time lookahead,
                               uint64_t label);

/* Declares that `from` may send to every LP, never sooner than `lookahead` > 0. */
void kerf_engine_open(struct kerf_engine *engine, uint32_t from, kerf_time lookahead);

/* Says that LPs with equal kind and equal label (1 .. 2^54 - 1) behave alike: the same setup in effect, and
 * nothing they do depends on who they are or who sent to them. By default each LP is like no other. */
void kerf_engine_label(struct kerf_engine *engine, uint32_t lp, uint64_t label);

/* LPs added so far. */
uint32_t kerf_engine_lps(const struct kerf_engine *engine);

/* What may be asked of a run while it goes on; the highest wish among the ranks counts. */
enum kerf_wish { KERF_WISH_NONE, KERF_WISH_SAVE, KERF_WISH_SAVE_AND_STOP, KERF_WISH_STOP };

/* What a run calls. Every function may be NULL. */
struct kerf_engine_calls {
    void *context;
    /* Now and then, on rank 0 only: progress. */
    void (*watch)(void *context, double simulated_s, uint64_t events_here);
    /* Between windows and now and then inside them, on every rank. */
    enum kerf_wish (*wish)(void *context);
    /* All ranks stand at one time: write a checkpoint (engine/cut.h). Collective. */
    enum kerf_status (*save)(void *context, struct kerf_engine *engine, struct kerf_error *error);
    /* After init, before the first event: take the run up where a checkpoint left it. Collective. */
    enum kerf_status (*load)(void *context, struct kerf_engine *engine, struct kerf_error *error);
};

/* Runs until no event is left, or until a wish stops it (*stopped; the status is then KERF_OK). Fails when an
 * LP still waits at the end, when time does not advance, or when an LP fails. Collective; every rank returns
 * the same status and message. `calls` may be NULL; `stopped` may be NULL if no wish can stop the run. */
enum kerf_status kerf_engine_run(struct kerf_engine *engine, const struct kerf_engine_calls *calls,
                                 enum kerf_wish *stopped, struct kerf_error *error);

/* Fails with a report of who waits for whom if an LP still does. Collective. */
enum kerf_status kerf_engine_waiting(struct kerf_engine *engine, struct kerf_error *error);

/* What the run did: the same on every rank. */
struct kerf_engine_stats kerf_engine_stats(const struct kerf_engine *engine);

/* Rank that holds an LP, and the events that it handled (known on that rank; 0 elsewhere). A folded LP shows
 * what its representative did. */
int kerf_engine_rank_of(const struct kerf_engine *engine, uint32_t lp);
uint64_t kerf_engine_events_of(const struct kerf_engine *engine, uint32_t lp);

/* State of an LP of this rank after the run, or NULL if another rank holds it. */
void *kerf_engine_state(const struct kerf_engine *engine, uint32_t lp);

/* For handlers. */
uint32_t kerf_lp_id(const struct kerf_lp *lp);
kerf_time kerf_lp_now(const struct kerf_lp *lp);
const void *kerf_lp_setup(const struct kerf_lp *lp);

/* How many like events of the full system a folded one stands for; 1 without folding. */
uint32_t kerf_lp_copies(const struct kerf_lp *lp, const struct kerf_event *event);

enum kerf_status kerf_lp_send(struct kerf_lp *lp, uint32_t destination, kerf_time delay, uint32_t type,
                              const void *payload, size_t payload_bytes, struct kerf_error *error);

/* An event to oneself that can be taken back. */
struct kerf_timer {
    kerf_time time;
    uint64_t sequence;
};

enum kerf_status kerf_lp_set_timer(struct kerf_lp *lp, kerf_time delay, uint32_t type, const void *payload,
                                   size_t payload_bytes, struct kerf_timer *timer, struct kerf_error *error);

/* Takes back a timer of this LP; *pending (may be NULL): it had not yet gone off or been taken back. */
enum kerf_status kerf_lp_cancel(struct kerf_lp *lp, struct kerf_timer timer, bool *pending,
                                struct kerf_error *error);

/* Promises that nothing this LP sends to `destination` (another LP, over a declared channel) from now on
 * arrives before `earliest`: dynamic lookahead. Breaking it is an error at run time. A promise never
 * shrinks. */
enum kerf_status kerf_lp_promise(struct kerf_lp *lp, uint32_t destination, kerf_time earliest,
                                 struct kerf_error *error);

#endif
