/* The fabric room: flows of a fluid network start, make progress and end. */
#include "models/fabric/fluid_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_FLOW_CAPACITY = 64 };

/* The pointer at `array` gets room for `count` elements; false, with the old array in place, when memory is
 * out. */
static bool enlarge(void *array, size_t count, size_t element_bytes)
{
    void *old;
    memcpy(&old, array, sizeof old);
    void *larger = count <= SIZE_MAX / element_bytes ? realloc(old, count * element_bytes) : NULL;
    if (!larger)
        return false;
    memcpy(array, &larger, sizeof larger);
    return true;
}

bool kerf_fluid_more_flows(struct kerf_fluid *fluid)
{
    uint32_t old = fluid->flow_capacity, count = old ? 2 * old : FIRST_FLOW_CAPACITY;
    if (count < old || count > UINT32_MAX / fluid->hop_stride || count > UINT32_MAX - 1 - fluid->links)
        return false;
    uint32_t links = fluid->links + count;
    if (!enlarge(&fluid->link, links, sizeof *fluid->link) ||
        !enlarge(&fluid->touched, links, sizeof *fluid->touched) ||
        !enlarge(&fluid->changed, links, sizeof *fluid->changed) ||
        !enlarge(&fluid->flow, count, sizeof *fluid->flow) ||
        !enlarge(&fluid->member, count, sizeof *fluid->member) ||
        !enlarge(&fluid->hop, (size_t)count * fluid->hop_stride, sizeof *fluid->hop) ||
        !kerf_indexed_heap_reserve(&fluid->levels, links) || !kerf_indexed_heap_reserve(&fluid->ends, count))
        return false;
    for (uint32_t id = count; id-- > old;) { /* the smallest number is used first */
        fluid->link[fluid->links + id] = (struct fluid_link){.first_hop = FLUID_NONE};
        fluid->flow[id] = (struct fluid_flow){.next_free = fluid->first_free};
        fluid->first_free = id;
    }
    fluid->flow_capacity = count;
    return true;
}

static bool positive(double value)
{
    return value > 0 && isfinite(value);
}

enum kerf_status kerf_fluid_create(const double *capacity_Bps, uint32_t links, uint32_t hops_max,
                                   struct kerf_fluid **fluid, struct kerf_error *error)
{
    for (uint32_t l = 0; l < links; l++)
        KERF_CHECK(positive(capacity_Bps[l]), KERF_ERR_USAGE,
                   "link %u: the capacity must be positive and finite (got %g B/s)", l, capacity_Bps[l]);
    KERF_CHECK(hops_max < UINT32_MAX / FIRST_FLOW_CAPACITY, KERF_ERR_USAGE, "paths of %u links are too long",
               hops_max);
    struct kerf_fluid *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for a network of %u links", links);
    made->links = links;
    made->hop_stride = hops_max + 1; /* one for the cap */
    made->first_free = FLUID_NONE;
    if (!kerf_fluid_more_flows(made)) {
        kerf_fluid_free(made);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a network of %u links", links);
    }
    for (uint32_t l = 0; l < links; l++)
        made->link[l] = (struct fluid_link){.capacity_Bps = capacity_Bps[l], .first_hop = FLUID_NONE};
    *fluid = made;
    return KERF_OK;
}

void kerf_fluid_free(struct kerf_fluid *fluid)
{
    if (!fluid)
        return;
    free(fluid->link);
    free(fluid->flow);
    free(fluid->hop);
    free(fluid->member);
    free(fluid->changed);
    free(fluid->touched);
    kerf_indexed_heap_free(&fluid->ends);
    kerf_indexed_heap_free(&fluid->levels);
    free(fluid);
}

static enum kerf_status check_flow(const struct kerf_fluid *fluid, const struct kerf_fluid_flow *flow,
                                   struct kerf_error *error)
{
    KERF_CHECK(flow->bytes >= 0 && isfinite(flow->bytes), KERF_ERR_USAGE,
               "a flow's bytes must be finite and not negative (got %g)", flow->bytes);
    KERF_CHECK(flow->cap_Bps == 0 || positive(flow->cap_Bps), KERF_ERR_USAGE,
               "a flow's cap must be positive and finite, or 0 for none (got %g B/s)", flow->cap_Bps);
    KERF_CHECK(flow->hops > 0 || flow->cap_Bps > 0, KERF_ERR_USAGE, "a flow needs a path or a cap");
    KERF_CHECK(flow->hops < fluid->hop_stride, KERF_ERR_USAGE,
               "a path of %u links; at most %u are allowed here", flow->hops, fluid->hop_stride - 1);
    for (uint32_t i = 0; i < flow->hops; i++)
        KERF_CHECK(flow->path[i] < fluid->links, KERF_ERR_USAGE, "link %u on a path; there are %u links",
                   flow->path[i], fluid->links);
    return KERF_OK;
}

/* Moves the clock; the changes of the instant before it are complete then. */
static enum kerf_status move_clock(struct kerf_fluid *fluid, kerf_time now, struct kerf_error *error)
{
    KERF_CHECK(now >= fluid->now, KERF_ERR_FAILURE,
               "internal: a flow starts at %lld ps, after a change at %lld ps", (long long)now,
               (long long)fluid->now);
    if (now == fluid->now)
        return KERF_OK;
    kerf_time next = kerf_fluid_next(fluid);
    KERF_CHECK(now <= next, KERF_ERR_FAILURE, "internal: a flow starts at %lld ps, but one ended at %lld ps",
               (long long)now, (long long)next);
    fluid->now = now;
    return KERF_OK;
}

static void add_hop(struct kerf_fluid *fluid, uint32_t id, uint32_t l)
{
    struct fluid_link *link = &fluid->link[l];
    uint32_t h = id * fluid->hop_stride + fluid->flow[id].hops++;
    fluid->hop[h] =
        (struct fluid_hop){.link = l, .flow = id, .next = link->first_hop, .previous = FLUID_NONE};
    if (link->first_hop != FLUID_NONE)
        fluid->hop[link->first_hop].previous = h;
    link->first_hop = h;
}

enum kerf_status kerf_fluid_start(struct kerf_fluid *fluid, kerf_time now, const struct kerf_fluid_flow *flow,
                                  uint32_t *id, struct kerf_error *error)
{
    KERF_TRY(check_flow(fluid, flow, error));
    KERF_TRY(move_clock(fluid, now, error));
    KERF_CHECK(fluid->first_free != FLUID_NONE || kerf_fluid_more_flows(fluid), KERF_ERR_FAILURE,
               "out of memory for more than %u flows", fluid->flow_capacity);
    *id = fluid->first_free;
    struct fluid_flow *made = &fluid->flow[*id];
    fluid->first_free = made->next_free;
    *made = (struct fluid_flow){.bytes_left = flow->bytes, .since = now, .bottleneck = FLUID_NONE};
    if (flow->bytes == 0) {
        kerf_indexed_heap_set(&fluid->ends, *id, now);
        return KERF_OK;
    }
    for (uint32_t i = 0; i < flow->hops; i++)
        add_hop(fluid, *id, flow->path[i]);
    if (flow->cap_Bps > 0) {
        fluid->link[fluid->links + *id].capacity_Bps = flow->cap_Bps;
        add_hop(fluid, *id, fluid->links + *id);
    }
    fluid->member[fluid->members++] = (struct fluid_member){.flow = *id};
    return KERF_OK;
}

kerf_time kerf_fluid_next(struct kerf_fluid *fluid)
{
    kerf_fluid_solve(fluid);
    return fluid->ends.count ? fluid->ends.entries[0].key : KERF_TIME_NEVER;
}

static void take_hops_away(struct kerf_fluid *fluid, uint32_t id)
{
    for (uint32_t i = 0; i < fluid->flow[id].hops; i++) {
        const struct fluid_hop *hop = &fluid->hop[(size_t)id * fluid->hop_stride + i];
        struct fluid_link *link = &fluid->link[hop->link];
        if (hop->previous != FLUID_NONE)
            fluid->hop[hop->previous].next = hop->next;
        else
            link->first_hop = hop->next;
        if (hop->next != FLUID_NONE)
            fluid->hop[hop->next].previous = hop->previous;
        if (!link->changed) {
            link->changed = true;
            fluid->changed[fluid->changed_count++] = hop->link;
        }
    }
}

bool kerf_fluid_finish(struct kerf_fluid *fluid, kerf_time now, uint32_t *id, kerf_time *end)
{
    /* A solve makes no end at its own instant, so those of this instant are all known without one. */
    bool known = now >= fluid->now && fluid->ends.count > 0 && fluid->ends.entries[0].key <= fluid->now;
    if (!known && (now <= fluid->now || now == KERF_TIME_NEVER || kerf_fluid_next(fluid) > now))
        return false;
    struct kerf_heap_entry first = fluid->ends.entries[0];
    if (first.key > fluid->now)
        fluid->now = first.key;
    kerf_indexed_heap_remove(&fluid->ends, first.id);
    take_hops_away(fluid, first.id);
    fluid->flow[first.id].next_free = fluid->first_free;
    fluid->first_free = first.id;
    *id = first.id;
    if (end)
        *end = first.key;
    return true;
}

double kerf_fluid_rate_Bps(struct kerf_fluid *fluid, uint32_t id)
{
    kerf_fluid_solve(fluid);
    return fluid->flow[id].rate_Bps;
}

double kerf_fluid_bytes_left(struct kerf_fluid *fluid, uint32_t id, kerf_time now)
{
    kerf_fluid_solve(fluid);
    const struct fluid_flow *flow = &fluid->flow[id];
    return fmax(flow->bytes_left - flow->rate_Bps * kerf_time_to_s(now - flow->since), 0);
}

double kerf_fluid_load_Bps(struct kerf_fluid *fluid, uint32_t link)
{
    kerf_fluid_solve(fluid);
    double load = 0;
    for (uint32_t h = fluid->link[link].first_hop; h != FLUID_NONE; h = fluid->hop[h].next)
        load += fluid->flow[fluid->hop[h].flow].rate_Bps;
    return load;
}

struct kerf_fluid_stats kerf_fluid_stats(const struct kerf_fluid *fluid)
{
    return fluid->stats;
}
