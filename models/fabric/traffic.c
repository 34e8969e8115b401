/* The fabric room: flows over routes, carried by the fluid network, phase after phase. */
#include "models/fabric/traffic.h"

#include <math.h>
#include <stdlib.h>

enum { HOPS_USUAL = 16 };

struct kerf_traffic {
    const struct kerf_topology *topology;
    struct kerf_router *router;
    struct kerf_fluid *fluid;
    struct kerf_traffic_options options;
    kerf_time now;
    uint64_t carried;
    double *latency_s; /* by number of a flow under way */
    uint32_t latencies;
    struct kerf_flow *flow; /* of a plan's phase */
    uint32_t flows, flow_capacity;
};

enum kerf_status kerf_traffic_fluid(const struct kerf_topology *t, const struct kerf_traffic_options *options,
                                    struct kerf_fluid **fluid, struct kerf_error *error)
{
    double *capacity_Bps = malloc((t->links + 1) * sizeof *capacity_Bps);
    KERF_CHECK(capacity_Bps, KERF_ERR_FAILURE, "out of memory for traffic over %u links", t->links);
    for (uint32_t l = 0; l < t->links; l++) {
        double achieved = options->achieved[t->link[l].kind];
        /* No route takes a link that is down, but the fluid wants a capacity. */
        double factor = t->link[l].factor > 0.0 ? t->link[l].factor : 1.0;
        capacity_Bps[l] = t->link[l].capacity_Bps * factor * (achieved > 0.0 ? achieved : 1.0);
    }
    uint32_t hops_most = options->hops_most ? options->hops_most : HOPS_USUAL;
    enum kerf_status status = kerf_fluid_create(capacity_Bps, t->links, hops_most, fluid, error);
    free(capacity_Bps);
    return status;
}

enum kerf_status kerf_traffic_create(const struct kerf_topology *topology, struct kerf_router *router,
                                     const struct kerf_traffic_options *options,
                                     struct kerf_traffic **traffic, struct kerf_error *error)
{
    struct kerf_traffic *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for traffic");
    if (options)
        made->options = *options;
    made->topology = topology;
    made->router = router;
    enum kerf_status status = kerf_traffic_fluid(topology, &made->options, &made->fluid, error);
    if (status != KERF_OK) {
        kerf_traffic_free(made);
        return status;
    }
    *traffic = made;
    return KERF_OK;
}

void kerf_traffic_free(struct kerf_traffic *traffic)
{
    if (!traffic)
        return;
    kerf_fluid_free(traffic->fluid);
    free(traffic->latency_s);
    free(traffic->flow);
    free(traffic);
}

uint64_t kerf_traffic_carried(const struct kerf_traffic *traffic)
{
    return traffic->carried;
}

/* Room for the latencies of flows with numbers up to `id`. */
static enum kerf_status reach_latency(struct kerf_traffic *traffic, uint32_t id, struct kerf_error *error)
{
    if (id < traffic->latencies)
        return KERF_OK;
    uint32_t count = 2 * id + 64;
    double *larger = realloc(traffic->latency_s, count * sizeof *larger);
    KERF_CHECK(larger, KERF_ERR_FAILURE, "out of memory for %u flows", count);
    traffic->latency_s = larger;
    traffic->latencies = count;
    return KERF_OK;
}

static enum kerf_status start(struct kerf_traffic *traffic, const struct kerf_flow *flow,
                              struct kerf_error *error)
{
    struct kerf_path path;
    uint32_t id;
    KERF_TRY(kerf_route(traffic->router, flow->from, flow->to, flow->number, &path, error));
    struct kerf_fluid_flow fluid = {.path = path.link, .hops = path.hops, .bytes = flow->bytes};
    KERF_TRY(kerf_fluid_start(traffic->fluid, traffic->now, &fluid, &id, error));
    KERF_TRY(reach_latency(traffic, id, error));
    traffic->latency_s[id] = path.latency_s;
    traffic->carried++;
    return KERF_OK;
}

enum kerf_status kerf_traffic_flows(struct kerf_traffic *traffic, const struct kerf_flow *flow,
                                    uint32_t flows, double *time_s, struct kerf_error *error)
{
    kerf_time begin = traffic->now, end, last = begin;
    double arrived_s = 0.0;
    for (uint32_t i = 0; i < flows; i++)
        if (flow[i].from != flow[i].to)
            KERF_TRY(start(traffic, &flow[i], error));
    for (kerf_time next; (next = kerf_fluid_next(traffic->fluid)) < KERF_TIME_NEVER;) {
        uint32_t id;
        while (kerf_fluid_finish(traffic->fluid, next, &id, &end)) {
            arrived_s = fmax(arrived_s, kerf_time_to_s(end - begin) + traffic->latency_s[id]);
            last = end;
        }
    }
    traffic->now = last;
    *time_s = arrived_s;
    return KERF_OK;
}

static enum kerf_status add_phase(struct kerf_traffic *traffic, const struct kerf_plan *plan,
                                  const struct kerf_phase *phase, struct kerf_error *error)
{
    if (traffic->flows + plan->ranks > traffic->flow_capacity) {
        uint32_t count = 2 * traffic->flow_capacity + plan->ranks;
        struct kerf_flow *larger = realloc(traffic->flow, count * sizeof *larger);
        KERF_CHECK(larger, KERF_ERR_FAILURE, "out of memory for a phase of %u flows", count);
        traffic->flow = larger;
        traffic->flow_capacity = count;
    }
    for (uint32_t r = 0; r < plan->ranks; r++)
        traffic->flow[traffic->flows++] =
            (struct kerf_flow){.from = r, .to = kerf_plan_to(plan, phase, r), .bytes = phase->bytes};
    return KERF_OK;
}

static enum kerf_status check_plan(const struct kerf_traffic *traffic, const struct kerf_plan *plan,
                                   struct kerf_error *error)
{
    KERF_CHECK(plan->ranks > 0 && plan->ranks <= traffic->topology->endpoints, KERF_ERR_USAGE,
               "%s over %u ranks on a network of %u endpoints", plan->kind->name, plan->ranks,
               traffic->topology->endpoints);
    KERF_CHECK(plan->group > 0 && plan->ranks % plan->group == 0, KERF_ERR_USAGE,
               "%s: %u ranks are not groups of %u", plan->kind->name, plan->ranks, plan->group);
    return KERF_OK;
}

enum kerf_status kerf_traffic_plan(struct kerf_traffic *traffic, const struct kerf_plan *plan, double *time_s,
                                   struct kerf_error *error)
{
    KERF_TRY(check_plan(traffic, plan, error));
    uint32_t phases = plan->kind->phases(plan);
    double sum_s = 0.0;
    traffic->flows = 0;
    for (uint32_t i = 0; i < phases; i++) {
        struct kerf_phase phase = plan->kind->phase(plan, i);
        KERF_TRY(add_phase(traffic, plan, &phase, error));
        if (phase.joined && i + 1 < phases)
            continue;
        double once_s;
        KERF_TRY(kerf_traffic_flows(traffic, traffic->flow, traffic->flows, &once_s, error));
        sum_s += phase.repeats * (traffic->options.step_s + once_s);
        traffic->flows = 0;
    }
    *time_s = sum_s;
    return KERF_OK;
}
