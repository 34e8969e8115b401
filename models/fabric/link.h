/* A link between two accelerators or an accelerator and a host: latency, bandwidth, and who is using it. */
#ifndef KERF_FABRIC_LINK_H
#define KERF_FABRIC_LINK_H

#include "models/device/leaf.h"
#include "sim/engine/time.h"

/* Leaves of a `kind: link` catalog file (models/catalog/links). */
struct kerf_link_params {
    double latency_s;     /* first byte in to first byte out, switch included */
    double bandwidth_Bps; /* per direction, nominal */
    double achieved;      /* share of it that payload reaches */
    double switch_s;      /* one more switch on the way, its cable included */
};

extern const struct kerf_leaf_table kerf_link_leaves;

/* One direction of a link in use: messages go one after the other, each is under way for the latency on top.
 */
struct kerf_link {
    double latency_s, bandwidth_Bps;
    kerf_time free; /* when the next message may enter */
};

/* Seconds that `bytes` occupy the link. */
double kerf_link_occupancy_s(const struct kerf_link *link, double bytes);

/* Carries a message that is ready at `ready`: start = max(ready, free), free = start + bytes / bandwidth,
 * arrival = free + latency (store and forward). Returns the arrival; *start is when it entered. */
kerf_time kerf_link_carry(struct kerf_link *link, kerf_time ready, double bytes, kerf_time *start);

#endif
