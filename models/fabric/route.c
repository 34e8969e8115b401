/* The fabric room: shortest paths by hop counts to a destination's switch, and the choice among them. */
#include "models/fabric/route.h"

#include <stdlib.h>
#include <string.h>

enum { UNREACHED = UINT16_MAX, FIELD_BYTES_MAX = 64 << 20 };

/* Hops from every vertex to one: a field. Fields are kept in slots by destination modulo their number. */
struct kerf_router {
    const struct kerf_topology *topology;
    struct kerf_route_options options;
    uint32_t slots, switches;
    uint32_t *slot_of;  /* by slot: the switch whose field it holds, or KERF_NO_VERTEX */
    uint16_t *hops;     /* slots * switches */
    uint32_t *queue;    /* switches: of the breadth-first search */
    double *path_count; /* switches */
    uint32_t *choice;   /* room for the links out of any switch */
};

enum kerf_status kerf_router_create(const struct kerf_topology *topology,
                                    const struct kerf_route_options *options, struct kerf_router **router,
                                    struct kerf_error *error)
{
    KERF_CHECK(topology->out_first, KERF_ERR_FAILURE, "internal: the topology is not finished");
    struct kerf_router *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for routes");
    made->topology = topology;
    if (options)
        made->options = *options;
    made->switches = topology->vertices - topology->endpoints;
    size_t field = made->switches * sizeof *made->hops + 1, slots = FIELD_BYTES_MAX / field;
    made->slots = slots > made->switches ? made->switches : slots > 0 ? (uint32_t)slots : 1;
    made->slot_of = malloc((made->slots + 1) * sizeof *made->slot_of);
    made->hops = malloc((size_t)made->slots * made->switches * sizeof *made->hops + 1);
    made->queue = malloc((made->switches + 1) * sizeof *made->queue);
    made->path_count = malloc((made->switches + 1) * sizeof *made->path_count);
    uint32_t degree = 0;
    for (uint32_t v = 0; v < topology->vertices; v++)
        if (topology->out_first[v + 1] - topology->out_first[v] > degree)
            degree = topology->out_first[v + 1] - topology->out_first[v];
    made->choice = malloc((degree + 1) * sizeof *made->choice);
    if (!made->slot_of || !made->hops || !made->queue || !made->path_count || !made->choice) {
        kerf_router_free(made);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for routes over %u switches",
                              topology->vertices - topology->endpoints);
    }
    for (uint32_t s = 0; s < made->slots; s++)
        made->slot_of[s] = KERF_NO_VERTEX;
    *router = made;
    return KERF_OK;
}

void kerf_router_free(struct kerf_router *router)
{
    if (!router)
        return;
    free(router->slot_of);
    free(router->hops);
    free(router->queue);
    free(router->path_count);
    free(router->choice);
    free(router);
}

static bool is_endpoint(const struct kerf_topology *t, uint32_t vertex)
{
    return vertex < t->endpoints;
}

/* Fills hops[switch - endpoints] with the hops to switch `target` over switches, by breadth-first search
 * against the links. `heed`: links that are down do not count. */
static void search(const struct kerf_router *router, uint32_t target, bool heed, uint16_t *hops)
{
    const struct kerf_topology *t = router->topology;
    uint32_t head = 0, tail = 0;
    for (uint32_t s = 0; s < router->switches; s++)
        hops[s] = UNREACHED;
    hops[target - t->endpoints] = 0;
    router->queue[tail++] = target;
    while (head < tail) {
        uint32_t at = router->queue[head++];
        for (uint32_t i = t->in_first[at]; i < t->in_first[at + 1]; i++) {
            const struct kerf_topology_link *link = &t->link[t->in[i]];
            if (is_endpoint(t, link->from) || (heed && link->factor == 0.0) ||
                hops[link->from - t->endpoints] != UNREACHED)
                continue;
            hops[link->from - t->endpoints] = (uint16_t)(hops[at - t->endpoints] + 1);
            router->queue[tail++] = link->from;
        }
    }
}

/* The field of a destination switch. */
static const uint16_t *field_of(struct kerf_router *router, uint32_t target)
{
    uint32_t slot = (target - router->topology->endpoints) % router->slots;
    uint16_t *hops = router->hops + (size_t)slot * router->switches;
    if (router->slot_of[slot] != target) {
        search(router, target, true, hops);
        router->slot_of[slot] = target;
    }
    return hops;
}

/* The way between two endpoints with the fewest hops: a first and a last link and the hops between their
 * switches; or one link and no switch. */
struct way {
    uint32_t first, last; /* KERF_NO_LINK: there is no way */
    uint32_t hops;
};

static struct way find_way(struct kerf_router *router, uint32_t from, uint32_t to)
{
    const struct kerf_topology *t = router->topology;
    struct way best = {KERF_NO_LINK, KERF_NO_LINK, UINT32_MAX};
    for (uint32_t i = t->out_first[from]; i < t->out_first[from + 1]; i++)
        if (t->link[t->out[i]].to == to && t->link[t->out[i]].factor > 0.0)
            return (struct way){t->out[i], t->out[i], 1};
    for (uint32_t j = t->in_first[to]; j < t->in_first[to + 1]; j++) {
        const struct kerf_topology_link *last = &t->link[t->in[j]];
        if (is_endpoint(t, last->from) || last->factor == 0.0)
            continue;
        const uint16_t *field = field_of(router, last->from);
        for (uint32_t i = t->out_first[from]; i < t->out_first[from + 1]; i++) {
            const struct kerf_topology_link *first = &t->link[t->out[i]];
            if (is_endpoint(t, first->to) || first->factor == 0.0)
                continue;
            uint32_t between = field[first->to - t->endpoints];
            if (between != UNREACHED && between + 2 < best.hops)
                best = (struct way){t->out[i], t->in[j], between + 2};
        }
    }
    return best;
}

/* The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t word)
{
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    return word ^ word >> 31;
}

/* Fills router->choice with the links from switch `at` that lead on; returns their number. */
static uint32_t leads_on(struct kerf_router *router, const uint16_t *field, uint32_t at)
{
    const struct kerf_topology *t = router->topology;
    uint32_t count = 0, nearer = field[at - t->endpoints] - 1u;
    for (uint32_t i = t->out_first[at]; i < t->out_first[at + 1]; i++) {
        const struct kerf_topology_link *link = &t->link[t->out[i]];
        if (!is_endpoint(t, link->to) && field[link->to - t->endpoints] == nearer && link->factor > 0.0)
            router->choice[count++] = t->out[i];
    }
    return count;
}

static void step_over(const struct kerf_topology *t, struct kerf_path *path, uint32_t link)
{
    path->link[path->hops++] = link;
    path->latency_s += t->link[link].latency_s;
}

/* Where a destination stands: its place on its last switch, and that switch's number. */
struct place {
    uint64_t digit, switch_number;
};

static struct place place_of(const struct kerf_topology *t, const struct way *way)
{
    uint32_t target = t->link[way->last].from, at = t->out_first[target];
    while (t->out[at] != way->last)
        at++;
    return (struct place){at - t->out_first[target], t->vertex[target].number};
}

/* The first choice takes the place on the last switch, the next ones the digits of the switch's number. */
static uint32_t choose(const struct kerf_route_options *options, uint64_t hash, uint32_t hop, uint32_t count,
                       struct place *place)
{
    if (options->choice == KERF_ROUTE_ECMP)
        return (uint32_t)(mix(hash + hop * 0x9e3779b97f4a7c15u) % count);
    uint32_t digit = (uint32_t)(place->digit % count);
    place->digit = place->switch_number;
    place->switch_number /= count;
    return digit;
}

/* Appends the way between two endpoints to the path. */
static enum kerf_status follow(struct kerf_router *router, const struct way *way, uint64_t hash,
                               struct kerf_path *path, struct kerf_error *error)
{
    const struct kerf_topology *t = router->topology;
    KERF_CHECK(path->hops + way->hops <= KERF_PATH_HOPS_MAX, KERF_ERR_USAGE,
               "a path of %u links; at most %d are allowed", path->hops + way->hops, KERF_PATH_HOPS_MAX);
    step_over(t, path, way->first);
    if (way->hops == 1)
        return KERF_OK;
    uint32_t target = t->link[way->last].from;
    const uint16_t *field = field_of(router, target);
    struct place place = place_of(t, way);
    for (uint32_t at = t->link[way->first].to; at != target; at = t->link[path->link[path->hops - 1]].to) {
        uint32_t count = leads_on(router, field, at);
        uint32_t link =
            router->choice[count > 1 ? choose(&router->options, hash, path->hops, count, &place) : 0];
        step_over(t, path, link);
    }
    step_over(t, path, way->last);
    return KERF_OK;
}

/* The endpoint of the source's server that stands on the destination's rail, if the way goes to another
 * server and there is one; else the source itself. */
static uint32_t on_rail(const struct kerf_router *router, uint32_t from, uint32_t to)
{
    const struct kerf_topology *t = router->topology;
    if (!router->options.by_rail || kerf_topology_server(t, from) == kerf_topology_server(t, to))
        return from;
    uint32_t over = kerf_topology_server(t, from) * t->per_server + kerf_topology_rail(t, to);
    return over < t->endpoints ? over : from;
}

/* Which cable cuts them off: the first that is down on the path that would be taken if none were. */
static enum kerf_status refuse(struct kerf_router *router, uint32_t from, uint32_t to,
                               struct kerf_error *error)
{
    const struct kerf_topology *t = router->topology;
    char a[KERF_VERTEX_NAME_BYTES], b[KERF_VERTEX_NAME_BYTES], c[KERF_VERTEX_NAME_BYTES],
        d[KERF_VERTEX_NAME_BYTES];
    uint32_t cut = KERF_NO_LINK;
    for (uint32_t i = t->out_first[from]; i < t->out_first[from + 1] && cut == KERF_NO_LINK; i++)
        cut = t->link[t->out[i]].factor == 0.0 ? t->out[i] : cut;
    for (uint32_t i = t->in_first[to]; i < t->in_first[to + 1] && cut == KERF_NO_LINK; i++)
        cut = t->link[t->in[i]].factor == 0.0 ? t->in[i] : cut;
    /* Between the switches: a link that is down, from where the destination is out of reach to where it is
     * not. */
    for (uint32_t i = t->in_first[to]; i < t->in_first[to + 1] && cut == KERF_NO_LINK; i++) {
        if (is_endpoint(t, t->link[t->in[i]].from))
            continue;
        const uint16_t *field = field_of(router, t->link[t->in[i]].from);
        for (uint32_t l = 0; l < t->links && cut == KERF_NO_LINK; l++) {
            const struct kerf_topology_link *link = &t->link[l];
            if (link->factor == 0.0 && !is_endpoint(t, link->from) && !is_endpoint(t, link->to) &&
                field[link->from - t->endpoints] == UNREACHED && field[link->to - t->endpoints] != UNREACHED)
                cut = l;
        }
    }
    kerf_vertex_name(t, from, a);
    kerf_vertex_name(t, to, b);
    if (cut == KERF_NO_LINK)
        return kerf_error_set(error, KERF_ERR_USAGE, "no path from %s to %s: nothing joins them", a, b);
    return kerf_error_set(error, KERF_ERR_USAGE, "no path from %s to %s: the link from %s to %s is down", a,
                          b, kerf_vertex_name(t, t->link[cut].from, c),
                          kerf_vertex_name(t, t->link[cut].to, d));
}

static enum kerf_status check_ends(const struct kerf_topology *t, uint32_t from, uint32_t to,
                                   struct kerf_error *error)
{
    KERF_CHECK(from < t->endpoints && to < t->endpoints, KERF_ERR_USAGE,
               "a route from endpoint %u to %u; there are %u", from, to, t->endpoints);
    KERF_CHECK(from != to, KERF_ERR_USAGE, "a route from endpoint %u to itself", from);
    return KERF_OK;
}

enum kerf_status kerf_route(struct kerf_router *router, uint32_t from, uint32_t to, uint64_t flow,
                            struct kerf_path *path, struct kerf_error *error)
{
    const struct kerf_topology *t = router->topology;
    KERF_TRY(check_ends(t, from, to, error));
    uint32_t over = on_rail(router, from, to);
    uint64_t hash = mix(mix(router->options.seed + ((uint64_t)from << 32 | to)) + flow);
    path->hops = 0;
    path->latency_s = 0.0;
    struct way last = find_way(router, over, to);
    if (over != from) { /* over the domain, unless that is down or the other port is */
        struct way first = find_way(router, from, over);
        if (first.first != KERF_NO_LINK && last.first != KERF_NO_LINK)
            KERF_TRY(follow(router, &first, hash, path, error));
        else
            last = find_way(router, from, to);
    }
    if (last.first == KERF_NO_LINK)
        return refuse(router, from, to, error);
    return follow(router, &last, hash, path, error);
}

enum kerf_status kerf_route_count(struct kerf_router *router, uint32_t from, uint32_t to, double *paths,
                                  struct kerf_error *error)
{
    const struct kerf_topology *t = router->topology;
    KERF_TRY(check_ends(t, from, to, error));
    uint32_t over = on_rail(router, from, to);
    struct way way = find_way(router, over, to);
    *paths = way.first == KERF_NO_LINK ? 0.0 : 1.0;
    if (way.first == KERF_NO_LINK || way.hops <= 2)
        return KERF_OK;
    uint32_t target = t->link[way.last].from, source = t->link[way.first].to, tail = 0;
    const uint16_t *field = field_of(router, target);
    memset(router->path_count, 0, router->switches * sizeof *router->path_count);
    router->path_count[source - t->endpoints] = 1.0;
    router->queue[tail++] = source;
    for (uint32_t head = 0; head < tail; head++) {
        uint32_t at = router->queue[head], on = at == target ? 0 : leads_on(router, field, at);
        for (uint32_t i = 0; i < on; i++) {
            const struct kerf_topology_link *link = &t->link[router->choice[i]];
            double *count = &router->path_count[link->to - t->endpoints];
            if (*count == 0.0)
                router->queue[tail++] = link->to;
            *count += router->path_count[at - t->endpoints];
        }
    }
    *paths = router->path_count[target - t->endpoints];
    return KERF_OK;
}
