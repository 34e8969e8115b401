/* The workload room: hands requests to replicas and answers to users. Knows the fleet; not what answers. */
#include "models/workload/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_LOOK = 96, EVENT_STARTED };

/* Who has a request, and how much it was counted as. */
struct routed {
    int32_t replica;
    uint32_t tokens;
};

struct router {
    const struct kerf_router_setup *setup;
    struct routed *routed; /* owned: workload->requests */
    struct kerf_fleet fleet;
    int received, answered;
    bool looks;     /* a look is to come */
    int idle_looks; /* since a request or an answer passed */
    kerf_time last_answer;
};

static void router_free(void *state)
{
    struct router *router = state;
    free(router->routed);
    kerf_fleet_free(&router->fleet);
}

static enum kerf_status look_later(struct kerf_lp *lp, struct router *router, struct kerf_error *error)
{
    if (!router->setup->scales || router->looks)
        return KERF_OK;
    router->looks = true;
    return kerf_lp_send(lp, kerf_lp_id(lp), kerf_time_from_s(router->setup->scale.interval_s), EVENT_LOOK,
                        NULL, 0, error);
}

static enum kerf_status router_init(struct kerf_lp *lp, const void *setup, void *state,
                                    struct kerf_error *error)
{
    struct router *router = state;
    const struct kerf_router_setup *mine = setup;
    router->setup = mine;
    router->fleet.routing = mine->routing;
    router->fleet.seed = mine->workload->seed;
    router->routed = calloc((size_t)mine->workload->requests, sizeof *router->routed);
    KERF_CHECK(router->routed, KERF_ERR_FAILURE, "out of memory for %d requests", mine->workload->requests);
    KERF_TRY(kerf_fleet_make(&router->fleet, mine->replicas,
                             mine->scales ? mine->scale.least : mine->replicas, error));
    return look_later(lp, router, error);
}

/* What the router takes a request for: it sees the prompt, and knows how long answers are on average. */
static uint32_t tokens_of(const struct router *router, const struct kerf_request_message *request)
{
    const struct kerf_workload *workload = router->setup->workload;
    return request->prompt_tokens + (uint32_t)(workload->reasoning_tokens + workload->answer_tokens);
}

static enum kerf_status pass_on(struct kerf_lp *lp, struct router *router, const struct kerf_event *event,
                                struct kerf_error *error)
{
    struct kerf_request_message request;
    memcpy(&request, event->payload, sizeof request);
    struct routed *routed = &router->routed[request.request];
    /* A request without a session is one by itself; its number is never one of a session's. */
    uint64_t key =
        request.session != KERF_NO_SESSION ? request.session : request.request + ((uint64_t)1 << 32);
    routed->replica = kerf_fleet_choose(&router->fleet, request.request, key);
    routed->tokens = tokens_of(router, &request);
    kerf_fleet_take(&router->fleet, routed->replica, routed->tokens);
    router->received++;
    router->idle_looks = 0;
    KERF_TRY(look_later(lp, router, error));
    return kerf_lp_send(lp, router->setup->scheduler[routed->replica], kerf_time_from_s(router->setup->hop_s),
                        KERF_EVENT_REQUEST, &request, sizeof request, error);
}

static enum kerf_status hand_back(struct kerf_lp *lp, struct router *router, const struct kerf_event *event,
                                  struct kerf_error *error)
{
    struct kerf_answer_message answer;
    memcpy(&answer, event->payload, sizeof answer);
    const struct routed *routed = &router->routed[answer.request];
    answer.replica = (uint32_t)routed->replica;
    if (event->type == KERF_EVENT_FIRST_TOKEN) {
        answer.part_s[KERF_TIME_INTERCONNECT] += (float)(2.0 * router->setup->hop_s);
    } else {
        router->answered++;
        router->idle_looks = 0;
        router->last_answer = kerf_lp_now(lp);
        kerf_fleet_answer(&router->fleet, routed->replica, routed->tokens, kerf_lp_now(lp));
    }
    return kerf_lp_send(lp, router->setup->client, router->setup->client_hop, event->type, &answer,
                        sizeof answer, error);
}

/* Looks until which nothing came or went are enough: no start or cool-down is still to end. */
static int idle_looks_enough(const struct kerf_autoscale *scale)
{
    return (int)((scale->start_s + scale->cool_down_s) / scale->interval_s) + 2;
}

/* Looks at the load now and then, until all is answered or nothing happens any more. */
static enum kerf_status look(struct kerf_lp *lp, struct router *router, struct kerf_error *error)
{
    kerf_time now = kerf_lp_now(lp), ready;
    router->looks = false;
    if (router->answered == router->setup->workload->requests ||
        router->idle_looks++ > idle_looks_enough(&router->setup->scale))
        return KERF_OK;
    kerf_fleet_scale(&router->fleet, &router->setup->scale, now, &ready);
    if (ready > 0)
        KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), ready - now, EVENT_STARTED, NULL, 0, error));
    return look_later(lp, router, error);
}

static enum kerf_status router_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                      struct kerf_error *error)
{
    struct router *router = state;
    switch (event->type) {
    case KERF_EVENT_REQUEST:
        return pass_on(lp, router, event, error);
    case KERF_EVENT_FIRST_TOKEN:
    case KERF_EVENT_ANSWERED:
        return hand_back(lp, router, event, error);
    case EVENT_LOOK:
        return look(lp, router, error);
    case EVENT_STARTED:
        kerf_fleet_wake(&router->fleet, kerf_lp_now(lp));
        return KERF_OK;
    default:
        return kerf_error_set(error, KERF_ERR_FAILURE, "internal: a router got an event of type %u",
                              event->type);
    }
}

static void router_save(const void *state, struct kerf_pack *pack)
{
    const struct router *router = state;
    kerf_pack_put(pack, router, sizeof *router);
    kerf_pack_put(pack, router->routed, (size_t)router->setup->workload->requests * sizeof *router->routed);
    kerf_pack_put(pack, router->fleet.replica,
                  (size_t)router->fleet.replicas * sizeof *router->fleet.replica);
}

static bool router_load(void *state, struct kerf_unpack *unpack)
{
    struct router *router = state, saved;
    if (!kerf_unpack_get(unpack, &saved, sizeof saved) || saved.fleet.replicas != router->fleet.replicas)
        return false;
    struct kerf_replica *replica = router->fleet.replica;
    router->fleet = saved.fleet;
    router->fleet.replica = replica;
    router->received = saved.received;
    router->answered = saved.answered;
    router->looks = saved.looks;
    router->idle_looks = saved.idle_looks;
    router->last_answer = saved.last_answer;
    return kerf_unpack_get(unpack, router->routed,
                           (size_t)router->setup->workload->requests * sizeof *router->routed) &&
           kerf_unpack_get(unpack, replica, (size_t)router->fleet.replicas * sizeof *replica);
}

/* Waits for the replica that owes it most. */
static bool router_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                         size_t why_bytes)
{
    (void)lp;
    const struct router *router = state;
    int most = 0;
    for (int i = 1; i < router->fleet.replicas; i++)
        if (router->fleet.replica[i].requests > router->fleet.replica[most].requests)
            most = i;
    *whom = router->setup->scheduler[most];
    snprintf(why, why_bytes, "%d requests are not answered, %d of them there", router->fleet.unanswered,
             router->fleet.replica[most].requests);
    return router->fleet.unanswered > 0;
}

const struct kerf_lp_kind kerf_router_lp = {.name = "router",
                                            .state_bytes = sizeof(struct router),
                                            .init = router_init,
                                            .handle = router_handle,
                                            .free = router_free,
                                            .save = router_save,
                                            .load = router_load,
                                            .waits = router_waits};

struct kerf_router_record kerf_router_record(const void *state)
{
    const struct router *router = state;
    return (struct kerf_router_record){.paid_s = kerf_fleet_paid_s(&router->fleet, router->last_answer),
                                       .most = router->fleet.most,
                                       .starts = router->fleet.starts,
                                       .stops = router->fleet.stops};
}
