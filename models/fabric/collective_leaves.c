/* The fabric room: the leaves of a library of collectives, in SI. */
#include "models/fabric/collective_library.h"

#define LEAF(field, unit_, better_, required_, missing_, least_, most_, meaning_)                            \
    {                                                                                                        \
        .key = #field, .unit = unit_, .better = KERF_BETTER_##better_, .required = required_,                \
        .missing = missing_, .least = least_, .most = most_,                                                 \
        .offset = offsetof(struct kerf_collective_params, field), .meaning = meaning_                        \
    }
#define TIME(field, meaning) LEAF(field, "s", LOWER, true, 0.0, 0.0, 1e-3, meaning)
#define SHARE(field, meaning) LEAF(field, "1", HIGHER, true, 0.0, 1e-4, 1.5, meaning)
/* Of kernels that a family may not have: absent, they never apply. */
#define MAYBE_TIME(field, meaning) LEAF(field, "s", LOWER, false, 0.0, 0.0, 1e-3, meaning)
#define MAYBE_SHARE(field, meaning) LEAF(field, "1", HIGHER, false, 0.0, 1e-4, 1.5, meaning)

static const struct kerf_leaf leaves[] = {
    TIME(launch_s, "start and end of a ring kernel"),
    TIME(hop_s, "one step of a ring, protocols LL and LL128"),
    SHARE(ll_share, "of the link, ring by protocol LL: a flag with every 4 bytes"),
    TIME(ll128_extra_s, "launch of protocol LL128 above that of LL"),
    SHARE(ll128_share, "of the link, ring by protocol LL128"),
    TIME(simple_floor_s, "start of a ring by protocol Simple, part that does not grow with the steps"),
    TIME(simple_hop_s, "the same per step"),
    SHARE(simple_share, "of the link, ring by protocol Simple"),
    LEAF(fill_steps, "1", LOWER, true, 0.0, 0.0, 3.0,
         "steps' worth of data that fill and copying cost besides"),
    MAYBE_TIME(nvls_rank_s, "start of an all-reduce in the switch, per rank: each rank owns a part"),
    MAYBE_SHARE(nvls_share, "of the link, all-reduce in the switch; absent: the switch does not reduce"),
    LEAF(nvls_ranks_least, "1", NEITHER, false, 8.0, 2.0, 1024.0,
         "ranks from which the library uses the switch"),
    LEAF(nvls_domains_most, "1", NEITHER, false, 1.0, 1.0, 1024.0, "domains up to which it does"),
    TIME(alltoall_launch_s, "start of an all-to-all of few bytes"),
    TIME(alltoall_rank_s, "the same per other rank"),
    SHARE(alltoall_peer_share, "of the link, to each other rank by protocol LL"),
    TIME(alltoall_simple_floor_s, "start of an all-to-all by protocol Simple"),
    TIME(alltoall_simple_rank_s, "the same per other rank"),
    SHARE(alltoall_share, "of the link, all-to-all by protocol Simple"),
    LEAF(alltoall_fill_steps, "1", LOWER, true, 0.0, 0.0, 3.0,
         "parts' worth of data that the own part costs"),
    SHARE(send_share, "of the link, one large message"),
    MAYBE_TIME(one_shot_floor_s, "one-shot all-reduce in a graph; absent with its share"),
    MAYBE_TIME(one_shot_rank_s, "the same per rank"),
    MAYBE_SHARE(one_shot_share, "of the link, each rank reads all others"),
    MAYBE_TIME(two_shot_floor_s, "two-shot all-reduce in a graph"),
    MAYBE_TIME(two_shot_rank_s, "the same per rank"),
    MAYBE_SHARE(two_shot_share, "of the link, reduce-scatter and all-gather"),
    MAYBE_TIME(dispatch_floor_s, "expert dispatch of few tokens"),
    MAYBE_TIME(dispatch_rank_s, "the same per rank"),
    MAYBE_TIME(dispatch_expert_s, "the same per expert"),
    MAYBE_SHARE(dispatch_share, "of the link, expert dispatch"),
    LEAF(dispatch_expert_Bps, "B/s", HIGHER, false, 1e30, 1e6, 1e12, "that a rank can send to one expert"),
    MAYBE_TIME(combine_floor_s, "expert combine of few tokens"),
    MAYBE_TIME(combine_rank_s, "the same per rank"),
    MAYBE_TIME(combine_expert_s, "the same per expert"),
    MAYBE_SHARE(combine_share, "of the link, expert combine"),
    LEAF(combine_own_copies, "1", LOWER, false, 0.0, 0.0, 5.0, "copies' worth of work per token for the sum"),
    TIME(nic_hop_s, "small message between accelerators of two domains"),
    SHARE(nic_share, "of a NIC that payload reaches"),
    LEAF(ring_nics, "1", NEITHER, false, 8.0, 1.0, 1024.0,
         "NICs of a domain that the rings of a flat ring use"),
};

const struct kerf_leaf_table kerf_collective_leaves = {
    .kind = "collectives",
    .struct_bytes = sizeof(struct kerf_collective_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};
