/* The state of a fluid network, for fluid.c (flows and their progress) and fluid_solve.c (rates) only.
 *
 * Everything is in arrays whose elements name each other by number, so that a copy of the arrays is a copy of
 * the state: a checkpoint writes them as they are. */
#ifndef KERF_FABRIC_FLUID_STATE_H
#define KERF_FABRIC_FLUID_STATE_H

#include "models/fabric/fluid.h"
#include "models/fabric/indexed_heap.h"

#define FLUID_NONE UINT32_MAX

/* Rates that differ by less than this share are the same: it stops a change of rounding errors from running
 * through the network. A rate may be wrong by so much, and a link so much too full. */
#define FLUID_TOLERANCE 1e-11

/* Where a flow stands in the solve under way. */
enum fluid_place {
    FLUID_OUTSIDE, /* it keeps its rate, as far as is known */
    FLUID_OPEN,    /* its rate is sought */
    FLUID_RATED,   /* it has its new rate */
};

struct fluid_link {
    double capacity_Bps;
    uint32_t first_hop; /* of those on the link, newest first */

    /* During a solve, if `touched`. */
    uint32_t open;   /* hops of open flows on it */
    double left_Bps; /* capacity less the rates of flows that are not open; negative: some must slow down */
    double
        release_Bps; /* level at which flows outside that have their bottleneck here may rise; or INFINITY */
    double fastest_Bps; /* no flow outside is faster */
    bool touched;       /* in fluid->touched */
    bool changed;       /* a flow left it since the last solve; in fluid->changed */
};

struct fluid_hop {
    uint32_t link, flow;
    uint32_t next, previous; /* on the same link, or FLUID_NONE */
};

struct fluid_flow {
    double rate_Bps;
    double bytes_left;   /* at `since` */
    kerf_time since;     /* when the rate last changed */
    uint32_t hops;       /* its hops stand at id * hop_stride and after */
    uint32_t bottleneck; /* link that gives it its rate */
    enum fluid_place place;
    uint32_t next_free; /* of the unused numbers */
};

/* A flow whose rate a solve seeks, and the rate before. */
struct fluid_member {
    uint32_t flow;
    double old_Bps;
};

/* Arrays are owned. Behind the network's links stands one more for each flow number: the flow's cap is the
 * capacity of a link of its own. */
struct kerf_fluid {
    kerf_time now; /* of the last change */
    uint32_t links, hop_stride, flow_capacity, first_free;
    struct fluid_link *link;       /* links + flow_capacity */
    struct fluid_flow *flow;       /* flow_capacity */
    struct fluid_hop *hop;         /* flow_capacity * hop_stride */
    struct kerf_indexed_heap ends; /* flows by the time at which they end, ps */

    /* Changes since the last solve: flows that started (as members), links that flows left. */
    struct fluid_member *member; /* flow_capacity */
    uint32_t *changed;           /* links + flow_capacity */
    uint32_t members, changed_count;

    /* Empty between solves. */
    uint32_t *touched; /* links + flow_capacity */
    uint32_t touched_count;
    struct kerf_indexed_heap levels; /* links by a level below which nothing happens on them */
    double water_Bps;                /* all that is below is settled */

    struct kerf_fluid_stats stats;
};

/* Makes room for twice the flows; false when memory is out. */
bool kerf_fluid_more_flows(struct kerf_fluid *fluid);

/* Gives flows the rates that follow from the changes since the last solve, and new ends; needs room in heaps
 * and arrays, which kerf_fluid_start() makes. */
void kerf_fluid_solve(struct kerf_fluid *fluid);

#endif
