/* The fabric room: max-min fair rates after a change, for the flows that the change reaches.
 *
 * Progressive filling raises a water level from 0; a link that fills up stops the flows on it. Here the flows
 * outside the solve run at their old rates until something shows that they cannot: a link that fills up at a
 * level below their rate (they slow down: `fill`), or their own bottleneck not being full when the water
 * comes to their rate (they may rise: `release`). Both are found at the level at which they happen, and a
 * flow that joins there has a new rate no lower than the water, so what is settled below stays settled: each
 * flow joins once and each link is done when the water has passed it. What the change does not reach is never
 * looked at: the order of bottlenecks is the one of Ros-Giralt et al., "On the bottleneck structure of
 * congestion- controlled networks", SIGMETRICS 2020. */
#include "models/fabric/fluid_state.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Bit patterns of doubles that are not negative are in the order of the doubles. */
static int64_t key_of(double level)
{
    int64_t key;
    memcpy(&key, &level, sizeof key);
    return key;
}

static double level_of(int64_t key)
{
    double level;
    memcpy(&level, &key, sizeof level);
    return level;
}

/* fmin() and fmax() are calls, for the sake of NaN. */
static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

static bool too_full(const struct fluid_link *link)
{
    return link->left_Bps < -FLUID_TOLERANCE * link->capacity_Bps;
}

/* Takes a link into the solve: all flows on it are outside. Sums are made anew each time, so that no error
 * adds up over time. */
static void touch(struct kerf_fluid *fluid, uint32_t l)
{
    struct fluid_link *link = &fluid->link[l];
    if (link->touched)
        return;
    link->touched = true;
    fluid->touched[fluid->touched_count++] = l;
    double used = 0, fastest = 0, release = INFINITY;
    for (uint32_t h = link->first_hop; h != FLUID_NONE; h = fluid->hop[h].next) {
        const struct fluid_flow *flow = &fluid->flow[fluid->hop[h].flow];
        used += flow->rate_Bps;
        fastest = most(fastest, flow->rate_Bps);
        if (flow->bottleneck == l)
            release = least(release, flow->rate_Bps);
    }
    link->left_Bps = link->capacity_Bps - used;
    link->fastest_Bps = fastest;
    link->release_Bps = release;
    link->open = 0;
}

/* Whether there is something to settle on a link; it stands in the heap just as long. */
static bool is_pending(const struct fluid_link *link)
{
    return (link->open > 0) | (link->release_Bps < INFINITY) | too_full(link);
}

/* Takes a link out of the heap on which nothing is left to settle. */
static void dequeue_settled(struct kerf_fluid *fluid, uint32_t l)
{
    if (!is_pending(&fluid->link[l]))
        kerf_indexed_heap_remove(&fluid->levels, l);
}

/* Puts a link that has something to settle into the heap, at a level below which nothing happens there. */
static void enqueue(struct kerf_fluid *fluid, uint32_t l)
{
    const struct fluid_link *link = &fluid->link[l];
    if (!is_pending(link)) {
        kerf_indexed_heap_remove(&fluid->levels, l);
        return;
    }
    double level = link->left_Bps < 0 ? 0 : link->open > 0 ? link->left_Bps / link->open : INFINITY;
    int64_t key = key_of(most(least(level, link->release_Bps), fluid->water_Bps));
    if (!kerf_indexed_heap_holds(&fluid->levels, l) || key < kerf_indexed_heap_key(&fluid->levels, l))
        kerf_indexed_heap_set(&fluid->levels, l, key);
}

/* Takes the links of a flow into the solve. Of those that it has for itself only the slowest can matter. */
static void touch_path(struct kerf_fluid *fluid, uint32_t id)
{
    const struct fluid_hop *hop = &fluid->hop[(size_t)id * fluid->hop_stride];
    uint32_t own = FLUID_NONE;
    for (uint32_t i = 0; i < fluid->flow[id].hops; i++) {
        bool is_alone = (hop[i].next & hop[i].previous) == FLUID_NONE;
        if (!is_alone)
            touch(fluid, hop[i].link);
        else if (own == FLUID_NONE || fluid->link[hop[i].link].capacity_Bps < fluid->link[own].capacity_Bps)
            own = hop[i].link;
    }
    if (own != FLUID_NONE)
        touch(fluid, own);
}

/* Makes a flow open that is outside. */
static void open_flow(struct kerf_fluid *fluid, uint32_t id)
{
    touch_path(fluid, id);
    struct fluid_flow *flow = &fluid->flow[id];
    const struct fluid_hop *hop = &fluid->hop[(size_t)id * fluid->hop_stride];
    for (uint32_t i = 0; i < flow->hops; i++) {
        struct fluid_link *link = &fluid->link[hop[i].link];
        if (!link->touched)
            continue;
        link->left_Bps += flow->rate_Bps;
        link->open++;
        enqueue(fluid, hop[i].link);
    }
    flow->place = FLUID_OPEN;
}

static void join(struct kerf_fluid *fluid, uint32_t id)
{
    fluid->member[fluid->members++] = (struct fluid_member){.flow = id, .old_Bps = fluid->flow[id].rate_Bps};
}

/* Gives a flow outside its new rate, lower than the old, which link `bottleneck` dictates. */
static void slow_down(struct kerf_fluid *fluid, uint32_t id, uint32_t bottleneck, double rate_Bps)
{
    touch_path(fluid, id);
    struct fluid_flow *flow = &fluid->flow[id];
    const struct fluid_hop *hop = &fluid->hop[(size_t)id * fluid->hop_stride];
    for (uint32_t i = 0; i < flow->hops; i++) {
        struct fluid_link *link = &fluid->link[hop[i].link];
        if (!link->touched)
            continue;
        link->left_Bps += flow->rate_Bps - rate_Bps;
        enqueue(fluid, hop[i].link);
    }
    flow->rate_Bps = rate_Bps;
    flow->bottleneck = bottleneck;
    flow->place = FLUID_RATED;
}

/* Gives an open flow its rate, which link `bottleneck` dictates. */
static void rate(struct kerf_fluid *fluid, uint32_t id, uint32_t bottleneck, double rate_Bps)
{
    struct fluid_flow *flow = &fluid->flow[id];
    flow->rate_Bps = rate_Bps;
    flow->bottleneck = bottleneck;
    flow->place = FLUID_RATED;
    const struct fluid_hop *hop = &fluid->hop[(size_t)id * fluid->hop_stride];
    for (uint32_t i = 0; i < flow->hops; i++) {
        struct fluid_link *link = &fluid->link[hop[i].link];
        if (!link->touched)
            continue;
        link->left_Bps -= rate_Bps;
        link->open--;
        dequeue_settled(fluid, hop[i].link);
    }
}

/* The level at which a link fills up if flows outside rise no further: open flows get it, flows outside get
 * it or their rate, whichever is less. INFINITY if it does not fill up. Starts from a level that is too low,
 * at which more flows outside would share than do, and raises it until none more is slower. */
static double fill_level(const struct kerf_fluid *fluid, const struct fluid_link *link)
{
    if (link->open == 0 && !too_full(link))
        return INFINITY;
    if (link->open > 0 && link->left_Bps >= link->fastest_Bps * link->open)
        return link->left_Bps / link->open;
    double level = link->open > 0 ? most(link->left_Bps / link->open, fluid->water_Bps) : fluid->water_Bps;
    for (uint32_t before = UINT32_MAX;;) { /* strictly fewer each time, whatever the rounding */
        double shared = link->left_Bps;
        uint32_t sharers = link->open;
        for (uint32_t h = link->first_hop; h != FLUID_NONE; h = fluid->hop[h].next) {
            const struct fluid_flow *flow = &fluid->flow[fluid->hop[h].flow];
            if (flow->place == FLUID_OUTSIDE && flow->rate_Bps > level) {
                shared += flow->rate_Bps;
                sharers++;
            }
        }
        if (sharers >= before || sharers == 0)
            return most(level, fluid->water_Bps);
        level = shared / sharers;
        before = sharers;
    }
}

/* The link is full at this level: open flows on it and faster ones get it. */
static void fill(struct kerf_fluid *fluid, uint32_t l, double level)
{
    struct fluid_link *link = &fluid->link[l];
    for (uint32_t h = link->first_hop; h != FLUID_NONE; h = fluid->hop[h].next) {
        uint32_t id = fluid->hop[h].flow;
        const struct fluid_flow *flow = &fluid->flow[id];
        if (flow->place == FLUID_OPEN) {
            rate(fluid, id, l, level);
        } else if (flow->place == FLUID_OUTSIDE && flow->rate_Bps > level * (1 + FLUID_TOLERANCE)) {
            join(fluid, id);
            slow_down(fluid, id, l, level);
        }
    }
    /* Exactly, so that rounding does not keep it pending. */
    link->left_Bps = 0;
    link->release_Bps = INFINITY;
    dequeue_settled(fluid, l);
}

/* The water has come to the rate of flows with their bottleneck here: they may rise if it is not full. */
static void release(struct kerf_fluid *fluid, uint32_t l)
{
    struct fluid_link *link = &fluid->link[l];
    link->release_Bps = INFINITY;
    bool full = link->open == 0 && link->left_Bps <= FLUID_TOLERANCE * link->capacity_Bps;
    for (uint32_t h = link->first_hop; !full && h != FLUID_NONE; h = fluid->hop[h].next) {
        const struct fluid_flow *flow = &fluid->flow[fluid->hop[h].flow];
        if (flow->place == FLUID_OUTSIDE && flow->bottleneck == l) {
            join(fluid, fluid->hop[h].flow);
            open_flow(fluid, fluid->hop[h].flow);
        }
    }
    dequeue_settled(fluid, l);
}

/* Takes the link that comes first as far as it goes: its level was a lower bound, or it is settled there. */
static void settle_first(struct kerf_fluid *fluid)
{
    uint32_t l = fluid->levels.entries[0].id;
    double bound = level_of(fluid->levels.entries[0].key);
    struct fluid_link *link = &fluid->link[l];
    double level = fill_level(fluid, link), next = least(level, link->release_Bps);
    if (next > bound * (1 + FLUID_TOLERANCE)) {
        kerf_indexed_heap_set(&fluid->levels, l, key_of(next));
        return;
    }
    fluid->water_Bps = most(fluid->water_Bps, next);
    if (level <= link->release_Bps * (1 + FLUID_TOLERANCE))
        fill(fluid, l, level);
    else
        release(fluid, l);
}

/* The time at which a flow that now gets its rate ends: the only place where bytes become time. Rounded up to
 * ps, less the rounding error of the division (a few ulps), so that 1 s of bytes takes 1 s and not 1 ps more.
 * At least 1 ps, so that no end falls into an instant that is being solved. */
static kerf_time end_of(const struct fluid_flow *flow)
{
    double duration_ps = flow->bytes_left / flow->rate_Bps * 1e12;
    duration_ps = most(ceil(duration_ps * (1 - 4 * DBL_EPSILON)), 1);
    return duration_ps < 0x1p63 ? kerf_time_add(flow->since, (kerf_time)duration_ps) : KERF_TIME_NEVER;
}

/* Makes a new rate count: what went through at the old one is gone. */
static void apply(struct kerf_fluid *fluid, const struct fluid_member *member)
{
    struct fluid_flow *flow = &fluid->flow[member->flow];
    flow->place = FLUID_OUTSIDE;
    if (fabs(flow->rate_Bps - member->old_Bps) <= FLUID_TOLERANCE * member->old_Bps) {
        flow->rate_Bps = member->old_Bps;
        return;
    }
    double sent = member->old_Bps * kerf_time_to_s(fluid->now - flow->since);
    flow->bytes_left = most(flow->bytes_left - sent, 0);
    flow->since = fluid->now;
    bool ended = kerf_indexed_heap_holds(&fluid->ends, member->flow) &&
                 kerf_indexed_heap_key(&fluid->ends, member->flow) <= fluid->now;
    if (!ended)
        kerf_indexed_heap_set(&fluid->ends, member->flow, end_of(flow));
}

/* Forgets the solve: what is in `touched` and the lists of changes. */
static void clear(struct kerf_fluid *fluid)
{
    for (uint32_t i = 0; i < fluid->touched_count; i++)
        fluid->link[fluid->touched[i]].touched = false;
    fluid->stats.solves++;
    fluid->stats.flows_rated += fluid->members;
    fluid->stats.links_seen += fluid->touched_count;
    fluid->touched_count = fluid->changed_count = fluid->members = 0;
    fluid->water_Bps = 0;
}

void kerf_fluid_solve(struct kerf_fluid *fluid)
{
    if (fluid->members == 0 && fluid->changed_count == 0)
        return;
    for (uint32_t i = 0; i < fluid->changed_count; i++) {
        fluid->link[fluid->changed[i]].changed = false;
        touch(fluid, fluid->changed[i]);
        enqueue(fluid, fluid->changed[i]);
    }
    for (uint32_t i = 0, started = fluid->members; i < started; i++)
        open_flow(fluid, fluid->member[i].flow);
    while (fluid->levels.count > 0)
        settle_first(fluid);
    for (uint32_t i = 0; i < fluid->members; i++)
        apply(fluid, &fluid->member[i]);
    clear(fluid);
}
