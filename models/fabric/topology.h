/* A network as a graph: endpoints (accelerators with their ports), switches, and links that go one way.
 *
 * A topology is made in steps: create it with its endpoints, add layers (an NVLink domain, a fat tree of
 * NICs, a torus, ...; topology_layers.h) or single switches and cables, break or slow down cables, finish it.
 * After that it is constant. Endpoints never forward what is not theirs; routes through another endpoint's
 * port are the router's business (route.h). Switches have no limit but their links. */
#ifndef KERF_FABRIC_TOPOLOGY_H
#define KERF_FABRIC_TOPOLOGY_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERF_NO_VERTEX = UINT32_MAX, KERF_NO_LINK = UINT32_MAX, KERF_VERTEX_NAME_BYTES = 64 };

/* What a link is made of; achieved shares differ by it. */
enum kerf_link_kind { KERF_LINK_DOMAIN, KERF_LINK_NIC, KERF_LINK_TRUNK, KERF_LINK_KINDS };

/* One direction of a cable. The latency is from the first byte in to the first byte out at the other end, the
 * switch there included. */
struct kerf_topology_link {
    uint32_t from, to; /* vertices */
    double capacity_Bps, latency_s;
    enum kerf_link_kind kind;
    double factor; /* share of the capacity that is left: 1 whole, 0 down */
};

/* A link as data: what a builder gives to all cables of one sort. */
struct kerf_cable {
    double capacity_Bps, latency_s;
    enum kerf_link_kind kind;
};

struct kerf_vertex {
    const char *name; /* of its sort: "GPU", "leaf switch"; not owned */
    uint32_t number;  /* among its sort */
    bool reduces;     /* a switch that can add up and copy what passes (NVLink SHARP, SwarmX) */
};

/* Vertices 0 ... endpoints - 1 are the endpoints. Endpoint e is number e % per_server of server e /
 * per_server; that number is also its rail. */
struct kerf_topology {
    uint32_t endpoints, per_server;
    uint32_t vertices, links;
    struct kerf_vertex *vertex;
    struct kerf_topology_link *link;
    /* After kerf_topology_finish: links out of v are out[out_first[v]] ... out[out_first[v + 1] - 1], in the
     * order in which they were added; links into v likewise. */
    uint32_t *out_first, *out, *in_first, *in;
    uint32_t vertex_capacity, link_capacity;
    bool no_memory;
};

/* A topology of `endpoints` > 0 endpoints, `per_server` of them in each server, called `name` ("GPU"), which
 * must outlive it. KERF_ERR_USAGE: a count of 0, or too many. */
enum kerf_status kerf_topology_create(const char *name, uint32_t endpoints, uint32_t per_server,
                                      struct kerf_topology **topology, struct kerf_error *error);
void kerf_topology_free(struct kerf_topology *topology);

/* Adds a switch; returns its vertex. When memory is out, kerf_topology_finish says so. */
uint32_t kerf_topology_add_switch(struct kerf_topology *topology, const char *name, uint32_t number,
                                  bool reduces);

/* Adds a cable: a link from a to b, and one back; returns the first, the other is the next. */
uint32_t kerf_topology_add_cable(struct kerf_topology *topology, uint32_t a, uint32_t b,
                                 const struct kerf_cable *cable);

/* The `nth` link from one vertex to another (from 0, in the order in which they were added), or KERF_NO_LINK.
 */
uint32_t kerf_topology_find(const struct kerf_topology *topology, uint32_t from, uint32_t to, uint32_t nth);

/* A cable (either of its links) that has the share `factor` of its capacity left in both directions; 0: it is
 * down. KERF_ERR_USAGE: no such link, or a factor outside [0, 1]. */
struct kerf_link_fault {
    uint32_t link;
    double factor;
};

enum kerf_status kerf_topology_set_faults(struct kerf_topology *topology, const struct kerf_link_fault *fault,
                                          uint32_t faults, struct kerf_error *error);

/* Checks the links (KERF_ERR_USAGE: a capacity that is not positive, a negative latency, a loop;
 * KERF_ERR_FAILURE: memory was out) and makes the lists of links by vertex. Faults may be set before or
 * after. */
enum kerf_status kerf_topology_finish(struct kerf_topology *topology, struct kerf_error *error);

/* Writes what a vertex is called: "GPU 12 (server 1)", "leaf switch 3"; returns `text`. */
const char *kerf_vertex_name(const struct kerf_topology *topology, uint32_t vertex,
                             char text[KERF_VERTEX_NAME_BYTES]);

static inline uint32_t kerf_topology_server(const struct kerf_topology *topology, uint32_t endpoint)
{
    return endpoint / topology->per_server;
}

static inline uint32_t kerf_topology_rail(const struct kerf_topology *topology, uint32_t endpoint)
{
    return endpoint % topology->per_server;
}

#endif
