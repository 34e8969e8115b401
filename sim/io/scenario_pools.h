/* The sections `pools` and `kv_link` of a system: accelerators that compute prompts, others that decode, and
 * what lies between them. */
#ifndef KERF_IO_SCENARIO_POOLS_H
#define KERF_IO_SCENARIO_POOLS_H

#include "sim/io/settings.h"

struct kerf_system_spec;

enum kerf_kv_order { KERF_KV_WHOLE, KERF_KV_LAYER_BY_LAYER };
enum kerf_kv_sharing { KERF_KV_IN_TURN, KERF_KV_FAIR };

struct kerf_kv_link_spec {
    char link[KERF_SETTING_TEXT_BYTES]; /* catalog entry */
    int replica_lanes;                  /* of a replica; 0: its accelerators' own ports */
    int shared_lanes;                   /* that all transfers of the system pass; 0: no such place */
    double overhead_s;                  /* of a transfer */
    int order, sharing;                 /* enum kerf_kv_order, enum kerf_kv_sharing */
};

/* Reads both sections of the system that `map` is; `system` has what stands outside of them, and becomes the
 * pool that computes prompts; system->decode is the other, or stays NULL without `pools`. */
enum kerf_status kerf_pools_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                      struct kerf_system_spec *system, struct kerf_error *error);

enum kerf_status kerf_kv_link_defaults(struct kerf_kv_link_spec *spec, struct kerf_error *error);

/* Prints both as YAML; nothing without pools. */
void kerf_pools_spec_print(FILE *out, const struct kerf_system_spec *system);

#endif
