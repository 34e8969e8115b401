/* Traffic on a topology with contention: flows that share links max-min fair, and collectives as phases of
 * them.
 *
 * A flow takes its route (route.h) and its share of every link on it (fluid.h); its last byte arrives the
 * route's latency after it was sent. A phase is a set of flows that start together; the next phase starts
 * when all have arrived. Where no link is shared, kerf_plan_closed_s() is the same in closed form. After an
 * error the traffic can only be freed. */
#ifndef KERF_FABRIC_TRAFFIC_H
#define KERF_FABRIC_TRAFFIC_H

#include "models/fabric/fluid.h"
#include "models/fabric/route.h"

struct kerf_traffic_options {
    double
        achieved[KERF_LINK_KINDS]; /* share of the capacity that payload reaches, by kind of link; 0: all */
    double step_s;                 /* of software, per phase */
    uint32_t hops_most;            /* of any route; 0: 16 */
};

struct kerf_traffic;

/* Topology and router must outlive the traffic. `options` may be NULL. */
enum kerf_status kerf_traffic_create(const struct kerf_topology *topology, struct kerf_router *router,
                                     const struct kerf_traffic_options *options,
                                     struct kerf_traffic **traffic, struct kerf_error *error);
void kerf_traffic_free(struct kerf_traffic *traffic);

/* The fluid network of a topology's links: capacities times what faults left of them and the achieved shares.
 */
enum kerf_status kerf_traffic_fluid(const struct kerf_topology *topology,
                                    const struct kerf_traffic_options *options, struct kerf_fluid **fluid,
                                    struct kerf_error *error);

struct kerf_flow {
    uint32_t from, to; /* endpoints */
    double bytes;
    uint64_t number; /* for ECMP: flows of one pair with different numbers may take different routes */
};

/* Seconds until the last of these flows has arrived, all starting together; without step_s. A flow to oneself
 * takes no time. KERF_ERR_USAGE: a pair without a path. */
enum kerf_status kerf_traffic_flows(struct kerf_traffic *traffic, const struct kerf_flow *flow,
                                    uint32_t flows, double *time_s, struct kerf_error *error);

/* Flows that the traffic has carried so far. */
uint64_t kerf_traffic_carried(const struct kerf_traffic *traffic);

/* One phase of a plan: rank r sends `bytes` to one other rank. Ranks stand in groups of `group` consecutive
 * ones (a server, a domain, a row). Not across: to the member `shift` further round its group; across: to the
 * same place in the group `shift` further round. `repeats` phases in a row are like this one; `joined`: it
 * starts together with the next. */
struct kerf_phase {
    uint32_t shift;
    bool across, joined;
    double bytes, repeats;
};

/* A collective as phases: over ranks 0 ... ranks - 1, which are the endpoints of those numbers. */
struct kerf_plan;

struct kerf_plan_kind {
    const char *name;
    uint32_t (*phases)(const struct kerf_plan *plan);
    struct kerf_phase (*phase)(const struct kerf_plan *plan, uint32_t index);
};

struct kerf_plan {
    const struct kerf_plan_kind *kind;
    uint32_t ranks, group; /* group divides ranks; flat plans have one group */
    double bytes;          /* of the whole buffer of a rank; for a shift: that each rank sends */
    uint32_t shift;        /* of kerf_plan_shift */
};

extern const struct kerf_plan_kind kerf_plan_shift; /* every rank to the one `shift` further: a permutation */
extern const struct kerf_plan_kind kerf_plan_ring_allreduce; /* 2 (n - 1) steps of bytes / n */
extern const struct kerf_plan_kind kerf_plan_ring_allgather; /* n - 1 steps; a reduce-scatter too */
extern const struct kerf_plan_kind
    kerf_plan_two_level_allreduce;                     /* reduce-scatter in the groups, all-reduce of the
                                                        * pieces across them, all-gather: hierarchical; on
                                                        * a torus 2-D, with its rows as groups */
extern const struct kerf_plan_kind kerf_plan_alltoall; /* n - 1 shifts of bytes / n, one after the other */
extern const struct kerf_plan_kind kerf_plan_alltoall_at_once;   /* all of them together */
extern const struct kerf_plan_kind kerf_plan_two_level_alltoall; /* in the groups, then on each rail */

/* To whom a rank sends in a phase, and who sends to it. */
uint32_t kerf_plan_to(const struct kerf_plan *plan, const struct kerf_phase *phase, uint32_t rank);
uint32_t kerf_plan_from(const struct kerf_plan *plan, const struct kerf_phase *phase, uint32_t rank);

/* Seconds of the plan on the network, step_s for each phase included. */
enum kerf_status kerf_traffic_plan(struct kerf_traffic *traffic, const struct kerf_plan *plan, double *time_s,
                                   struct kerf_error *error);

/* What a message meets where no link is shared, in the group and across groups. */
struct kerf_plain_network {
    double in_latency_s, in_Bps, across_latency_s, across_Bps;
    double step_s;
};

/* The sum of repeats (step + latency + bytes / bandwidth) over the phases; phases that are joined last as
 * long as the sum of their bytes does, and have one latency. In seconds. */
double kerf_plan_closed_s(const struct kerf_plan *plan, const struct kerf_plain_network *network);

#endif
