/* Collectives message by message under LogGP: every rank is a logical process, every message one event.
 *
 * For when ranks do not move in lockstep: different start times, unequal sizes, neighbours that are slow.
 * What a rank does is worked out from its number and its step, so there is no schedule in memory.
 *
 * LogGP: A. Alexandrov, M. F. Ionescu, K. E. Schauser, C. Scheiman, "LogGP: incorporating long messages into
 * the LogP model", SPAA 1995. A message of k bytes that its rank starts to send at t
 *   - keeps the sender's processor busy until t + o,
 *   - leaves its network interface free again at t + (k - 1) G + g, and no sooner than t + o,
 *   - has arrived with its last byte at t + o + (k - 1) G + L,
 *   - then keeps the receiver's processor busy for o. */
#ifndef KERF_FABRIC_MESSAGE_COLLECTIVE_H
#define KERF_FABRIC_MESSAGE_COLLECTIVE_H

#include "sim/engine/engine.h"

struct kerf_loggp {
    kerf_time L; /* latency, ps */
    kerf_time o; /* overhead of the processor, at the sender and again at the receiver, ps */
    kerf_time g; /* gap between two messages of one rank, ps */
    double G;    /* gap per byte, ps: the inverse of bandwidth */
};

/* What one rank does in one step: it sends to `to`, and then waits for the message of this step of `from`. */
struct kerf_message_step {
    uint32_t to, from;
    double bytes; /* that it sends */
};

struct kerf_message_collective;

/* An algorithm. A rank sends in a step only when it has the message of the step before. */
struct kerf_message_algorithm {
    const char *name;
    bool (*fits)(uint32_t ranks);
    const char *what_fits; /* in words */
    bool one_partner;      /* a rank sends to the same one in every step */
    uint32_t (*steps)(uint32_t ranks);
    struct kerf_message_step (*step)(const struct kerf_message_collective *collective, uint32_t rank,
                                     uint32_t step);
    double (*least_bytes)(const struct kerf_message_collective *collective); /* of any message, all even */
};

/* Reduce-scatter and all-gather round a ring (P. Patarasuk and X. Yuan, JPDC 69(2), 2009): 2 (n - 1) steps of
 * bytes / n. With uneven sizes the n pieces of the buffer differ. */
extern const struct kerf_message_algorithm kerf_ring_allreduce;

/* Recursive halving, then recursive doubling (R. Thakur, R. Rabenseifner, W. Gropp, IJHPCA 19(1), 2005):
 * 2 log2(n) steps of bytes / 2, / 4, ... / n, / n, ... / 2; n is a power of two. With uneven sizes each
 * message differs. */
extern const struct kerf_message_algorithm kerf_halving_doubling_allreduce;

/* One collective over `ranks` ranks; zero where nothing is said. Must outlive the engine. */
struct kerf_message_collective {
    const struct kerf_message_algorithm *algorithm;
    struct kerf_loggp loggp;
    uint32_t ranks;
    double bytes;           /* of the buffer that is reduced */
    double uneven;          /* in [0, 1): sizes lie evenly in (1 - uneven, 1 + uneven) times the even one */
    const kerf_time *start; /* by rank, when it begins; NULL: all at 0 */
    /* Set by kerf_message_collective_add. */
    uint32_t first_lp, steps;
};

/* Adds the ranks as logical processes first_lp ... first_lp + ranks - 1, and their channels. KERF_ERR_USAGE:
 * the algorithm does not fit the number of ranks, or latency plus overhead is 0. On every rank alike. */
enum kerf_status kerf_message_collective_add(struct kerf_message_collective *collective,
                                             struct kerf_engine *engine, struct kerf_error *error);

/* When a rank was done, after the run; KERF_TIME_NEVER if it was not or another MPI rank holds it. */
kerf_time kerf_message_collective_done(const struct kerf_message_collective *collective,
                                       const struct kerf_engine *engine, uint32_t rank);

/* The closed form for even sizes and a common start at 0: the sum of (k - 1) G over the steps, (steps - 1)
 * max(2 o + L, g) and 2 o + L, in ps. */
kerf_time kerf_message_collective_even(const struct kerf_message_collective *collective);

#endif
