/* The study room: the search for layouts, over ranks. */
#include "sim/study/search.h"

#include "models/node/stage_node.h"
#include "models/training/search_cost.h"
#include "sim/engine/agree.h"
#include "sim/study/system.h"
#include "sim/study/training_machine.h"
#include "sim/study/training_study.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct searching {
    MPI_Comm comm;
    struct kerf_layout_search *search;
    struct kerf_training_machine machine[KERF_COLUMN_COUNT];
    struct kerf_training_job job;
};

static const struct kerf_training_system_spec *spec_of(const struct kerf_layout_search *search)
{
    return &search->scenario.system[search->system];
}

static enum kerf_status read_machine(struct searching *s, struct kerf_catalog *catalog,
                                     struct kerf_error *error)
{
    const struct kerf_training_system_spec *spec = spec_of(s->search);
    struct kerf_training_entries *entries = malloc(sizeof *entries);
    KERF_CHECK(entries, KERF_ERR_FAILURE, "out of memory for catalog entries");
    enum kerf_status status = kerf_training_entries_read(catalog, spec->hardware, entries, error);
    for (int column = 0; column < KERF_COLUMN_COUNT && status == KERF_OK; column++)
        kerf_training_entries_fill(entries, (enum kerf_column)column, &s->machine[column]);
    free(entries);
    return status == KERF_OK
               ? KERF_OK
               : kerf_error_prefix(error, "%s: systems.%s: hardware: ", spec->where, spec->name);
}

static enum kerf_status read_question(struct searching *s, const struct kerf_scenario_source *source,
                                      const char *const *catalogs, struct kerf_error *error)
{
    struct kerf_layout_search *search = s->search;
    struct kerf_catalog catalog;
    char *text = NULL;
    enum kerf_status status = kerf_training_study_read(s->comm, source, &text, &search->scenario, error);
    free(text);
    KERF_TRY(status);
    KERF_TRY(kerf_catalog_open(&catalog, s->comm, catalogs, error));
    if (kerf_system_network(&catalog, search->scenario.network, &search->network, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: network: ", source->path);
    KERF_CHECK(search->network.family == KERF_FAMILY_DECODER, KERF_ERR_USAGE,
               "%s: network %s: only decoders have a training layout", source->path,
               search->scenario.network);
    KERF_CHECK(spec_of(search)->count > 0, KERF_ERR_USAGE, "%s: systems.%s: a search wants a count of GPUs",
               spec_of(search)->where, spec_of(search)->name);
    KERF_TRY(read_machine(s, &catalog, error));
    KERF_TRY(kerf_training_study_job(&search->network, spec_of(search), &s->job, error));
    s->job.recompute_layers = 0;
    s->job.schedule = NULL;
    s->job.exact = false;
    return KERF_OK;
}

/* Gives every rank what one found. */
static enum kerf_status share(MPI_Comm comm, int root, struct kerf_search_result *part,
                              struct kerf_error *error)
{
    int rank, counts[2] = {part->best_count, part->pareto_count};
    MPI_Comm_rank(comm, &rank);
    MPI_Bcast(counts, 2, MPI_INT, root, comm);
    if (rank != root) {
        free(part->pareto);
        part->pareto_room = counts[1] + 1;
        part->pareto = malloc((size_t)part->pareto_room * sizeof *part->pareto);
    }
    enum kerf_status status =
        part->pareto || counts[1] == 0
            ? KERF_OK
            : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d layouts", counts[1]);
    KERF_TRY(kerf_error_agree(comm, status, error));
    part->best_count = counts[0];
    part->pareto_count = counts[1];
    MPI_Bcast(part->best, (int)(counts[0] * (int)sizeof *part->best), MPI_BYTE, root, comm);
    MPI_Bcast(part->pareto, (int)(counts[1] * (int)sizeof *part->pareto), MPI_BYTE, root, comm);
    MPI_Bcast(&part->leanest, (int)sizeof part->leanest, MPI_BYTE, root, comm);
    uint64_t numbers[3] = {part->layouts, part->legal, part->fitting};
    MPI_Bcast(numbers, 3, MPI_UINT64_T, root, comm);
    part->layouts = numbers[0];
    part->legal = numbers[1];
    part->fitting = numbers[2];
    return KERF_OK;
}

/* Rank by rank, so that all merge the same in the same order. */
static enum kerf_status gather(struct searching *s, const struct kerf_search_result *own,
                               struct kerf_error *error)
{
    int rank, ranks;
    MPI_Comm_rank(s->comm, &rank);
    MPI_Comm_size(s->comm, &ranks);
    for (int root = 0; root < ranks; root++) {
        struct kerf_search_result part;
        enum kerf_status status = kerf_search_result_make(&part, own->best_room, error);
        if (status == KERF_OK && rank == root)
            status = kerf_search_merge(&part, own, error);
        status = kerf_error_agree(s->comm, status, error);
        if (status == KERF_OK)
            status = share(s->comm, root, &part, error);
        if (status == KERF_OK)
            status = kerf_error_agree(s->comm, kerf_search_merge(&s->search->result, &part, error), error);
        kerf_search_result_free(&part);
        KERF_TRY(status);
    }
    return KERF_OK;
}

static enum kerf_status search_here(struct searching *s, struct kerf_search_result *own,
                                    struct kerf_error *error)
{
    const struct kerf_training_system_spec *spec = spec_of(s->search);
    struct kerf_search_steps steps;
    struct kerf_search_space space;
    int rank;
    MPI_Comm_rank(s->comm, &rank);
    kerf_search_space_fill(&space, &s->search->network, spec->training.sequence_tokens, spec->count,
                           spec->training.global_batch,
                           (int)s->machine[KERF_COLUMN_NOMINAL].gpu.nvlink_domain);
    space.sequence_parallel = s->job.stack->sequence_parallel;
    KERF_TRY(kerf_search_steps_make(&steps, &s->machine[KERF_COLUMN_NOMINAL], &s->job, error));
    const struct kerf_search_cost cost = kerf_search_steps_cost(&steps);
    enum kerf_status status =
        kerf_search_run(&space, &cost, (uint64_t)rank, (uint64_t)s->search->ranks, own, error);
    kerf_search_steps_free(&steps);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum kerf_status search_all(struct searching *s, struct kerf_error *error)
{
    struct kerf_search_result own;
    KERF_TRY(kerf_search_result_make(&s->search->result, KERF_LAYOUTS_SHOWN, error));
    KERF_TRY(kerf_search_result_make(&own, KERF_LAYOUTS_SHOWN, error));
    double wall_s = MPI_Wtime(), cpu_s = cpu_seconds();
    enum kerf_status status = search_here(s, &own, error);
    s->search->wall_s = MPI_Wtime() - wall_s;
    s->search->cpu_s = cpu_seconds() - cpu_s;
    status = kerf_error_agree(s->comm, status, error);
    MPI_Allreduce(MPI_IN_PLACE, &s->search->wall_s, 1, MPI_DOUBLE, MPI_MAX, s->comm);
    MPI_Allreduce(MPI_IN_PLACE, &s->search->cpu_s, 1, MPI_DOUBLE, MPI_SUM, s->comm);
    if (status == KERF_OK)
        status = gather(s, &own, error);
    kerf_search_result_free(&own);
    return status;
}

static enum kerf_status check_found(const struct kerf_layout_search *search, struct kerf_error *error)
{
    const struct kerf_training_system_spec *spec = spec_of(search);
    const struct kerf_search_result *result = &search->result;
    char text[256];
    KERF_CHECK(
        result->legal > 0, KERF_ERR_USAGE,
        "%s: no layout of %s on %d GPUs is legal with a batch of %d sequences of %g tokens: take numbers "
        "with more divisors",
        spec->where, search->scenario.network, spec->count, spec->training.global_batch,
        spec->training.sequence_tokens);
    KERF_CHECK(
        result->fitting > 0, KERF_ERR_USAGE,
        "%s: none of %llu layouts of %s fits %d %s: the leanest (%s) wants %.1f GB per GPU; take more GPUs",
        spec->where, (unsigned long long)result->legal, search->scenario.network, spec->count, spec->hardware,
        kerf_layout_text(&result->leanest.candidate, text, sizeof text), result->leanest.used_bytes / 1e9);
    return KERF_OK;
}

/* Simulates the passes of a job's pipeline, one replica for all; they end when the exact span says. */
static enum kerf_status simulate(struct searching *s, const struct kerf_training_pipeline *made,
                                 struct kerf_error *error)
{
    struct kerf_training_run run = {.pipeline = &made->pipeline, .replicas = 1};
    struct kerf_pipeline_result exact = {0};
    struct kerf_engine *engine = NULL;
    KERF_TRY(kerf_pipeline_span(&made->pipeline, &exact, error));
    enum kerf_status status = kerf_engine_create(s->comm, NULL, &engine, error);
    if (status == KERF_OK)
        status = kerf_training_run_add(&run, engine, error);
    if (status == KERF_OK)
        status = kerf_engine_run(engine, NULL, NULL, error);
    kerf_time end = status == KERF_OK ? kerf_training_run_end(&run, engine) : 0;
    kerf_engine_free(engine);
    kerf_training_run_free(&run);
    KERF_TRY(status);
    MPI_Allreduce(MPI_IN_PLACE, &end, 1, MPI_INT64_T, MPI_MAX, s->comm);
    KERF_CHECK(end == exact.span, KERF_ERR_FAILURE,
               "internal: the simulated pipeline takes %lld ps, the longest path through it %lld ps",
               (long long)end, (long long)exact.span);
    return KERF_OK;
}

/* Costs one of the best again, with its parts, the ends of the ranges, and its pipeline simulated. */
static enum kerf_status confirm(struct searching *s, struct kerf_training_prepared *prepared,
                                struct kerf_found_layout *found, struct kerf_error *error)
{
    const struct kerf_decoder_dims *dims = &s->search->network.decoder;
    struct kerf_training_job job = s->job;
    struct kerf_training_step step;
    job.layout = found->point.candidate.layout;
    job.recompute = found->point.candidate.recompute;
    KERF_TRY(kerf_training_step(&s->machine[KERF_COLUMN_LOW], &job, &step, error));
    found->slow_s = step.step_s;
    KERF_TRY(kerf_training_step(&s->machine[KERF_COLUMN_HIGH], &job, &step, error));
    found->fast_s = step.step_s;
    kerf_training_prepare(prepared, &job);
    KERF_TRY(kerf_training_prepared_step(prepared, &job, &found->step, error));
    found->simulated_s = found->step.step_s;
    if (job.layout.pipeline == 1)
        return KERF_OK;
    struct kerf_training_pipeline made;
    struct kerf_stage_parts parts = kerf_training_prepared_parts(prepared, &job);
    enum kerf_status status =
        kerf_training_pipeline_make(&job, dims->layers_dense + dims->layers_moe, &parts, &made, error);
    if (status == KERF_OK)
        status = simulate(s, &made, error);
    kerf_training_pipeline_free(&made);
    KERF_TRY(status);
    job.exact = true;
    KERF_TRY(kerf_training_prepared_step(prepared, &job, &step, error));
    found->simulated_s = step.step_s;
    return KERF_OK;
}

static enum kerf_status confirm_all(struct searching *s, struct kerf_error *error)
{
    struct kerf_layout_search *search = s->search;
    struct kerf_training_prepared *prepared =
        kerf_training_prepared_new(&s->machine[KERF_COLUMN_NOMINAL], &search->network);
    search->found = calloc((size_t)search->result.best_count, sizeof *search->found);
    enum kerf_status status = prepared && search->found
                                  ? KERF_OK
                                  : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d layouts",
                                                   search->result.best_count);
    status = kerf_error_agree(s->comm, status, error);
    for (int i = 0; i < search->result.best_count && status == KERF_OK; i++) {
        search->found[i].point = search->result.best[i];
        status = confirm(s, prepared, &search->found[i], error);
    }
    kerf_training_prepared_free(prepared);
    return status;
}

enum kerf_status kerf_layout_search(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, int system,
                                    struct kerf_layout_search *search, struct kerf_error *error)
{
    memset(search, 0, sizeof *search);
    search->system = system;
    MPI_Comm_size(comm, &search->ranks);
    struct searching *s = calloc(1, sizeof *s);
    KERF_CHECK(s, KERF_ERR_FAILURE, "out of memory for a search");
    s->comm = comm;
    s->search = search;
    enum kerf_status status = read_question(s, source, catalogs, error);
    if (status == KERF_OK)
        status = search_all(s, error);
    if (status == KERF_OK)
        status = check_found(search, error);
    if (status == KERF_OK)
        status = confirm_all(s, error);
    free(s);
    return status;
}

void kerf_layout_search_free(struct kerf_layout_search *search)
{
    kerf_search_result_free(&search->result);
    free(search->found);
    search->found = NULL;
}
