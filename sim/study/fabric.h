/* From the `fabric` section of a scenario to a network, and to the links that the collectives of a system
 * find on it. */
#ifndef KERF_STUDY_FABRIC_H
#define KERF_STUDY_FABRIC_H

#include "models/fabric/link.h"
#include "models/fabric/pattern.h"
#include "models/node/gpu_exchange.h"
#include "sim/io/catalog.h"
#include "sim/io/scenario_fabric.h"

enum { KERF_FABRIC_LINKS_MOST = 8 };

/* The catalog entries of the links that a section names. */
struct kerf_fabric_links {
    int count;
    char name[KERF_FABRIC_LINKS_MOST][KERF_SETTING_TEXT_BYTES]; /* as the section has it */
    struct kerf_leaf_set link[KERF_FABRIC_LINKS_MOST];
};

/* Names of links with the defaults filled in. */
const char *kerf_fabric_trunk(const struct kerf_fabric_spec *spec);
const char *kerf_fabric_far(const struct kerf_fabric_spec *spec);
const char *kerf_fabric_cable_link(const struct kerf_fabric_spec *spec, int index);

/* Whether a section says what has a meaning for GPUs only. */
bool kerf_fabric_is_for_gpus(const struct kerf_fabric_spec *spec);

/* Reads them; *links is NULL when there is no network, and freed with free(). Collective on the catalog's
 * communicator. KERF_ERR_USAGE: an unknown link, an algorithm that no collective has. */
enum kerf_status kerf_fabric_open(struct kerf_catalog *catalog, const struct kerf_fabric_spec *spec,
                                  struct kerf_fabric_links **links, struct kerf_error *error);

/* The cable of an accelerator to its switch. */
struct kerf_cable kerf_fabric_port(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   enum kerf_column column);

/* What stands at the ends: `count` accelerators called `name`, in domains of `domain` with links of
 * domain_Bps (1: none). */
struct kerf_fabric_site {
    const char *name;
    uint32_t count, domain;
    double domain_Bps;
};

/* The network of one replica in a column, its faults set; free with kerf_topology_free. KERF_ERR_USAGE:
 * counts that do not fit, a fault or a cable that names what is not there. */
enum kerf_status kerf_fabric_topology(const struct kerf_fabric_spec *spec,
                                      const struct kerf_fabric_links *links,
                                      const struct kerf_fabric_site *site, enum kerf_column column,
                                      struct kerf_topology **topology, struct kerf_error *error);

/* Sets the algorithms that are asked for, and gives each operation the links that its pattern finds while all
 * groups are at it: tensor groups of `tensor`, exchanges and handovers of stages of `stage` GPUs. */
enum kerf_status kerf_fabric_exchange(const struct kerf_fabric_spec *spec,
                                      const struct kerf_fabric_links *links,
                                      const struct kerf_fabric_site *site, uint32_t tensor, uint32_t stage,
                                      enum kerf_column column, struct kerf_gpu_exchange *exchange,
                                      struct kerf_error *error);

/* What a message from each wafer to the next gets, and its latency beyond that of one switch: *share is left
 * as it was when there is no network. */
enum kerf_status kerf_fabric_chain(const struct kerf_fabric_spec *spec, const struct kerf_fabric_links *links,
                                   const struct kerf_fabric_site *site, enum kerf_column column,
                                   struct kerf_pattern_share *share, struct kerf_error *error);

#endif
