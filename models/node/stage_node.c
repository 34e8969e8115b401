/* The node room: a pipeline stage as a logical process. Its order is that of a schedule; what it waits for
 * are messages of its neighbours, which arrive when their passes end. */
#include "models/node/stage_node.h"

#include "models/node/stage_lps.h"
#include "models/node/stage_noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pass_message {
    uint32_t chunk, micro_batch; /* of the stage that gets it */
};

struct stage_state {
    struct kerf_schedule_cursor cursor;
    struct kerf_action action; /* next */
    bool over;                 /* no action is left */
    uint32_t words, chunks;    /* sizes of what follows */
    kerf_time free;
    uint64_t draws;
    struct kerf_stage_record record;
    /* From here on owned, and not saved as they are. */
    uint64_t *arrived; /* a bit per direction, chunk and micro-batch: what the pass needs is there */
    uint32_t *left;    /* by chunk, passes until its gradients are complete */
    double *slowness;  /* by accelerator; follows from the setup */
};

/* A stage, by its process. */
struct place {
    uint32_t replica, stage;
};

static struct place place_of(const struct kerf_training_run *run, uint32_t lp)
{
    uint32_t stages = run->pipeline->schedule->stages;
    return (struct place){(lp - run->first_lp) / stages, (lp - run->first_lp) % stages};
}

/* Micro-batches that a chunk sees. */
static uint32_t share_of(const struct kerf_schedule *schedule)
{
    return schedule->micro_batches / kerf_schedule_paths(schedule);
}

static size_t words_of(const struct kerf_schedule *schedule)
{
    return ((size_t)2 * schedule->chunks * share_of(schedule) + 63) / 64;
}

static size_t bit_of(const struct kerf_schedule *schedule, bool forward, uint32_t chunk, uint32_t micro_batch)
{
    return ((size_t)forward * schedule->chunks + chunk) * share_of(schedule) +
           micro_batch % share_of(schedule);
}

static void set_arrived(struct stage_state *own, const struct kerf_schedule *schedule, bool forward,
                        uint32_t chunk, uint32_t micro_batch)
{
    size_t bit = bit_of(schedule, forward, chunk, micro_batch);
    own->arrived[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool has_arrived(const struct stage_state *own, const struct kerf_schedule *schedule, bool forward,
                        uint32_t chunk, uint32_t micro_batch)
{
    size_t bit = bit_of(schedule, forward, chunk, micro_batch);
    return own->arrived[bit / 64] >> bit % 64 & 1;
}

static bool has_forward(const struct kerf_action *action)
{
    return action->kind == KERF_FORWARD || action->kind == KERF_FORWARD_BACKWARD;
}

static bool has_backward(const struct kerf_action *action)
{
    return action->kind != KERF_FORWARD && action->kind != KERF_BACKWARD_WEIGHT;
}

static bool completes(const struct kerf_action *action)
{
    return action->kind != KERF_FORWARD && action->kind != KERF_BACKWARD_INPUT;
}

static bool is_ready(const struct stage_state *own, const struct kerf_schedule *schedule)
{
    const struct kerf_action *action = &own->action;
    return (!has_forward(action) || has_arrived(own, schedule, true, action->chunk, action->micro_batch)) &&
           (!has_backward(action) ||
            has_arrived(own, schedule, false, action->back_chunk, action->back_micro_batch));
}

/* Hands the result of a pass on: to another stage, where it arrives after the pass; to another chunk of this
 * one; or, at the loss, to its own way back. Returns how long a message is under way. */
static enum kerf_status pass_on(struct kerf_lp *lp, struct stage_state *own, bool forward, kerf_time end,
                                kerf_time *delay, struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    struct place place = place_of(run, kerf_lp_id(lp));
    uint32_t chunk = forward ? own->action.chunk : own->action.back_chunk;
    uint32_t micro_batch = forward ? own->action.micro_batch : own->action.back_micro_batch;
    struct kerf_position position = kerf_schedule_position(schedule, place.stage, chunk);
    struct kerf_hop hop;
    if (forward && position.place + 1 == kerf_schedule_length(schedule)) {
        set_arrived(own, schedule, false, chunk, micro_batch);
    } else if (kerf_pipeline_hop(run->pipeline, place.stage, chunk, forward, &hop)) {
        struct pass_message message = {hop.to.chunk, micro_batch};
        *delay = hop.delay > *delay ? hop.delay : *delay;
        return kerf_lp_send(
            lp, kerf_stage_lp_of(run, place.replica, hop.to.stage), end + hop.delay - kerf_lp_now(lp),
            forward ? KERF_STAGE_FORWARD : KERF_STAGE_BACKWARD, &message, sizeof message, error);
    } else if (forward || position.place > 0) {
        position.place = forward ? position.place + 1 : position.place - 1;
        set_arrived(own, schedule, forward, kerf_schedule_host(schedule, position).chunk, micro_batch);
    }
    return KERF_OK;
}

/* The gradients of a chunk are complete with this pass. */
static enum kerf_status complete(struct kerf_lp *lp, struct kerf_interval pass, uint32_t chunk,
                                 struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    struct kerf_complete_message message = {.chunk = chunk, .pass = pass};
    if (run->sums == 0)
        return KERF_OK;
    return kerf_lp_send(lp, kerf_stage_sum_lp_of(run, place_of(run, kerf_lp_id(lp)).stage),
                        pass.end - kerf_lp_now(lp), KERF_STAGE_COMPLETE, &message, sizeof message, error);
}

static enum kerf_status perform(struct kerf_lp *lp, struct stage_state *own, struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    const struct kerf_action *action = &own->action;
    struct place place = place_of(run, kerf_lp_id(lp));
    kerf_time now = kerf_lp_now(lp), begin = own->free > now ? own->free : now, sending = 0;
    kerf_time time = kerf_pipeline_action_time(run->pipeline, place.stage, action);
    kerf_time end = begin + kerf_noise_lengthen(&run->noise, own->slowness, kerf_lp_id(lp) - run->first_lp,
                                                &own->draws, time);
    if (has_forward(action))
        KERF_TRY(pass_on(lp, own, true, end, &sending, error));
    if (has_backward(action))
        KERF_TRY(pass_on(lp, own, false, end, &sending, error));
    if (completes(action) && --own->left[action->back_chunk] == 0)
        KERF_TRY(complete(lp, (struct kerf_interval){begin, end}, action->back_chunk, error));
    if (own->record.busy == 0)
        own->record.begin = begin;
    own->record.busy += end - begin;
    own->record.end = own->free = end;
    if (run->pipeline->blocking) {
        own->record.sending += sending;
        own->free += sending;
    }
    return KERF_OK;
}

static void end_step(const struct kerf_training_run *run, uint32_t stage, struct stage_state *own,
                     kerf_time sums_end)
{
    own->record.step_end =
        (sums_end > own->record.end ? sums_end : own->record.end) + (run->after ? run->after[stage] : 0);
}

/* Does all that can be done with what has arrived, also what will only begin later: nothing that arrives
 * meanwhile changes the order. */
static enum kerf_status advance(struct kerf_lp *lp, struct stage_state *own, struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    uint32_t stage = place_of(run, kerf_lp_id(lp)).stage;
    while (!own->over && is_ready(own, run->pipeline->schedule)) {
        KERF_TRY(perform(lp, own, error));
        own->over = !kerf_schedule_next(&run->program[stage], &own->cursor, &own->action);
        if (own->over && run->sums == 0)
            end_step(run, stage, own, 0);
    }
    return KERF_OK;
}

static enum kerf_status stage_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    const struct kerf_training_run *run = setup;
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    struct place place = place_of(run, kerf_lp_id(lp));
    struct stage_state *own = state;
    own->words = (uint32_t)words_of(schedule);
    own->chunks = schedule->chunks;
    own->arrived = calloc(own->words, sizeof *own->arrived);
    own->left = malloc(own->chunks * sizeof *own->left);
    bool differ = run->noise.accelerators > 0 || run->stragglers > 0;
    own->slowness = differ ? kerf_noise_slowness(run, place.replica, place.stage) : NULL;
    KERF_CHECK(own->arrived && own->left && (!differ || own->slowness), KERF_ERR_FAILURE,
               "out of memory for a pipeline stage");
    for (uint32_t c = 0; c < schedule->chunks; c++) {
        uint32_t place_of_chunk = kerf_schedule_position(schedule, place.stage, c).place;
        own->left[c] = share_of(schedule);
        for (uint32_t m = 0; m < share_of(schedule) && place_of_chunk == 0; m++)
            set_arrived(own, schedule, true, c, m);
    }
    own->record.step_end = KERF_TIME_NEVER;
    own->over = !kerf_schedule_next(&run->program[place.stage], &own->cursor, &own->action);
    return advance(lp, own, error);
}

static enum kerf_status stage_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    struct stage_state *own = state;
    struct pass_message message;
    if (event->type == KERF_STAGE_SUMMED) {
        end_step(run, place_of(run, kerf_lp_id(lp)).stage, own, kerf_lp_now(lp));
        return KERF_OK;
    }
    memcpy(&message, event->payload, sizeof message);
    set_arrived(own, run->pipeline->schedule, event->type == KERF_STAGE_FORWARD, message.chunk,
                message.micro_batch);
    return advance(lp, own, error);
}

static void stage_free(void *state)
{
    struct stage_state *own = state;
    free(own->arrived);
    free(own->left);
    free(own->slowness);
}

/* All but the pointers, then what they point to; sizes follow from the setup. */
static void stage_save(const void *state, struct kerf_pack *pack)
{
    const struct stage_state *own = state;
    kerf_pack_put(pack, own, offsetof(struct stage_state, arrived));
    kerf_pack_put(pack, own->arrived, own->words * sizeof *own->arrived);
    kerf_pack_put(pack, own->left, own->chunks * sizeof *own->left);
}

static bool stage_load(void *state, struct kerf_unpack *unpack)
{
    struct stage_state *own = state;
    uint32_t words = own->words, chunks = own->chunks;
    return kerf_unpack_get(unpack, own, offsetof(struct stage_state, arrived)) && own->words == words &&
           own->chunks == chunks && kerf_unpack_get(unpack, own->arrived, words * sizeof *own->arrived) &&
           kerf_unpack_get(unpack, own->left, chunks * sizeof *own->left);
}

/* Who has what a pass of this chunk needs. */
static uint32_t source_of(const struct kerf_schedule *schedule, uint32_t stage, uint32_t chunk, bool forward)
{
    struct kerf_position needs = kerf_schedule_position(schedule, stage, chunk);
    if (forward)
        needs.place--;
    else if (needs.place + 1 < kerf_schedule_length(schedule))
        needs.place++;
    return kerf_schedule_host(schedule, needs).stage;
}

static bool stage_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                        size_t why_bytes)
{
    const struct kerf_training_run *run = kerf_lp_setup(lp);
    const struct kerf_schedule *schedule = run->pipeline->schedule;
    const struct stage_state *own = state;
    const struct kerf_action *action = &own->action;
    struct place place = place_of(run, kerf_lp_id(lp));
    char text[160];
    if (own->record.step_end != KERF_TIME_NEVER)
        return false;
    if (own->over) {
        *whom = kerf_stage_sum_lp_of(run, place.stage);
        snprintf(why, why_bytes, "stage %u of replica %u waits for the sum of its gradients", place.stage,
                 place.replica);
        return true;
    }
    bool forward =
        has_forward(action) && !has_arrived(own, schedule, true, action->chunk, action->micro_batch);
    uint32_t source = source_of(schedule, place.stage, forward ? action->chunk : action->back_chunk, forward);
    *whom = kerf_stage_lp_of(run, place.replica, source);
    snprintf(why, why_bytes, "stage %u of replica %u waits with %s for stage %u", place.stage, place.replica,
             kerf_action_text(schedule, action, text, sizeof text), source);
    return true;
}

const struct kerf_lp_kind kerf_stage_lp = {.name = "stage",
                                           .state_bytes = sizeof(struct stage_state),
                                           .init = stage_init,
                                           .handle = stage_handle,
                                           .free = stage_free,
                                           .save = stage_save,
                                           .load = stage_load,
                                           .waits = stage_waits};

const struct kerf_stage_record *kerf_stage_record_of(const void *state)
{
    return state ? &((const struct stage_state *)state)->record : NULL;
}
