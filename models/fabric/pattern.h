/* What the patterns of collectives get from a network whose links they share: the bandwidth of a rank while
 * all ranks are at it, which the closed forms of the library then take for their links.
 *
 * Ranks are the endpoints 0 ... ranks - 1; groups of consecutive ones run the same collective at the same
 * time. A group lies in a domain (of consecutive ranks) or fills several. */
#ifndef KERF_FABRIC_PATTERN_H
#define KERF_FABRIC_PATTERN_H

#include "models/fabric/collective_library.h"
#include "models/fabric/route.h"

struct kerf_groups {
    uint32_t ranks, group, domain;
};

/* A pattern: rank -> the one it sends to in its `shift`, or itself for none. `shifts`: how many there are. */
struct kerf_pattern {
    const char *name;
    uint32_t (*shifts)(const struct kerf_groups *groups);
    uint32_t (*to)(const struct kerf_groups *groups, uint32_t rank, uint32_t shift);
};

extern const struct kerf_pattern kerf_pattern_ring_near;  /* to the next in the domain */
extern const struct kerf_pattern kerf_pattern_ring_far;   /* to the same place in the group's next domain */
extern const struct kerf_pattern kerf_pattern_all_near;   /* to all others of the group in the domain */
extern const struct kerf_pattern kerf_pattern_all_far;    /* to all others of the group elsewhere */
extern const struct kerf_pattern kerf_pattern_next_group; /* to the same place in the next group */

struct kerf_pattern_share {
    double rank_Bps;  /* payload of a rank that sends, over the time that the slowest takes */
    double latency_s; /* of the way that takes longest */
};

/* Runs a pattern on a network: flows share links max-min fair (traffic.h). Groups of up to 256 send to all
 * others at once, larger ones in 32 of their shifts, one after the other. *share is left as it was when
 * nobody sends. KERF_ERR_USAGE: a pair without a path. */
enum kerf_status kerf_pattern_run(const struct kerf_topology *topology,
                                  const struct kerf_route_options *routes, const struct kerf_pattern *pattern,
                                  const struct kerf_groups *groups, struct kerf_pattern_share *share,
                                  struct kerf_error *error);

#endif
