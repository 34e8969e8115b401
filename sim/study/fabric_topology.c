/* The study room: networks of scenarios as topologies. Knows how vertices are called; no traffic. */
#include "sim/study/fabric.h"

#include "models/fabric/topology_layers.h"

#include <stdlib.h>
#include <string.h>

/* From an accelerator to the switch of its domain; the hops of the library's algorithms are longer. */
static const double domain_latency_s = 0.3e-6;

/* An empty name stands for another. */
static const char *or_else(const char *name, const char *other)
{
    return name[0] ? name : other;
}

const char *kerf_fabric_trunk(const struct kerf_fabric_spec *spec)
{
    return or_else(spec->trunk, spec->link);
}

const char *kerf_fabric_far(const struct kerf_fabric_spec *spec)
{
    return or_else(spec->far, kerf_fabric_trunk(spec));
}

const char *kerf_fabric_cable_link(const struct kerf_fabric_spec *spec, int index)
{
    return or_else(spec->cable[index].link, spec->link);
}

/* A link of the section in a column: half of its latency on either side of the first switch. */
static struct kerf_cable cable_of(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                  const char *name, enum kerf_column column, enum kerf_link_kind kind)
{
    struct kerf_link_params link;
    int i = 0;
    while (i + 1 < links->count && strcmp(links->name[i], name) != 0)
        i++;
    kerf_leaf_set_fill(&links->link[i], column, &link);
    return (struct kerf_cable){.capacity_Bps = link.bandwidth_Bps * spec->lanes,
                               .latency_s = kind == KERF_LINK_NIC ? link.latency_s / 2.0 : link.switch_s,
                               .kind = kind};
}

struct kerf_cable kerf_fabric_port(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   enum kerf_column column)
{
    return cable_of(spec, links, spec->link, column, KERF_LINK_NIC);
}

/* "leaf switch 3": a sort and a number. */
static bool split_name(const char *name, char *sort, size_t sort_bytes, uint32_t *number)
{
    const char *space = strrchr(name, ' ');
    char *end;
    if (!space || space == name || !space[1] || (size_t)(space - name) >= sort_bytes)
        return false;
    unsigned long value = strtoul(space + 1, &end, 10);
    memcpy(sort, name, (size_t)(space - name));
    sort[space - name] = '\0';
    *number = (uint32_t)value;
    return !*end && value < UINT32_MAX;
}

static uint32_t find_vertex(const struct kerf_topology *t, const char *name)
{
    char sort[KERF_FABRIC_NAME_BYTES];
    uint32_t number;
    if (!split_name(name, sort, sizeof sort, &number))
        return KERF_NO_VERTEX;
    for (uint32_t v = 0; v < t->vertices; v++)
        if (t->vertex[v].number == number && strcmp(t->vertex[v].name, sort) == 0)
            return v;
    return KERF_NO_VERTEX;
}

/* "GPU 0 to 15, leaf switch 0 to 3": what may be named. Sorts stand together but in pods. */
static void list_vertices(const struct kerf_topology *t, char *text, size_t bytes)
{
    const char *told[16];
    size_t used = 0, sorts = 0;
    text[0] = '\0';
    for (uint32_t v = 0; v < t->vertices && sorts < 16; v++) {
        const char *name = t->vertex[v].name;
        uint32_t most = 0;
        bool known = false;
        for (size_t s = 0; s < sorts; s++)
            known = known || strcmp(told[s], name) == 0;
        if (known)
            continue;
        for (uint32_t w = v; w < t->vertices; w++)
            if (strcmp(t->vertex[w].name, name) == 0 && t->vertex[w].number > most)
                most = t->vertex[w].number;
        told[sorts++] = name;
        if (used < bytes)
            used += (size_t)snprintf(text + used, bytes - used, "%s%s 0 to %u", sorts > 1 ? ", " : "", name,
                                     most);
    }
}

static void list_neighbours(const struct kerf_topology *t, uint32_t vertex, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t l = 0; l < t->links && used < bytes; l++)
        if (t->link[l].from == vertex)
            used += (size_t)snprintf(text + used, bytes - used, "%s%s %u", used ? ", " : "",
                                     t->vertex[t->link[l].to].name, t->vertex[t->link[l].to].number);
}

static enum kerf_status set_fault(struct kerf_topology *t, const struct kerf_fabric_fault_spec *fault,
                                  int index, struct kerf_error *error)
{
    char text[512];
    uint32_t from = find_vertex(t, fault->from), to = find_vertex(t, fault->to);
    if (from == KERF_NO_VERTEX || to == KERF_NO_VERTEX) {
        list_vertices(t, text, sizeof text);
        return kerf_error_set(error, KERF_ERR_USAGE,
                              "fabric.faults[%d]: '%s' is not in this network; there are %s", index,
                              from == KERF_NO_VERTEX ? fault->from : fault->to, text);
    }
    uint32_t link = kerf_topology_find(t, from, to, (uint32_t)fault->cable - 1);
    if (link == KERF_NO_LINK) {
        list_neighbours(t, from, text, sizeof text);
        return kerf_error_set(
            error, KERF_ERR_USAGE,
            "fabric.faults[%d]: cable %d from %s to %s does not exist; from %s lead cables to "
            "%s",
            index, fault->cable, fault->from, fault->to, fault->from, text);
    }
    const struct kerf_link_fault broken = {.link = link, .factor = fault->left};
    return kerf_topology_set_faults(t, &broken, 1, error);
}

/* The number that a cable's end has in a graph: accelerators, then switches. */
static enum kerf_status graph_end(const struct kerf_fabric_spec *spec, const struct kerf_fabric_site *site,
                                  int index, const char *name, uint32_t *end, struct kerf_error *error)
{
    char sort[KERF_FABRIC_NAME_BYTES] = "";
    uint32_t number = 0;
    bool named = split_name(name, sort, sizeof sort, &number);
    bool accelerator = named && strcmp(sort, site->name) == 0 && number < site->count;
    bool hub = named && strcmp(sort, "switch") == 0 && number < (uint32_t)spec->switches;
    KERF_CHECK(
        accelerator || hub, KERF_ERR_USAGE,
        "fabric.links[%d]: '%s' is not in this network; there are %s 0 to %u and %d switches (switch 0, "
        "...)",
        index, name, site->name, site->count - 1, spec->switches);
    *end = accelerator ? number : site->count + number;
    return KERF_OK;
}

static enum kerf_status add_graph(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                  const struct kerf_fabric_site *site, enum kerf_column column,
                                  struct kerf_topology *topology, struct kerf_error *error)
{
    uint32_t cables = 0;
    for (int i = 0; i < spec->cables; i++)
        cables += (uint32_t)spec->cable[i].count;
    struct kerf_graph_cable *cable = calloc(cables, sizeof *cable);
    KERF_CHECK(cable, KERF_ERR_FAILURE, "out of memory for %u cables", cables);
    enum kerf_status status = KERF_OK;
    cables = 0;
    for (int i = 0; i < spec->cables && status == KERF_OK; i++) {
        const struct kerf_fabric_cable_spec *given = &spec->cable[i];
        struct kerf_graph_cable one = {0};
        status = graph_end(spec, site, i, given->from, &one.a, error);
        if (status == KERF_OK)
            status = graph_end(spec, site, i, given->to, &one.b, error);
        bool port = one.a < site->count || one.b < site->count;
        one.cable = cable_of(spec, links, kerf_fabric_cable_link(spec, i), column,
                             port ? KERF_LINK_NIC : KERF_LINK_TRUNK);
        for (int k = 0; k < given->count; k++)
            cable[cables++] = one;
    }
    struct kerf_topology_layer layer = {.kind = KERF_TOPOLOGY_LAYER_GRAPH,
                                        .graph = {(uint32_t)spec->switches, cable, cables}};
    if (status == KERF_OK)
        status = kerf_topology_add_layer(topology, &layer, error);
    free(cable);
    return status;
}

static struct kerf_topology_layer layer_of(const struct kerf_fabric_spec *spec, uint32_t endpoints)
{
    uint32_t y = (uint32_t)spec->side[1], z = (uint32_t)spec->side[2];
    uint32_t down = (uint32_t)spec->down, routers = (uint32_t)spec->routers, group = down * routers;
    switch ((enum kerf_fabric_topology)spec->topology) {
    case KERF_FABRIC_FAT_TREE:
    case KERF_FABRIC_RAILS: {
        struct kerf_fat_tree_layer tree =
            kerf_fat_tree_of_ports((uint32_t)spec->levels, (uint32_t)spec->ports, spec->oversubscription);
        tree.by_rail = spec->topology == KERF_FABRIC_RAILS;
        return (struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_FAT_TREE, .fat_tree = tree};
    }
    case KERF_FABRIC_TORUS:
        return (struct kerf_topology_layer){
            .kind = KERF_TOPOLOGY_LAYER_TORUS,
            .torus = {{spec->side[0] ? (uint32_t)spec->side[0] : endpoints / (y * z), y, z}}};
    case KERF_FABRIC_DRAGONFLY: {
        uint32_t groups = (endpoints + group - 1) / group;
        return (struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_DRAGONFLY,
                                            .dragonfly = {.down = down,
                                                          .routers = routers,
                                                          .global = (uint32_t)spec->globals,
                                                          .groups = groups > 2 ? groups : 2}};
    }
    case KERF_FABRIC_TREE:
        return (struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_TREE,
                                            .tree = {.fan = (uint32_t)spec->fan}};
    default:
        return (struct kerf_topology_layer){.kind = KERF_TOPOLOGY_LAYER_STAR};
    }
}

static enum kerf_status add_layers(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   const struct kerf_fabric_site *site, enum kerf_column column,
                                   struct kerf_topology *topology, struct kerf_error *error)
{
    struct kerf_topology_layer domain = {.kind = KERF_TOPOLOGY_LAYER_STAR,
                                         .port = {site->domain_Bps, domain_latency_s, KERF_LINK_DOMAIN},
                                         .star = {.size = site->domain, .hub = "NVLink switch"}};
    if (site->domain > 1)
        KERF_TRY(kerf_topology_add_layer(topology, &domain, error));
    if (spec->topology == KERF_FABRIC_GRAPH) {
        KERF_TRY(add_graph(spec, links, site, column, topology, error));
    } else {
        struct kerf_topology_layer layer = layer_of(spec, topology->endpoints);
        layer.port = cable_of(spec, links, spec->link, column, KERF_LINK_NIC);
        layer.trunk = cable_of(spec, links, kerf_fabric_trunk(spec), column, KERF_LINK_TRUNK);
        layer.far = cable_of(spec, links, kerf_fabric_far(spec), column, KERF_LINK_TRUNK);
        KERF_TRY(kerf_topology_add_layer(topology, &layer, error));
    }
    for (int i = 0; i < spec->faults; i++)
        KERF_TRY(set_fault(topology, &spec->fault[i], i, error));
    return kerf_topology_finish(topology, error);
}

enum kerf_status kerf_fabric_topology(const struct kerf_fabric_spec *spec,
                                      const struct kerf_fabric_links *links,
                                      const struct kerf_fabric_site *site, enum kerf_column column,
                                      struct kerf_topology **topology, struct kerf_error *error)
{
    /* The root of a broadcast-reduce tree is an endpoint more: where weights come from. */
    uint32_t endpoints = site->count + (spec->topology == KERF_FABRIC_TREE);
    struct kerf_topology *made = NULL;
    KERF_TRY(kerf_topology_create(site->name, endpoints, site->domain, &made, error));
    if (add_layers(spec, links, site, column, made, error) != KERF_OK) {
        kerf_topology_free(made);
        return strncmp(error->message, "fabric", 6) == 0 ? error->status
                                                         : kerf_error_prefix(error, "fabric: ");
    }
    *topology = made;
    return KERF_OK;
}
