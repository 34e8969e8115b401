/* The workload of a scenario: who asks when for how much. Plain data, as the file says it; files that it
 * names are read by sim/study. */
#ifndef KERF_IO_SCENARIO_WORKLOAD_H
#define KERF_IO_SCENARIO_WORKLOAD_H

#include "sim/io/settings.h"

/* A distribution as a scenario gives it; 0: not given. */
struct kerf_draws_spec {
    int kind; /* enum kerf_draws_kind */
    double always, least, most, median, mean, sigma, p90;
    char file[KERF_SETTING_TEXT_BYTES];
};

struct kerf_trace_spec {
    char file[KERF_SETTING_TEXT_BYTES];
    int format; /* enum kerf_trace_format */
    double rate_scale;
    int limit;
    int skip_bad_lines;
};

/* Conversations; count 0: none. */
struct kerf_sessions_spec {
    int count;
    double context_most;
    int keeps_reasoning;
};

struct kerf_workload_spec {
    int arrivals; /* enum kerf_arrivals */
    int users, requests;
    double rate_per_s, burst_shape;
    double prompt_tokens, reasoning_tokens, answer_tokens, length_ratio_least, shared_prefix_tokens;
    struct kerf_draws_spec prompt_lengths, reasoning_lengths, answer_lengths;
    struct kerf_trace_spec trace;
    struct kerf_sessions_spec sessions;
    struct kerf_draws_spec session_turns, turn_calls, user_tokens, tool_tokens, think_time, tool_time;
};

/* What a workload has when a scenario says nothing. */
enum kerf_status kerf_workload_spec_defaults(struct kerf_workload_spec *workload, struct kerf_error *error);

/* Reads what `map` (may be absent) gives over what *workload has; `what` is the path of the section. */
enum kerf_status kerf_workload_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                         struct kerf_workload_spec *workload, struct kerf_error *error);

/* Fills in the number of requests, and refuses a load that lacks something; `node` is what messages are
 * about. */
enum kerf_status kerf_workload_spec_settle(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                           const char *what, struct kerf_workload_spec *workload,
                                           struct kerf_error *error);

/* Prints it as YAML that reads back. */
void kerf_workload_spec_print(FILE *out, const struct kerf_workload_spec *workload, int indent);

#endif
