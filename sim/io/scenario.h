/* A scenario: the question that a file asks, with every default filled in. Plain data; who acts on it is
 * sim/study. */
#ifndef KERF_IO_SCENARIO_H
#define KERF_IO_SCENARIO_H

#include "models/device/leaf.h"
#include "sim/io/correlations.h"
#include "sim/io/measure_spec.h"
#include "sim/io/ranges.h"
#include "sim/io/scenario_fabric.h"
#include "sim/io/scenario_fleet.h"
#include "sim/io/scenario_pools.h"
#include "sim/io/scenario_workload.h"
#include "sim/io/settings.h"

#include <stdbool.h>

enum { KERF_SYSTEMS_MAX = 32, KERF_WHERE_BYTES = 1200 };

/* Whether prompts may be cut into chunks on GPUs. */
enum kerf_prompts { KERF_PROMPTS_ENGINE, KERF_PROMPTS_CHUNKED, KERF_PROMPTS_WHOLE };

/* Whether the clock of accelerators stays as the catalog has it or follows temperature and power. */
enum kerf_clock { KERF_CLOCK_FIXED, KERF_CLOCK_FOLLOWS };

/* Whether prompts that begin alike find each other's cache. */
enum kerf_prefix_caching { KERF_PREFIX_ENGINE, KERF_PREFIX_OFF, KERF_PREFIX_ON };

/* Where KV cache goes that does not fit on wafers. */
enum kerf_kv_overflow { KERF_KV_OVERFLOW_NONE, KERF_KV_OVERFLOW_HOST };

struct kerf_system_spec {
    char name[KERF_SETTING_TEXT_BYTES]; /* its key under `systems` */
    char where[KERF_WHERE_BYTES];       /* of its section, for messages: "FILE:LINE" */
    char title[KERF_SETTING_TEXT_BYTES], hardware[KERF_SETTING_TEXT_BYTES];
    int count, replicas;
    char weights[KERF_SETTING_TEXT_BYTES], kv[KERF_SETTING_TEXT_BYTES]; /* "native" or a format */
    int tensor, expert, attention_data;                                 /* 0: chosen */
    int pipeline;
    char drafter[KERF_SETTING_TEXT_BYTES]; /* "none" or a catalog entry */
    int draft_tokens;
    int token_budget, prefill_chunk, max_sequences, kv_block_tokens;
    double reserved_output; /* -1: the engine's own */
    double watermark;
    int wait_steps;
    double wait_share;
    int prompts;        /* enum kerf_prompts */
    int prefix_cache;   /* enum kerf_prefix_caching */
    int kv_overflow;    /* enum kerf_kv_overflow */
    int context_tokens; /* cache to hold per user; 0: the longest request */
    char engine[KERF_SETTING_TEXT_BYTES], client_link[KERF_SETTING_TEXT_BYTES],
        published[KERF_SETTING_TEXT_BYTES];
    struct kerf_workload_spec workload;
    struct kerf_fleet_spec fleet;
    struct kerf_fabric_spec fabric;
    int clock;                           /* enum kerf_clock */
    double coolant_inlet_K, power_cap_W; /* 0: the catalog's */
    struct kerf_kv_link_spec kv_link;
    struct kerf_system_spec *decode; /* owned: of two pools the one that decodes, the system itself being the
                                        one that computes prompts; NULL: one pool */
};

struct kerf_scenario {
    char file[1024];
    char title[KERF_SETTING_TEXT_BYTES], network[KERF_SETTING_TEXT_BYTES], baseline[KERF_SETTING_TEXT_BYTES];
    int seed;
    int columns;      /* 3: low, nominal, high; 1: nominal only */
    unsigned metrics; /* bit i: row i of kerf_metric_names is shown */
    char network_where[KERF_WHERE_BYTES];
    int systems;
    struct kerf_system_spec system[KERF_SYSTEMS_MAX];
    struct kerf_measure_spec measure;
    struct kerf_ranges ranges; /* values above that stand for a range */
    struct kerf_correlations correlations;
};

/* Names of the metrics that a scenario may list, in the order of the table; NULL-terminated. */
extern const char *const kerf_metric_names[];
enum kerf_metric {
    KERF_METRIC_TTFT,
    KERF_METRIC_TPOT,
    KERF_METRIC_SPEED_PER_USER,
    KERF_METRIC_E2E,
    KERF_METRIC_THROUGHPUT,
    KERF_METRIC_COUNT
};

/* Reads a scenario that is already parsed and overridden. Messages carry file and line. Free what it owns
 * with kerf_scenario_free, also after a failure. */
enum kerf_status kerf_scenario_read(const struct kerf_yaml *yaml, struct kerf_scenario *scenario,
                                    struct kerf_error *error);

/* Reads and prints what a pool has of its own: all but the name, the users and what is published. */
enum kerf_status kerf_pool_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                     struct kerf_system_spec *pool, struct kerf_error *error);
void kerf_pool_spec_print(FILE *out, const struct kerf_system_spec *pool, bool decodes, int indent);

void kerf_scenario_free(struct kerf_scenario *scenario);

/* What a system has when a scenario says nothing. */
enum kerf_status kerf_system_spec_defaults(struct kerf_system_spec *system, struct kerf_error *error);

/* Prints the scenario as YAML with every default, a comment on each line. */
void kerf_scenario_print(FILE *out, const struct kerf_scenario *scenario);

#endif
