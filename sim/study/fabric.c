/* The study room: networks of scenarios. Knows the catalog and the fabric; no formulas. */
#include "sim/study/fabric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum kerf_status read_link(struct kerf_catalog *catalog, const char *name,
                                  struct kerf_fabric_links *links, struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    for (int i = 0; i < links->count; i++)
        if (strcmp(links->name[i], name) == 0)
            return KERF_OK;
    KERF_CHECK(links->count < KERF_FABRIC_LINKS_MOST, KERF_ERR_USAGE,
               "fabric: at most %d different catalog links", KERF_FABRIC_LINKS_MOST);
    KERF_TRY(kerf_catalog_load(catalog, "links", name, &yaml, error));
    enum kerf_status status = kerf_leaf_set_read(yaml, &kerf_link_leaves, &links->link[links->count], error);
    kerf_yaml_free(yaml);
    snprintf(links->name[links->count], sizeof links->name[0], "%s", name);
    links->count++;
    return status;
}

static enum kerf_status read_links(struct kerf_catalog *catalog, const struct kerf_fabric_spec *spec,
                                   struct kerf_fabric_links *links, struct kerf_error *error)
{
    KERF_TRY(read_link(catalog, spec->link, links, error));
    KERF_TRY(read_link(catalog, kerf_fabric_trunk(spec), links, error));
    KERF_TRY(read_link(catalog, kerf_fabric_far(spec), links, error));
    for (int i = 0; i < spec->cables; i++)
        KERF_TRY(read_link(catalog, kerf_fabric_cable_link(spec, i), links, error));
    return KERF_OK;
}

struct choice {
    const char *key, *name;
    enum kerf_collective_op op;
};

/* The algorithms that a section asks for. */
static void choices_of(const struct kerf_fabric_spec *spec, struct choice choice[4])
{
    choice[0] = (struct choice){"all_reduce", spec->all_reduce, KERF_COLLECTIVE_ALL_REDUCE};
    choice[1] = (struct choice){"all_gather", spec->all_gather, KERF_COLLECTIVE_ALL_GATHER};
    choice[2] = (struct choice){"reduce_scatter", spec->reduce_scatter, KERF_COLLECTIVE_REDUCE_SCATTER};
    choice[3] = (struct choice){"all_to_all", spec->all_to_all, KERF_COLLECTIVE_ALL_TO_ALL};
}

static bool is_asked_for(const char *name)
{
    return name[0] && strcmp(name, "fastest") != 0;
}

static enum kerf_status check_algorithm(const struct choice *choice, struct kerf_error *error)
{
    const char *names[64] = {0};
    char list[512] = "fastest";
    int count = 0;
    if (!is_asked_for(choice->name))
        return KERF_OK;
    for (uint32_t a = 0; a < kerf_collective_algorithm_count && count < 63; a++)
        if (kerf_collective_algorithms[a].ops >> choice->op & 1)
            names[count++] = kerf_collective_algorithms[a].name;
    for (int i = 0; i < count; i++) {
        size_t used = strlen(list);
        if (strcmp(names[i], choice->name) == 0)
            return KERF_OK;
        snprintf(list + used, sizeof list - used, ", %s", names[i]);
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "fabric.%s: '%s' is no such algorithm; there are %s",
                          choice->key, choice->name, list);
}

bool kerf_fabric_is_for_gpus(const struct kerf_fabric_spec *spec)
{
    struct choice choice[4];
    bool asks = is_asked_for(spec->experts) || spec->library[0] || spec->stops > 0;
    choices_of(spec, choice);
    for (int i = 0; i < 4; i++)
        asks = asks || is_asked_for(choice[i].name);
    return asks;
}

enum kerf_status kerf_fabric_open(struct kerf_catalog *catalog, const struct kerf_fabric_spec *spec,
                                  struct kerf_fabric_links **links, struct kerf_error *error)
{
    struct choice choice[4];
    *links = NULL;
    choices_of(spec, choice);
    for (int i = 0; i < 4; i++)
        KERF_TRY(check_algorithm(&choice[i], error));
    if (spec->topology == KERF_FABRIC_NONE)
        return KERF_OK;
    struct kerf_fabric_links *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for the links of a fabric");
    enum kerf_status status = read_links(catalog, spec, made, error);
    if (status != KERF_OK) {
        free(made);
        return status;
    }
    *links = made;
    return KERF_OK;
}

static struct kerf_route_options routes_of(const struct kerf_fabric_spec *spec)
{
    return (struct kerf_route_options){
        .choice = spec->routing == KERF_FABRIC_SHORTEST ? KERF_ROUTE_DESTINATION : KERF_ROUTE_ECMP,
        .by_rail = spec->routing == KERF_FABRIC_RAIL_AWARE};
}

/* Latency of a way beyond its two ports, which the library's own hop between domains has. */
static double further_s(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                        enum kerf_column column, double latency_s)
{
    return fmax(0.0, latency_s - 2.0 * kerf_fabric_port(spec, links, column).latency_s);
}

/* A pattern near and one far, and the operations that take what they get. */
struct finding {
    const struct kerf_pattern *near, *far;
    uint32_t group;
    uint32_t ops; /* bits */
};

static enum kerf_status find_links(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   const struct kerf_fabric_site *site, const struct kerf_topology *topology,
                                   const struct finding *finding, enum kerf_column column,
                                   struct kerf_gpu_exchange *exchange, struct kerf_error *error)
{
    struct kerf_groups groups = {site->count, finding->group, site->domain};
    struct kerf_route_options routes = routes_of(spec);
    struct kerf_pattern_share near = {site->domain_Bps, 0.0};
    struct kerf_pattern_share far = {kerf_fabric_port(spec, links, column).capacity_Bps, 0.0};
    if (finding->near)
        KERF_TRY(kerf_pattern_run(topology, &routes, finding->near, &groups, &near, error));
    KERF_TRY(kerf_pattern_run(topology, &routes, finding->far, &groups, &far, error));
    for (int op = 0; op < KERF_COLLECTIVE_COUNT; op++)
        if (finding->ops >> op & 1) {
            exchange->cluster[op].domain_Bps = near.rank_Bps;
            exchange->cluster[op].nic_Bps = far.rank_Bps;
            exchange->cluster[op].nic_further_s = further_s(spec, links, column, far.latency_s);
        }
    return KERF_OK;
}

#define OP(name) (UINT32_C(1) << KERF_COLLECTIVE_##name)

enum kerf_status kerf_fabric_exchange(const struct kerf_fabric_spec *spec,
                                      const struct kerf_fabric_links *links,
                                      const struct kerf_fabric_site *site, uint32_t tensor, uint32_t stage,
                                      enum kerf_column column, struct kerf_gpu_exchange *exchange,
                                      struct kerf_error *error)
{
    const struct finding findings[] = {
        {&kerf_pattern_ring_near, &kerf_pattern_ring_far, tensor,
         OP(ALL_REDUCE) | OP(ALL_GATHER) | OP(REDUCE_SCATTER) | OP(BROADCAST)},
        {&kerf_pattern_all_near, &kerf_pattern_all_far, stage, OP(ALL_TO_ALL)},
        {NULL, &kerf_pattern_next_group, stage, OP(SEND)},
    };
    struct kerf_topology *topology = NULL;
    struct choice choice[4];
    choices_of(spec, choice);
    for (int i = 0; i < 4; i++)
        exchange->forced[choice[i].op] = is_asked_for(choice[i].name) ? choice[i].name : NULL;
    exchange->forced_experts = is_asked_for(spec->experts) ? spec->experts : NULL;
    if (spec->topology == KERF_FABRIC_NONE)
        return KERF_OK;
    KERF_TRY(kerf_fabric_topology(spec, links, site, column, &topology, error));
    enum kerf_status status = KERF_OK;
    for (size_t i = 0; i < sizeof findings / sizeof findings[0] && status == KERF_OK; i++)
        status = find_links(spec, links, site, topology, &findings[i], column, exchange, error);
    kerf_topology_free(topology);
    return status == KERF_OK ? status : kerf_error_prefix(error, "fabric: ");
}

enum kerf_status kerf_fabric_chain(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   const struct kerf_fabric_site *site, enum kerf_column column,
                                   struct kerf_pattern_share *share, struct kerf_error *error)
{
    struct kerf_topology *topology = NULL;
    struct kerf_groups groups = {site->count, 1, 1};
    struct kerf_route_options routes = routes_of(spec);
    if (spec->topology == KERF_FABRIC_NONE)
        return KERF_OK;
    KERF_TRY(kerf_fabric_topology(spec, links, site, column, &topology, error));
    struct kerf_pattern_share found = *share;
    enum kerf_status status =
        kerf_pattern_run(topology, &routes, &kerf_pattern_next_group, &groups, &found, error);
    kerf_topology_free(topology);
    if (status != KERF_OK)
        return kerf_error_prefix(error, "fabric: ");
    share->rank_Bps = fmin(share->rank_Bps, found.rank_Bps);
    share->latency_s += further_s(spec, links, column, found.latency_s);
    return KERF_OK;
}
