/* The fabric room: patterns of collectives as flows, and the bandwidth that they get. */
#include "models/fabric/pattern.h"

#include "models/fabric/traffic.h"

#include <math.h>
#include <stdlib.h>

/* Groups up to this size send to all others at once; of larger ones a few shifts stand for all. */
enum { AT_ONCE_MOST = 256, SHIFTS_MOST = 32 };

/* So many that picoseconds do not show. */
static const double message_bytes = 1e9;

static uint32_t near_size(const struct kerf_groups *g)
{
    return g->group < g->domain ? g->group : g->domain;
}

static uint32_t one_if(bool there_is)
{
    return there_is ? 1 : 0;
}

static uint32_t ring_near_shifts(const struct kerf_groups *g)
{
    return one_if(near_size(g) > 1);
}

static uint32_t near_to(const struct kerf_groups *g, uint32_t rank, uint32_t shift)
{
    uint32_t size = near_size(g), place = rank % size;
    return rank - place + (place + shift + 1) % size;
}

static uint32_t ring_far_shifts(const struct kerf_groups *g)
{
    return one_if(g->group > g->domain);
}

static uint32_t around_group(const struct kerf_groups *g, uint32_t rank, uint32_t distance)
{
    uint32_t place = rank % g->group;
    return rank - place + (place + distance) % g->group;
}

static uint32_t ring_far_to(const struct kerf_groups *g, uint32_t rank, uint32_t shift)
{
    (void)shift;
    return around_group(g, rank, g->domain);
}

static uint32_t all_near_shifts(const struct kerf_groups *g)
{
    return near_size(g) - 1;
}

static uint32_t all_far_shifts(const struct kerf_groups *g)
{
    return g->group > g->domain ? g->group - 1 : 0;
}

static uint32_t all_far_to(const struct kerf_groups *g, uint32_t rank, uint32_t shift)
{
    uint32_t to = around_group(g, rank, shift + 1);
    return to / g->domain == rank / g->domain ? rank : to;
}

static uint32_t next_shifts(const struct kerf_groups *g)
{
    return one_if(g->group < g->ranks);
}

static uint32_t next_to(const struct kerf_groups *g, uint32_t rank, uint32_t shift)
{
    (void)shift;
    return rank + g->group < g->ranks ? rank + g->group : rank;
}

const struct kerf_pattern kerf_pattern_ring_near = {"ring in the domain", ring_near_shifts, near_to};
const struct kerf_pattern kerf_pattern_ring_far = {"ring over domains", ring_far_shifts, ring_far_to};
const struct kerf_pattern kerf_pattern_all_near = {"all-to-all in the domain", all_near_shifts, near_to};
const struct kerf_pattern kerf_pattern_all_far = {"all-to-all over domains", all_far_shifts, all_far_to};
const struct kerf_pattern kerf_pattern_next_group = {"to the next stage", next_shifts, next_to};

/* Shifts that run at once, and their flows. */
struct batch {
    struct kerf_flow *flow; /* owned */
    uint32_t flows;
    double copies_most; /* that any rank sends */
};

static void fill(struct batch *batch, const struct kerf_pattern *pattern, const struct kerf_groups *g,
                 uint32_t first, uint32_t end, double bytes)
{
    batch->flows = 0;
    batch->copies_most = 0.0;
    for (uint32_t rank = 0; rank < g->ranks; rank++) {
        double copies = 0.0;
        for (uint32_t shift = first; shift < end; shift++) {
            uint32_t to = pattern->to(g, rank, shift);
            if (to == rank)
                continue;
            batch->flow[batch->flows++] = (struct kerf_flow){.from = rank, .to = to, .bytes = bytes};
            copies += 1.0;
        }
        batch->copies_most = fmax(batch->copies_most, copies);
    }
}

/* Seconds of a batch with messages of one size and of twice that: latency and bandwidth come apart. */
static enum kerf_status time_batch(struct kerf_traffic *traffic, struct batch *batch,
                                   const struct kerf_pattern *pattern, const struct kerf_groups *g,
                                   uint32_t first, uint32_t end, double time_s[2], struct kerf_error *error)
{
    for (int i = 0; i < 2; i++) {
        fill(batch, pattern, g, first, end, (i + 1) * message_bytes);
        KERF_TRY(kerf_traffic_flows(traffic, batch->flow, batch->flows, &time_s[i], error));
    }
    return KERF_OK;
}

static enum kerf_status run_batches(struct kerf_traffic *traffic, struct batch *batch,
                                    const struct kerf_pattern *pattern, const struct kerf_groups *g,
                                    struct kerf_pattern_share *share, struct kerf_error *error)
{
    uint32_t shifts = pattern->shifts(g), at_once = g->group <= AT_ONCE_MOST ? shifts : 1;
    uint32_t batches = at_once == shifts ? 1 : shifts < SHIFTS_MOST ? shifts : SHIFTS_MOST;
    double copies = 0.0, seconds = 0.0, latency_s = 0.0;
    for (uint32_t i = 0; i < batches; i++) {
        uint32_t first = (uint32_t)((uint64_t)i * shifts / batches);
        double time_s[2];
        KERF_TRY(time_batch(traffic, batch, pattern, g, first, first + at_once, time_s, error));
        if (batch->flows == 0)
            continue;
        double once_s = time_s[1] - time_s[0];
        copies += batch->copies_most;
        seconds += once_s;
        latency_s = fmax(latency_s, time_s[0] - once_s);
    }
    if (copies > 0.0)
        *share =
            (struct kerf_pattern_share){.rank_Bps = copies * message_bytes / seconds, .latency_s = latency_s};
    return KERF_OK;
}

enum kerf_status kerf_pattern_run(const struct kerf_topology *topology,
                                  const struct kerf_route_options *routes, const struct kerf_pattern *pattern,
                                  const struct kerf_groups *groups, struct kerf_pattern_share *share,
                                  struct kerf_error *error)
{
    const struct kerf_traffic_options options = {.hops_most = KERF_PATH_HOPS_MAX};
    uint32_t shifts = pattern->shifts(groups);
    struct kerf_router *router = NULL;
    struct kerf_traffic *traffic = NULL;
    struct batch batch = {0};
    if (shifts == 0)
        return KERF_OK;
    size_t flows = (size_t)groups->ranks * (groups->group <= AT_ONCE_MOST ? shifts : 1);
    batch.flow = malloc(flows * sizeof *batch.flow);
    KERF_CHECK(batch.flow, KERF_ERR_FAILURE, "out of memory for %zu flows", flows);
    enum kerf_status status = kerf_router_create(topology, routes, &router, error);
    if (status == KERF_OK)
        status = kerf_traffic_create(topology, router, &options, &traffic, error);
    if (status == KERF_OK)
        status = run_batches(traffic, &batch, pattern, groups, share, error);
    kerf_traffic_free(traffic);
    kerf_router_free(router);
    free(batch.flow);
    return status;
}
