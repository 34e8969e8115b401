/* A link between two accelerators or an accelerator and a host: latency, bandwidth, and who is using it. */
#ifndef KERF_FABRIC_LINK_H
#define KERF_FABRIC_LINK_H

#include "models/device/leaf.h"

/* Leaves of a `kind: link` catalog file (models/catalog/links). */
struct kerf_link_params {
    double latency_s;     /* first byte in to first byte out, switch included */
    double bandwidth_Bps; /* per direction, nominal */
    double achieved;      /* share of it that payload reaches */
};

extern const struct kerf_leaf_table kerf_link_leaves;

#endif
