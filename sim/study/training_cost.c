/* The study room: one system of a training scenario, from leaves to steps. */
#include "sim/study/training_cost.h"

#include "models/network/count.h"
#include "sim/study/system.h"

#include <math.h>
#include <stdlib.h>

/* What the functions below share. */
struct costing {
    const struct kerf_training_system_spec *spec;
    const struct kerf_training_cost_entries *entries;
    struct kerf_training_case *one;
};

/* 2 TB/s sustained by the storage of 16,384 GPUs (arXiv 2407.21783, section 3.3.1). */
static const double storage_of_a_gpu_Bps = 2e12 / 16384.0;

static double hosts_of(const struct costing *costing, double accelerators_per_host)
{
    const struct kerf_training_system_spec *spec = costing->spec;
    return spec->course.hosts > 0 ? spec->course.hosts : ceil(spec->count / accelerators_per_host);
}

static enum kerf_status cost_on_gpus(const struct costing *costing, enum kerf_column column,
                                     struct kerf_training_outcome *outcome, struct kerf_error *error)
{
    const struct kerf_training_system_spec *spec = costing->spec;
    struct kerf_training_case *one = costing->one;
    struct kerf_training_machine machine;
    kerf_training_entries_fill(&costing->entries->gpu, column, &machine);
    one->domain = machine.gpu.nvlink_domain;
    KERF_TRY(kerf_training_step(&machine, &one->job, &outcome->step, error));
    double hosts = hosts_of(costing, fmax(machine.gpu.node_gpus, 1.0));
    if (spec->course.host_samples_per_s > 0.0)
        kerf_training_wait_for_input(&outcome->step, spec->training.global_batch,
                                     hosts * spec->course.host_samples_per_s);
    /* of the parts, only element-wise kernels and the optimiser are bound by the memory */
    const double *part_s = outcome->step.part_s;
    double memory_share =
        (part_s[KERF_STEP_ELEMENTWISE] + part_s[KERF_STEP_OPTIMIZER]) / outcome->step.step_s;
    outcome->bill = kerf_bill_of_gpus(
        &machine.gpu, one->job.precision->matrices, outcome->step.hardware_flops_gpu,
        memory_share * machine.gpu.achieved_hbm * machine.gpu.hbm_Bps, one->job.layout.gpus);
    const struct kerf_training_parts parts = {
        .accelerators = spec->count,
        .hosts = hosts,
        .mtbf_s = machine.training.mtbf_s,
        .checkpoint_bytes = kerf_network_count(one->job.network).params * spec->course.bytes_per_param,
        .storage_Bps = spec->count * storage_of_a_gpu_Bps};
    return kerf_training_course_of(spec, &parts, &outcome->step, &outcome->bill, &outcome->course, error);
}

static enum kerf_status cost_on_wafers(const struct costing *costing, enum kerf_column column,
                                       struct kerf_training_outcome *outcome, struct kerf_error *error)
{
    const struct kerf_training_system_spec *spec = costing->spec;
    struct kerf_training_case *one = costing->one;
    struct kerf_wafer_params wafer;
    struct kerf_streaming_params streaming;
    double hosts = hosts_of(costing, 1.0);
    const struct kerf_streamed_question question = {.job = &one->job,
                                                    .wafer_name = costing->entries->wafer.name,
                                                    .systems = spec->count,
                                                    .input_samples_per_s = spec->course.host_samples_per_s *
                                                                           hosts / spec->count};
    kerf_leaf_set_fill(&costing->entries->wafer, column, &wafer);
    kerf_leaf_set_fill(&costing->entries->streaming, column, &streaming);
    KERF_TRY(kerf_streamed_step(&wafer, &streaming, &question, &outcome->step, &outcome->streamed, error));
    outcome->bill =
        kerf_bill_of_wafers(&wafer, streaming.hosts_W, outcome->step.hardware_flops_gpu, question.systems);
    const struct kerf_training_parts parts = {.accelerators = spec->count,
                                              .hosts = hosts,
                                              .mtbf_s = streaming.mtbf_s,
                                              .checkpoint_bytes = outcome->streamed.store_bytes,
                                              .storage_Bps = streaming.checkpoint_Bps};
    return kerf_training_course_of(spec, &parts, &outcome->step, &outcome->bill, &outcome->course, error);
}

/* Wafers are data parallel and choose their micro-batch: a layout that is given would be ignored. */
static enum kerf_status check_wafers(const struct kerf_training_system_spec *spec, struct kerf_error *error)
{
    bool laid_out = spec->tensor > 1 || spec->pipeline > 1 || spec->virtual_stages > 1 || spec->context > 1 ||
                    spec->expert > 1 || spec->expert_tensor > 1 || spec->data > 0;
    KERF_CHECK(!laid_out, KERF_ERR_USAGE,
               "parallel has no effect on wafers (%s): weights are streamed to all of them; remove it",
               spec->hardware);
    return KERF_OK;
}

enum kerf_status kerf_training_cost_read(struct kerf_catalog *catalog,
                                         const struct kerf_training_system_spec *spec,
                                         struct kerf_training_cost_entries *entries, bool *on_wafers,
                                         struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES];
    KERF_TRY(kerf_system_hardware(catalog, spec->hardware, &entries->wafer, on_wafers, error));
    if (!*on_wafers)
        return kerf_training_entries_read(catalog, spec->hardware, &entries->gpu, error);
    KERF_TRY(check_wafers(spec, error));
    snprintf(name, sizeof name, "weight-streaming-%.64s", entries->wafer.name);
    return kerf_system_leaves(catalog, "streaming", name, &kerf_streaming_leaves, &entries->streaming, error);
}

enum kerf_status kerf_training_on_wafers(struct kerf_catalog *catalog,
                                         const struct kerf_training_system_spec *spec, bool *on_wafers,
                                         struct kerf_error *error)
{
    struct kerf_leaf_set *set = malloc(sizeof *set);
    KERF_CHECK(set, KERF_ERR_FAILURE, "out of memory for catalog entries");
    enum kerf_status status = kerf_system_hardware(catalog, spec->hardware, set, on_wafers, error);
    free(set);
    return status == KERF_OK ? status : kerf_error_prefix(error, "%s: systems.%s: ", spec->where, spec->name);
}

enum kerf_status kerf_training_cost_column(const struct kerf_training_system_spec *spec,
                                           const struct kerf_training_cost_entries *entries,
                                           enum kerf_column column, struct kerf_training_case *one,
                                           struct kerf_training_outcome *outcome, struct kerf_error *error)
{
    const struct costing costing = {spec, entries, one};
    return (one->on_wafers ? cost_on_wafers : cost_on_gpus)(&costing, column, outcome, error);
}

enum kerf_status kerf_training_cost(struct kerf_catalog *catalog,
                                    const struct kerf_training_system_spec *spec, bool nominal_only,
                                    struct kerf_training_case *one, struct kerf_error *error)
{
    struct kerf_training_cost_entries *entries = malloc(sizeof *entries);
    KERF_CHECK(entries, KERF_ERR_FAILURE, "out of memory for catalog entries");
    enum kerf_status status = kerf_training_cost_read(catalog, spec, entries, &one->on_wafers, error);
    if (status == KERF_OK && one->on_wafers)
        one->streamed_over_used = kerf_streamed_over_used(one->job.network);
    for (int c = 0; status == KERF_OK && c < KERF_COLUMN_COUNT; c++) {
        enum kerf_column column = nominal_only ? KERF_COLUMN_NOMINAL : (enum kerf_column)c;
        status = kerf_training_cost_column(spec, entries, column, one, &one->outcome[c], error);
    }
    free(entries);
    return status;
}

/* Parts that one remedy would shorten together. */
static const struct {
    const char *name;
    unsigned parts; /* a bit for each */
} limits[] = {
    {"compute", 1u << KERF_STEP_MATRIX | 1u << KERF_STEP_ATTENTION | 1u << KERF_STEP_ELEMENTWISE |
                    1u << KERF_STEP_RECOMPUTE},
    {"host software", 1u << KERF_STEP_HOST | 1u << KERF_STEP_SOFTWARE},
    {"communication", 1u << KERF_STEP_TENSOR | 1u << KERF_STEP_CONTEXT | 1u << KERF_STEP_EXPERT |
                          1u << KERF_STEP_PIPELINE | 1u << KERF_STEP_DATA | 1u << KERF_STEP_OVERLAP},
    {"pipeline bubble", 1u << KERF_STEP_BUBBLE},
    {"optimizer", 1u << KERF_STEP_OPTIMIZER},
    {"weights", 1u << KERF_STEP_STREAM},
    {"input", 1u << KERF_STEP_INPUT},
};
enum { LIMITS = sizeof limits / sizeof limits[0] };

static double sum_s(const struct kerf_training_step *step, unsigned parts)
{
    double sum = 0.0;
    for (int part = 0; part < KERF_STEP_PARTS; part++)
        sum += parts & 1u << part ? step->part_s[part] : 0.0;
    return sum;
}

static const char *why_weights(const struct kerf_training_case *one,
                               const struct kerf_streaming_step *streamed)
{
    if (streamed->tree_s > 0.5 * streamed->wait_s)
        return "latency of broadcast and reduce";
    return one->streamed_over_used > 2.0 ? "weights: all experts are streamed" : "weights: the stream";
}

const char *kerf_training_limit(const struct kerf_training_case *one, enum kerf_column column)
{
    const struct kerf_training_step *step = &one->outcome[column].step;
    int longest = 0;
    for (int i = 1; i < LIMITS; i++)
        if (sum_s(step, limits[i].parts) > sum_s(step, limits[longest].parts))
            longest = i;
    if (limits[longest].parts == 1u << KERF_STEP_STREAM)
        return why_weights(one, &one->outcome[column].streamed);
    return limits[longest].name;
}
