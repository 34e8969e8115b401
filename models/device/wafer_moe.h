/* Mixture of experts on a rectangle: router and routed experts, closed forms in cycles. */
#ifndef KERF_DEVICE_WAFER_MOE_H
#define KERF_DEVICE_WAFER_MOE_H

#include "models/device/maximum_load.h"
#include "models/device/wafer_gemv.h"
#include "models/network/expert_skew.h"

/* One expert layer: `matrices` matrices of d_model x d_ff per expert, the last one back to d_model. */
struct kerf_experts_shape {
    double experts, top_k, d_model, d_ff, matrices;
    double bytes_per_weight;
    const struct kerf_expert_skew *skew; /* how tokens choose them; NULL: evenly */
};

/* M tokens through their top_k experts. The rectangle is cut into 1, 4, 16 or 64 groups of PEs, experts dealt
 * to them and cut over the PEs of a group; the fastest cut is taken. Busiest group, dispatch and combination
 * included. `activation_passes` vector instructions stand between the matrices. */
struct kerf_cycles kerf_experts(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                                const struct kerf_experts_shape *shape, double M, double activation_passes);

/* d_model x experts projection, local top-k, and the choice told to every PE. */
struct kerf_cycles kerf_router(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                               double M, double d_model, double experts, double top_k);

#endif
