/* The training room: stages as chunks of a schedule. */
#include "models/training/span.h"

#include "models/training/pipeline.h"

#include <math.h>
#include <stdlib.h>

int kerf_training_place_layers(int layers, int places, int place)
{
    bool is_end = place == 0 || place == places - 1;
    if (layers % places != 0 && (layers + 2) % places == 0 && places > 1)
        return (layers + 2) / places - (is_end ? 1 : 0);
    int more = layers % places;
    return layers / places + (place >= 1 && place <= more ? 1 : 0);
}

const char *kerf_training_schedule_name(const struct kerf_training_job *job)
{
    if (job->schedule)
        return job->schedule;
    return job->layout.virtual_stages > 1 ? "interleaved" : "1f1b";
}

static void add_pass(struct kerf_pass_time *sum, const struct kerf_pass_time *more, double times)
{
    sum->forward_s += times * more->forward_s;
    sum->backward_s += times * more->backward_s;
    sum->weight_s += times * more->weight_s;
}

static double both_s(const struct kerf_pass_time *pass)
{
    return pass->forward_s + pass->backward_s;
}

/* What one place takes. */
static struct kerf_pass_time place_pass(const struct kerf_stage_parts *parts, int layers, int places,
                                        int place)
{
    struct kerf_pass_time pass = {0};
    add_pass(&pass, &parts->layer, kerf_training_place_layers(layers, places, place));
    if (place == 0)
        add_pass(&pass, &parts->embedding, 1.0);
    if (place == places - 1)
        add_pass(&pass, &parts->head, 1.0);
    return pass;
}

/* Stage s with chunks of `places` places each p apart. */
static struct kerf_pass_time loop_stage(const struct kerf_training_job *job, int layers,
                                        const struct kerf_stage_parts *parts, int stage,
                                        struct kerf_training_span *span)
{
    int p = job->layout.pipeline, places = p * job->layout.virtual_stages;
    struct kerf_pass_time sum = {0};
    span->layers = 0.0;
    for (int place = stage; place < places; place += p) {
        struct kerf_pass_time pass = place_pass(parts, layers, places, place);
        add_pass(&sum, &pass, 1.0);
        span->layers += kerf_training_place_layers(layers, places, place);
    }
    span->embeds = stage == 0;
    span->has_head = stage == p - 1;
    return sum;
}

static void closed_span(const struct kerf_training_job *job, int layers, const struct kerf_stage_parts *parts,
                        struct kerf_training_span *span)
{
    int p = job->layout.pipeline;
    double m = kerf_training_micro_batches(&job->layout), v = job->layout.virtual_stages, sum_s = 0.0;
    double sending_s = parts->waits && p > 1 ? 2.0 * v * parts->handover_s : 0.0;
    struct kerf_training_span busiest = {0};
    for (int stage = 0; stage < p; stage++) {
        struct kerf_training_span one = {0};
        struct kerf_pass_time pass = loop_stage(job, layers, parts, stage, &one);
        one.busy_s = both_s(&pass);
        sum_s += one.busy_s + sending_s;
        if (one.busy_s > busiest.busy_s)
            busiest = one;
    }
    *span = busiest;
    double fill_s = (sum_s - span->busy_s - sending_s) / v;
    span->busy_s *= m;
    span->sending_s = m * sending_s;
    span->span_s = span->busy_s + span->sending_s + fill_s;
    span->in_flight = fmin(v > 1.0 ? p * (1.0 + (p - 1.0) / (p * v)) : p, m);
}

/* The stage that is busy longest, and what it is made of. */
static void read_result(const struct kerf_schedule *schedule, int layers,
                        const struct kerf_pipeline_result *result, struct kerf_training_span *span)
{
    int places = (int)kerf_schedule_length(schedule);
    uint32_t busiest = 0, most = 0;
    for (uint32_t s = 0; s < schedule->stages; s++) {
        if (result->use[s].busy > result->use[busiest].busy)
            busiest = s;
        most = result->use[s].in_flight > most ? result->use[s].in_flight : most;
    }
    *span = (struct kerf_training_span){.span_s = kerf_time_to_s(result->span),
                                        .busy_s = kerf_time_to_s(result->use[busiest].busy),
                                        .sending_s = kerf_time_to_s(result->use[busiest].sending),
                                        .in_flight = (double)most / schedule->chunks};
    for (uint32_t c = 0; c < schedule->chunks; c++) {
        int place = (int)kerf_schedule_position(schedule, busiest, c).place;
        span->layers += kerf_training_place_layers(layers, places, place);
        span->embeds = span->embeds || place == 0;
        span->has_head = span->has_head || place == places - 1;
    }
}

static enum kerf_status follow(const struct kerf_schedule *schedule, int layers,
                               const struct kerf_stage_parts *parts, struct kerf_chunk_times *chunk,
                               kerf_time *hop, struct kerf_stage_use *use, struct kerf_training_span *span,
                               struct kerf_error *error)
{
    uint32_t length = kerf_schedule_length(schedule);
    for (uint32_t i = 0; i < schedule->stages * schedule->chunks; i++) {
        struct kerf_position position =
            kerf_schedule_position(schedule, i / schedule->chunks, i % schedule->chunks);
        struct kerf_pass_time pass = place_pass(parts, layers, (int)length, (int)position.place);
        chunk[i] = (struct kerf_chunk_times){
            .forward = kerf_time_from_s(pass.forward_s),
            .backward_input = kerf_time_from_s(pass.backward_s - pass.weight_s),
            .backward_weight = kerf_time_from_s(pass.weight_s),
            .pair = kerf_time_from_s(both_s(&pass)),
        };
    }
    for (uint32_t i = 0; i < length * kerf_schedule_paths(schedule); i++)
        hop[i] = kerf_time_from_s(parts->handover_s);
    const struct kerf_pipeline pipeline = {
        .schedule = schedule, .chunk = chunk, .hop = hop, .blocking = parts->waits};
    struct kerf_pipeline_result result = {.use = use};
    KERF_TRY(kerf_pipeline_span(&pipeline, &result, error));
    read_result(schedule, layers, &result, span);
    return KERF_OK;
}

static enum kerf_status exact_span(const struct kerf_training_job *job, int layers,
                                   const struct kerf_stage_parts *parts, struct kerf_training_span *span,
                                   struct kerf_error *error)
{
    const char *name = kerf_training_schedule_name(job);
    struct kerf_schedule schedule = {.kind = kerf_schedule_find(name),
                                     .stages = (uint32_t)job->layout.pipeline,
                                     .micro_batches = (uint32_t)kerf_training_micro_batches(&job->layout),
                                     .chunks = (uint32_t)job->layout.virtual_stages};
    KERF_CHECK(schedule.kind, KERF_ERR_USAGE, "schedule: there is no '%s'", name);
    if (schedule.kind->chunks > 0)
        schedule.chunks = schedule.kind->chunks;
    KERF_TRY(kerf_schedule_check(&schedule, (uint32_t)layers, error));
    uint32_t length = kerf_schedule_length(&schedule) * kerf_schedule_paths(&schedule);
    struct kerf_chunk_times *chunk = calloc((size_t)schedule.stages * schedule.chunks, sizeof *chunk);
    kerf_time *hop = calloc(length, sizeof *hop);
    struct kerf_stage_use *use = calloc(schedule.stages, sizeof *use);
    enum kerf_status status = chunk && hop && use
                                  ? follow(&schedule, layers, parts, chunk, hop, use, span, error)
                                  : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory");
    free(chunk);
    free(hop);
    free(use);
    return status;
}

enum kerf_status kerf_training_span(const struct kerf_training_job *job, int layers,
                                    const struct kerf_stage_parts *parts, struct kerf_training_span *span,
                                    struct kerf_error *error)
{
    if (job->exact && job->layout.pipeline > 1)
        return exact_span(job, layers, parts, span, error);
    closed_span(job, layers, parts, span);
    return KERF_OK;
}
