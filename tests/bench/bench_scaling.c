/* bench_scaling: two models that are run in full on one or more ranks, and rehearsed on one for many;
 * scaling.py makes a table of it. The fleet is a scenario, the training step tests/bench/training_step.h. */
#include "sim/study/compare.h"
#include "sim/study/lp_partition.h"
#include "tests/bench/bench.h"
#include "tests/bench/training_step.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *model, *scenario, *catalog;
    uint64_t rehearse, requests, seed;
    uint64_t pipeline, tensor, data, micro_batches, blocks, operators, buckets;
    double forward_us, backward_us, spread, domain_us, network_us, sum_bytes, activation_bytes,
        gradient_bytes, domain_Bps, network_Bps;
    bool promises, check;
};

/* The engine asks for wishes first when the set-up is over: there the run's clock starts. */
static void print_line(const struct settings *s, const struct kerf_engine_stats *stats,
                       struct bench_clock ran, const char *more)
{
    int rank, ranks;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank != 0)
        return;
    printf("bench=scaling model=%s ranks=%d rehearse=%" PRIu64 " lps=%" PRIu64 " events=%" PRIu64
           " run_s=%.6f cpu_s=%.6f cpu_share=%.3f events_per_s=%.4g rounds=%" PRIu64 " windows=%" PRIu64
           " rehearsed_events=%" PRIu64 " critical_events=%" PRIu64 " remote_events=%" PRIu64
           " events_most=%" PRIu64 " exchange_s=%.6f waiting_s=%.6f end_s=%.12f digest=%016" PRIx64 "%s\n",
           s->model, ranks, s->rehearse, stats->lps, stats->events, ran.wall_s, ran.cpu_s,
           ran.cpu_s / (ran.wall_s * ranks), (double)stats->events / ran.wall_s, stats->rounds,
           stats->windows, stats->rehearsed_events, stats->critical_events, stats->remote_events,
           stats->events_most, stats->exchange_s, stats->waiting_s, stats->end_s, stats->digest, more);
    fflush(stdout);
}

static kerf_time us(double microseconds)
{
    return kerf_time_from_s(microseconds * 1e-6);
}

static kerf_time transfer(double bytes, double Bps)
{
    return kerf_time_from_s(bytes / Bps);
}

static struct training_step step_of(const struct settings *s)
{
    return (struct training_step){
        .pipeline = (uint32_t)s->pipeline,
        .tensor = (uint32_t)s->tensor,
        .data = (uint32_t)s->data,
        .micro_batches = (uint32_t)s->micro_batches,
        .blocks = (uint32_t)s->blocks,
        .operators = (uint32_t)s->operators,
        .buckets = (uint32_t)s->buckets,
        .forward = us(s->forward_us),
        .backward = us(s->backward_us),
        .spread = s->spread,
        .seed = s->seed,
        .domain_latency = us(s->domain_us),
        .network_latency = us(s->network_us),
        .sum_time = transfer(s->sum_bytes, s->domain_Bps),
        .activation_time = transfer(s->activation_bytes, s->network_Bps),
        .chunk_time = transfer(s->gradient_bytes / (double)(s->buckets * s->data), s->network_Bps),
        .promises = s->promises};
}

/* Equal operators and communication that costs next to nothing: the step has a closed form. */
static void make_even(struct settings *s)
{
    const double picosecond = 1e-6; /* no channel is faster */
    s->spread = 0.0;
    s->domain_us = s->network_us = picosecond;
    s->activation_bytes = s->gradient_bytes = 0.0;
}

static enum kerf_status check_closed_form(const struct training_step *step, kerf_time passes_end,
                                          kerf_time step_end, struct kerf_error *error)
{
    kerf_time slack, closed = training_step_closed_form(step, &slack);
    kerf_time ring =
        2 * (kerf_time)(step->data - 1) * step->buckets * (step->network_latency + step->chunk_time);
    KERF_CHECK(passes_end >= closed && passes_end <= closed + slack, KERF_ERR_FAILURE,
               "the passes take %lld ps, by the closed form %lld to %lld ps", (long long)passes_end,
               (long long)closed, (long long)(closed + slack));
    KERF_CHECK(step_end == passes_end + ring, KERF_ERR_FAILURE,
               "the gradients take %lld ps, by the closed form %lld ps", (long long)(step_end - passes_end),
               (long long)ring);
    return KERF_OK;
}

static enum kerf_status run_engine(const struct settings *s, const struct training_step *step,
                                   struct kerf_engine *engine, struct kerf_error *error)
{
    struct bench_watch watch = {0};
    struct kerf_engine_calls calls = {.context = &watch, .wish = bench_set_up_is_over};
    KERF_TRY(training_step_add(step, engine, error));
    KERF_TRY(kerf_engine_run(engine, &calls, NULL, error));
    struct bench_clock ran = bench_since(MPI_COMM_WORLD, watch.run_start);
    struct kerf_engine_stats stats = kerf_engine_stats(engine);
    kerf_time passes_end, step_end, slack, closed = training_step_closed_form(step, &slack);
    training_step_times(step, engine, MPI_COMM_WORLD, &passes_end, &step_end);
    if (s->check)
        KERF_TRY(check_closed_form(step, passes_end, step_end, error));
    char more[256];
    snprintf(more, sizeof more, " promises=%d passes_s=%.12f step_s=%.12f closed_form_s=%.12f",
             step->promises, kerf_time_to_s(passes_end), kerf_time_to_s(step_end), kerf_time_to_s(closed));
    print_line(s, &stats, ran, more);
    return KERF_OK;
}

static enum kerf_status run_training(const struct settings *s, struct kerf_error *error)
{
    struct training_step step = step_of(s);
    struct kerf_engine_options options = {.partitioner = kerf_lp_partition,
                                          .rehearse_ranks = (int)s->rehearse};
    struct kerf_engine *engine = NULL;
    enum kerf_status status = kerf_engine_create(MPI_COMM_WORLD, &options, &engine, error);
    if (status == KERF_OK)
        status = run_engine(s, &step, engine, error);
    kerf_engine_free(engine);
    return status;
}

static enum kerf_status run_comparison(const struct settings *s, struct kerf_comparison *comparison,
                                       struct kerf_error *error)
{
    struct bench_watch watch = {0};
    struct kerf_engine_calls calls = {.context = &watch, .wish = bench_set_up_is_over};
    enum kerf_wish stopped;
    comparison->options.fold = false;
    comparison->options.rehearse_ranks = (int)s->rehearse;
    KERF_TRY(kerf_comparison_run(comparison, &calls, &stopped, error));
    print_line(s, &comparison->stats, bench_since(MPI_COMM_WORLD, watch.run_start), "");
    return KERF_OK;
}

static enum kerf_status run_fleet(const struct settings *s, struct kerf_error *error)
{
    char requests[64];
    snprintf(requests, sizeof requests, "systems.b200-fleet.workload.requests=%" PRIu64, s->requests);
    const char *const catalogs[] = {s->catalog, NULL}, *const sets[] = {requests};
    struct kerf_comparison *comparison = NULL;
    enum kerf_status status = kerf_comparison_open(MPI_COMM_WORLD, s->scenario, sets, s->requests > 0,
                                                   catalogs, &comparison, error);
    if (status == KERF_OK)
        status = run_comparison(s, comparison, error);
    kerf_comparison_free(comparison);
    return status;
}

static int run(struct settings *s)
{
    struct kerf_error error = {0};
    enum kerf_status status;
    if (s->check)
        make_even(s);
    if (strcmp(s->model, "training") == 0)
        status = run_training(s, &error);
    else if (strcmp(s->model, "fleet") == 0)
        status = run_fleet(s, &error);
    else
        status = kerf_error_set(&error, KERF_ERR_USAGE, "no model '%s'", s->model);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (status != KERF_OK && rank == 0)
        fprintf(stderr, "bench_scaling: %s\n", error.message);
    return (int)status;
}

int main(int argc, char **argv)
{
    struct settings s = {.model = "training",
                         .scenario = KERF_SOURCE_DIR "/tests/bench/fleet-64.yaml",
                         .catalog = KERF_SOURCE_DIR "/models/catalog",
                         .seed = 1,
                         .pipeline = 16,
                         .tensor = 8,
                         .data = 8,
                         .micro_batches = 64,
                         .blocks = 4,
                         .operators = 8,
                         .buckets = 8,
                         .forward_us = 30.0,
                         .backward_us = 60.0,
                         .spread = 0.05,
                         .domain_us = 1.0,
                         .network_us = 3.0,
                         .sum_bytes = 4e6,
                         .activation_bytes = 4e6,
                         .gradient_bytes = 1e9,
                         .domain_Bps = 450e9,
                         .network_Bps = 50e9,
                         .promises = true};
    bool no_promises = false;
    const struct bench_option options[] = {
        {"model", .text = &s.model, .help = "training or fleet (training)"},
        {"rehearse", .count = &s.rehearse, .help = "on one rank: keep the windows of so many (0)"},
        {"scenario", .text = &s.scenario, .help = "of the fleet (tests/bench/fleet-64.yaml)"},
        {"requests", .count = &s.requests, .help = "of the fleet (the scenario's)"},
        {"catalog", .text = &s.catalog, .help = "folder (models/catalog)"},
        {"pipeline", .count = &s.pipeline, .help = "stages (16)"},
        {"tensor", .count = &s.tensor, .help = "accelerators that share an operator (8)"},
        {"data", .count = &s.data, .help = "copies of the network (8)"},
        {"micro-batches", .count = &s.micro_batches, .help = "of a copy (64)"},
        {"blocks", .count = &s.blocks, .help = "of a pass, each with an exchange of sums (4)"},
        {"operators", .count = &s.operators, .help = "of a block (8)"},
        {"buckets", .count = &s.buckets, .help = "of the gradients (8)"},
        {"forward", .number = &s.forward_us, .help = "us, of an operator (30)"},
        {"backward", .number = &s.backward_us, .help = "us, of an operator (60)"},
        {"spread", .number = &s.spread, .help = "of operator times, a share (0.05)"},
        {"domain", .number = &s.domain_us, .help = "us, latency in a tensor group (1)"},
        {"network", .number = &s.network_us, .help = "us, latency between stages and copies (3)"},
        {"activation", .number = &s.activation_bytes, .help = "bytes between two stages (4M)"},
        {"seed", .count = &s.seed, .help = "of the operator times (1)"},
        {"no-promises", .flag = &no_promises, .help = "lookahead is the latency of the links and no more"},
        {"check", .flag = &s.check, .help = "equal times, free messages: the step must be the closed form"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    s.promises = !no_promises;
    return bench_finish(run(&s));
}
