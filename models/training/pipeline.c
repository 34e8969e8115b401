/* The longest path through a pipeline, stage by stage: a stage goes on until what it needs has not been done;
 * whoever does it sets the stage going again. Every action is touched once, but for its waits. */
#include "models/training/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOBODY = UINT32_MAX };

/* One stage under way. */
struct stage {
    struct kerf_stage_program program;
    struct kerf_schedule_cursor cursor;
    struct kerf_action action; /* next */
    bool over;                 /* no action is left */
    uint32_t done;             /* actions */
    uint32_t waits_for;        /* the stage that has not done what the action needs; NOBODY */
    uint32_t next_ready;       /* in the list of stages that may go on */
    kerf_time free;
    struct kerf_stage_use use;
    uint32_t in_flight;
    double bytes;
};

struct run {
    const struct kerf_pipeline *pipeline;
    const struct kerf_schedule *schedule;
    struct kerf_pipeline_result *result;
    struct stage *stage;      /* owned */
    kerf_time *forward_done;  /* owned: [(path * length + place) * micro-batches of a path + micro-batch] */
    kerf_time *backward_done; /* owned */
    uint32_t length, share;
    uint32_t ready; /* first of a list of stages */
};

static const struct kerf_chunk_times *times_of(const struct kerf_pipeline *pipeline, uint32_t stage,
                                               uint32_t chunk)
{
    return &pipeline->chunk[(size_t)stage * pipeline->schedule->chunks + chunk];
}

kerf_time kerf_pipeline_action_time(const struct kerf_pipeline *pipeline, uint32_t stage,
                                    const struct kerf_action *action)
{
    const struct kerf_chunk_times *times = times_of(pipeline, stage, action->chunk);
    switch (action->kind) {
    case KERF_FORWARD:
        return times->forward;
    case KERF_BACKWARD_INPUT:
        return times->backward_input;
    case KERF_BACKWARD_WEIGHT:
        return times->backward_weight;
    case KERF_FORWARD_BACKWARD:
        return times->pair;
    case KERF_BACKWARD:
        break;
    }
    return times->backward_input + times->backward_weight;
}

bool kerf_pipeline_hop(const struct kerf_pipeline *pipeline, uint32_t stage, uint32_t chunk, bool forward,
                       struct kerf_hop *hop)
{
    const struct kerf_schedule *schedule = pipeline->schedule;
    struct kerf_position from = kerf_schedule_position(schedule, stage, chunk), to = from;
    uint32_t length = kerf_schedule_length(schedule);
    if (forward ? from.place + 1 == length : from.place == 0)
        return false;
    to.place = forward ? from.place + 1 : from.place - 1;
    hop->to = kerf_schedule_host(schedule, to);
    if (hop->to.stage == stage)
        return false;
    uint32_t boundary = forward ? from.place : to.place;
    hop->delay = pipeline->hop ? pipeline->hop[(size_t)from.path * length + boundary] : 0;
    return true;
}

static bool has_forward(const struct kerf_action *action)
{
    return action->kind == KERF_FORWARD || action->kind == KERF_FORWARD_BACKWARD;
}

static bool has_backward(const struct kerf_action *action)
{
    return action->kind != KERF_FORWARD && action->kind != KERF_BACKWARD_WEIGHT;
}

/* Where it is noted when a pass of a chunk of a stage, or the pass that it needs, is done. */
static kerf_time *slot(const struct run *run, kerf_time *done, struct kerf_position position,
                       uint32_t micro_batch)
{
    uint32_t number = micro_batch - position.path * run->share;
    return &done[((size_t)position.path * run->length + position.place) * run->share + number];
}

/* When what a pass needs is there; -1: it has not been done, by *by. */
static kerf_time arrival(const struct run *run, uint32_t stage, uint32_t chunk, uint32_t micro_batch,
                         bool forward, uint32_t *by)
{
    const struct kerf_schedule *schedule = run->schedule;
    struct kerf_position needs = kerf_schedule_position(schedule, stage, chunk);
    kerf_time *done = forward ? run->forward_done : run->backward_done;
    if (forward && needs.place == 0)
        return 0;
    if (forward)
        needs.place--;
    else if (needs.place + 1 == run->length) /* the loss: its own forward */
        done = run->forward_done;
    else
        needs.place++;
    struct kerf_host from = kerf_schedule_host(schedule, needs);
    struct kerf_hop hop;
    kerf_time time = *slot(run, done, needs, micro_batch);
    *by = from.stage;
    if (time >= 0 && kerf_pipeline_hop(run->pipeline, from.stage, from.chunk, forward, &hop) &&
        hop.to.stage == stage)
        time += hop.delay;
    return time;
}

/* When the stage's next action may begin; -1: not yet, *by has to do something first. */
static kerf_time ready_time(const struct run *run, const struct stage *stage, uint32_t *by)
{
    const struct kerf_action *action = &stage->action;
    uint32_t number = stage->program.stage;
    kerf_time ready = 0, time = stage->free;
    if (has_forward(action)) {
        ready = arrival(run, number, action->chunk, action->micro_batch, true, by);
        if (ready < 0)
            return -1;
        time = ready > time ? ready : time;
    }
    if (has_backward(action)) {
        ready = arrival(run, number, action->back_chunk, action->back_micro_batch, false, by);
        if (ready < 0)
            return -1;
    }
    return ready > time ? ready : time;
}

/* A stage that waits for this one may find what it needs. */
static void wake(struct run *run, uint32_t number, struct kerf_hop hop)
{
    struct stage *other = &run->stage[hop.to.stage];
    if (other->waits_for != number)
        return;
    other->waits_for = NOBODY;
    other->next_ready = run->ready;
    run->ready = hop.to.stage;
}

static void hold(struct stage *stage, const struct kerf_pipeline *pipeline)
{
    const struct kerf_action *action = &stage->action;
    if (!has_forward(action))
        return;
    stage->bytes += times_of(pipeline, stage->program.stage, action->chunk)->held_bytes;
    stage->in_flight++;
    if (stage->in_flight > stage->use.in_flight)
        stage->use.in_flight = stage->in_flight;
    if (stage->bytes > stage->use.peak_bytes)
        stage->use.peak_bytes = stage->bytes;
}

static void release(struct stage *stage, const struct kerf_pipeline *pipeline)
{
    const struct kerf_action *action = &stage->action;
    if (action->kind == KERF_FORWARD)
        return;
    const struct kerf_chunk_times *times = times_of(pipeline, stage->program.stage, action->back_chunk);
    if (action->kind == KERF_BACKWARD_INPUT) {
        stage->bytes -= times->held_bytes - times->deferred_bytes;
        return;
    }
    stage->bytes -= action->kind == KERF_BACKWARD_WEIGHT ? times->deferred_bytes : times->held_bytes;
    stage->in_flight--;
}

/* Notes that a pass is done and wakes who may wait for it; returns how long its message is under way. */
static kerf_time pass_on(struct run *run, const struct stage *stage, bool forward, kerf_time end)
{
    const struct kerf_action *action = &stage->action;
    uint32_t number = stage->program.stage, chunk = forward ? action->chunk : action->back_chunk;
    uint32_t micro_batch = forward ? action->micro_batch : action->back_micro_batch;
    struct kerf_hop hop;
    *slot(run, forward ? run->forward_done : run->backward_done,
          kerf_schedule_position(run->schedule, number, chunk), micro_batch) = end;
    if (!kerf_pipeline_hop(run->pipeline, number, chunk, forward, &hop))
        return 0;
    wake(run, number, hop);
    return hop.delay;
}

static void perform(struct run *run, struct stage *stage, kerf_time begin)
{
    const struct kerf_pipeline *pipeline = run->pipeline;
    struct kerf_pipeline_result *result = run->result;
    const struct kerf_action *action = &stage->action;
    uint32_t number = stage->program.stage;
    kerf_time end = begin + kerf_pipeline_action_time(pipeline, number, action), sending = 0;
    hold(stage, pipeline);
    if (has_forward(action))
        sending = pass_on(run, stage, true, end);
    if (has_backward(action)) {
        kerf_time back = pass_on(run, stage, false, end);
        sending = back > sending ? back : sending;
    }
    release(stage, pipeline);
    if (result->visit)
        result->visit(result->context, number, action, begin, end);
    if (result->gradients && (action->kind == KERF_BACKWARD || action->kind == KERF_FORWARD_BACKWARD ||
                              action->kind == KERF_BACKWARD_WEIGHT))
        result->gradients[(size_t)number * run->schedule->chunks + action->back_chunk] =
            (struct kerf_interval){begin, end};
    if (stage->done++ == 0)
        stage->use.begin = begin;
    stage->use.busy += end - begin;
    stage->use.end = stage->free = end;
    if (pipeline->blocking) {
        stage->use.sending += sending;
        stage->free += sending;
    }
}

/* Goes on until something is missing. */
static void advance(struct run *run, struct stage *stage)
{
    while (!stage->over) {
        uint32_t by = NOBODY;
        kerf_time begin = ready_time(run, stage, &by);
        if (begin < 0) {
            stage->waits_for = by;
            return;
        }
        perform(run, stage, begin);
        stage->over = !kerf_schedule_next(&stage->program, &stage->cursor, &stage->action);
    }
}

/* Follows who waits for whom from a stage that waits, until it stands on the circle, and tells the circle.
 * Lists are complete (schedule_custom.h), so a stage is waited for only while it waits itself. */
static enum kerf_status explain(const struct run *run, uint32_t number, struct kerf_error *error)
{
    enum { TOLD_MOST = 6 };
    char text[1500] = "", action[160];
    for (uint32_t steps = 0; steps < run->schedule->stages; steps++)
        number = run->stage[number].waits_for;
    uint32_t first = number, told = 0;
    do {
        const struct stage *stage = &run->stage[number];
        size_t used = strlen(text);
        kerf_action_text(run->schedule, &stage->action, action, sizeof action);
        if (stage->waits_for == number)
            snprintf(text + used, sizeof text - used,
                     "; stage %u's action %u (%s) needs a later action of its own", number, stage->done,
                     action);
        else
            snprintf(text + used, sizeof text - used, "; stage %u's action %u (%s) waits for stage %u",
                     number, stage->done, action, stage->waits_for);
        number = stage->waits_for;
    } while (number != first && ++told < TOLD_MOST);
    return kerf_error_set(error, KERF_ERR_USAGE, "the schedule waits for itself: %s%s", text + 2,
                          number == first ? "" : "; and so on");
}

static enum kerf_status run_all(struct run *run, struct kerf_error *error)
{
    uint32_t stages = run->schedule->stages;
    for (uint32_t s = 0; s < stages; s++) {
        struct stage *stage = &run->stage[s];
        kerf_stage_program_make(run->schedule, s, &stage->program);
        stage->over = !kerf_schedule_next(&stage->program, &stage->cursor, &stage->action);
        stage->waits_for = NOBODY;
        stage->next_ready = s + 1 < stages ? s + 1 : NOBODY;
    }
    for (run->ready = 0; run->ready != NOBODY;) {
        struct stage *stage = &run->stage[run->ready];
        run->ready = stage->next_ready;
        advance(run, stage);
    }
    run->result->span = 0;
    for (uint32_t s = 0; s < stages; s++) {
        const struct stage *stage = &run->stage[s];
        if (!stage->over)
            return explain(run, s, error);
        if (run->result->use)
            run->result->use[s] = stage->use;
        if (stage->free > run->result->span)
            run->result->span = stage->free;
    }
    return KERF_OK;
}

enum kerf_status kerf_pipeline_span(const struct kerf_pipeline *pipeline, struct kerf_pipeline_result *result,
                                    struct kerf_error *error)
{
    const struct kerf_schedule *schedule = pipeline->schedule;
    uint32_t paths = kerf_schedule_paths(schedule);
    struct run run = {.pipeline = pipeline,
                      .schedule = schedule,
                      .result = result,
                      .length = kerf_schedule_length(schedule),
                      .share = schedule->micro_batches / paths};
    size_t passes = (size_t)paths * run.length * run.share;
    run.stage = calloc(schedule->stages, sizeof *run.stage);
    run.forward_done = malloc(2 * passes * sizeof *run.forward_done);
    enum kerf_status status;
    if (run.stage && run.forward_done) {
        run.backward_done = run.forward_done + passes;
        for (size_t i = 0; i < 2 * passes; i++)
            run.forward_done[i] = -1;
        status = run_all(&run, error);
    } else {
        status =
            kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a pipeline of %zu passes", passes);
    }
    free(run.stage);
    free(run.forward_done);
    return status;
}
