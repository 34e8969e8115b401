/* Routes through a topology: shortest paths, one of them chosen the same way every time.
 *
 * Hops are all that counts: in a dragonfly two cables between groups are as short as two inside one. Links
 * that are down are not taken; links that are only slow are, as switches do not know better. A router keeps
 * hop counts to the switches that it has seen as destinations, so asking for many routes to one destination
 * in a row is fast. */
#ifndef KERF_FABRIC_ROUTE_H
#define KERF_FABRIC_ROUTE_H

#include "models/fabric/topology.h"

enum { KERF_PATH_HOPS_MAX = 128 };

/* Which of the links that lead on by a shortest path a switch takes. */
enum kerf_route_choice {
    KERF_ROUTE_ECMP,       /* by a hash of source, destination, flow, hop and seed (RFC 2992) */
    KERF_ROUTE_DESTINATION /* destination modulo their number, D-mod-k: no two flows of a shift share a link
                            * of a full fat tree (Zahavi, Johnson, Kerbyson and Lang, CCPE 22(2), 2010) */
};

struct kerf_route_options {
    enum kerf_route_choice choice;
    bool by_rail; /* to another server: over the domain to the GPU on the destination's rail first (PXN) */
    uint64_t seed;
};

struct kerf_path {
    uint32_t hops, link[KERF_PATH_HOPS_MAX];
    double latency_s; /* sum over the links */
};

struct kerf_router;

/* The topology must be finished, outlive the router, and keep its faults. `options` may be NULL: ECMP. */
enum kerf_status kerf_router_create(const struct kerf_topology *topology,
                                    const struct kerf_route_options *options, struct kerf_router **router,
                                    struct kerf_error *error);
void kerf_router_free(struct kerf_router *router);

/* The path of flow number `flow` between two different endpoints. KERF_ERR_USAGE: none is left (the message
 * names both and a cable that is cut), no such endpoint, or more than KERF_PATH_HOPS_MAX hops. */
enum kerf_status kerf_route(struct kerf_router *router, uint32_t from, uint32_t to, uint64_t flow,
                            struct kerf_path *path, struct kerf_error *error);

/* How many shortest paths there are (of a way by rail: in its last part); 0: none. Beyond 2^53 rounded. */
enum kerf_status kerf_route_count(struct kerf_router *router, uint32_t from, uint32_t to, double *paths,
                                  struct kerf_error *error);

#endif
