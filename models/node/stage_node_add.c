/* The node room: the stages of all replicas and the sums of their gradients, put into an engine with what
 * each can promise about its messages. */
#include "models/node/stage_lps.h"
#include "models/node/stage_noise.h"

#include <stdlib.h>

/* The shortest pass that sends from a chunk in one direction. */
static kerf_time shortest(const struct kerf_training_run *run, uint32_t stage, uint32_t chunk, bool forward)
{
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    const struct kerf_chunk_times *times = &run->pipeline->chunk[(size_t)stage * schedule->chunks];
    kerf_time time = forward                  ? times[chunk].forward
                     : schedule->kind->splits ? times[chunk].backward_input
                                              : times[chunk].backward_input + times[chunk].backward_weight;
    if (schedule->kind->pairs) {
        kerf_time pair = times[forward ? chunk : chunk ^ 1].pair;
        time = pair < time ? pair : time;
    }
    return kerf_noise_shortest(&run->noise, time);
}

/* The shortest pass that completes a chunk's gradients. */
static kerf_time shortest_completion(const struct kerf_training_run *run, uint32_t stage)
{
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    const struct kerf_chunk_times *times = &run->pipeline->chunk[(size_t)stage * schedule->chunks];
    kerf_time time = KERF_TIME_NEVER;
    for (uint32_t c = 0; c < schedule->chunks; c++) {
        kerf_time one = times[c].backward_weight + (schedule->kind->splits ? 0 : times[c].backward_input);
        time = one < time ? one : time;
        if (schedule->kind->pairs && times[c].pair < time)
            time = times[c].pair;
    }
    return kerf_noise_shortest(&run->noise, time);
}

/* A stage talks to two others at most: before and behind. */
struct neighbours {
    uint32_t stage[2];
    kerf_time lookahead[2];
    uint32_t count;
};

static enum kerf_status find_neighbours(const struct kerf_training_run *run, uint32_t stage,
                                        struct neighbours *found, struct kerf_error *error)
{
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    found->count = 0;
    for (uint32_t i = 0; i < 2 * schedule->chunks; i++) {
        struct kerf_hop hop;
        bool forward = i % 2 == 0;
        if (!kerf_pipeline_hop(run->pipeline, stage, i / 2, forward, &hop))
            continue;
        kerf_time lookahead = shortest(run, stage, i / 2, forward) + hop.delay;
        KERF_CHECK(lookahead > 0, KERF_ERR_USAGE, "a %s pass of stage %u and its message take no time: %s",
                   forward ? "forward" : "backward", stage, "nothing could be simulated beside it");
        uint32_t n = 0;
        while (n < found->count && found->stage[n] != hop.to.stage)
            n++;
        if (n == found->count) {
            found->stage[found->count++] = hop.to.stage;
            found->lookahead[n] = lookahead;
        }
        if (lookahead < found->lookahead[n])
            found->lookahead[n] = lookahead;
    }
    return KERF_OK;
}

static bool is_straggler(const struct kerf_training_run *run, uint32_t replica, uint32_t stage)
{
    for (uint32_t i = 0; i < run->stragglers; i++)
        if (run->straggler[i].replica == replica && run->straggler[i].stage == stage)
            return true;
    return false;
}

/* Stages of the same number are alike unless noise or a straggler tells them apart. Labels of LPs and of
 * channels start at 1. */
static enum kerf_status connect_stage(const struct kerf_training_run *run, struct kerf_engine *engine,
                                      uint32_t stage, struct kerf_error *error)
{
    struct neighbours to;
    kerf_time sum_lookahead = shortest_completion(run, stage);
    KERF_TRY(find_neighbours(run, stage, &to, error));
    KERF_CHECK(run->sums == 0 || sum_lookahead > 0, KERF_ERR_USAGE,
               "a backward pass of stage %u takes no time: its gradients could not be summed beside it",
               stage);
    for (uint32_t replica = 0; replica < run->replicas; replica++) {
        uint32_t lp = kerf_stage_lp_of(run, replica, stage);
        if (run->noise.accelerators == 0 && !is_straggler(run, replica, stage))
            kerf_engine_label(engine, lp, 1 + stage);
        for (uint32_t n = 0; n < to.count; n++)
            kerf_engine_connect_alike(engine, lp, kerf_stage_lp_of(run, replica, to.stage[n]),
                                      to.lookahead[n], 1 + n);
        if (run->sums > 0)
            kerf_engine_connect_alike(engine, lp, kerf_stage_sum_lp_of(run, stage), sum_lookahead,
                                      1 + to.count);
    }
    return KERF_OK;
}

static enum kerf_status connect_sum(const struct kerf_training_run *run, struct kerf_engine *engine,
                                    uint32_t stage, struct kerf_error *error)
{
    uint32_t chunks = run->pipeline->schedule->chunks, lp = kerf_stage_sum_lp_of(run, stage);
    const struct kerf_reduction *reduction = &run->reduction[(size_t)stage * chunks];
    kerf_time lookahead = KERF_TIME_NEVER;
    for (uint32_t c = 0; c < chunks; c++) {
        KERF_CHECK(reduction[c].buckets > 0 && reduction[c].bucket > 0, KERF_ERR_USAGE,
                   "the sum of gradients of stage %u has no buckets, or takes no time", stage);
        lookahead = reduction[c].bucket < lookahead ? reduction[c].bucket : lookahead;
    }
    kerf_engine_label(engine, lp, 1 + run->pipeline->schedule->stages + stage);
    for (uint32_t replica = 0; replica < run->replicas; replica++)
        kerf_engine_connect_alike(engine, lp, kerf_stage_lp_of(run, replica, stage), lookahead, 1);
    return KERF_OK;
}

static enum kerf_status check(const struct kerf_training_run *run, struct kerf_error *error)
{
    KERF_CHECK(run->replicas > 0 && (run->replicas == 1 || run->reduction), KERF_ERR_USAGE,
               "a training step has at least one replica, and several sum their gradients");
    KERF_TRY(kerf_noise_check(&run->noise, error));
    for (uint32_t i = 0; i < run->stragglers; i++)
        KERF_CHECK(
            run->straggler[i].replica < run->replicas &&
                run->straggler[i].stage < run->pipeline->schedule->stages &&
                run->straggler[i].factor >= 1.0 && run->straggler[i].factor < 1e6,
            KERF_ERR_USAGE,
            "straggler %u: stage %u of replica %u with factor %g: there are %u stages and %u replicas, "
            "and a straggler takes 1 to 1,000,000 times as long",
            i, run->straggler[i].stage, run->straggler[i].replica, run->straggler[i].factor,
            run->pipeline->schedule->stages, run->replicas);
    return KERF_OK;
}

enum kerf_status kerf_training_run_add(struct kerf_training_run *run, struct kerf_engine *engine,
                                       struct kerf_error *error)
{
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    uint32_t stages = schedule->stages;
    double passes = 2.0 * schedule->micro_batches * schedule->chunks;
    KERF_TRY(check(run, error));
    run->first_lp = kerf_engine_lps(engine);
    run->sums = run->replicas > 1 ? stages : 0;
    run->program = malloc(stages * sizeof *run->program);
    KERF_CHECK(run->program, KERF_ERR_FAILURE, "out of memory for %u pipeline stages", stages);
    for (uint32_t s = 0; s < stages; s++)
        kerf_stage_program_make(schedule, s, &run->program[s]);
    for (uint32_t i = 0; i < run->replicas * stages; i++)
        kerf_engine_add(engine, &kerf_stage_lp, run, -1, passes);
    for (uint32_t s = 0; s < run->sums; s++)
        kerf_engine_add(engine, &kerf_stage_sum_lp, run, -1, (double)run->replicas * schedule->chunks);
    for (uint32_t s = 0; s < stages; s++)
        KERF_TRY(connect_stage(run, engine, s, error));
    for (uint32_t s = 0; s < run->sums; s++)
        KERF_TRY(connect_sum(run, engine, s, error));
    return KERF_OK;
}

void kerf_training_run_free(struct kerf_training_run *run)
{
    free(run->program);
    run->program = NULL;
}

const struct kerf_stage_record *kerf_training_run_record(const struct kerf_training_run *run,
                                                         const struct kerf_engine *engine, uint32_t replica,
                                                         uint32_t stage)
{
    return kerf_stage_record_of(kerf_engine_state(engine, kerf_stage_lp_of(run, replica, stage)));
}

kerf_time kerf_training_run_end(const struct kerf_training_run *run, const struct kerf_engine *engine)
{
    kerf_time end = 0;
    for (uint32_t i = 0; i < run->replicas * run->pipeline->schedule->stages; i++) {
        const struct kerf_stage_record *record =
            kerf_stage_record_of(kerf_engine_state(engine, run->first_lp + i));
        if (record && record->step_end > end)
            end = record->step_end;
    }
    return end;
}
