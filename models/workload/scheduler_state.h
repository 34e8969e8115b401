/* What a scheduler holds, for the files that it is made of: scheduler.c (events), scheduler_queue.c (who is
 * in service, and the cache), scheduler_cache.c (what of it may be found again), scheduler_fill.c (what goes
 * into a pass), scheduler_lockstep.c (answers that advance together), scheduler_handover.c (cache that comes
 * or goes), scheduler_store.c (memory and checkpoints). Private to them. */
#ifndef KERF_WORKLOAD_SCHEDULER_STATE_H
#define KERF_WORKLOAD_SCHEDULER_STATE_H

#include "models/fabric/indexed_heap.h"
#include "models/workload/number_set.h"
#include "models/workload/prefix_cache.h"
#include "models/workload/scheduler.h"

/* A request, waiting or in service. */
struct kerf_sequence {
    uint64_t request;
    int place; /* in `order` */
    uint32_t prompt, output, generated, rounds, preemptions;
    uint32_t prefill; /* tokens to go through before the next one comes out: the prompt; after a preemption
                         also what was generated */
    uint32_t prefill_issued, prefilled;
    uint32_t guesses;                 /* of the round under way */
    uint32_t items_issued, items_out; /* passes of the round: given to the device, and not yet back */
    bool begun, decoding;
    bool awaits_cache;                /* it, or room for it, is not here yet: no pass holds the sequence */
    bool hands_over;                  /* its prompt is computed and its cache not yet gone */
    uint32_t ticket, prefill_replica; /* of its transfer, which brought or fetches the cache */
    double pool_queue_s;              /* decode: from the offer until there was room */
    double transfer_s;                /* decode: of its cache */
    long long blocks;                 /* of cache, held or set aside */
    int named, last; /* leading ones of them that have a name, and the node of the last; KERF_PREFIX_NONE */
    int run;         /* own blocks, left behind when it was preempted; KERF_PREFIX_NONE */
    uint32_t cached; /* tokens found when it first entered service */
    uint32_t shared, session, lasting; /* what its tokens have in common with others': request.h */
    long long joined; /* lockstep: the step since which `generated`, `rounds` and `part_s` stand still */
    kerf_time received, first_issue, first_token;
    double part_s[KERF_TIME_PARTS]; /* of the present phase */
};

/* What a look-up found. */
struct kerf_found {
    int named, last, idle; /* blocks with a name, the node of the last of them, and how many nobody holds */
    int own;               /* blocks that the sequence itself left behind */
};

struct kerf_member {
    int sequence;
    uint32_t tokens;
    bool prefill;
};

/* A pass given to the devices. */
struct kerf_batch {
    struct kerf_member *member; /* owned */
    int members, capacity, replies_due;
    int answers; /* that take part in lockstep, and are not members */
};

struct kerf_scheduler {
    const struct kerf_scheduler_setup *setup;
    struct kerf_sequence *sequence; /* owned; slots are reused, the lowest free one first */
    int slot_capacity;
    struct kerf_number_set free_slots;
    int *order; /* owned: slots by place, in order of arrival; -1: has left */
    int places, order_capacity;
    struct kerf_number_set waiting, running; /* places: one of the two, until it leaves */
    struct kerf_number_set landed;         /* of those running: their cache came while a step was under way */
    struct kerf_number_set ready, prefill; /* of those running: next token may be issued; prompt is not all
                                              issued */
    bool caches;                           /* blocks are found again */
    bool lockstep;                         /* answers advance together; `ready` is empty then */
    long long steps;                       /* that advanced answers, so far */
    struct kerf_indexed_heap finish, growth; /* slots: by the step they end with, and before which they need a
                                                block; ids of the first are all who take part */
    double cached_tokens;                    /* of all who take part */
    double step_part_s[KERF_TIME_PARTS];     /* of all steps so far */
    struct kerf_batch *batch;                /* owned; the lowest free one first */
    int batch_capacity, passes_out;
    struct kerf_number_set free_batches;
    bool issue_planned, prefill_turn;
    int steps_waited; /* by those who could have entered */
    kerf_time last_issue;
    kerf_time admits_until; /* requests received later do not enter with the pass that is put together now */
    double exposed_s;       /* host work that the devices waited for before it */
    kerf_time next_issue;   /* no pass before: the pipeline, or the host, is not ready for it */
    kerf_time next_promise; /* no new promise to the client before */
    long long blocks_used;  /* of cache, held or set aside; what several hold counts once */
    struct kerf_prefix_cache cache;     /* of blocks that may be found again */
    struct kerf_found found;            /* by the last look-up */
    int in_service, in_queue, decoding; /* sequences */
    struct kerf_scheduler_record record;
};

/* --- scheduler_store.c --- */

/* Makes *items hold at least `wanted`, doubling; new room is zeroed. */
enum kerf_status kerf_scheduler_make_room(void **items, int *capacity, int wanted, size_t item_bytes,
                                          struct kerf_error *error);

/* The lowest free number of an item, which stays free; makes room when none is. */
enum kerf_status kerf_scheduler_lowest_free(void **items, int *capacity, size_t item_bytes,
                                            struct kerf_number_set *vacant, int *number,
                                            struct kerf_error *error);

void kerf_scheduler_free(void *state);
void kerf_scheduler_save(const void *state, struct kerf_pack *pack);
bool kerf_scheduler_load(void *state, struct kerf_unpack *unpack);

/* --- scheduler_queue.c --- */

/* Puts a request behind all others; *number (may be NULL) is its slot. */
enum kerf_status kerf_scheduler_enqueue(struct kerf_scheduler *s, const struct kerf_request_message *message,
                                        kerf_time now, int *number, struct kerf_error *error);

/* Slot of the request that is next to enter service, or -1: nobody waits, or nobody more may be in service.
 */
int kerf_scheduler_next(const struct kerf_scheduler *s);

/* Whether it may enter with a first chunk of `tokens` behind what the look-up just before found: there is
 * cache for that, and for what is set aside. */
bool kerf_scheduler_may_enter(const struct kerf_scheduler *s, int slot, uint32_t tokens);
void kerf_scheduler_enter(struct kerf_scheduler *s, int slot, uint32_t tokens);

/* Has the sequence hold cache for `tokens`. Where none is left, those who entered last are put back into the
 * queue, *preempted being set, and lose their cache. False: the sequence itself had to go. */
bool kerf_scheduler_hold(struct kerf_scheduler *s, int slot, double tokens, bool *preempted);

/* Gives the sequence one block more; false: there is none. */
bool kerf_scheduler_grow(struct kerf_scheduler *s, int slot);

/* A sequence is finished: its slot, place and cache are free. */
void kerf_scheduler_leave(struct kerf_scheduler *s, int slot);

/* Tokens of cache that a request needs at most, guesses included. */
double kerf_scheduler_demand(const struct kerf_scheduler *s, const struct kerf_sequence *sequence);

long long kerf_scheduler_blocks(const struct kerf_scheduler *s); /* of the whole cache */

/* --- scheduler_cache.c --- */

/* Finds what of a waiting sequence's prompt is in the cache: s->found, and its prefill begins behind that. */
void kerf_scheduler_look_up(struct kerf_scheduler *s, int slot);

/* The sequence holds what the look-up just before found. */
void kerf_scheduler_take_found(struct kerf_scheduler *s, int slot);

/* Names the sequence's blocks that are full when `tokens` of its tokens are computed. */
void kerf_scheduler_name_blocks(struct kerf_scheduler *s, int slot, uint32_t tokens);

/* The sequence holds nothing any more. If it comes back, it may find what is left of its own blocks. */
void kerf_scheduler_let_go(struct kerf_scheduler *s, int slot, bool comes_back);

/* --- scheduler_lockstep.c --- */

/* Whether answers of such a replica advance together. */
bool kerf_lockstep_applies(const struct kerf_scheduler_setup *setup);

/* The next token of the sequence comes with the next step, and so on to its end. */
void kerf_lockstep_join(struct kerf_scheduler *s, int slot);

/* The sequence, if it takes part, takes part no more: its own figures are brought up to date. */
void kerf_lockstep_part(struct kerf_scheduler *s, int slot);

/* All who take part go into a pass, with cache for the token it computes. */
void kerf_lockstep_fill(struct kerf_scheduler *s, struct kerf_batch *batch, struct kerf_pass_message *pass,
                        bool *preempted);

/* The pass is back. */
void kerf_lockstep_advance(struct kerf_scheduler *s, const struct kerf_batch *batch,
                           const struct kerf_pass_message *pass);

/* A slot that has all its tokens, or -1. */
int kerf_lockstep_finished(const struct kerf_scheduler *s);

/* --- scheduler_handover.c: between the pools of a system --- */

/* Prefill: the first token of a prompt is out and another is wanted. */
enum kerf_status kerf_handover_ready(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                     struct kerf_error *error);

/* Prefill: offers the prompts whose first pass this is, where they are offered early. */
enum kerf_status kerf_handover_begun(struct kerf_lp *lp, struct kerf_scheduler *s,
                                     const struct kerf_batch *batch, struct kerf_error *error);

/* An event of models/workload/kv_transfer.h; *landed: the sequence whose cache is here and that may go on, or
 * -1. */
enum kerf_status kerf_handover_handle(struct kerf_lp *lp, struct kerf_scheduler *s,
                                      const struct kerf_event *event, int *landed, struct kerf_error *error);

/* Decode: the next sequence whose cache came while a step was under way, or -1. */
int kerf_handover_next_landed(struct kerf_scheduler *s);

/* Decode: asks for the cache of those who wait as long as there is room. */
enum kerf_status kerf_handover_admit(struct kerf_lp *lp, struct kerf_scheduler *s, struct kerf_error *error);

/* Decode: an answer is finished. */
enum kerf_status kerf_handover_done(struct kerf_lp *lp, const struct kerf_scheduler *s,
                                    const struct kerf_sequence *sequence, struct kerf_error *error);

/* --- scheduler_fill.c --- */

/* Whether a pass formed now would hold anything. */
bool kerf_scheduler_has_work(struct kerf_scheduler *s);

/* Puts into a pass what it may hold; `batch` and `pass` are empty before. */
enum kerf_status kerf_scheduler_fill(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                     struct kerf_pass_message *pass, struct kerf_error *error);

#endif
