/* The fabric room: ways of bringing tokens to experts and back. */
#include "models/fabric/expert_exchange.h"

#include <math.h>
#include <string.h>

typedef struct kerf_collective_params params_t;
typedef struct kerf_cluster cluster_t;
typedef struct kerf_expert_trip trip_t;

double kerf_ranks_visited(double ranks, double top_k)
{
    return ranks * (1.0 - pow(1.0 - 1.0 / ranks, top_k));
}

static bool has_kernels(const params_t *p)
{
    return p->dispatch_share > 0.0 && p->combine_share > 0.0;
}

static enum kerf_status low_latency_s(const params_t *p, const cluster_t *c, const trip_t *trip,
                                      double *time_s, struct kerf_error *error)
{
    (void)error;
    struct kerf_expert_exchange out = {trip->ranks, trip->tokens, trip->top_k, trip->experts,
                                       trip->out_bytes},
                                back = out;
    back.bytes_per_copy = trip->back_bytes;
    *time_s = kerf_expert_dispatch_s(p, c, &out) + kerf_expert_combine_s(p, c, &back);
    return KERF_OK;
}

static bool always(const params_t *p)
{
    (void)p;
    return true;
}

static enum kerf_status all_to_all_s(const params_t *p, const cluster_t *c, const trip_t *trip,
                                     double *time_s, struct kerf_error *error)
{
    *time_s = 0.0;
    if (trip->ranks == 1.0)
        return KERF_OK;
    double copies = trip->tokens * kerf_ranks_visited(trip->ranks, trip->top_k), out_s, back_s;
    struct kerf_collective_call call = {KERF_COLLECTIVE_ALL_TO_ALL, trip->ranks, copies * trip->out_bytes,
                                        true};
    KERF_TRY(kerf_collective_s(p, c, &call, trip->all_to_all, &out_s, NULL, error));
    call.bytes = copies * trip->back_bytes;
    KERF_TRY(kerf_collective_s(p, c, &call, trip->all_to_all, &back_s, NULL, error));
    *time_s = out_s + back_s;
    return KERF_OK;
}

static const struct {
    const char *name;
    bool (*applies)(const params_t *params);
    enum kerf_status (*time_s)(const params_t *params, const cluster_t *cluster, const trip_t *trip,
                               double *time_s, struct kerf_error *error);
} ways[] = {
    {"low-latency", has_kernels, low_latency_s},
    {"all-to-all", always, all_to_all_s},
};

enum kerf_status kerf_expert_trip_s(const params_t *params, const cluster_t *cluster, const trip_t *trip,
                                    const char *forced, double *time_s, const char **taken,
                                    struct kerf_error *error)
{
    const char *best = NULL;
    *time_s = INFINITY;
    KERF_TRY(kerf_cluster_holds(cluster, trip->ranks, error));
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        double this_s;
        if (!ways[i].applies(params) || (forced && strcmp(forced, ways[i].name) != 0))
            continue;
        KERF_TRY(ways[i].time_s(params, cluster, trip, &this_s, error));
        if (best && this_s >= *time_s)
            continue;
        best = ways[i].name;
        *time_s = trip->ranks == 1.0 ? 0.0 : this_s;
    }
    KERF_CHECK(best, KERF_ERR_USAGE, "expert exchange '%s' %s; here fit: %sall-to-all", forced,
               strcmp(forced, ways[0].name) == 0 ? "is not in this library" : "is unknown",
               has_kernels(params) ? "low-latency, " : "");
    if (taken)
        *taken = best;
    return KERF_OK;
}
