/* The fabric room: the leaves of a link's catalog file. */
#include "models/fabric/link.h"

static const struct kerf_leaf leaves[] = {
    {.key = "latency_s",
     .unit = "s",
     .better = KERF_BETTER_LOWER,
     .required = true,
     .least = 1e-12, /* lookahead: the engine needs one */
     .most = 0.1,
     .offset = offsetof(struct kerf_link_params, latency_s),
     .meaning = "first byte in to first byte out, switch included"},
    {.key = "bandwidth_Bps",
     .unit = "B/s",
     .better = KERF_BETTER_NEITHER,
     .required = true,
     .least = 1e6,
     .most = 1e13,
     .offset = offsetof(struct kerf_link_params, bandwidth_Bps),
     .meaning = "per direction, nominal"},
    {.key = "achieved",
     .unit = "1",
     .better = KERF_BETTER_HIGHER,
     .required = true,
     .least = 0.0,
     .most = 1.0,
     .offset = offsetof(struct kerf_link_params, achieved),
     .meaning = "share of it that payload reaches"},
    {.key = "switch_s",
     .unit = "s",
     .better = KERF_BETTER_LOWER,
     .missing = 0.5e-6,
     .least = 1e-12,
     .most = 0.1,
     .offset = offsetof(struct kerf_link_params, switch_s),
     .meaning = "one more switch on the way, its cable included"},
};

const struct kerf_leaf_table kerf_link_leaves = {
    .kind = "link",
    .struct_bytes = sizeof(struct kerf_link_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};

double kerf_link_occupancy_s(const struct kerf_link *link, double bytes)
{
    return bytes / link->bandwidth_Bps;
}

kerf_time kerf_link_carry(struct kerf_link *link, kerf_time ready, double bytes, kerf_time *start)
{
    *start = ready > link->free ? ready : link->free;
    link->free = *start + kerf_time_from_s(kerf_link_occupancy_s(link, bytes));
    return link->free + kerf_time_from_s(link->latency_s);
}
