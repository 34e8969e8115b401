/* The io room: workloads in scenario files. Knows keys and ranges; not how requests are made of them. */
#include "sim/io/scenario_workload.h"

#include "models/workload/arrivals.h"
#include "sim/io/trace_format.h"

#include <string.h>

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof(array)[0]))

static const char *const arrival_names[] = {[KERF_ARRIVALS_CLOSED_LOOP] = "closed-loop",
                                            [KERF_ARRIVALS_POISSON] = "poisson",
                                            [KERF_ARRIVALS_GAMMA] = "gamma",
                                            [KERF_ARRIVALS_WEIBULL] = "weibull",
                                            [KERF_ARRIVALS_BATCH] = "batch",
                                            [KERF_ARRIVALS_TRACE] = "trace",
                                            [KERF_ARRIVALS_COUNT] = NULL};

static const char *const distribution_names[] = {[KERF_DRAWS_NOMINAL] = "nominal",
                                                 [KERF_DRAWS_CONSTANT] = "constant",
                                                 [KERF_DRAWS_UNIFORM] = "uniform",
                                                 [KERF_DRAWS_EXPONENTIAL] = "exponential",
                                                 [KERF_DRAWS_LOG_NORMAL] = "log-normal",
                                                 [KERF_DRAWS_EMPIRICAL] = "empirical",
                                                 [KERF_DRAWS_COUNT] = NULL};

static const char *const off_on[] = {"off", "on", NULL};

#define AT(field) offsetof(struct kerf_workload_spec, field)
static const struct kerf_setting workload_settings[] = {
    {"arrivals", KERF_SETTING_CHOICE, "1", 0, 0, arrival_names, AT(arrivals), "closed-loop",
     "closed-loop: users ask again when answered; poisson, gamma, weibull: requests come at `rate`; batch: "
     "all at once; trace: as they came in a file"},
    {"users", KERF_SETTING_INTEGER, "1", 1, 1e6, NULL, AT(users), "1", "users of a closed loop"},
    {"rate", KERF_SETTING_NUMBER, "1/s", 1e-9, 1e9, NULL, AT(rate_per_s), "1 1/s",
     "requests per second of a poisson, gamma or weibull load"},
    {"burst_shape", KERF_SETTING_NUMBER, "1", 0.05, 20, NULL, AT(burst_shape), "1",
     "shape of the gaps of a gamma or weibull load; 1: poisson, less: bursts"},
    {"requests", KERF_SETTING_INTEGER, "1", 0, 1e7, NULL, AT(requests), "0",
     "requests in all; 0: one per user of a closed loop, all of a trace"},
    {"prompt_tokens", KERF_SETTING_NUMBER, "token", 1, 1e7, NULL, AT(prompt_tokens), "10000 token",
     "prompt length"},
    {"reasoning_tokens", KERF_SETTING_NUMBER, "token", 0, 1e7, NULL, AT(reasoning_tokens), "0 token",
     "reasoning before the answer; counted as output"},
    {"answer_tokens", KERF_SETTING_NUMBER, "token", 1, 1e7, NULL, AT(answer_tokens), "500 token",
     "answer length"},
    {"length_ratio_least", KERF_SETTING_NUMBER, "1", 1e-3, 1, NULL, AT(length_ratio_least), "1",
     "lengths are uniform from this share of the nominal to the nominal"},
    {"shared_prefix_tokens", KERF_SETTING_NUMBER, "token", 0, 1e7, NULL, AT(shared_prefix_tokens), "0 token",
     "leading tokens of every prompt that are the same in all: a system prompt"},
};
#undef AT
static const struct kerf_setting_table workload_table = {workload_settings, COUNT_OF(workload_settings)};

/* The same keys for what is counted in tokens, in seconds and in numbers. */
#define AT(field) offsetof(struct kerf_draws_spec, field)
#define DRAWS(unit, zero)                                                                                      \
    {"distribution",                                                                                           \
     KERF_SETTING_CHOICE,                                                                                      \
     "1",                                                                                                      \
     0,                                                                                                        \
     0,                                                                                                        \
     distribution_names,                                                                                       \
     AT(kind),                                                                                                 \
     "nominal",                                                                                                \
     "nominal: none of its own; constant: `always`; uniform: from `least` to `most`; exponential: `mean`; "    \
     "log-normal: `median` or `mean` with `sigma` or `p90`; empirical: of `file`"},                            \
        {"always", KERF_SETTING_NUMBER, unit, 0, 1e8, NULL, AT(always), zero, "a constant"},                   \
        {"mean",                                                                                               \
         KERF_SETTING_NUMBER,                                                                                  \
         unit,                                                                                                 \
         0,                                                                                                    \
         1e8,                                                                                                  \
         NULL,                                                                                                 \
         AT(mean),                                                                                             \
         zero,                                                                                                 \
         "of an exponential or log-normal distribution"},                                                      \
        {"median", KERF_SETTING_NUMBER, unit, 0, 1e8, NULL, AT(median), zero, "of a log-normal distribution"}, \
        {"sigma",                                                                                              \
         KERF_SETTING_NUMBER,                                                                                  \
         "1",                                                                                                  \
         0,                                                                                                    \
         10,                                                                                                   \
         NULL,                                                                                                 \
         AT(sigma),                                                                                            \
         "0",                                                                                                  \
         "of a log-normal distribution: standard deviation of the logarithm"},                                 \
        {"p90",                                                                                                \
         KERF_SETTING_NUMBER,                                                                                  \
         unit,                                                                                                 \
         0,                                                                                                    \
         1e8,                                                                                                  \
         NULL,                                                                                                 \
         AT(p90),                                                                                              \
         zero,                                                                                                 \
         "of a log-normal distribution: 90th percentile"},                                                     \
        {"least", KERF_SETTING_NUMBER, unit, 0, 1e8, NULL, AT(least), zero, "less is raised to it"},           \
        {"most",                                                                                               \
         KERF_SETTING_NUMBER,                                                                                  \
         unit,                                                                                                 \
         0,                                                                                                    \
         1e8,                                                                                                  \
         NULL,                                                                                                 \
         AT(most),                                                                                             \
         zero,                                                                                                 \
         "more is lowered to it; 0: no limit"},                                                                \
    {                                                                                                          \
        "file", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(file), "",                                              \
            "of values: CSV with columns value, weight, or YAML"                                               \
    }
static const struct kerf_setting length_settings[] = {DRAWS("token", "0 token")};
static const struct kerf_setting time_settings[] = {DRAWS("s", "0 s")};
static const struct kerf_setting count_settings[] = {DRAWS("1", "0")};
#undef DRAWS
#undef AT
static const struct kerf_setting_table length_table = {length_settings, COUNT_OF(length_settings)};
static const struct kerf_setting_table time_table = {time_settings, COUNT_OF(time_settings)};
static const struct kerf_setting_table count_table = {count_settings, COUNT_OF(count_settings)};

#define AT(field) offsetof(struct kerf_sessions_spec, field)
static const struct kerf_setting sessions_settings[] = {
    {"count", KERF_SETTING_INTEGER, "1", 0, 1e7, NULL, AT(count), "0",
     "conversations in all, in the place of requests; 0: none"},
    {"context_most", KERF_SETTING_NUMBER, "token", 0, 1e8, NULL, AT(context_most), "0 token",
     "a conversation ends before it is longer; 0: no limit"},
    {"keeps_reasoning", KERF_SETTING_CHOICE, "1", 0, 0, off_on, AT(keeps_reasoning), "off",
     "on: later prompts hold the reasoning too"},
};
#undef AT
static const struct kerf_setting_table sessions_table = {sessions_settings, COUNT_OF(sessions_settings)};

#define AT(field) offsetof(struct kerf_trace_spec, field)
static const struct kerf_setting trace_settings[] = {
    {"file", KERF_SETTING_TEXT, "1", 0, 0, NULL, AT(file), "",
     "of the trace; a relative name begins in the scenario's folder"},
    {"format", KERF_SETTING_CHOICE, "1", 0, 0, kerf_trace_format_names, AT(format), "azure-2023",
     "of that file"},
    {"rate_scale", KERF_SETTING_NUMBER, "1", 1e-6, 1e6, NULL, AT(rate_scale), "1",
     "requests come so many times as fast"},
    {"limit", KERF_SETTING_INTEGER, "1", 0, 2e9, NULL, AT(limit), "0", "requests to replay; 0: all"},
    {"skip_bad_lines", KERF_SETTING_CHOICE, "1", 0, 0, off_on, AT(skip_bad_lines), "off",
     "on: lines that cannot be read are counted and left out"},
};
#undef AT
static const struct kerf_setting_table trace_table = {trace_settings, COUNT_OF(trace_settings)};

/* Sections inside a workload, each with a struct of its own. */
#define AT(field) offsetof(struct kerf_workload_spec, field)
static const struct section {
    const char *key;
    const struct kerf_setting_table *table;
    size_t offset;
    bool distribution;
} sections[] = {
    {"prompt_lengths", &length_table, AT(prompt_lengths), true},
    {"reasoning_lengths", &length_table, AT(reasoning_lengths), true},
    {"answer_lengths", &length_table, AT(answer_lengths), true},
    {"trace", &trace_table, AT(trace), false},
    {"sessions", &sessions_table, AT(sessions), false},
    {"session_turns", &count_table, AT(session_turns), true},
    {"turn_calls", &count_table, AT(turn_calls), true},
    {"user_tokens", &length_table, AT(user_tokens), true},
    {"tool_tokens", &length_table, AT(tool_tokens), true},
    {"think_time", &time_table, AT(think_time), true},
    {"tool_time", &time_table, AT(tool_time), true},
};
#undef AT

static void *part_of(struct kerf_workload_spec *workload, const struct section *section)
{
    return (char *)workload + section->offset;
}

enum kerf_status kerf_workload_spec_defaults(struct kerf_workload_spec *workload, struct kerf_error *error)
{
    KERF_TRY(kerf_settings_defaults(&workload_table, workload, error));
    for (int i = 0; i < COUNT_OF(sections); i++)
        KERF_TRY(kerf_settings_defaults(sections[i].table, part_of(workload, &sections[i]), error));
    return KERF_OK;
}

/* Keys that each distribution is made of, beside least and most. */
static enum kerf_status check_distribution(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                           const char *what, const struct kerf_draws_spec *spec,
                                           struct kerf_error *error)
{
    const bool log_normal = spec->kind == KERF_DRAWS_LOG_NORMAL;
    const struct {
        const char *key;
        bool given, used, needed;
    } keys[] = {
        {"always", spec->always > 0.0, spec->kind == KERF_DRAWS_CONSTANT, false},
        {"mean", spec->mean > 0.0, log_normal || spec->kind == KERF_DRAWS_EXPONENTIAL,
         spec->kind == KERF_DRAWS_EXPONENTIAL},
        {"median", spec->median > 0.0, log_normal, false},
        {"sigma", spec->sigma > 0.0, log_normal, false},
        {"p90", spec->p90 > 0.0, log_normal, false},
        {"most", spec->most > 0.0, spec->kind != KERF_DRAWS_NOMINAL, spec->kind == KERF_DRAWS_UNIFORM},
        {"least", spec->least > 0.0, spec->kind != KERF_DRAWS_NOMINAL, false},
        {"file", spec->file[0] != '\0', spec->kind == KERF_DRAWS_EMPIRICAL,
         spec->kind == KERF_DRAWS_EMPIRICAL},
    };
    for (int i = 0; i < COUNT_OF(keys); i++) {
        kerf_yaml_node *node = kerf_yaml_get(map, keys[i].key);
        if (node && keys[i].given && !keys[i].used)
            return kerf_yaml_refuse(
                yaml, node, error, "%s.%s: has no effect on a %s distribution; remove it or set distribution",
                what, keys[i].key, distribution_names[spec->kind]);
        if (keys[i].needed && !keys[i].given)
            return kerf_yaml_refuse(yaml, map, error, "%s: a %s distribution needs %s", what,
                                    distribution_names[spec->kind], keys[i].key);
    }
    if (log_normal &&
        ((spec->median > 0.0) == (spec->mean > 0.0) || (spec->sigma > 0.0) == (spec->p90 > 0.0)))
        return kerf_yaml_refuse(yaml, map, error,
                                "%s: a log-normal distribution needs median or mean, and sigma or p90", what);
    if (spec->most > 0.0 && spec->most < spec->least)
        return kerf_yaml_refuse(yaml, map, error, "%s: most (%g) is less than least (%g)", what, spec->most,
                                spec->least);
    return KERF_OK;
}

static enum kerf_status read_section(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                     const struct section *section, void *part, struct kerf_error *error)
{
    char path[192];
    if (!map)
        return KERF_OK;
    snprintf(path, sizeof path, "%s.%s", what, section->key);
    KERF_TRY(kerf_settings_read(yaml, map, path, section->table, NULL, part, error));
    if (!section->distribution)
        return KERF_OK;
    return check_distribution(yaml, map, path, part, error);
}

/* A value that the kind of load makes no use of is a slip: somebody expects it to matter. */
static enum kerf_status check_load_keys(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                        const struct kerf_workload_spec *workload, struct kerf_error *error)
{
    const enum kerf_arrivals arrivals = (enum kerf_arrivals)workload->arrivals;
    bool traced = arrivals == KERF_ARRIVALS_TRACE, closed = arrivals == KERF_ARRIVALS_CLOSED_LOOP;
    bool shaped = arrivals == KERF_ARRIVALS_GAMMA || arrivals == KERF_ARRIVALS_WEIBULL;
    bool rated = arrivals == KERF_ARRIVALS_POISSON || shaped;
    const struct {
        const char *key;
        bool idle;
    } keys[] = {{"users", !closed && workload->users != 1},
                {"rate", !rated && workload->rate_per_s != 1.0},
                {"burst_shape", !shaped && workload->burst_shape != 1.0},
                {"requests", (traced || workload->sessions.count > 0) && workload->requests != 0},
                {"prompt_lengths", traced && workload->prompt_lengths.kind != 0},
                {"reasoning_lengths", traced && workload->reasoning_lengths.kind != 0},
                {"answer_lengths", traced && workload->answer_lengths.kind != 0},
                {"trace", !traced && workload->trace.file[0]}};
    for (int i = 0; i < COUNT_OF(keys); i++) {
        kerf_yaml_node *node = kerf_yaml_get(map, keys[i].key);
        if (node && keys[i].idle)
            return kerf_yaml_refuse(yaml, node, error,
                                    "%s.%s: has no effect when arrivals are %s%s; remove it or set arrivals",
                                    what, keys[i].key, arrival_names[arrivals],
                                    workload->sessions.count > 0 ? " of sessions" : "");
    }
    return KERF_OK;
}

enum kerf_status kerf_workload_spec_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                         struct kerf_workload_spec *workload, struct kerf_error *error)
{
    const char *others[COUNT_OF(sections) + 1] = {0};
    for (int i = 0; i < COUNT_OF(sections); i++)
        others[i] = sections[i].key;
    KERF_TRY(kerf_settings_read(yaml, map, what, &workload_table, others, workload, error));
    for (int i = 0; i < COUNT_OF(sections) && map; i++)
        KERF_TRY(read_section(yaml, kerf_yaml_get(map, sections[i].key), what, &sections[i],
                              part_of(workload, &sections[i]), error));
    return check_load_keys(yaml, map, what, workload, error);
}

enum kerf_status kerf_workload_spec_settle(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                           const char *what, struct kerf_workload_spec *workload,
                                           struct kerf_error *error)
{
    bool closed = workload->arrivals == KERF_ARRIVALS_CLOSED_LOOP;
    if (workload->sessions.count > 0 && workload->arrivals == KERF_ARRIVALS_TRACE)
        return kerf_yaml_refuse(yaml, node, error,
                                "%s: a trace has no sessions; remove sessions or set arrivals", what);
    if (workload->sessions.count > 0) {
        if (closed && workload->sessions.count < workload->users)
            return kerf_yaml_refuse(yaml, node, error, "%s: %d sessions leave some of the %d users without",
                                    what, workload->sessions.count, workload->users);
        return KERF_OK; /* as many requests as the sessions have calls */
    }
    if (workload->arrivals == KERF_ARRIVALS_TRACE) {
        if (!workload->trace.file[0])
            return kerf_yaml_refuse(yaml, node, error, "%s: arrivals of a trace need trace.file", what);
        return KERF_OK; /* as many as the file has */
    }
    if (workload->requests == 0 && !closed)
        return kerf_yaml_refuse(yaml, node, error, "%s: a %s load needs requests, the number of them in all",
                                what, arrival_names[workload->arrivals]);
    if (workload->requests == 0)
        workload->requests = workload->users;
    if (closed && workload->requests < workload->users)
        return kerf_yaml_refuse(yaml, node, error,
                                "%s: %d requests leave some of the %d users without; raise requests", what,
                                workload->requests, workload->users);
    return KERF_OK;
}

/* What has no effect is printed as its default, so that the text reads back. */
void kerf_workload_spec_print(FILE *out, const struct kerf_workload_spec *workload, int indent)
{
    struct kerf_workload_spec shown = *workload;
    enum kerf_arrivals arrivals = (enum kerf_arrivals)workload->arrivals;
    bool traced = arrivals == KERF_ARRIVALS_TRACE;
    if (arrivals != KERF_ARRIVALS_CLOSED_LOOP)
        shown.users = 1;
    if (!kerf_arrivals_are_open(arrivals) || traced)
        shown.rate_per_s = 1.0;
    if (traced)
        shown.requests = shown.prompt_lengths.kind = shown.reasoning_lengths.kind =
            shown.answer_lengths.kind = 0;
    else
        shown.trace.file[0] = '\0';
    kerf_settings_print(out, &workload_table, &shown, indent);
    for (int i = 0; i < COUNT_OF(sections); i++) {
        fprintf(out, "%*s%s:\n", indent, "", sections[i].key);
        kerf_settings_print(out, sections[i].table, part_of(&shown, &sections[i]), indent + 2);
    }
}
