/* The fabric room: builders of stars, fat trees, tori, dragonflies, trees and arbitrary graphs. */
#include "models/fabric/topology_layers.h"

static uint32_t up_divide(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

static enum kerf_status add_star(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                 struct kerf_error *error)
{
    uint32_t size = layer->star.size ? layer->star.size : t->endpoints, hub = KERF_NO_VERTEX;
    const char *name = layer->star.hub ? layer->star.hub : layer->star.reduces ? "reducing switch" : "switch";
    (void)error;
    for (uint32_t e = 0; e < t->endpoints; e++) {
        if (e % size == 0)
            hub = kerf_topology_add_switch(t, name, e / size, layer->star.reduces);
        kerf_topology_add_cable(t, e, hub, &layer->port);
    }
    return KERF_OK;
}

struct kerf_fat_tree_layer kerf_fat_tree_of_ports(uint32_t levels, uint32_t ports, double oversubscription)
{
    uint32_t up = (uint32_t)(ports / (1.0 + oversubscription) + 0.5), down = ports - up;
    struct kerf_fat_tree_layer tree = {.levels = levels, .leaf_down = down, .leaf_up = up, .spines = up};
    if (levels == 3) {
        tree.pod_leaves = ports / 2;
        tree.core_up = ports / 2;
    }
    return tree;
}

/* The leaf of an endpoint. */
static uint32_t leaf_of(const struct kerf_topology *t, const struct kerf_fat_tree_layer *tree,
                        uint32_t endpoint)
{
    if (!tree->by_rail)
        return endpoint / tree->leaf_down;
    return kerf_topology_server(t, endpoint) / tree->leaf_down * t->per_server +
           kerf_topology_rail(t, endpoint);
}

static enum kerf_status check_fat_tree(const struct kerf_fat_tree_layer *tree, struct kerf_error *error)
{
    KERF_CHECK(tree->levels == 2 || tree->levels == 3, KERF_ERR_USAGE,
               "a fat tree has 2 or 3 levels (got %u)", tree->levels);
    KERF_CHECK(tree->leaf_down > 0 && tree->leaf_up > 0, KERF_ERR_USAGE,
               "a leaf switch needs endpoints and uplinks (got %u and %u)", tree->leaf_down, tree->leaf_up);
    KERF_CHECK(tree->spines > 0 && tree->leaf_up % tree->spines == 0, KERF_ERR_USAGE,
               "the %u uplinks of a leaf must spread evenly over the spines (got %u)", tree->leaf_up,
               tree->spines);
    KERF_CHECK(tree->levels == 2 || (tree->pod_leaves > 0 && tree->core_up > 0), KERF_ERR_USAGE,
               "a fat tree of 3 levels needs leaves in a pod and uplinks of its spines (got %u and %u)",
               tree->pod_leaves, tree->core_up);
    return KERF_OK;
}

/* The spines of one pod, their cables to its leaves first_leaf ... and to the core. */
static void add_pod(struct kerf_topology *t, const struct kerf_topology_layer *layer, uint32_t pod,
                    uint32_t first_leaf, uint32_t leaves, uint32_t first_core)
{
    const struct kerf_fat_tree_layer *tree = &layer->fat_tree;
    for (uint32_t s = 0; s < tree->spines; s++) {
        uint32_t spine = kerf_topology_add_switch(t, "spine switch", pod * tree->spines + s, false);
        for (uint32_t leaf = 0; leaf < leaves; leaf++)
            for (uint32_t up = s; up < tree->leaf_up; up += tree->spines)
                kerf_topology_add_cable(t, first_leaf + leaf, spine, &layer->trunk);
        for (uint32_t j = 0; tree->levels == 3 && j < tree->core_up; j++)
            kerf_topology_add_cable(t, spine, first_core + s * tree->core_up + j, &layer->trunk);
    }
}

static enum kerf_status add_fat_tree(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                     struct kerf_error *error)
{
    const struct kerf_fat_tree_layer *tree = &layer->fat_tree;
    KERF_TRY(check_fat_tree(tree, error));
    uint32_t leaves = leaf_of(t, tree, t->endpoints - 1) + 1, first_leaf = t->vertices;
    if (tree->by_rail)
        leaves = up_divide(leaves, t->per_server) * t->per_server;
    for (uint32_t leaf = 0; leaf < leaves; leaf++)
        kerf_topology_add_switch(t, "leaf switch", leaf, false);
    for (uint32_t e = 0; e < t->endpoints; e++)
        kerf_topology_add_cable(t, e, first_leaf + leaf_of(t, tree, e), &layer->port);
    uint32_t first_core = t->vertices, in_pod = tree->levels == 3 ? tree->pod_leaves : leaves;
    for (uint32_t c = 0; tree->levels == 3 && c < tree->spines * tree->core_up; c++)
        kerf_topology_add_switch(t, "core switch", c, false);
    for (uint32_t pod = 0; pod * in_pod < leaves; pod++) {
        uint32_t left = leaves - pod * in_pod;
        add_pod(t, layer, pod, first_leaf + pod * in_pod, left < in_pod ? left : in_pod, first_core);
    }
    return KERF_OK;
}

static enum kerf_status add_torus(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                  struct kerf_error *error)
{
    const uint32_t *side = layer->torus.side;
    uint64_t points = (uint64_t)side[0] * side[1] * side[2];
    KERF_CHECK(side[0] && side[1] && side[2] && points == t->endpoints, KERF_ERR_USAGE,
               "a torus of %u x %u x %u has %llu points; the network has %u endpoints", side[0], side[1],
               side[2], (unsigned long long)points, t->endpoints);
    uint32_t first = t->vertices;
    for (uint32_t e = 0; e < t->endpoints; e++) {
        kerf_topology_add_switch(t, "router", e, false);
        kerf_topology_add_cable(t, e, first + e, &layer->port);
    }
    for (uint32_t d = 0, stride = 1; d < 3; stride *= side[d++])
        for (uint32_t e = 0; e < t->endpoints && side[d] > 1; e++) {
            uint32_t at = e / stride % side[d];
            if (side[d] == 2 && at == 1)
                continue;
            uint32_t next = at + 1 < side[d] ? e + stride : e - at * stride;
            kerf_topology_add_cable(t, first + e, first + next, &layer->trunk);
        }
    return KERF_OK;
}

static enum kerf_status check_dragonfly(const struct kerf_topology *t, const struct kerf_dragonfly_layer *d,
                                        struct kerf_error *error)
{
    uint64_t hosts = (uint64_t)d->down * d->routers * d->groups;
    KERF_CHECK(hosts >= t->endpoints && d->groups > 1, KERF_ERR_USAGE,
               "a dragonfly of %u groups of %u routers with %u endpoints each does not hold %u endpoints",
               d->groups, d->routers, d->down, t->endpoints);
    KERF_CHECK((uint64_t)d->routers * d->global >= d->groups - 1, KERF_ERR_USAGE,
               "a dragonfly of %u groups takes %u cables out of each (got %u routers with %u)", d->groups,
               d->groups - 1, d->routers, d->global);
    return KERF_OK;
}

/* Port k of a group leads to the group k % (groups - 1) + 1 further on; it belongs to router k / global. */
static void add_global(struct kerf_topology *t, const struct kerf_topology_layer *layer, uint32_t first)
{
    const struct kerf_dragonfly_layer *d = &layer->dragonfly;
    uint32_t others = d->groups - 1, rounds = d->routers * d->global / others;
    for (uint32_t g = 0; g < d->groups; g++)
        for (uint32_t k = 0; k < rounds * others; k++) {
            uint32_t ahead = k % others + 1, other = (g + ahead) % d->groups;
            uint32_t back = k / others * others + (d->groups - ahead - 1);
            if (g < other)
                kerf_topology_add_cable(t, first + g * d->routers + k / d->global,
                                        first + other * d->routers + back / d->global, &layer->far);
        }
}

static enum kerf_status add_dragonfly(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                      struct kerf_error *error)
{
    const struct kerf_dragonfly_layer *d = &layer->dragonfly;
    KERF_TRY(check_dragonfly(t, d, error));
    uint32_t first = t->vertices;
    for (uint32_t r = 0; r < d->groups * d->routers; r++)
        kerf_topology_add_switch(t, "router", r, false);
    for (uint32_t e = 0; e < t->endpoints; e++)
        kerf_topology_add_cable(t, e, first + e / d->down, &layer->port);
    for (uint32_t r = 0; r < d->groups * d->routers; r++)
        for (uint32_t s = r + 1; s < (r / d->routers + 1) * d->routers; s++)
            kerf_topology_add_cable(t, first + r, first + s, &layer->trunk);
    add_global(t, layer, first);
    return KERF_OK;
}

static enum kerf_status add_tree(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                 struct kerf_error *error)
{
    uint32_t fan = layer->tree.fan, leaves = t->endpoints - 1, below = 0, count = leaves, number = 0;
    KERF_CHECK(fan > 1 && leaves > 0, KERF_ERR_USAGE,
               "a broadcast-reduce tree needs a fan of 2 or more and two endpoints (got %u and %u)", fan,
               t->endpoints);
    const struct kerf_cable *cable = &layer->port;
    do { /* `count` vertices from `below` on get switches above them, until there is one */
        uint32_t first = t->vertices, switches = up_divide(count, fan);
        for (uint32_t s = 0; s < switches; s++)
            kerf_topology_add_switch(t, "tree switch", number++, true);
        for (uint32_t i = 0; i < count; i++)
            kerf_topology_add_cable(t, below + i, first + i / fan, cable);
        below = first;
        count = switches;
        cable = &layer->trunk;
    } while (count > 1);
    kerf_topology_add_cable(t, leaves, below, &layer->port);
    return KERF_OK;
}

static enum kerf_status add_graph(struct kerf_topology *t, const struct kerf_topology_layer *layer,
                                  struct kerf_error *error)
{
    const struct kerf_graph_layer *graph = &layer->graph;
    uint32_t known = t->endpoints + graph->switches, first = t->vertices;
    for (uint32_t i = 0; i < graph->cables; i++)
        KERF_CHECK(graph->cable[i].a < known && graph->cable[i].b < known, KERF_ERR_USAGE,
                   "cable %u joins %u and %u; there are %u endpoints and %u switches, counted from 0", i,
                   graph->cable[i].a, graph->cable[i].b, t->endpoints, graph->switches);
    for (uint32_t s = 0; s < graph->switches; s++)
        kerf_topology_add_switch(t, "switch", s, false);
    for (uint32_t i = 0; i < graph->cables; i++) {
        uint32_t a = graph->cable[i].a, b = graph->cable[i].b;
        kerf_topology_add_cable(t, a < t->endpoints ? a : a - t->endpoints + first,
                                b < t->endpoints ? b : b - t->endpoints + first, &graph->cable[i].cable);
    }
    return KERF_OK;
}

static const struct {
    const char *name;
    enum kerf_status (*add)(struct kerf_topology *topology, const struct kerf_topology_layer *layer,
                            struct kerf_error *error);
} layer_kinds[KERF_TOPOLOGY_LAYER_KINDS] = {
    [KERF_TOPOLOGY_LAYER_STAR] = {"star", add_star},
    [KERF_TOPOLOGY_LAYER_FAT_TREE] = {"fat-tree", add_fat_tree},
    [KERF_TOPOLOGY_LAYER_TORUS] = {"torus", add_torus},
    [KERF_TOPOLOGY_LAYER_DRAGONFLY] = {"dragonfly", add_dragonfly},
    [KERF_TOPOLOGY_LAYER_TREE] = {"tree", add_tree},
    [KERF_TOPOLOGY_LAYER_GRAPH] = {"graph", add_graph},
};

const char *kerf_topology_layer_name(enum kerf_topology_layer_kind kind)
{
    return layer_kinds[kind].name;
}

enum kerf_status kerf_topology_add_layer(struct kerf_topology *topology,
                                         const struct kerf_topology_layer *layer, struct kerf_error *error)
{
    if (layer_kinds[layer->kind].add(topology, layer, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: ", layer_kinds[layer->kind].name);
    return KERF_OK;
}
