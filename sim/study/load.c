/* The study room: loads. Knows scenarios and files; not what serves. */
#include "sim/study/load.h"

#include "sim/io/histogram_file.h"
#include "sim/io/trace_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 2048 };

/* A name as it stands in a scenario, from the folder that the scenario is in. */
static void path_from(const char *scenario_file, const char *name, char path[PATH_BYTES])
{
    const char *slash = strrchr(scenario_file, '/');
    int folder = name[0] != '/' && slash ? (int)(slash - scenario_file) + 1 : 0;
    snprintf(path, PATH_BYTES, "%.*s%s", folder, scenario_file, name);
}

/* Median and sigma of a log-normal distribution from what is given of them. */
static enum kerf_status settle_log_normal(const struct kerf_draws_spec *spec, struct kerf_draws *distribution,
                                          struct kerf_error *error)
{
    distribution->sigma = spec->sigma;
    distribution->centre = spec->median;
    if (spec->median > 0.0 && spec->p90 > 0.0) {
        KERF_CHECK(spec->p90 >= spec->median, KERF_ERR_USAGE, "p90 (%g) is below the median (%g)", spec->p90,
                   spec->median);
        distribution->sigma = kerf_log_normal_sigma(spec->median, spec->p90);
    } else if (spec->p90 > 0.0)
        KERF_TRY(kerf_log_normal_from_mean(spec->mean, spec->p90, &distribution->sigma, error));
    if (spec->mean > 0.0)
        distribution->centre = spec->mean * exp(-0.5 * distribution->sigma * distribution->sigma);
    return KERF_OK;
}

static enum kerf_status settle(MPI_Comm comm, const char *scenario_file, const struct kerf_draws_spec *spec,
                               struct kerf_histogram *histogram, struct kerf_draws *distribution,
                               struct kerf_error *error)
{
    char path[PATH_BYTES];
    *distribution = (struct kerf_draws){.kind = (enum kerf_draws_kind)spec->kind,
                                        .centre = spec->always,
                                        .least = spec->least,
                                        .most = spec->most,
                                        .histogram = histogram};
    switch (distribution->kind) {
    case KERF_DRAWS_EXPONENTIAL:
        distribution->centre = spec->mean;
        return KERF_OK;
    case KERF_DRAWS_LOG_NORMAL:
        return settle_log_normal(spec, distribution, error);
    case KERF_DRAWS_EMPIRICAL:
        path_from(scenario_file, spec->file, path);
        return kerf_histogram_read(comm, path, histogram, error);
    default:
        return KERF_OK;
    }
}

static enum kerf_status settle_lengths(MPI_Comm comm, const char *scenario_file,
                                       const struct kerf_workload_spec *spec, struct kerf_load *load,
                                       struct kerf_error *error)
{
    const struct {
        const char *key;
        const struct kerf_draws_spec *spec;
        struct kerf_draws *distribution;
    } lengths[KERF_LOAD_HISTOGRAMS] = {
        {"prompt_lengths", &spec->prompt_lengths, &load->workload.prompt_lengths},
        {"reasoning_lengths", &spec->reasoning_lengths, &load->workload.reasoning_lengths},
        {"answer_lengths", &spec->answer_lengths, &load->workload.answer_lengths},
        {"session_turns", &spec->session_turns, &load->workload.sessions.turns},
        {"turn_calls", &spec->turn_calls, &load->workload.sessions.calls},
        {"user_tokens", &spec->user_tokens, &load->workload.sessions.user_tokens},
        {"tool_tokens", &spec->tool_tokens, &load->workload.sessions.tool_tokens},
        {"think_time", &spec->think_time, &load->workload.sessions.think_s},
        {"tool_time", &spec->tool_time, &load->workload.sessions.tool_s},
    };
    for (int i = 0; i < KERF_LOAD_HISTOGRAMS; i++)
        if (settle(comm, scenario_file, lengths[i].spec, &load->histogram[i], lengths[i].distribution,
                   error) != KERF_OK)
            return kerf_error_prefix(error, "workload.%s: ", lengths[i].key);
    return KERF_OK;
}

static enum kerf_status read_trace(MPI_Comm comm, const char *scenario_file,
                                   const struct kerf_trace_spec *spec, struct kerf_load *load,
                                   struct kerf_error *error)
{
    char path[PATH_BYTES];
    const struct kerf_trace_options options = {.format = (enum kerf_trace_format)spec->format,
                                               .rate_scale = spec->rate_scale,
                                               .limit = spec->limit,
                                               .skip_bad_lines = spec->skip_bad_lines};
    path_from(scenario_file, spec->file, path);
    KERF_TRY(kerf_trace_read(comm, path, &options, &load->trace, error));
    load->workload.trace = &load->trace;
    load->workload.requests = load->trace.requests;
    double span_s = kerf_time_to_s(load->trace.request[load->trace.requests - 1].at);
    load->workload.rate_per_s = span_s > 0.0 ? load->trace.requests / span_s : 1.0;
    return KERF_OK;
}

enum kerf_status kerf_load_open(MPI_Comm comm, const char *scenario_file,
                                const struct kerf_workload_spec *spec, int seed, struct kerf_load *load,
                                struct kerf_error *error)
{
    *load = (struct kerf_load){.workload = {.arrivals = (enum kerf_arrivals)spec->arrivals,
                                            .users = spec->users,
                                            .rate_per_s = spec->rate_per_s,
                                            .burst_shape = spec->burst_shape,
                                            .requests = spec->requests,
                                            .prompt_tokens = spec->prompt_tokens,
                                            .reasoning_tokens = spec->reasoning_tokens,
                                            .answer_tokens = spec->answer_tokens,
                                            .length_ratio_least = spec->length_ratio_least,
                                            .shared_prefix_tokens = spec->shared_prefix_tokens,
                                            .sessions = {.count = spec->sessions.count,
                                                         .context_most = spec->sessions.context_most,
                                                         .keeps_reasoning = spec->sessions.keeps_reasoning},
                                            .seed = (uint64_t)seed}};
    KERF_TRY(settle_lengths(comm, scenario_file, spec, load, error));
    if (load->workload.arrivals == KERF_ARRIVALS_TRACE)
        KERF_TRY(read_trace(comm, scenario_file, &spec->trace, load, error));
    load->facts = kerf_load_measure(&load->workload);
    load->workload.requests = load->facts.requests;
    load->workload.prompt_tokens = load->facts.prompt_tokens;
    load->workload.reasoning_tokens = load->facts.reasoning_tokens;
    load->workload.answer_tokens = load->facts.answer_tokens;
    return KERF_OK;
}

void kerf_load_free(struct kerf_load *load)
{
    kerf_trace_free(&load->trace);
    for (int i = 0; i < KERF_LOAD_HISTOGRAMS; i++)
        kerf_histogram_free(&load->histogram[i]);
}
