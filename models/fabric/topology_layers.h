/* Layers of a network: each joins all endpoints of a topology to switches of its own, by one rule.
 *
 * A cluster is two of them: an NVLink domain per server or rack, and a network of NICs. A layer is one row of
 * a table: name, check, add. A new topology is a new row. Sources: fat tree: Leiserson, IEEE Trans. Comput.
 * C-34(10), 1985, and Al-Fares et al., SIGCOMM 2008; dragonfly: Kim, Dally, Scott and Abts, ISCA 2008; torus:
 * Dally and Towles, Principles and Practices of Interconnection Networks, 2004, chapter 5. */
#ifndef KERF_FABRIC_TOPOLOGY_LAYERS_H
#define KERF_FABRIC_TOPOLOGY_LAYERS_H

#include "models/fabric/topology.h"

/* Consecutive endpoints, `size` of them, on one switch: an NVLink domain (its NVSwitch planes as one switch),
 * or a star (`size` 0: all endpoints on one switch). */
struct kerf_star_layer {
    uint32_t size;
    bool reduces;    /* in-switch reduction */
    const char *hub; /* what its switches are called, not owned; NULL: "switch" or "reducing switch" */
};

/* Two or three levels of switches. `leaf_down` endpoints and `leaf_up` uplinks per leaf.
 * 2 levels: uplinks go round the `spines` spine switches. 3 levels: `pod_leaves` leaves make a pod with
 * `spines` spine switches of its own, each of which has `core_up` uplinks; core switch (s, j) has a cable to
 * spine s of every pod. `by_rail`: a leaf holds the same rail of `leaf_down` servers, and the leaves of these
 * servers stand side by side (rail-optimised). */
struct kerf_fat_tree_layer {
    uint32_t levels, leaf_down, leaf_up, spines, pod_leaves, core_up;
    bool by_rail;
};

/* The fat tree of switches with `ports` ports each, all cables alike, that is `oversubscription` >= 1 at the
 * leaves (1: full bisection): ports^2 / 2 endpoints at most with 2 levels, ports^3 / 4 with 3. */
struct kerf_fat_tree_layer kerf_fat_tree_of_ports(uint32_t levels, uint32_t ports, double oversubscription);

/* One router per endpoint at each point of a box; every row closes to a ring. A side of 1 has no cables, one
 * of 2 a single one. 2-D: side[2] = 1. */
struct kerf_torus_layer {
    uint32_t side[3];
};

/* Groups of `routers` routers, all joined; each router has `down` endpoints and `global` cables to other
 * groups. Any two groups are joined equally often. */
struct kerf_dragonfly_layer {
    uint32_t down, routers, global, groups;
};

/* A tree of switches, `fan` down each, with all endpoints but the last at its foot and the last (the source
 * of weights, MemoryX) at its top; it copies downwards and adds up upwards (SwarmX: "broadcast-reduce"). */
struct kerf_tree_layer {
    uint32_t fan;
};

/* A cable of an arbitrary graph. Numbers below the endpoints' are endpoints; the others are its switches. */
struct kerf_graph_cable {
    uint32_t a, b;
    struct kerf_cable cable;
};

struct kerf_graph_layer {
    uint32_t switches;
    const struct kerf_graph_cable *cable;
    uint32_t cables;
};

enum kerf_topology_layer_kind {
    KERF_TOPOLOGY_LAYER_STAR,
    KERF_TOPOLOGY_LAYER_FAT_TREE,
    KERF_TOPOLOGY_LAYER_TORUS,
    KERF_TOPOLOGY_LAYER_DRAGONFLY,
    KERF_TOPOLOGY_LAYER_TREE,
    KERF_TOPOLOGY_LAYER_GRAPH,
    KERF_TOPOLOGY_LAYER_KINDS
};

struct kerf_topology_layer {
    enum kerf_topology_layer_kind kind;
    struct kerf_cable port;  /* of an endpoint */
    struct kerf_cable trunk; /* between switches */
    struct kerf_cable far;   /* between groups (dragonfly) */
    struct kerf_star_layer star;
    struct kerf_fat_tree_layer fat_tree;
    struct kerf_torus_layer torus;
    struct kerf_dragonfly_layer dragonfly;
    struct kerf_tree_layer tree;
    struct kerf_graph_layer graph;
};

/* Adds a layer to a topology that is not finished. KERF_ERR_USAGE: its counts do not fit the endpoints or
 * each other; the message says how. */
enum kerf_status kerf_topology_add_layer(struct kerf_topology *topology,
                                         const struct kerf_topology_layer *layer, struct kerf_error *error);

/* "star", "fat-tree", "torus", "dragonfly", "tree", "graph". */
const char *kerf_topology_layer_name(enum kerf_topology_layer_kind kind);

#endif
