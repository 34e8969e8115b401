/* From names to a system that can run: the catalog entries of one system of a scenario, and its plan in one
 * column. */
#ifndef KERF_STUDY_SYSTEM_H
#define KERF_STUDY_SYSTEM_H

#include "models/fabric/link.h"
#include "models/network/expert_skew.h"
#include "models/workload/drafter.h"
#include "models/workload/engine_software.h"
#include "models/workload/serving.h"
#include "sim/io/catalog.h"
#include "sim/io/scenario.h"
#include "sim/study/fabric.h"
#include "sim/study/load.h"
#include "sim/study/operating_point.h"

/* Published figures to print beside a result; NAN where there is none. */
struct kerf_claim {
    char name[KERF_CATALOG_NAME_BYTES], network[KERF_CATALOG_NAME_BYTES], title[128], source[512];
    double figure[KERF_METRIC_COUNT];
};

/* A claim without figures. */
void kerf_claim_clear(struct kerf_claim *claim);

/* Reads a claim file. */
enum kerf_status kerf_claim_read(const struct kerf_yaml *yaml, struct kerf_claim *claim,
                                 struct kerf_error *error);

/* What the catalog says of one system: the same for every column. */
struct kerf_system {
    const struct kerf_system_spec *spec;
    const struct kerf_network *network;
    bool on_wafers;
    struct kerf_leaf_set hardware, link;
    struct kerf_leaf_set engine;      /* .table is NULL on wafers, as is that of */
    struct kerf_leaf_set collectives; /* what the GPU file names */
    struct kerf_leaf_set drafter;     /* .table is NULL without speculation */
    struct kerf_fabric_links *fabric; /* owned; NULL without a network */
    struct kerf_load load;            /* owned: its files */
    struct kerf_claim claim;
    struct kerf_operating_point point; /* the catalog's, until clocks follow heat */
    struct kerf_expert_skew skew;      /* owned; .share is NULL where tokens choose experts evenly */
    struct kerf_leaf_set kv_link;      /* of two pools; else .table is NULL */
    struct kerf_system *decode;        /* owned: the pool that decodes; NULL: one pool */
};

/* Reads a network by name or alias. Collective on the catalog's communicator. */
enum kerf_status kerf_system_network(struct kerf_catalog *catalog, const char *name,
                                     struct kerf_network *network, struct kerf_error *error);

/* Reads the leaves of any other entry by section and name or alias. Collective. */
enum kerf_status kerf_system_leaves(struct kerf_catalog *catalog, const char *section, const char *name,
                                    const struct kerf_leaf_table *table, struct kerf_leaf_set *set,
                                    struct kerf_error *error);

/* Reads an accelerator by name or alias: its leaves, and whether it is a wafer. Collective. */
enum kerf_status kerf_system_hardware(struct kerf_catalog *catalog, const char *name,
                                      struct kerf_leaf_set *hardware, bool *on_wafers,
                                      struct kerf_error *error);

/* Reads the catalog entries of a system. Collective. Messages begin with the scenario's file and line. Free
 * what it owns with kerf_system_free, also after a failure. */
enum kerf_status kerf_system_open(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                  const struct kerf_system_spec *spec, const struct kerf_network *network,
                                  struct kerf_system *system, struct kerf_error *error);

/* Refuses a request that is longer than the network's context. Measured systems may have stretched theirs. */
enum kerf_status kerf_system_check_load(const struct kerf_system *system, struct kerf_error *error);

void kerf_system_free(struct kerf_system *system);

/* The network that joins the accelerators of one replica, as kerf_fabric_topology; *topology is NULL without
 * one. */
enum kerf_status kerf_system_topology(const struct kerf_system *system, enum kerf_column column,
                                      struct kerf_topology **topology, struct kerf_error *error);

/* Plans the system with the leaves of one column: layout, placement, capacity. Fails when it does not fit.
 * Free with kerf_serving_free, also after a failure. */
enum kerf_status kerf_system_plan(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                  enum kerf_column column, struct kerf_serving *serving,
                                  struct kerf_error *error);

enum { KERF_SYSTEM_LEAF_SETS = 2 * (5 + KERF_FABRIC_LINKS_MOST) + 1 };

/* Leaf sets of a system, in a fixed order; returns their number. */
int kerf_system_leaf_sets(const struct kerf_system *system,
                          const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS]);

/* The set at place `index` of that list, to change. */
struct kerf_leaf_set *kerf_system_leaf_set(struct kerf_system *system, int index);

/* Bytes that weights and a reservation of `kv_tokens` tokens of cache take on all accelerators of one pool,
 * and what they may take. */
void kerf_system_memory(const struct kerf_serving *serving, double kv_tokens, double *used_bytes,
                        double *capacity_bytes);

#endif
