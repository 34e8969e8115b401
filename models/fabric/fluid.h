/* A network as a fluid: flows share the links on their paths max-min fair, from one change to the next.
 *
 * Each flow gets the largest rate that takes nothing from a flow with a smaller one (Bertsekas and Gallager,
 * Data Networks, 2nd ed., 1992, section 6.5.2): it has a bottleneck, a full link on which no flow is faster.
 * Rates change when flows start or end, and only those that must (the solver is in fluid_solve.c). Latency,
 * packets and congestion control are not in here.
 *
 * Use, inside one logical process: kerf_fluid_start() for every flow that starts now, kerf_fluid_finish()
 * until it says false for those that end now, then a wake-up at kerf_fluid_next(). All changes of one instant
 * are solved together, once. Results depend on the order of calls and on nothing else. Once there have been
 * as many flows at a time as there ever will be, no call allocates memory. */
#ifndef KERF_FABRIC_FLUID_H
#define KERF_FABRIC_FLUID_H

#include "sim/base/error.h"
#include "sim/engine/pack.h"
#include "sim/engine/time.h"

#include <stdbool.h>
#include <stdint.h>

struct kerf_fluid;

struct kerf_fluid_flow {
    const uint32_t *path; /* the links it passes, in any order; one that it passes twice it loads twice */
    uint32_t hops;
    double bytes;
    double cap_Bps; /* it is never faster than this (an injection limit); 0 for no cap */
};

/* Makes a network of `links` links, numbered from 0, with capacities > 0 in B/s; paths have `hops_max` links
 * at most. KERF_ERR_USAGE for a capacity that is not positive and finite. */
enum kerf_status kerf_fluid_create(const double *capacity_Bps, uint32_t links, uint32_t hops_max,
                                   struct kerf_fluid **fluid, struct kerf_error *error);
void kerf_fluid_free(struct kerf_fluid *fluid);

/* Starts a flow at time `now` in ps, which may not be before an earlier call's, nor after an end that
 * kerf_fluid_finish() has not told yet. *id is the flow's number until it has ended; numbers are small and
 * used again. A flow of 0 bytes ends at once, any other takes 1 ps at least.
 * KERF_ERR_USAGE for a link out of range, a path too long, a flow without path and cap, or bytes or a cap
 * that are negative or not finite; KERF_ERR_FAILURE for a wrong time, or when memory is out. After an error
 * the network is as before. */
enum kerf_status kerf_fluid_start(struct kerf_fluid *fluid, kerf_time now, const struct kerf_fluid_flow *flow,
                                  uint32_t *id, struct kerf_error *error);

/* When the next flow ends, in ps; KERF_TIME_NEVER if none does (within the 106 days of simulated time). */
kerf_time kerf_fluid_next(struct kerf_fluid *fluid);

/* Ends the first flow, by time and then number, whose last byte is through by `now` in ps: gives its number
 * in *id and the time in *end (may be NULL), and true. False if there is none. */
bool kerf_fluid_finish(struct kerf_fluid *fluid, kerf_time now, uint32_t *id, kerf_time *end);

/* The rate of a flow under way, in B/s, and what it still has to send at time `now` (from the last change to
 * the next, in ps), in bytes. */
double kerf_fluid_rate_Bps(struct kerf_fluid *fluid, uint32_t id);
double kerf_fluid_bytes_left(struct kerf_fluid *fluid, uint32_t id, kerf_time now);

/* The sum of the rates on a link, in B/s. */
double kerf_fluid_load_Bps(struct kerf_fluid *fluid, uint32_t link);

/* For checkpoints. A network that is loaded has as many links as the one that was saved, and goes on exactly
 * as that did; false: the bytes do not fit. */
void kerf_fluid_save(struct kerf_fluid *fluid, struct kerf_pack *pack);
bool kerf_fluid_load(struct kerf_fluid *fluid, struct kerf_unpack *unpack);

/* What the solver did since the start, for measurements. */
struct kerf_fluid_stats {
    uint64_t solves;      /* instants at which something changed */
    uint64_t flows_rated; /* flows that a solve gave a rate, also the same as before */
    uint64_t links_seen;  /* links that a solve looked at */
};

struct kerf_fluid_stats kerf_fluid_stats(const struct kerf_fluid *fluid);

#endif
