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

static void fill_times(struct kerf_training_pipeline *made, int layers, const struct kerf_stage_parts *parts)
{
    const struct kerf_schedule *schedule = &made->schedule;
    uint32_t length = kerf_schedule_length(schedule);
    for (uint32_t i = 0; i < schedule->stages * schedule->chunks; i++) {
        struct kerf_position position =
            kerf_schedule_position(schedule, i / schedule->chunks, i % schedule->chunks);
        struct kerf_pass_time pass = place_pass(parts, layers, (int)length, (int)position.place);
        made->chunk[i] = (struct kerf_chunk_times){
            .forward = kerf_time_from_s(pass.forward_s),
            .backward_input = kerf_time_from_s(pass.backward_s - pass.weight_s),
            .backward_weight = kerf_time_from_s(pass.weight_s),
            .pair = kerf_time_from_s(both_s(&pass)),
        };
    }
    for (uint32_t i = 0; i < length * kerf_schedule_paths(schedule); i++)
        made->hop[i] = kerf_time_from_s(parts->handover_s);
}

enum kerf_status kerf_training_pipeline_make(const struct kerf_training_job *job, int layers,
                                             const struct kerf_stage_parts *parts,
                                             struct kerf_training_pipeline *made, struct kerf_error *error)
{
    const char *name = kerf_training_schedule_name(job);
    struct kerf_schedule *schedule = &made->schedule;
    *made = (struct kerf_training_pipeline){.schedule = {.kind = kerf_schedule_find(name)}};
    KERF_CHECK(schedule->kind, KERF_ERR_USAGE, "schedule: there is no '%s'", name);
    schedule->stages = (uint32_t)job->layout.pipeline;
    schedule->micro_batches = (uint32_t)kerf_training_micro_batches(&job->layout);
    schedule->chunks =
        schedule->kind->chunks > 0 ? schedule->kind->chunks : (uint32_t)job->layout.virtual_stages;
    KERF_TRY(kerf_schedule_check(schedule, (uint32_t)layers, error));
    size_t chunks = (size_t)schedule->stages * schedule->chunks;
    made->chunk = calloc(chunks, sizeof *made->chunk);
    made->hop = calloc(chunks, sizeof *made->hop);
    KERF_CHECK(made->chunk && made->hop, KERF_ERR_FAILURE, "out of memory for a pipeline of %u stages",
               schedule->stages);
    fill_times(made, layers, parts);
    made->pipeline = (struct kerf_pipeline){
        .schedule = schedule, .chunk = made->chunk, .hop = made->hop, .blocking = parts->waits};
    return KERF_OK;
}

void kerf_training_pipeline_free(struct kerf_training_pipeline *made)
{
    free(made->chunk);
    free(made->hop);
    made->chunk = NULL;
    made->hop = NULL;
}

static enum kerf_status follow(const struct kerf_training_pipeline *made, int layers,
                               struct kerf_training_span *span, struct kerf_error *error)
{
    struct kerf_pipeline_result result = {.use = calloc(made->schedule.stages, sizeof *result.use)};
    KERF_CHECK(result.use, KERF_ERR_FAILURE, "out of memory for %u stages", made->schedule.stages);
    enum kerf_status status = kerf_pipeline_span(&made->pipeline, &result, error);
    if (status == KERF_OK)
        read_result(&made->schedule, layers, &result, span);
    free(result.use);
    return status;
}

static enum kerf_status exact_span(const struct kerf_training_job *job, int layers,
                                   const struct kerf_stage_parts *parts, struct kerf_training_span *span,
                                   struct kerf_error *error)
{
    struct kerf_training_pipeline made;
    enum kerf_status status = kerf_training_pipeline_make(job, layers, parts, &made, error);
    if (status == KERF_OK)
        status = follow(&made, layers, span, error);
    kerf_training_pipeline_free(&made);
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
