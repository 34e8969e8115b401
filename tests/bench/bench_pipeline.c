/* bench_pipeline: one training step of GPT-3 175B (D. Narayanan et al., arXiv 2104.04473) at stage detail
 * (models/node/stage_node.h): a logical process per pipeline stage and replica, the accelerators of a tensor
 * group inside it. Without noise the step must end when the closed form says. */
#include "models/node/stage_node.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* GPT-3 175B with sequences of 2,048 tokens, one per micro-batch, on accelerators that reach 140 TFLOP/s,
 * with 25 GB/s each for what leaves their node. */
static const double layers = 96, hidden = 12288, tokens = 2048, vocabulary = 51200, parameters = 175e9,
                    flops_per_s = 140e12, network_Bps = 25e9;

struct options {
    uint64_t gpus, tensor, stages, chunks, micro_batches, seed;
    double noise, sigma;
    const char *schedule;
};

struct step {
    struct kerf_schedule schedule;
    struct kerf_pipeline pipeline;
    struct kerf_chunk_times *chunk; /* owned, as all that follows */
    kerf_time *hop;
    struct kerf_reduction *reduction;
    struct kerf_training_run run;
};

static void free_step(struct step *step)
{
    free(step->chunk);
    free(step->hop);
    free(step->reduction);
    kerf_training_run_free(&step->run);
}

/* FLOPs of a forward pass: 24 s h^2 (1 + s / 6 h) per layer and 2 s h V for the head (arXiv 2104.04473,
 * s. 5.1). */
static void fill_times(struct step *step, const struct options *options)
{
    uint32_t places = kerf_schedule_length(&step->schedule), paths = kerf_schedule_paths(&step->schedule);
    double layer_s = 24.0 * tokens * hidden * hidden * (1.0 + tokens / (6.0 * hidden)) /
                     (flops_per_s * (double)options->tensor);
    double head_s = 2.0 * tokens * hidden * vocabulary / (flops_per_s * (double)options->tensor);
    double message_s = 2.0 * tokens * hidden / (double)options->tensor / network_Bps;
    double gradient_bytes = 2.0 * parameters / (double)(options->tensor * places);
    double copies = step->run.replicas;
    for (uint32_t i = 0; i < places * paths; i++) {
        struct kerf_host host = kerf_schedule_host(
            &step->schedule, (struct kerf_position){.path = i / places, .place = i % places});
        double forward_s = layer_s * layers / places + (i % places + 1 == places ? head_s : 0.0);
        step->chunk[host.stage * options->chunks + host.chunk] =
            (struct kerf_chunk_times){.forward = kerf_time_from_s(forward_s),
                                      .backward_input = kerf_time_from_s(forward_s),
                                      .backward_weight = kerf_time_from_s(forward_s),
                                      .pair = kerf_time_from_s(3.0 * forward_s)};
        step->hop[i] = kerf_time_from_s(message_s);
        /* A ring: reduced and gathered, in buckets of a layer. */
        double buckets = ceil(layers / places);
        step->reduction[i].buckets = (uint32_t)buckets;
        step->reduction[i].bucket =
            kerf_time_from_s(20e-6 + 2.0 * (copies - 1.0) / copies * gradient_bytes / buckets / network_Bps);
    }
}

static enum kerf_status make_step(struct step *step, const struct options *options, struct kerf_error *error)
{
    size_t parts = (size_t)(options->stages * options->chunks);
    uint64_t replica = options->tensor * options->stages;
    step->schedule = (struct kerf_schedule){.kind = kerf_schedule_find(options->schedule),
                                            .stages = (uint32_t)options->stages,
                                            .micro_batches = (uint32_t)options->micro_batches,
                                            .chunks = (uint32_t)options->chunks};
    KERF_CHECK(step->schedule.kind && step->schedule.kind->phases, KERF_ERR_USAGE, "no schedule '%s'",
               options->schedule);
    KERF_TRY(kerf_schedule_check(&step->schedule, (uint32_t)layers, error));
    KERF_CHECK(replica > 0 && options->gpus >= replica, KERF_ERR_USAGE, "%d GPUs hold no replica of %d",
               (int)options->gpus, (int)replica);
    step->chunk = calloc(parts, sizeof *step->chunk);
    step->hop = calloc(parts, sizeof *step->hop);
    step->reduction = calloc(parts, sizeof *step->reduction);
    KERF_CHECK(step->chunk && step->hop && step->reduction, KERF_ERR_FAILURE, "out of memory");
    bool noisy = options->noise > 0.0 || options->sigma > 0.0;
    step->pipeline =
        (struct kerf_pipeline){.schedule = &step->schedule, .chunk = step->chunk, .hop = step->hop};
    step->run = (struct kerf_training_run){
        .pipeline = &step->pipeline,
        .replicas = (uint32_t)(options->gpus / replica),
        .reduction = step->reduction,
        .noise = {.seed = options->seed,
                  .delay = options->noise,
                  .speed_sigma = options->sigma,
                  .accelerators = noisy ? (uint32_t)options->tensor : 0,
                  /* Two sums over the tensor group in a layer. */
                  .meetings = noisy ? (uint32_t)(2.0 * layers / (double)parts) : 0}};
    fill_times(step, options);
    return KERF_OK;
}

static enum kerf_status add_step(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    return kerf_training_run_add(&((struct step *)context)->run, engine, error);
}

static enum kerf_status closed_form(const struct step *step, kerf_time *end, struct kerf_error *error)
{
    size_t parts = (size_t)step->schedule.stages * step->schedule.chunks;
    struct kerf_pipeline_result result = {.use = calloc(step->schedule.stages, sizeof *result.use),
                                          .gradients = calloc(parts, sizeof *result.gradients)};
    enum kerf_status status =
        result.use && result.gradients
            ? kerf_pipeline_span(&step->pipeline, &result, error)
            : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the closed form");
    if (status == KERF_OK)
        *end = kerf_pipeline_step_end(&step->pipeline, &result,
                                      step->run.replicas > 1 ? step->reduction : NULL, NULL, NULL);
    free(result.use);
    free(result.gradients);
    return status;
}

static enum kerf_status check_step(void *context, struct kerf_engine *engine, char *text, size_t text_bytes,
                                   struct kerf_error *error)
{
    const struct step *step = context;
    kerf_time end = kerf_training_run_end(&step->run, engine), computed = 0;
    MPI_Allreduce(MPI_IN_PLACE, &end, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    KERF_TRY(closed_form(step, &computed, error));
    snprintf(text, text_bytes, " schedule=%s replicas=%u lps_simulated=%llu step_s=%.12f closed_form_s=%.12f",
             step->schedule.kind->name, step->run.replicas,
             (unsigned long long)kerf_engine_stats(engine).lps_simulated, kerf_time_to_s(end),
             kerf_time_to_s(computed));
    KERF_CHECK(step->run.noise.accelerators > 0 || end == computed, KERF_ERR_FAILURE,
               "the step takes %lld ps, by the closed form %lld ps", (long long)end, (long long)computed);
    return KERF_OK;
}

int main(int argc, char **argv)
{
    struct options chosen = {.gpus = 1024,
                             .tensor = 8,
                             .stages = 16,
                             .chunks = 1,
                             .micro_batches = 192,
                             .seed = 1,
                             .schedule = "1f1b"};
    bool fold = false, reference = false;
    const struct bench_option options[] = {
        {"gpus", .count = &chosen.gpus, .help = "in all; whole replicas of them are used (1024)"},
        {"tensor", .count = &chosen.tensor, .help = "accelerators of a stage (8)"},
        {"stages", .count = &chosen.stages, .help = "of the pipeline (16)"},
        {"chunks", .count = &chosen.chunks, .help = "of a stage (1)"},
        {"schedule", .text = &chosen.schedule,
         .help = "gpipe, 1f1b, interleaved, zb-h1, zbv, dualpipe (1f1b)"},
        {"micro-batches", .count = &chosen.micro_batches, .help = "per replica (192)"},
        {"noise", .number = &chosen.noise, .help = "mean share of delays of each accelerator (0)"},
        {"sigma", .number = &chosen.sigma, .help = "deviation of the accelerators' times (0)"},
        {"seed", .count = &chosen.seed, .help = "of both (1)"},
        {"fold", .flag = &fold, .help = "simulate replicas that are alike once"},
        {"reference", .flag = &reference, .help = "run on the plain heap (one rank)"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    struct step step = {.chunk = NULL};
    struct kerf_error error = {0};
    enum kerf_status status = make_step(&step, &chosen, &error);
    if (status != KERF_OK)
        fprintf(stderr, "bench_pipeline: %s\n", error.message);
    struct bench_run run = {.name = "pipeline",
                            .fold = fold,
                            .reference = reference,
                            .context = &step,
                            .add = add_step,
                            .finish = check_step};
    status = status == KERF_OK ? (enum kerf_status)bench_run_engine(&run) : status;
    free_step(&step);
    return bench_finish((int)status);
}
