/* The io room: fleets in scenario files. Knows keys; not how requests are dealt out. */
#include "sim/io/scenario_fleet.h"

#include <stddef.h>

static const char *const router_names[] = {
    "none", "fewest", "round-robin", "least-tokens", "random", "two-choices", "session", "prefix", NULL};
static const char *const switch_names[] = {"off", "on", NULL};

#define AT(field) offsetof(struct kerf_fleet_spec, field)
static const struct kerf_setting settings[] = {
    {"router", KERF_SETTING_CHOICE, "1", 0, 0, router_names, AT(router), "none",
     "who gets a request; none: users themselves ask the replica with the fewest unanswered"},
    {"router_latency", KERF_SETTING_NUMBER, "s", 1e-9, 10, NULL, AT(router_latency_s), "2e-05 s",
     "between the router and a replica, one way"},
    {"autoscale", KERF_SETTING_CHOICE, "1", 0, 0, switch_names, AT(autoscale), "off",
     "on: replicas are started and stopped with the load"},
    {"replicas_least", KERF_SETTING_INTEGER, "1", 1, 100000, NULL, AT(replicas_least), "1",
     "replicas that always run"},
    {"requests_per_replica", KERF_SETTING_NUMBER, "1", 1e-3, 1e6, NULL, AT(requests_per_replica), "32",
     "unanswered requests per replica that are aimed at"},
    {"look_interval", KERF_SETTING_NUMBER, "s", 1e-3, 1e6, NULL, AT(look_interval_s), "10 s",
     "between two looks at the load"},
    {"start_time", KERF_SETTING_NUMBER, "s", 0, 1e6, NULL, AT(start_time_s), "120 s",
     "until a replica that is started takes requests"},
    {"cool_down", KERF_SETTING_NUMBER, "s", 0, 1e6, NULL, AT(cool_down_s), "300 s",
     "after a start or stop until replicas are stopped"},
};
#undef AT
const struct kerf_setting_table kerf_fleet_settings = {settings, sizeof settings / sizeof settings[0]};

enum kerf_status kerf_fleet_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *name,
                                      int replicas, struct kerf_fleet_spec *spec, struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, "fleet");
    const char *wrong = NULL;
    char what[192];
    snprintf(what, sizeof what, "systems.%.100s.fleet", name);
    KERF_TRY(kerf_settings_read(yaml, node, what, &kerf_fleet_settings, NULL, spec, error));
    if (spec->autoscale && spec->router == 0)
        wrong = "autoscale needs a router; set router, to fewest say";
    else if (spec->autoscale && kerf_yaml_get(map, "pools"))
        wrong = "pools do not change their size; remove autoscale";
    else if (spec->autoscale && spec->replicas_least > replicas)
        wrong = "replicas_least is more than replicas, the most there may be; raise replicas";
    return wrong ? kerf_yaml_refuse(yaml, node, error, "%s: %s", what, wrong) : KERF_OK;
}
