/* The network between the accelerators of a system, as a scenario gives it. Plain data: names of links and
 * algorithms are looked up by sim/study. */
#ifndef KERF_IO_SCENARIO_FABRIC_H
#define KERF_IO_SCENARIO_FABRIC_H

#include "sim/io/settings.h"

enum { KERF_FABRIC_NAME_BYTES = 64, KERF_FABRIC_ALGORITHMS = 5 };

enum kerf_fabric_topology {
    KERF_FABRIC_NONE,
    KERF_FABRIC_STAR,
    KERF_FABRIC_FAT_TREE,
    KERF_FABRIC_RAILS,
    KERF_FABRIC_TORUS,
    KERF_FABRIC_DRAGONFLY,
    KERF_FABRIC_TREE,
    KERF_FABRIC_GRAPH
};

enum kerf_fabric_routing { KERF_FABRIC_ECMP, KERF_FABRIC_SHORTEST, KERF_FABRIC_RAIL_AWARE };

/* A cable of an arbitrary graph, `count` of them side by side. */
struct kerf_fabric_cable_spec {
    char from[KERF_FABRIC_NAME_BYTES], to[KERF_FABRIC_NAME_BYTES], link[KERF_SETTING_TEXT_BYTES];
    int count;
};

/* A cable that is slow or down in both directions: what is left of its capacity. */
struct kerf_fabric_fault_spec {
    char from[KERF_FABRIC_NAME_BYTES], to[KERF_FABRIC_NAME_BYTES];
    int cable; /* of several between the two, from 1 */
    double left;
};

/* An accelerator that takes no pass any more. */
struct kerf_fabric_stop_spec {
    int accelerator;
    double after_s;
};

struct kerf_fabric_spec {
    int topology, routing; /* enums above */
    char link[KERF_SETTING_TEXT_BYTES], trunk[KERF_SETTING_TEXT_BYTES], far[KERF_SETTING_TEXT_BYTES];
    int lanes, levels, ports;
    double oversubscription;
    int side[3];
    int routers, globals, down;
    int fan, switches;
    char library[KERF_SETTING_TEXT_BYTES];
    char all_reduce[KERF_SETTING_TEXT_BYTES], all_gather[KERF_SETTING_TEXT_BYTES],
        reduce_scatter[KERF_SETTING_TEXT_BYTES], all_to_all[KERF_SETTING_TEXT_BYTES],
        experts[KERF_SETTING_TEXT_BYTES];
    int cables, faults, stops;
    struct kerf_fabric_cable_spec *cable; /* owned */
    struct kerf_fabric_fault_spec *fault; /* owned */
    struct kerf_fabric_stop_spec *stop;   /* owned */
};

enum kerf_status kerf_fabric_spec_defaults(struct kerf_fabric_spec *spec, struct kerf_error *error);

/* Reads a section `what` (may be absent). Free with kerf_fabric_spec_free, also after a failure. */
enum kerf_status kerf_fabric_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       struct kerf_fabric_spec *spec, struct kerf_error *error);
void kerf_fabric_spec_free(struct kerf_fabric_spec *spec);

/* Writes it as YAML that reads back. */
void kerf_fabric_spec_print(FILE *out, const struct kerf_fabric_spec *spec, int indent);

#endif
