/* The fabric room: a network as a graph of endpoints, switches and links. Knows no traffic and no time. */
#include "models/fabric/topology.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64, MOST_VERTICES = 1 << 28 };

enum kerf_status kerf_topology_create(const char *name, uint32_t endpoints, uint32_t per_server,
                                      struct kerf_topology **topology, struct kerf_error *error)
{
    KERF_CHECK(endpoints > 0 && endpoints <= MOST_VERTICES, KERF_ERR_USAGE,
               "a network has 1 to %d endpoints (got %u)", MOST_VERTICES, endpoints);
    KERF_CHECK(per_server > 0, KERF_ERR_USAGE, "a server has at least one endpoint (got 0)");
    struct kerf_topology *made = calloc(1, sizeof *made);
    if (made)
        made->vertex = malloc(endpoints * sizeof *made->vertex);
    if (!made || !made->vertex) {
        free(made);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %u endpoints", endpoints);
    }
    made->endpoints = made->vertices = made->vertex_capacity = endpoints;
    made->per_server = per_server;
    for (uint32_t e = 0; e < endpoints; e++)
        made->vertex[e] = (struct kerf_vertex){.name = name, .number = e};
    *topology = made;
    return KERF_OK;
}

static void free_lists(struct kerf_topology *topology)
{
    free(topology->out_first);
    free(topology->out);
    free(topology->in_first);
    free(topology->in);
    topology->out_first = topology->out = topology->in_first = topology->in = NULL;
}

void kerf_topology_free(struct kerf_topology *topology)
{
    if (!topology)
        return;
    free_lists(topology);
    free(topology->vertex);
    free(topology->link);
    free(topology);
}

/* More room for an array that is full; NULL, and the note that memory is out, if there is none. */
static void *more(struct kerf_topology *topology, void *array, uint32_t *capacity, size_t element_bytes)
{
    uint32_t count = *capacity < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * *capacity;
    void *larger = *capacity < MOST_VERTICES ? realloc(array, count * element_bytes) : NULL;
    if (larger)
        *capacity = count;
    else
        topology->no_memory = true;
    return larger;
}

uint32_t kerf_topology_add_switch(struct kerf_topology *topology, const char *name, uint32_t number,
                                  bool reduces)
{
    if (topology->vertices == topology->vertex_capacity) {
        void *larger = more(topology, topology->vertex, &topology->vertex_capacity, sizeof *topology->vertex);
        if (!larger)
            return KERF_NO_VERTEX;
        topology->vertex = larger;
    }
    topology->vertex[topology->vertices] =
        (struct kerf_vertex){.name = name, .number = number, .reduces = reduces};
    return topology->vertices++;
}

static uint32_t add_link(struct kerf_topology *topology, uint32_t from, uint32_t to,
                         const struct kerf_cable *cable)
{
    if (topology->links == topology->link_capacity) {
        void *larger = more(topology, topology->link, &topology->link_capacity, sizeof *topology->link);
        if (!larger)
            return KERF_NO_LINK;
        topology->link = larger;
    }
    topology->link[topology->links] = (struct kerf_topology_link){.from = from,
                                                                  .to = to,
                                                                  .capacity_Bps = cable->capacity_Bps,
                                                                  .latency_s = cable->latency_s,
                                                                  .kind = cable->kind,
                                                                  .factor = 1.0};
    return topology->links++;
}

uint32_t kerf_topology_add_cable(struct kerf_topology *topology, uint32_t a, uint32_t b,
                                 const struct kerf_cable *cable)
{
    uint32_t there = add_link(topology, a, b, cable), back = add_link(topology, b, a, cable);
    return back == KERF_NO_LINK ? KERF_NO_LINK : there;
}

uint32_t kerf_topology_find(const struct kerf_topology *topology, uint32_t from, uint32_t to, uint32_t nth)
{
    for (uint32_t l = 0; l < topology->links; l++)
        if (topology->link[l].from == from && topology->link[l].to == to && nth-- == 0)
            return l;
    return KERF_NO_LINK;
}

enum kerf_status kerf_topology_set_faults(struct kerf_topology *topology, const struct kerf_link_fault *fault,
                                          uint32_t faults, struct kerf_error *error)
{
    for (uint32_t i = 0; i < faults; i++) {
        KERF_CHECK(fault[i].link < topology->links, KERF_ERR_USAGE,
                   "a fault of link %u, which is not there: the network has %u", fault[i].link,
                   topology->links);
        KERF_CHECK(fault[i].factor >= 0.0 && fault[i].factor <= 1.0, KERF_ERR_USAGE,
                   "link %u: what a fault leaves of the capacity lies between 0 and 1 (got %g)",
                   fault[i].link, fault[i].factor);
    }
    for (uint32_t i = 0; i < faults; i++) {
        uint32_t there = fault[i].link & ~UINT32_C(1); /* links of a cable come in pairs */
        topology->link[there].factor = topology->link[there + 1].factor = fault[i].factor;
    }
    return KERF_OK;
}

const char *kerf_vertex_name(const struct kerf_topology *topology, uint32_t vertex,
                             char text[KERF_VERTEX_NAME_BYTES])
{
    const struct kerf_vertex *v = &topology->vertex[vertex];
    if (vertex < topology->endpoints && topology->per_server > 1)
        snprintf(text, KERF_VERTEX_NAME_BYTES, "%s %u (server %u)", v->name, v->number,
                 kerf_topology_server(topology, vertex));
    else
        snprintf(text, KERF_VERTEX_NAME_BYTES, "%s %u", v->name, v->number);
    return text;
}

static enum kerf_status check_link(const struct kerf_topology *topology, uint32_t l, struct kerf_error *error)
{
    const struct kerf_topology_link *link = &topology->link[l];
    char from[KERF_VERTEX_NAME_BYTES], to[KERF_VERTEX_NAME_BYTES];
    KERF_CHECK(link->from < topology->vertices && link->to < topology->vertices, KERF_ERR_USAGE,
               "link %u joins vertices %u and %u; there are %u", l, link->from, link->to, topology->vertices);
    kerf_vertex_name(topology, link->from, from);
    kerf_vertex_name(topology, link->to, to);
    KERF_CHECK(link->from != link->to, KERF_ERR_USAGE, "%s is linked to itself", from);
    KERF_CHECK(link->capacity_Bps > 0.0 && isfinite(link->capacity_Bps), KERF_ERR_USAGE,
               "%s to %s: the capacity must be positive and finite (got %g B/s)", from, to,
               link->capacity_Bps);
    KERF_CHECK(link->latency_s >= 0.0 && isfinite(link->latency_s), KERF_ERR_USAGE,
               "%s to %s: the latency must be finite and not negative (got %g s)", from, to, link->latency_s);
    return KERF_OK;
}

/* Lists of links by the vertex that they leave, or enter, by counting. */
static void sort_links(const struct kerf_topology *topology, bool by_from, uint32_t *first, uint32_t *list)
{
    for (uint32_t l = 0; l < topology->links; l++)
        first[(by_from ? topology->link[l].from : topology->link[l].to) + 1]++;
    for (uint32_t v = 0; v < topology->vertices; v++)
        first[v + 1] += first[v];
    for (uint32_t l = 0; l < topology->links; l++)
        list[first[by_from ? topology->link[l].from : topology->link[l].to]++] = l;
    for (uint32_t v = topology->vertices; v > 0; v--)
        first[v] = first[v - 1];
    first[0] = 0;
}

enum kerf_status kerf_topology_finish(struct kerf_topology *topology, struct kerf_error *error)
{
    KERF_CHECK(!topology->no_memory, KERF_ERR_FAILURE, "out of memory for a network of %u links",
               topology->links);
    for (uint32_t l = 0; l < topology->links; l++)
        KERF_TRY(check_link(topology, l, error));
    free_lists(topology);
    size_t bounds = (size_t)topology->vertices + 1, links = (size_t)topology->links + 1;
    topology->out_first = calloc(bounds, sizeof *topology->out_first);
    topology->in_first = calloc(bounds, sizeof *topology->in_first);
    topology->out = malloc(links * sizeof *topology->out);
    topology->in = malloc(links * sizeof *topology->in);
    if (!topology->out_first || !topology->in_first || !topology->out || !topology->in) {
        free_lists(topology);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a network of %u links",
                              topology->links);
    }
    sort_links(topology, true, topology->out_first, topology->out);
    sort_links(topology, false, topology->in_first, topology->in);
    return KERF_OK;
}
