/* The node room: collectives of a replica of GPUs. Knows the fabric; not who needs them. */
#include "models/node/gpu_exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Steps of a decode ask for the same few again and again. */
enum { TIMES_REMEMBERED = 256, EXPERTS = KERF_COLLECTIVE_COUNT };

struct key {
    double what, ranks, bytes, more[2];
};

struct kerf_exchange_memo {
    struct key key[TIMES_REMEMBERED]; /* ranks 0: unused */
    double time_s[TIMES_REMEMBERED];
};

void kerf_gpu_exchange_links(struct kerf_gpu_exchange *exchange, const struct kerf_cluster *cluster)
{
    for (int op = 0; op < KERF_COLLECTIVE_COUNT; op++)
        exchange->cluster[op] = *cluster;
}

enum kerf_status kerf_gpu_exchange_remember(struct kerf_gpu_exchange *exchange, struct kerf_error *error)
{
    exchange->memo = calloc(1, sizeof *exchange->memo);
    KERF_CHECK(exchange->memo, KERF_ERR_FAILURE, "out of memory for the costs of collectives");
    return KERF_OK;
}

void kerf_gpu_exchange_free(struct kerf_gpu_exchange *exchange)
{
    free(exchange->memo);
    exchange->memo = NULL;
}

/* Where the time of `key` is kept; *known: it is there already. NULL without a memory. */
static double *remembered(const struct kerf_gpu_exchange *exchange, const struct key *key, bool *known)
{
    struct kerf_exchange_memo *memo = exchange->memo;
    *known = false;
    if (!memo)
        return NULL;
    size_t slot = XXH3_64bits(key, sizeof *key) % TIMES_REMEMBERED;
    *known = memcmp(&memo->key[slot], key, sizeof *key) == 0;
    memo->key[slot] = *key;
    return &memo->time_s[slot];
}

static struct kerf_collective_call call_of(const struct kerf_gpu_exchange *exchange,
                                           enum kerf_collective_op op, double ranks, double bytes)
{
    return (struct kerf_collective_call){op, ranks, bytes, exchange->own_all_reduce};
}

enum kerf_status kerf_gpu_exchange_check(const struct kerf_gpu_exchange *exchange, enum kerf_collective_op op,
                                         double ranks, struct kerf_error *error)
{
    double time_s;
    struct kerf_collective_call call = call_of(exchange, op, ranks, 1.0);
    return kerf_collective_s(&exchange->library, &exchange->cluster[op], &call,
                             ranks > 1.0 ? exchange->forced[op] : NULL, &time_s, NULL, error);
}

double kerf_gpu_exchange_s(const struct kerf_gpu_exchange *exchange, enum kerf_collective_op op, double ranks,
                           double bytes)
{
    if (ranks <= 1.0)
        return 0.0;
    const struct key key = {.what = op, .ranks = ranks, .bytes = bytes};
    bool known;
    double *kept = remembered(exchange, &key, &known);
    if (known)
        return *kept;
    double time_s;
    struct kerf_collective_call call = call_of(exchange, op, ranks, bytes);
    if (kerf_collective_s(&exchange->library, &exchange->cluster[op], &call, exchange->forced[op], &time_s,
                          NULL, NULL) != KERF_OK)
        time_s = NAN; /* the check said so */
    if (kept)
        *kept = time_s;
    return time_s;
}

double kerf_gpu_send_s(const struct kerf_gpu_exchange *exchange, double bytes, bool to_other_domain)
{
    struct kerf_cluster pair = exchange->cluster[KERF_COLLECTIVE_SEND];
    pair.domain = to_other_domain ? 1.0 : 2.0;
    double time_s;
    struct kerf_collective_call call = call_of(exchange, KERF_COLLECTIVE_SEND, 2.0, bytes);
    return kerf_collective_s(&exchange->library, &pair, &call, NULL, &time_s, NULL, NULL) == KERF_OK ? time_s
                                                                                                     : NAN;
}

/* Of a domain only every sharers-th GPU belongs to a group that exchanges tokens. */
static struct kerf_cluster experts_cluster(const struct kerf_gpu_exchange *exchange, double sharers)
{
    struct kerf_cluster cluster = exchange->cluster[KERF_COLLECTIVE_ALL_TO_ALL];
    cluster.domain = fmax(1.0, floor(cluster.domain / sharers));
    return cluster;
}

enum kerf_status kerf_gpu_experts_check(const struct kerf_gpu_exchange *exchange,
                                        const struct kerf_expert_trip *trip, double sharers,
                                        struct kerf_error *error)
{
    double time_s;
    struct kerf_cluster cluster = experts_cluster(exchange, sharers);
    return kerf_expert_trip_s(&exchange->library, &cluster, trip, exchange->forced_experts, &time_s, NULL,
                              error);
}

const char *kerf_gpu_experts_way(const struct kerf_gpu_exchange *exchange,
                                 const struct kerf_expert_trip *trip, double sharers)
{
    double time_s;
    const char *taken = "none";
    struct kerf_cluster cluster = experts_cluster(exchange, sharers);
    kerf_expert_trip_s(&exchange->library, &cluster, trip, exchange->forced_experts, &time_s, &taken, NULL);
    return taken;
}

double kerf_gpu_experts_s(const struct kerf_gpu_exchange *exchange, const struct kerf_expert_trip *trip,
                          double sharers)
{
    const struct key key = {.what = EXPERTS,
                            .ranks = trip->ranks,
                            .bytes = trip->tokens * trip->out_bytes,
                            .more = {trip->tokens * trip->back_bytes, trip->experts}};
    bool known;
    double *kept = remembered(exchange, &key, &known);
    if (known)
        return *kept;
    double time_s;
    struct kerf_cluster cluster = experts_cluster(exchange, sharers);
    if (kerf_expert_trip_s(&exchange->library, &cluster, trip, exchange->forced_experts, &time_s, NULL,
                           NULL) != KERF_OK)
        time_s = NAN; /* the check said so */
    if (kept)
        *kept = time_s;
    return time_s;
}
