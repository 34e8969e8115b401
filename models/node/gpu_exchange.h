/* What the GPUs of a replica exchange, costed by the library of collectives.
 *
 * Ranks of a group stand next to each other and fill domains, unless said otherwise. Costs are remembered by
 * operation, ranks and bytes. */
#ifndef KERF_NODE_GPU_EXCHANGE_H
#define KERF_NODE_GPU_EXCHANGE_H

#include "models/fabric/collective_library.h"
#include "models/fabric/expert_exchange.h"

struct kerf_exchange_memo;

struct kerf_gpu_exchange {
    struct kerf_collective_params library;
    struct kerf_cluster cluster[KERF_COLLECTIVE_COUNT]; /* the links as each operation finds them */
    const char *forced[KERF_COLLECTIVE_COUNT];          /* algorithms asked for; NULL: the fastest */
    const char *forced_experts;                         /* of kerf_expert_trip_s */
    bool own_all_reduce;                                /* the engine has kernels of its own */
    struct kerf_exchange_memo *memo;                    /* owned; NULL: nothing is remembered */
};

/* Every operation finds the same links. */
void kerf_gpu_exchange_links(struct kerf_gpu_exchange *exchange, const struct kerf_cluster *cluster);

/* The memory of costs. KERF_ERR_FAILURE: memory is out. */
enum kerf_status kerf_gpu_exchange_remember(struct kerf_gpu_exchange *exchange, struct kerf_error *error);
void kerf_gpu_exchange_free(struct kerf_gpu_exchange *exchange);

/* Whether an operation over so many ranks can be: an algorithm asked for that does not fit, ranks that do not
 * fill domains. What it says no to may not be asked of the functions below. */
enum kerf_status kerf_gpu_exchange_check(const struct kerf_gpu_exchange *exchange, enum kerf_collective_op op,
                                         double ranks, struct kerf_error *error);

/* Seconds of an operation (`bytes` as in struct kerf_collective_call); 0 for one rank. */
double kerf_gpu_exchange_s(const struct kerf_gpu_exchange *exchange, enum kerf_collective_op op, double ranks,
                           double bytes);

/* Seconds of a message to the GPU at the same place of the next pipeline stage, in the same domain or not. */
double kerf_gpu_send_s(const struct kerf_gpu_exchange *exchange, double bytes, bool to_other_domain);

/* Seconds that tokens take to their experts and back, when `sharers` GPUs side by side cut one expert. */
double kerf_gpu_experts_s(const struct kerf_gpu_exchange *exchange, const struct kerf_expert_trip *trip,
                          double sharers);

/* The way that they take: "low-latency" or "all-to-all". */
const char *kerf_gpu_experts_way(const struct kerf_gpu_exchange *exchange,
                                 const struct kerf_expert_trip *trip, double sharers);

enum kerf_status kerf_gpu_experts_check(const struct kerf_gpu_exchange *exchange,
                                        const struct kerf_expert_trip *trip, double sharers,
                                        struct kerf_error *error);

#endif
