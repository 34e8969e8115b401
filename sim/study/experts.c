/* The study room: uneven choices of experts. Knows files and seeds; not what a device makes of them. */
#include "sim/study/experts.h"

#include "sim/engine/random.h"
#include "sim/io/text_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_EXPERTS = 8 };

/* r^-exponent for ranks 1, 2, ..., in an order that the seed draws (Fisher and Yates). */
static void power_law(double exponent, uint64_t seed, int experts, double *weight)
{
    for (int i = 0; i < experts; i++)
        weight[i] = pow(i + 1.0, -exponent);
    for (int i = experts - 1; i > 0; i--) {
        int k = (int)(kerf_random_uniform(seed, STREAM_EXPERTS, (uint64_t)i) * (i + 1));
        double swap = weight[i];
        weight[i] = weight[k];
        weight[k] = swap;
    }
}

/* A number on each line; text behind # is left out. */
static enum kerf_status read_counts(const char *path, char *text, int experts, double *weight,
                                    struct kerf_error *error)
{
    int count = 0, number = 0;
    for (char *line = text; line; number++) {
        char *next = strchr(line, '\n'), *end;
        if (next)
            *next++ = '\0';
        line[strcspn(line, "#\r")] = '\0';
        if (line[strspn(line, " \t")] != '\0') {
            double value = strtod(line, &end);
            KERF_CHECK(end != line && end[strspn(end, " \t")] == '\0' && value >= 0.0 && isfinite(value),
                       KERF_ERR_USAGE, "%s:%d: '%s' is not a count", path, number + 1, line);
            KERF_CHECK(count < experts, KERF_ERR_USAGE, "%s:%d: more lines than the %d experts", path,
                       number + 1, experts);
            weight[count++] = value;
        }
        line = next;
    }
    KERF_CHECK(count == experts, KERF_ERR_USAGE, "%s: %d counts; the network has %d experts", path, count,
               experts);
    return KERF_OK;
}

/* A file beside the scenario, unless the path is absolute. */
static enum kerf_status read_histogram(MPI_Comm comm, const struct kerf_scenario *scenario, const char *name,
                                       int experts, double *weight, struct kerf_error *error)
{
    char path[2048], *text;
    const char *slash = strrchr(scenario->file, '/');
    int folder = name[0] != '/' && slash ? (int)(slash - scenario->file) + 1 : 0;
    snprintf(path, sizeof path, "%.*s%s", folder, scenario->file, name);
    KERF_TRY(kerf_text_file_read(comm, path, &text, error));
    enum kerf_status status = read_counts(path, text, experts, weight, error);
    free(text);
    return status;
}

static enum kerf_status check(const struct kerf_system *system, struct kerf_error *error)
{
    const struct kerf_experts_spec *spec = &system->spec->experts;
    KERF_CHECK(system->network->decoder.moe.experts > 0, KERF_ERR_USAGE, "experts: %s has none",
               system->network->name);
    KERF_CHECK(spec->redundant == 0 || !system->on_wafers, KERF_ERR_USAGE,
               "experts.redundant_experts: a wafer holds every expert once; remove it");
    KERF_CHECK(spec->choice != KERF_EXPERTS_HISTOGRAM || spec->histogram[0], KERF_ERR_USAGE,
               "experts: choice: histogram needs histogram, a file with a line per expert");
    KERF_CHECK(spec->choice == KERF_EXPERTS_HISTOGRAM || !spec->histogram[0], KERF_ERR_USAGE,
               "experts.histogram: has no effect; remove it or set choice: histogram");
    return KERF_OK;
}

enum kerf_status kerf_experts_open(MPI_Comm comm, const struct kerf_scenario *scenario,
                                   struct kerf_system *system, const int *groups, int groupings,
                                   struct kerf_error *error)
{
    const struct kerf_experts_spec *spec = &system->spec->experts;
    int experts = system->network->decoder.moe.experts;
    if (spec->choice == KERF_EXPERTS_BALANCED && spec->redundant == 0 && !spec->histogram[0])
        return KERF_OK;
    KERF_TRY(check(system, error));
    double *weight = calloc((size_t)experts, sizeof *weight);
    enum kerf_status status = KERF_OK;
    if (!weight)
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d experts", experts);
    if (spec->choice == KERF_EXPERTS_HISTOGRAM)
        status = read_histogram(comm, scenario, spec->histogram, experts, weight, error);
    else
        power_law(spec->choice == KERF_EXPERTS_BALANCED ? 0.0 : spec->exponent, (uint64_t)scenario->seed,
                  experts, weight);
    if (status == KERF_OK)
        status =
            kerf_expert_skew_make(&system->skew, weight, experts, spec->redundant, groups, groupings, error);
    free(weight);
    return status == KERF_OK ? status : kerf_error_prefix(error, "experts: ");
}

void kerf_experts_apply(const struct kerf_system *system, struct kerf_decoder_list *list)
{
    for (int i = 0; system->skew.share && i < list->moe_layer.count; i++)
        if (list->moe_layer.op[i].kind == KERF_OP_EXPERTS)
            list->moe_layer.op[i].skew = &system->skew;
}
