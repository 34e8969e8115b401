/* The section `fleet` of a system: who gets a request, and how many replicas run. */
#ifndef KERF_IO_SCENARIO_FLEET_H
#define KERF_IO_SCENARIO_FLEET_H

#include "sim/io/settings.h"

struct kerf_fleet_spec {
    int router; /* 0: none; else 1 + enum kerf_routing */
    int autoscale;
    int replicas_least;
    double router_latency_s, requests_per_replica, look_interval_s, start_time_s, cool_down_s;
};

extern const struct kerf_setting_table kerf_fleet_settings;

/* Reads the section of the system that `map` is, `name` with up to `replicas` replicas. */
enum kerf_status kerf_fleet_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *name,
                                      int replicas, struct kerf_fleet_spec *spec, struct kerf_error *error);

#endif
