/* The study room: one run that compares systems. */
#include "sim/study/compare.h"

#include "sim/engine/agree.h"
#include "sim/study/clock.h"
#include "sim/study/lp_partition.h"
#include "sim/study/percentiles.h"
#include "sim/study/petsc.h"
#include "sim/study/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The overrides as text, and the scenario as it came out. */
static enum kerf_status keep_texts(struct kerf_comparison *c, const struct kerf_scenario_source *source,
                                   struct kerf_error *error)
{
    size_t size;
    FILE *overrides = open_memstream(&c->overrides, &size);
    for (int i = 0; overrides && i < source->sets; i++)
        fprintf(overrides, "%s\n", source->set[i]);
    bool kept = overrides && fclose(overrides) == 0;
    FILE *resolved = open_memstream(&c->scenario_resolved, &size);
    if (resolved)
        kerf_scenario_print(resolved, &c->scenario);
    kept = resolved && fclose(resolved) == 0 && kept;
    KERF_CHECK(kept, KERF_ERR_FAILURE, "%s: out of memory", source->path);
    return KERF_OK;
}

static enum kerf_status read_scenario(struct kerf_comparison *c, const struct kerf_scenario_source *source,
                                      struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_scenario_parse(c->comm, source, &c->scenario_text, &yaml, error));
    enum kerf_status status = kerf_scenario_read(yaml, &c->scenario, error);
    if (status == KERF_OK)
        status = keep_texts(c, source, error);
    kerf_yaml_free(yaml);
    return status;
}

static enum kerf_status open_systems(struct kerf_comparison *c, struct kerf_error *error)
{
    if (kerf_system_network(&c->catalog, c->scenario.network, &c->network, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: network: ", c->scenario.network_where);
    for (int i = 0; i < c->scenario.systems; i++) {
        KERF_TRY(kerf_system_open(&c->catalog, &c->scenario, &c->scenario.system[i], &c->network,
                                  &c->system[i], error));
        KERF_TRY(kerf_system_check_load(&c->system[i], error));
    }
    return KERF_OK;
}

static enum kerf_status plan(struct kerf_comparison *c, struct kerf_error *error)
{
    for (int i = 0; i < c->scenario.systems * c->columns; i++) {
        struct kerf_case *one = &c->cases[i];
        one->system = i / c->columns;
        one->column = c->column[i % c->columns];
        KERF_TRY(kerf_system_plan(&c->system[one->system], &c->scenario, one->column, &one->serving, error));
    }
    return KERF_OK;
}

static enum kerf_status plan_cases(struct kerf_comparison *c, struct kerf_error *error)
{
    c->columns = 0;
    for (int column = 0; column < KERF_COLUMN_COUNT; column++)
        if (column == KERF_COLUMN_NOMINAL || c->scenario.columns != 0)
            c->column[c->columns++] = (enum kerf_column)column;
    c->cases = calloc((size_t)(c->scenario.systems * c->columns), sizeof *c->cases);
    KERF_CHECK(c->cases, KERF_ERR_FAILURE, "out of memory for %d systems", c->scenario.systems);
    return plan(c, error);
}

static void forget_run(struct kerf_comparison *c)
{
    kerf_engine_free(c->engine);
    c->engine = NULL;
    for (int i = 0; c->cases && i < c->scenario.systems * c->columns; i++) {
        kerf_serving_free(&c->cases[i].serving);
        c->cases[i] = (struct kerf_case){0};
    }
}

enum kerf_status kerf_comparison_replan(struct kerf_comparison *c, struct kerf_error *error)
{
    forget_run(c);
    return plan(c, error);
}

/* Whether two systems take the same entries of the catalog. */
static bool same_entries(const struct kerf_system_spec *a, const struct kerf_system_spec *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->hardware, b->hardware) == 0 &&
           strcmp(a->drafter, b->drafter) == 0 && strcmp(a->engine, b->engine) == 0 &&
           strcmp(a->client_link, b->client_link) == 0;
}

static bool same_subject(const struct kerf_scenario *a, const struct kerf_scenario *b)
{
    bool same = a->systems == b->systems && strcmp(a->network, b->network) == 0;
    for (int i = 0; same && i < a->systems; i++)
        same = same_entries(&a->system[i], &b->system[i]);
    return same;
}

enum kerf_status kerf_comparison_configure(struct kerf_comparison *c,
                                           const struct kerf_scenario_source *source,
                                           struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    char *text;
    struct kerf_scenario *scenario = calloc(1, sizeof *scenario);
    KERF_CHECK(scenario, KERF_ERR_FAILURE, "%s: out of memory", source->path);
    enum kerf_status status = kerf_scenario_parse(c->comm, source, &text, &yaml, error);
    free(text);
    if (status == KERF_OK)
        status = kerf_scenario_read(yaml, scenario, error);
    kerf_yaml_free(yaml);
    if (status == KERF_OK && !same_subject(&c->scenario, scenario))
        status = kerf_error_set(
            error, KERF_ERR_USAGE,
            "%s: only counts, workloads and schedulers can be moved, not what systems are", source->path);
    if (status == KERF_OK) {
        forget_run(c); /* its plans point into the scenario that goes */
        kerf_scenario_free(&c->scenario);
        c->scenario = *scenario;
        *scenario = (struct kerf_scenario){0};
    }
    kerf_scenario_free(scenario);
    free(scenario);
    return status;
}

enum kerf_status kerf_comparison_open_source(MPI_Comm comm, const struct kerf_scenario_source *source,
                                             const char *const *catalogs, struct kerf_comparison **comparison,
                                             struct kerf_error *error)
{
    struct kerf_comparison *c = calloc(1, sizeof *c);
    *comparison = c;
    KERF_CHECK(c, KERF_ERR_FAILURE, "out of memory for a comparison");
    c->comm = comm;
    c->options =
        (struct kerf_engine_options){.fold = true, .may_end_waiting = true, .partitioner = kerf_lp_partition};
    KERF_TRY(read_scenario(c, source, error));
    KERF_TRY(kerf_catalog_open(&c->catalog, comm, catalogs, error));
    KERF_TRY(open_systems(c, error));
    if (kerf_clock_follows(&c->scenario)) /* now, when all ranks are here */
        KERF_TRY(kerf_petsc_start(error));
    return plan_cases(c, error);
}

enum kerf_status kerf_comparison_open(MPI_Comm comm, const char *path, const char *const *sets, int set_count,
                                      const char *const *catalogs, struct kerf_comparison **comparison,
                                      struct kerf_error *error)
{
    const struct kerf_scenario_source source = {.path = path, .set = sets, .sets = set_count};
    return kerf_comparison_open_source(comm, &source, catalogs, comparison, error);
}

void kerf_comparison_free(struct kerf_comparison *c)
{
    if (!c)
        return;
    forget_run(c);
    for (int i = 0; i < c->scenario.systems; i++)
        kerf_system_free(&c->system[i]);
    kerf_scenario_free(&c->scenario);
    free(c->cases);
    free(c->scenario_text);
    free(c->scenario_resolved);
    free(c->overrides);
    free(c);
}

const struct kerf_case *kerf_comparison_case(const struct kerf_comparison *c, int system, int column)
{
    return &c->cases[system * c->columns + column];
}

int kerf_comparison_baseline(const struct kerf_comparison *c)
{
    int baseline = 0;
    while (strcmp(c->scenario.system[baseline].name, c->scenario.baseline) != 0)
        baseline++;
    return baseline;
}

static int case_count(const struct kerf_comparison *c)
{
    return c->scenario.systems * c->columns;
}

void kerf_comparison_progress(const struct kerf_comparison *c, double *answered, double *expected)
{
    *answered = *expected = 0.0;
    for (int i = 0; i < case_count(c); i++) {
        const void *client = kerf_engine_state(c->engine, c->cases[i].serving.client);
        int sent, done;
        if (!client)
            continue;
        kerf_client_records(client, &sent, &done);
        *answered += done;
        *expected += c->cases[i].serving.workload.requests;
    }
}

/* A case whose requests were not all answered: the event list ran dry while somebody waited. Collective. */
static enum kerf_status stalled(const struct kerf_comparison *c, const struct kerf_case *one, int answered,
                                struct kerf_error *error)
{
    const struct kerf_serving *serving = &one->serving;
    struct kerf_error waits = {.message = "no event is left"};
    kerf_engine_waiting(c->engine, &waits);
    char advice[192] = "";
    if (serving->stops == 0) /* then nothing but the cache holds requests up */
        snprintf(advice, sizeof advice,
                 "; a request of up to %.0f tokens does not fit a KV cache of %.0f: shorten it, add "
                 "accelerators or "
                 "narrow the cache",
                 serving->workload.prompt_tokens + serving->workload.reasoning_tokens +
                     serving->workload.answer_tokens,
                 serving->backend.kv_tokens);
    return kerf_error_set(error, KERF_ERR_FAILURE, "%s: systems.%s: %d of %d requests are unanswered; %s%s",
                          c->scenario.file, c->scenario.system[one->system].name,
                          serving->workload.requests - answered, serving->workload.requests, waits.message,
                          advice);
}

/* Percentiles where the scenario asks for them: sorting all requests takes time. Collective. */
static void measure_case(const struct kerf_comparison *c, struct kerf_case *one)
{
    struct kerf_percentiles *percentiles = &one->summary.percentiles;
    const void *client = kerf_engine_state(c->engine, one->serving.client);
    int requests, answered;
    if (!c->scenario.measure.asked) {
        kerf_percentiles_none(percentiles);
        return;
    }
    if (client) {
        const struct kerf_request_record *records = kerf_client_records(client, &requests, &answered);
        kerf_percentiles_fill(records, requests, &c->scenario.measure, percentiles);
    }
    MPI_Bcast(percentiles, sizeof *percentiles, MPI_BYTE, kerf_engine_rank_of(c->engine, one->serving.client),
              c->comm);
}

static enum kerf_status sum_up_case(struct kerf_comparison *c, struct kerf_case *one,
                                    struct kerf_error *error)
{
    int answered;
    kerf_trial_summary(c->comm, c->engine, &one->serving, &one->summary, &answered);
    if (answered != one->serving.workload.requests)
        return stalled(c, one, answered, error);
    measure_case(c, one);
    return KERF_OK;
}

enum kerf_status kerf_comparison_assemble(struct kerf_comparison *c, struct kerf_error *error)
{
    enum kerf_status status = kerf_engine_create(c->comm, &c->options, &c->engine, error);
    for (int i = 0; i < case_count(c) && status == KERF_OK; i++)
        status = kerf_serving_add(&c->cases[i].serving, c->engine, error);
    return kerf_error_agree(c->comm, status, error);
}

static enum kerf_status run(struct kerf_comparison *c, const struct kerf_engine_calls *calls,
                            enum kerf_wish *stopped, struct kerf_error *error)
{
    double start_s = MPI_Wtime();
    KERF_TRY(kerf_comparison_assemble(c, error));
    KERF_TRY(kerf_engine_run(c->engine, calls, stopped, error));
    if (*stopped != KERF_WISH_NONE)
        return KERF_OK;
    for (int i = 0; i < case_count(c); i++)
        KERF_TRY(sum_up_case(c, &c->cases[i], error));
    c->stats = kerf_engine_stats(c->engine);
    c->wall_s = MPI_Wtime() - start_s;
    return KERF_OK;
}

enum kerf_status kerf_comparison_run_planned(struct kerf_comparison *c, struct kerf_error *error)
{
    enum kerf_wish stopped;
    return run(c, NULL, &stopped, error);
}

enum kerf_status kerf_comparison_run(struct kerf_comparison *c, const struct kerf_engine_calls *calls,
                                     enum kerf_wish *stopped, struct kerf_error *error)
{
    if (kerf_clock_follows(&c->scenario))
        KERF_TRY(kerf_clock_settle(c, error));
    return run(c, calls, stopped, error);
}
