/* Collectives in simulated time on a network with contention: every rank is a logical process, and so is
 * every network, in which flows share links max-min fair.
 *
 * A rank sends in a step when it has the message of the step before, one message after the other; nothing
 * else holds ranks together, so late ranks, slow cables and full links do to the others what they do.
 * Networks that share no link (the rails of a cluster) are planes: alike, each with its own process, on any
 * MPI rank. A rank that never starts is found by the engine when no event is left, and reported as who waits
 * for whom. */
#ifndef KERF_FABRIC_NETWORK_COLLECTIVE_H
#define KERF_FABRIC_NETWORK_COLLECTIVE_H

#include "models/fabric/traffic.h"
#include "sim/engine/engine.h"

/* Must outlive the engine, as must what it points to. Zero where nothing is said. */
struct kerf_network_collective {
    const struct kerf_topology *topology; /* of one plane; its endpoints are the ranks of the plane */
    struct kerf_route_options routes;
    struct kerf_traffic_options traffic; /* step_s > 0: software before a message enters the network */
    struct kerf_plan plan;               /* of one plane; of several phases none is repeated or joined */
    uint32_t planes;
    const kerf_time
        *start; /* by plane and rank, when it begins; KERF_TIME_NEVER: it does not; NULL: all at 0 */
    /* Set by kerf_network_collective_add. */
    uint32_t first_lp, steps;
};

/* Adds the ranks and networks as logical processes, and their channels; plane after plane, ranks first. An
 * engine that folds simulates one plane for all when all ranks start at 0.
 * KERF_ERR_USAGE: the plan does not fit the topology, step_s or a latency is 0. On every rank alike. */
enum kerf_status kerf_network_collective_add(struct kerf_network_collective *collective,
                                             struct kerf_engine *engine, struct kerf_error *error);

/* When a rank was done, after the run; KERF_TIME_NEVER if it was not or another MPI rank holds it. */
kerf_time kerf_network_collective_done(const struct kerf_network_collective *collective,
                                       const struct kerf_engine *engine, uint32_t plane, uint32_t rank);

#endif
