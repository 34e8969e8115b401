/* The study room: training scenarios, from names to steps. */
#include "sim/study/training_study.h"

#include "sim/engine/agree.h"
#include "sim/study/equal.h"
#include "sim/study/system.h"

#include <stdlib.h>
#include <string.h>

/* A name of a table, or who wants it and what there is. */
static enum kerf_status unknown(const struct kerf_training_system_spec *spec, const char *key,
                                const char *name, const char *list, struct kerf_error *error)
{
    return kerf_error_set(error, KERF_ERR_USAGE,
                          "%s: systems.%s: training.%s '%s' is unknown; one of %s is wanted", spec->where,
                          spec->name, key, name, list);
}

static void list_stacks(char *list, size_t bytes)
{
    size_t length = 0;
    for (int i = 0; kerf_training_stack_at(i) && length < bytes; i++)
        length += (size_t)snprintf(list + length, bytes - length, "%s%s", i ? ", " : "",
                                   kerf_training_stack_at(i)->name);
}

enum kerf_status kerf_training_study_job(const struct kerf_network *network,
                                         const struct kerf_training_system_spec *spec,
                                         struct kerf_training_job *job, struct kerf_error *error)
{
    const struct kerf_training_spec *training = &spec->training;
    char list[1024] = "";
    *job = (struct kerf_training_job){.network = network,
                                      .layout = {.gpus = spec->count,
                                                 .tensor = spec->tensor,
                                                 .pipeline = spec->pipeline,
                                                 .virtual_stages = spec->virtual_stages,
                                                 .context = spec->context,
                                                 .expert = spec->expert,
                                                 .expert_tensor = spec->expert_tensor,
                                                 .data = spec->data,
                                                 .micro_batch = training->micro_batch,
                                                 .global_batch = training->global_batch,
                                                 .sharding = (enum kerf_sharding)spec->sharding},
                                      .stack = kerf_training_stack_find(training->software),
                                      .precision = kerf_precision_find(training->precision),
                                      .optimizer = kerf_optimizer_find(training->optimizer),
                                      .recompute = (enum kerf_recompute)training->recompute,
                                      .recompute_layers = training->recompute_layers,
                                      .schedule = training->schedule[0] ? training->schedule : NULL,
                                      .exact = true,
                                      .sequence = training->sequence_tokens,
                                      .balanced = training->balanced_experts == 1,
                                      .skew = training->expert_skew,
                                      .offload_Bps = training->offload == 1 ? training->offload_Bps : 0.0,
                                      .host_Bps = training->offload_host_Bps,
                                      .frozen = training->adapters == 1};
    list_stacks(list, sizeof list);
    if (!job->stack)
        return unknown(spec, "software", training->software, list, error);
    if (!job->precision)
        return unknown(spec, "precision", training->precision,
                       "bf16, fp16, fp8, fp8-cs, fp8-rowwise, mxfp8, nvfp4", error);
    if (!job->optimizer)
        return unknown(spec, "optimizer", training->optimizer, "adam, muon", error);
    job->layout.sequence_parallel = job->stack->sequence_parallel;
    return KERF_OK;
}

/* A system whose count may have to be found. */
struct sized {
    const struct kerf_network *network;
    const struct kerf_training_system_spec *spec;
};

static bool can_lay_out(const void *context, int count)
{
    const struct sized *sized = context;
    struct kerf_training_job job;
    struct kerf_training_system_spec spec = *sized->spec;
    struct kerf_error ignored;
    spec.count = count;
    return kerf_training_study_job(sized->network, &spec, &job, &ignored) == KERF_OK &&
           kerf_training_layout_check(&job.layout, sized->network, job.sequence, &ignored) == KERF_OK;
}

static bool is_dealt(const void *context, int count)
{
    const struct sized *sized = context;
    return count <= sized->spec->training.global_batch;
}

/* Systems whose count is to be found. */
static enum kerf_status size_all(struct kerf_catalog *catalog, struct kerf_training_study *study,
                                 struct kerf_error *error)
{
    struct kerf_training_scenario *scenario = &study->scenario;
    struct sized sized[KERF_TRAINING_SYSTEMS_MAX];
    struct kerf_equal_system system[KERF_TRAINING_SYSTEMS_MAX];
    for (int i = 0; i < scenario->systems; i++) {
        struct kerf_training_system_spec *spec = &scenario->system[i];
        bool on_wafers = false;
        KERF_TRY(kerf_training_on_wafers(catalog, spec, &on_wafers, error));
        sized[i] = (struct sized){&study->network, spec};
        system[i] = (struct kerf_equal_system){.name = spec->name,
                                               .hardware = spec->hardware,
                                               .where = spec->where,
                                               .count = &spec->count,
                                               .is_legal = on_wafers ? is_dealt : can_lay_out,
                                               .context = &sized[i]};
    }
    return kerf_equal_counts(catalog, (enum kerf_equal)scenario->equal, true, scenario->baseline, system,
                             scenario->systems, error);
}

static enum kerf_status cost_all(MPI_Comm comm, const char *const *catalogs,
                                 struct kerf_training_study *study, struct kerf_error *error)
{
    struct kerf_catalog catalog;
    KERF_TRY(kerf_catalog_open(&catalog, comm, catalogs, error));
    KERF_TRY(kerf_system_network(&catalog, study->scenario.network, &study->network, error));
    KERF_TRY(size_all(&catalog, study, error));
    for (int i = 0; i < study->scenario.systems; i++) {
        const struct kerf_training_system_spec *spec = &study->scenario.system[i];
        struct kerf_training_case *one = &study->cases[i];
        KERF_TRY(kerf_training_study_job(&study->network, spec, &one->job, error));
        if (kerf_training_cost(&catalog, spec, study->scenario.columns == 0, one, error) != KERF_OK)
            return kerf_error_prefix(error, "%s: systems.%s: ", spec->where, spec->name);
        one->job.layout.data = spec->count / (spec->tensor * spec->pipeline * spec->context);
    }
    return KERF_OK;
}

enum kerf_status kerf_training_study_read(MPI_Comm comm, const struct kerf_scenario_source *source,
                                          char **text, struct kerf_training_scenario *scenario,
                                          struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_scenario_parse(comm, source, text, &yaml, error));
    enum kerf_status status = kerf_training_scenario_read(yaml, scenario, error);
    kerf_yaml_free(yaml);
    return status;
}

enum kerf_status kerf_training_study_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                          const char *const *catalogs, struct kerf_training_study **study,
                                          struct kerf_error *error)
{
    *study = calloc(1, sizeof **study);
    KERF_CHECK(*study, KERF_ERR_FAILURE, "out of memory for a study");
    KERF_TRY(kerf_training_study_read(comm, source, &(*study)->text, &(*study)->scenario, error));
    return cost_all(comm, catalogs, *study, error);
}

void kerf_training_study_free(struct kerf_training_study *study)
{
    if (study)
        free(study->text);
    free(study);
}
