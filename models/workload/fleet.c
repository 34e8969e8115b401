/* The workload room: who gets the next request, and how many replicas run. Knows counts; not what a replica
 * is. */
#include "models/workload/fleet.h"

#include "sim/engine/random.h"

#include <math.h>
#include <stdlib.h>

enum { STREAM_ROUTING = 6, STREAM_KEYS = 7 };

/* A sticky replica is left when it has so many times the mean to do, and some requests more. */
static const double overload = 1.5;
static const int overload_requests = 4;

const char *const kerf_routing_names[] = {[KERF_ROUTING_FEWEST] = "fewest",
                                          [KERF_ROUTING_ROUND_ROBIN] = "round-robin",
                                          [KERF_ROUTING_LEAST_TOKENS] = "least-tokens",
                                          [KERF_ROUTING_RANDOM] = "random",
                                          [KERF_ROUTING_TWO_CHOICES] = "two-choices",
                                          [KERF_ROUTING_SESSION] = "session",
                                          [KERF_ROUTING_PREFIX] = "prefix",
                                          [KERF_ROUTING_COUNT] = NULL};

enum kerf_status kerf_fleet_make(struct kerf_fleet *fleet, int replicas, int running,
                                 struct kerf_error *error)
{
    fleet->replica = calloc((size_t)replicas, sizeof *fleet->replica);
    KERF_CHECK(fleet->replica, KERF_ERR_FAILURE, "out of memory for %d replicas", replicas);
    fleet->replicas = replicas;
    fleet->most = running;
    for (int i = 0; i < running; i++)
        fleet->replica[i].phase = KERF_REPLICA_ON;
    return KERF_OK;
}

void kerf_fleet_free(struct kerf_fleet *fleet)
{
    free(fleet->replica);
}

static bool is_on(const struct kerf_fleet *fleet, int replica)
{
    return fleet->replica[replica].phase == KERF_REPLICA_ON;
}

static int count_on(const struct kerf_fleet *fleet)
{
    int on = 0;
    for (int i = 0; i < fleet->replicas; i++)
        on += is_on(fleet, i);
    return on;
}

/* --- who gets it --- */

static int fewest(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    int best = -1;
    (void)request, (void)key;
    for (int i = 0; i < fleet->replicas; i++)
        if (is_on(fleet, i) && (best < 0 || fleet->replica[i].requests < fleet->replica[best].requests))
            best = i;
    return best;
}

static int least_tokens(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    int best = -1;
    (void)request, (void)key;
    for (int i = 0; i < fleet->replicas; i++)
        if (is_on(fleet, i) && (best < 0 || fleet->replica[i].tokens < fleet->replica[best].tokens))
            best = i;
    return best;
}

static int in_turn(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    (void)request, (void)key;
    while (!is_on(fleet, fleet->turn % fleet->replicas))
        fleet->turn++;
    int replica = fleet->turn % fleet->replicas;
    fleet->turn = (replica + 1) % fleet->replicas;
    return replica;
}

/* The draw's replica among those that are on. */
static int drawn(const struct kerf_fleet *fleet, uint64_t draw)
{
    int left = (int)(kerf_random_uniform(fleet->seed, STREAM_ROUTING, draw) * count_on(fleet)), replica = 0;
    for (; !is_on(fleet, replica) || left > 0; replica++)
        left -= is_on(fleet, replica);
    return replica;
}

static int at_random(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    (void)key;
    return drawn(fleet, 2 * request);
}

static int better_of_two(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    (void)key;
    int a = drawn(fleet, 2 * request), b = drawn(fleet, 2 * request + 1);
    return fleet->replica[b].requests < fleet->replica[a].requests ? b : a;
}

/* Highest random weight (Thaler and Ravishankar, IEEE/ACM ToN 6(1), 1998): when a replica comes or goes only
 * the keys that it gets or had move. */
static int by_key(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    int best = -1;
    double weight = -1.0;
    (void)request;
    for (int i = 0; i < fleet->replicas; i++) {
        double mine =
            is_on(fleet, i) ? kerf_random_uniform(fleet->seed, STREAM_KEYS + ((uint64_t)i << 32), key) : -1.0;
        if (mine > weight) {
            weight = mine;
            best = i;
        }
    }
    return best;
}

static int by_key_if_not_full(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    int sticky = by_key(fleet, request, key);
    double mean = (double)fleet->unanswered / count_on(fleet);
    bool full = fleet->replica[sticky].requests > overload * mean + overload_requests;
    return full ? fewest(fleet, request, key) : sticky;
}

int kerf_fleet_choose(struct kerf_fleet *fleet, uint64_t request, uint64_t key)
{
    static int (*const choose[KERF_ROUTING_COUNT])(struct kerf_fleet *, uint64_t, uint64_t) = {
        [KERF_ROUTING_FEWEST] = fewest,
        [KERF_ROUTING_ROUND_ROBIN] = in_turn,
        [KERF_ROUTING_LEAST_TOKENS] = least_tokens,
        [KERF_ROUTING_RANDOM] = at_random,
        [KERF_ROUTING_TWO_CHOICES] = better_of_two,
        [KERF_ROUTING_SESSION] = by_key,
        [KERF_ROUTING_PREFIX] = by_key_if_not_full,
    };
    return choose[fleet->routing](fleet, request, key);
}

/* --- how many run --- */

static void stop_if_drained(struct kerf_replica *replica, kerf_time now)
{
    if (replica->phase != KERF_REPLICA_DRAINING || replica->requests > 0)
        return;
    replica->phase = KERF_REPLICA_OFF;
    replica->paid_ps += now - replica->since;
}

void kerf_fleet_take(struct kerf_fleet *fleet, int replica, long long tokens)
{
    fleet->unanswered++;
    fleet->replica[replica].requests++;
    fleet->replica[replica].tokens += tokens;
}

void kerf_fleet_answer(struct kerf_fleet *fleet, int replica, long long tokens, kerf_time now)
{
    fleet->unanswered--;
    fleet->replica[replica].requests--;
    fleet->replica[replica].tokens -= tokens;
    stop_if_drained(&fleet->replica[replica], now);
}

static int count_paid(const struct kerf_fleet *fleet)
{
    int paid = 0;
    for (int i = 0; i < fleet->replicas; i++)
        paid += fleet->replica[i].phase != KERF_REPLICA_OFF;
    return paid;
}

/* One replica more: one that was about to stop goes on at once, another has to start. */
static bool start_one(struct kerf_fleet *fleet, kerf_time now, kerf_time ready)
{
    int off = -1;
    for (int i = 0; i < fleet->replicas; i++) {
        if (fleet->replica[i].phase == KERF_REPLICA_DRAINING) {
            fleet->replica[i].phase = KERF_REPLICA_ON;
            return false;
        }
        if (off < 0 && fleet->replica[i].phase == KERF_REPLICA_OFF)
            off = i;
    }
    if (off < 0)
        return false;
    fleet->replica[off].phase = KERF_REPLICA_STARTING;
    fleet->replica[off].since = now;
    fleet->replica[off].ready = ready;
    fleet->starts++;
    return true;
}

/* The last of those that are on takes no more requests. */
static void stop_one(struct kerf_fleet *fleet, kerf_time now)
{
    for (int i = fleet->replicas; i-- > 0;)
        if (is_on(fleet, i)) {
            fleet->replica[i].phase = KERF_REPLICA_DRAINING;
            fleet->stops++;
            stop_if_drained(&fleet->replica[i], now);
            return;
        }
}

void kerf_fleet_scale(struct kerf_fleet *fleet, const struct kerf_autoscale *scale, kerf_time now,
                      kerf_time *ready)
{
    int on = count_on(fleet), starting = 0;
    for (int i = 0; i < fleet->replicas; i++)
        starting += fleet->replica[i].phase == KERF_REPLICA_STARTING;
    double wanted =
        fmin(fmax(ceil(fleet->unanswered / scale->requests_target), scale->least), fleet->replicas);
    kerf_time later = now + kerf_time_from_s(scale->start_s);
    *ready = 0;
    for (int i = on + starting; i < wanted; i++) {
        if (start_one(fleet, now, later))
            *ready = later;
        fleet->last_change = now;
    }
    if (wanted < on && starting == 0 && now >= fleet->last_change + kerf_time_from_s(scale->cool_down_s)) {
        for (int i = on; i > wanted; i--)
            stop_one(fleet, now);
        fleet->last_change = now;
    }
    int paid = count_paid(fleet);
    fleet->most = paid > fleet->most ? paid : fleet->most;
}

void kerf_fleet_wake(struct kerf_fleet *fleet, kerf_time now)
{
    for (int i = 0; i < fleet->replicas; i++)
        if (fleet->replica[i].phase == KERF_REPLICA_STARTING && fleet->replica[i].ready <= now)
            fleet->replica[i].phase = KERF_REPLICA_ON;
}

double kerf_fleet_paid_s(const struct kerf_fleet *fleet, kerf_time now)
{
    kerf_time paid = 0;
    for (int i = 0; i < fleet->replicas; i++) {
        const struct kerf_replica *replica = &fleet->replica[i];
        paid += replica->paid_ps + (replica->phase == KERF_REPLICA_OFF ? 0 : now - replica->since);
    }
    return kerf_time_to_s(paid);
}
