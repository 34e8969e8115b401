/* The fabric room: ranks and networks as logical processes. */
#include "models/fabric/network_collective.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENT_START, EVENT_MESSAGE, EVENT_ARRIVED, EVENT_SETTLE, EVENT_ENDS };

struct message {
    uint32_t to, step;
    double bytes;
};

struct rank_state {
    uint64_t *here; /* bit per step: its message has arrived */
    uint32_t step;  /* whose message it waits for */
    bool started;
    kerf_time done;
};

/* A flow under way, by its number in the fluid. */
struct under_way {
    uint32_t from, to, step;
    kerf_time latency;
};

/* A message that waits for the ones before it of the same sender: a port sends one after the other. */
struct waiting {
    struct message message;
    uint32_t next; /* of the sender's, or of the unused ones */
};

enum { NONE = UINT32_MAX };

struct sender {
    bool busy;
    uint32_t first, last; /* that wait */
};

struct network_state {
    struct kerf_router *router;
    struct kerf_fluid *fluid;
    struct under_way *flow;
    uint32_t flows;
    struct sender *sender;  /* by rank */
    uint32_t *freed, frees; /* ranks whose message is through, while one time is dealt with */
    struct waiting *waiting;
    uint32_t waiting_capacity, unused;
    bool settling, has_timer;
    struct kerf_timer ends;
};

static uint32_t lps_of_plane(const struct kerf_network_collective *c)
{
    return c->plan.ranks + 1;
}

/* A rank's place in its plane, and the plane's first process. */
static uint32_t rank_of(const struct kerf_network_collective *c, uint32_t lp)
{
    return (lp - c->first_lp) % lps_of_plane(c);
}

static uint32_t plane_lp(const struct kerf_network_collective *c, uint32_t lp)
{
    return lp - rank_of(c, lp);
}

static struct kerf_phase phase_of(const struct kerf_plan *plan, uint32_t step)
{
    return plan->kind->phase(plan, plan->kind->phases(plan) == 1 ? 0 : step);
}

static enum kerf_status send_step(const struct kerf_network_collective *c, struct kerf_lp *lp, uint32_t step,
                                  struct kerf_error *error)
{
    uint32_t own = kerf_lp_id(lp), plane = plane_lp(c, own);
    struct kerf_phase phase = phase_of(&c->plan, step);
    struct message message = {kerf_plan_to(&c->plan, &phase, own - plane), step, phase.bytes};
    return kerf_lp_send(lp, plane + c->plan.ranks, kerf_time_from_s(c->traffic.step_s), EVENT_MESSAGE,
                        &message, sizeof message, error);
}

static kerf_time start_of(const struct kerf_network_collective *c, uint32_t lp)
{
    uint32_t plane = (lp - c->first_lp) / lps_of_plane(c);
    return c->start ? c->start[plane * c->plan.ranks + rank_of(c, lp)] : 0;
}

static enum kerf_status rank_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    const struct kerf_network_collective *c = setup;
    struct rank_state *own = state;
    kerf_time start = start_of(c, kerf_lp_id(lp));
    own->done = c->steps == 0 ? start : KERF_TIME_NEVER;
    own->here = calloc(c->steps / 64 + 1, sizeof *own->here);
    KERF_CHECK(own->here, KERF_ERR_FAILURE, "out of memory for a rank of a collective");
    if (c->steps == 0 || start == KERF_TIME_NEVER)
        return KERF_OK;
    return kerf_lp_send(lp, kerf_lp_id(lp), start, EVENT_START, NULL, 0, error);
}

/* Sends in every step whose predecessor's message is here; messages may come before the start, and early. */
static enum kerf_status rank_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    const struct kerf_network_collective *c = kerf_lp_setup(lp);
    struct rank_state *own = state;
    if (event->type == EVENT_START) {
        own->started = true;
        KERF_TRY(send_step(c, lp, 0, error));
    } else {
        uint32_t arrived = *(const uint32_t *)(const void *)event->payload;
        own->here[arrived / 64] |= UINT64_C(1) << arrived % 64;
    }
    while (own->started && own->step < c->steps && (own->here[own->step / 64] >> own->step % 64 & 1)) {
        own->step++;
        if (own->step < c->steps)
            KERF_TRY(send_step(c, lp, own->step, error));
        else
            own->done = kerf_lp_now(lp);
    }
    return KERF_OK;
}

static bool rank_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                       size_t why_bytes)
{
    const struct kerf_network_collective *c = kerf_lp_setup(lp);
    const struct rank_state *own = state;
    if (own->step == c->steps)
        return false;
    uint32_t id = kerf_lp_id(lp), at = rank_of(c, id), plane = (id - c->first_lp) / lps_of_plane(c);
    struct kerf_phase phase = phase_of(&c->plan, own->step);
    uint32_t from = kerf_plan_from(&c->plan, &phase, at);
    *whom = plane_lp(c, id) + from;
    if (start_of(c, id) == KERF_TIME_NEVER)
        snprintf(why, why_bytes, "rank %u of plane %u never started (%s)", at, plane, c->plan.kind->name);
    else
        snprintf(why, why_bytes, "rank %u waits for rank %u of plane %u in step %u of %u (%s)", at, from,
                 plane, own->step, c->steps, c->plan.kind->name);
    return true;
}

static void rank_free(void *state)
{
    free(((struct rank_state *)state)->here);
}

static enum kerf_status network_init(struct kerf_lp *lp, const void *setup, void *state,
                                     struct kerf_error *error)
{
    const struct kerf_network_collective *c = setup;
    struct network_state *own = state;
    (void)lp;
    own->unused = NONE;
    own->sender = malloc(c->plan.ranks * sizeof *own->sender);
    own->freed = malloc(c->plan.ranks * sizeof *own->freed);
    KERF_CHECK(own->sender && own->freed, KERF_ERR_FAILURE, "out of memory for a network");
    for (uint32_t r = 0; r < c->plan.ranks; r++)
        own->sender[r] = (struct sender){.first = NONE, .last = NONE};
    KERF_TRY(kerf_router_create(c->topology, &c->routes, &own->router, error));
    return kerf_traffic_fluid(c->topology, &c->traffic, &own->fluid, error);
}

static enum kerf_status start_flow(struct kerf_lp *lp, struct network_state *own, uint32_t from,
                                   const struct message *message, struct kerf_error *error)
{
    struct kerf_path path;
    uint32_t id;
    KERF_TRY(kerf_route(own->router, from, message->to, 0, &path, error));
    struct kerf_fluid_flow flow = {.path = path.link, .hops = path.hops, .bytes = message->bytes};
    KERF_TRY(kerf_fluid_start(own->fluid, kerf_lp_now(lp), &flow, &id, error));
    if (id >= own->flows) {
        uint32_t count = 2 * id + 64;
        struct under_way *larger = realloc(own->flow, count * sizeof *larger);
        KERF_CHECK(larger, KERF_ERR_FAILURE, "out of memory for %u flows", count);
        own->flow = larger;
        own->flows = count;
    }
    own->flow[id] = (struct under_way){from, message->to, message->step, kerf_time_from_s(path.latency_s)};
    own->sender[from].busy = true;
    return KERF_OK;
}

/* Puts a message behind the others of its sender. */
static enum kerf_status enqueue(struct network_state *own, uint32_t from, const struct message *message,
                                struct kerf_error *error)
{
    if (own->unused == NONE) {
        uint32_t old = own->waiting_capacity, count = 2 * old + 64;
        struct waiting *larger = realloc(own->waiting, count * sizeof *larger);
        KERF_CHECK(larger, KERF_ERR_FAILURE, "out of memory for %u messages", count);
        own->waiting = larger;
        own->waiting_capacity = count;
        for (uint32_t i = old; i < count; i++)
            larger[i].next = i + 1 < count ? i + 1 : NONE;
        own->unused = old;
    }
    uint32_t at = own->unused;
    struct sender *sender = &own->sender[from];
    own->unused = own->waiting[at].next;
    own->waiting[at] = (struct waiting){*message, NONE};
    if (sender->first == NONE)
        sender->first = at;
    else
        own->waiting[sender->last].next = at;
    sender->last = at;
    return KERF_OK;
}

/* Messages whose last byte is through by now are under way to their receivers; the next ones of their senders
 * start. */
static enum kerf_status deliver(const struct kerf_network_collective *c, struct kerf_lp *lp,
                                struct network_state *own, struct kerf_error *error)
{
    uint32_t id, plane = kerf_lp_id(lp) - c->plan.ranks;
    own->frees = 0;
    while (kerf_fluid_finish(own->fluid, kerf_lp_now(lp), &id, NULL)) {
        const struct under_way *flow = &own->flow[id];
        own->sender[flow->from].busy = false;
        own->freed[own->frees++] = flow->from;
        KERF_TRY(kerf_lp_send(lp, plane + flow->to, flow->latency, EVENT_ARRIVED, &flow->step,
                              sizeof flow->step, error));
    }
    for (uint32_t i = 0; i < own->frees; i++) {
        struct sender *sender = &own->sender[own->freed[i]];
        uint32_t at = sender->first;
        if (at == NONE)
            continue;
        sender->first = own->waiting[at].next;
        struct message message = own->waiting[at].message;
        own->waiting[at].next = own->unused;
        own->unused = at;
        KERF_TRY(start_flow(lp, own, own->freed[i], &message, error));
    }
    return KERF_OK;
}

static enum kerf_status take(const struct kerf_network_collective *c, struct kerf_lp *lp,
                             struct network_state *own, const struct kerf_event *event,
                             struct kerf_error *error)
{
    const struct message *message = (const void *)event->payload;
    uint32_t from = rank_of(c, event->source);
    return own->sender[from].busy ? enqueue(own, from, message, error)
                                  : start_flow(lp, own, from, message, error);
}

/* All that starts at one time is solved together: after the last of it, by an event to itself. */
static enum kerf_status network_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                       struct kerf_error *error)
{
    const struct kerf_network_collective *c = kerf_lp_setup(lp);
    struct network_state *own = state;
    KERF_TRY(deliver(c, lp, own, error));
    if (event->type == EVENT_MESSAGE) {
        KERF_TRY(take(c, lp, own, event, error));
        bool settling = own->settling;
        own->settling = true;
        return settling ? KERF_OK : kerf_lp_send(lp, kerf_lp_id(lp), 0, EVENT_SETTLE, NULL, 0, error);
    }
    if (event->type == EVENT_SETTLE)
        own->settling = false;
    else
        own->has_timer = false;
    if (own->has_timer)
        KERF_TRY(kerf_lp_cancel(lp, own->ends, NULL, error));
    kerf_time next = kerf_fluid_next(own->fluid);
    own->has_timer = next < KERF_TIME_NEVER;
    return own->has_timer
               ? kerf_lp_set_timer(lp, next - kerf_lp_now(lp), EVENT_ENDS, NULL, 0, &own->ends, error)
               : KERF_OK;
}

static void network_free(void *state)
{
    struct network_state *own = state;
    kerf_router_free(own->router);
    kerf_fluid_free(own->fluid);
    free(own->flow);
    free(own->sender);
    free(own->freed);
    free(own->waiting);
}

static const struct kerf_lp_kind rank_kind = {.name = "rank",
                                              .state_bytes = sizeof(struct rank_state),
                                              .init = rank_init,
                                              .handle = rank_handle,
                                              .free = rank_free,
                                              .waits = rank_waits};
static const struct kerf_lp_kind network_kind = {.name = "network",
                                                 .state_bytes = sizeof(struct network_state),
                                                 .init = network_init,
                                                 .handle = network_handle,
                                                 .free = network_free};

/* A route has two links at least. */
static kerf_time least_latency(const struct kerf_topology *t)
{
    double least_s = INFINITY;
    for (uint32_t l = 0; l < t->links; l++)
        least_s = fmin(least_s, t->link[l].latency_s);
    return t->links > 0 ? kerf_time_from_s(least_s) : 0;
}

static enum kerf_status check(const struct kerf_network_collective *c, struct kerf_error *error)
{
    const struct kerf_plan *plan = &c->plan;
    KERF_CHECK(plan->ranks > 0 && plan->ranks <= c->topology->endpoints && plan->group > 0 &&
                   plan->ranks % plan->group == 0,
               KERF_ERR_USAGE, "%s over %u ranks in groups of %u on a network of %u endpoints",
               plan->kind->name, plan->ranks, plan->group, c->topology->endpoints);
    KERF_CHECK(c->traffic.step_s > 0.0 && least_latency(c->topology) > 0, KERF_ERR_USAGE,
               "a collective in simulated time takes software and links above 0 s");
    uint32_t phases = plan->kind->phases(plan);
    for (uint32_t i = 0; i < phases; i++) {
        struct kerf_phase phase = plan->kind->phase(plan, i);
        KERF_CHECK(!phase.joined && (phases == 1 || phase.repeats == 1.0), KERF_ERR_USAGE,
                   "%s cannot be run step by step", plan->kind->name);
    }
    return KERF_OK;
}

enum kerf_status kerf_network_collective_add(struct kerf_network_collective *c, struct kerf_engine *engine,
                                             struct kerf_error *error)
{
    KERF_TRY(check(c, error));
    uint32_t phases = c->plan.kind->phases(&c->plan);
    c->steps = phases == 1 ? (uint32_t)c->plan.kind->phase(&c->plan, 0).repeats : phases;
    c->first_lp = kerf_engine_lps(engine);
    kerf_time latency = least_latency(c->topology), software = kerf_time_from_s(c->traffic.step_s);
    for (uint32_t plane = 0; plane < c->planes; plane++) {
        uint32_t first = kerf_engine_lps(engine), network = first + c->plan.ranks;
        for (uint32_t r = 0; r < c->plan.ranks; r++)
            kerf_engine_add(engine, &rank_kind, c, (int)plane, 1.0);
        kerf_engine_add(engine, &network_kind, c, (int)plane, 4.0 * c->plan.ranks);
        for (uint32_t r = 0; r < c->plan.ranks; r++) {
            /* A channel of its own label: it promises nothing of others. */
            kerf_engine_connect_alike(engine, first + r, network, software, 1);
            kerf_engine_connect_alike(engine, network, first + r, latency, 1 + (uint64_t)r);
        }
        if (!c->start) /* planes that start alike go on alike; another collective has other labels */
            for (uint32_t r = 0; r <= c->plan.ranks; r++)
                kerf_engine_label(engine, first + r, 1 + (uint64_t)c->first_lp + r);
    }
    return KERF_OK;
}

kerf_time kerf_network_collective_done(const struct kerf_network_collective *c,
                                       const struct kerf_engine *engine, uint32_t plane, uint32_t rank)
{
    const struct rank_state *own = kerf_engine_state(engine, c->first_lp + plane * lps_of_plane(c) + rank);
    return own ? own->done : KERF_TIME_NEVER;
}
