/* The router of a system: one LP between its users and its replicas. It hands every request to a replica,
 * hands answers back, and starts and stops replicas as the load asks. */
#ifndef KERF_WORKLOAD_ROUTER_H
#define KERF_WORKLOAD_ROUTER_H

#include "models/workload/fleet.h"
#include "sim/engine/engine.h"

struct kerf_router_setup {
    const struct kerf_workload *workload;
    const uint32_t *scheduler; /* LPs, one per replica */
    int replicas;
    uint32_t client;
    kerf_time client_hop; /* to the users */
    double hop_s;         /* to a replica, one way */
    enum kerf_routing routing;
    bool scales;
    struct kerf_autoscale scale;
};

/* LP kind "router"; setup: struct kerf_router_setup. */
extern const struct kerf_lp_kind kerf_router_lp;

struct kerf_router_record {
    double paid_s; /* replica-seconds until the last answer */
    int most, starts, stops;
};

struct kerf_router_record kerf_router_record(const void *state);

#endif
