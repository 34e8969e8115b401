/* The training step of the scaling benchmark: 1F1B passes of operators, sums in the tensor group, a ring of
 * gradients; and what an accelerator can promise about its next message. */
#include "tests/bench/training_step.h"

#include "sim/engine/random.h"

#include <stdio.h>

enum { OPERATOR_DONE, SUM_EVEN, SUM_ODD, ACTIVATION, GRADIENT, CHUNK };

enum direction { FORWARD, BACKWARD };

/* Where an LP stands in the machine, and whom it talks to. */
struct place {
    uint32_t first_of_group, stage, next_stage, previous_stage, next_copy;
};

struct accelerator {
    const struct training_step *step;
    struct place place;
    uint32_t pass, block, operator_; /* in hand; `pass` in 1F1B order */
    bool running, block_done;        /* a pass is in hand; the own part of its block is done */
    kerf_time operator_began;
    uint32_t sums[2]; /* received for this block and the next, by parity */
    uint32_t block_parity;
    uint32_t activations, gradients;          /* received */
    kerf_time last_activation, last_gradient; /* when */
    uint32_t chunks_sent, chunks_received;
    kerf_time ring_free; /* the link to the next copy */
    uint64_t draws;
    kerf_time forward_end[TRAINING_PIPELINE_MOST]; /* of micro-batches under way */
    kerf_time passes_end, step_end;                /* 0: not yet */
};

/* One pass of the 1F1B order. */
struct pass {
    enum direction direction;
    uint32_t micro_batch;
};

static struct pass pass_of(const struct training_step *step, uint32_t stage, uint32_t number)
{
    uint32_t warm = step->pipeline - stage - 1;
    if (warm > step->micro_batches)
        warm = step->micro_batches;
    uint32_t steady = 2 * (step->micro_batches - warm);
    if (number < warm)
        return (struct pass){FORWARD, number};
    if (number - warm < steady)
        return (number - warm) % 2 == 0 ? (struct pass){FORWARD, warm + (number - warm) / 2}
                                        : (struct pass){BACKWARD, (number - warm) / 2};
    return (struct pass){BACKWARD, number - step->micro_batches};
}

static uint32_t chunks_in_all(const struct training_step *step)
{
    return 2 * (step->data - 1) * step->buckets;
}

/* Least times: nothing takes less. The exchange of sums adds nothing for the slowest of a group. */
static kerf_time least_operator(const struct training_step *step, enum direction direction)
{
    kerf_time mean = direction == FORWARD ? step->forward : step->backward;
    return mean - (kerf_time)(step->spread * (double)mean);
}

static kerf_time sum_delay(const struct training_step *step)
{
    return step->domain_latency + step->sum_time;
}

static kerf_time activation_delay(const struct training_step *step)
{
    return step->network_latency + step->activation_time;
}

static kerf_time least_block(const struct training_step *step, enum direction direction)
{
    return least_operator(step, direction) * step->operators;
}

static kerf_time least_pass(const struct training_step *step, enum direction direction)
{
    return least_block(step, direction) * step->blocks;
}

static kerf_time later(kerf_time a, kerf_time b)
{
    return a > b ? a : b;
}

/* Least end of the pass in hand. The operator in hand began before now. */
static kerf_time least_end(const struct accelerator *own, kerf_time now)
{
    const struct training_step *step = own->step;
    enum direction direction = pass_of(step, own->place.stage, own->pass).direction;
    kerf_time after = least_block(step, direction) * (step->blocks - own->block - 1);
    if (own->block_done)
        return now + after;
    return later(now,
                 own->operator_began + least_operator(step, direction) * (step->operators - own->operator_)) +
           after;
}

/* What a pass needs cannot have come before this time. Activations follow each other a pass apart; a gradient
 * comes back only when its activation has been through all stages behind this one. */
static kerf_time least_arrival(const struct accelerator *own, struct pass pass, kerf_time forward_end)
{
    const struct training_step *step = own->step;
    kerf_time behind = step->pipeline - own->place.stage - 1;
    if (pass.direction == FORWARD && own->place.stage > 0 && pass.micro_batch >= own->activations)
        return own->last_activation +
               least_pass(step, FORWARD) * (kerf_time)(pass.micro_batch + 1 - own->activations);
    if (pass.direction == BACKWARD && behind > 0 && pass.micro_batch >= own->gradients) {
        kerf_time back = forward_end + behind * (least_pass(step, FORWARD) + least_pass(step, BACKWARD) +
                                                 2 * activation_delay(step));
        return own->gradients == 0
                   ? back
                   : later(back, own->last_gradient + least_pass(step, BACKWARD) *
                                                          (kerf_time)(pass.micro_batch + 1 - own->gradients));
    }
    return 0;
}

/* Least ends of the next pass in either direction; KERF_TIME_NEVER if there is none. */
static void look_ahead(const struct accelerator *own, kerf_time now, kerf_time ends[2])
{
    const struct training_step *step = own->step;
    kerf_time time = now, forward_end[TRAINING_PIPELINE_MOST];
    uint32_t fresh_from = UINT32_MAX; /* micro-batches whose forward pass is still ahead */
    ends[FORWARD] = ends[BACKWARD] = KERF_TIME_NEVER;
    for (uint32_t number = own->pass; number < 2 * step->micro_batches; number++) {
        struct pass pass = pass_of(step, own->place.stage, number);
        uint32_t slot = pass.micro_batch % TRAINING_PIPELINE_MOST;
        if (number == own->pass && own->running) {
            time = least_end(own, now);
        } else {
            kerf_time sent = pass.micro_batch >= fresh_from ? forward_end[slot] : own->forward_end[slot];
            time = later(time, least_arrival(own, pass, sent)) + least_pass(step, pass.direction);
        }
        if (pass.direction == FORWARD) {
            forward_end[slot] = time;
            fresh_from = pass.micro_batch < fresh_from ? pass.micro_batch : fresh_from;
        }
        if (ends[pass.direction] == KERF_TIME_NEVER)
            ends[pass.direction] = time;
        if (ends[FORWARD] != KERF_TIME_NEVER && ends[BACKWARD] != KERF_TIME_NEVER)
            return;
    }
}

/* All passes still to do, one after the other. */
static kerf_time least_passes_end(const struct accelerator *own, kerf_time now)
{
    const struct training_step *step = own->step;
    uint32_t forward = 0, backward = 0, warm = step->pipeline - own->place.stage - 1;
    if (warm > step->micro_batches)
        warm = step->micro_batches;
    if (own->pass < warm)
        forward = own->pass;
    else if (own->pass < 2 * step->micro_batches - warm)
        forward = warm + (own->pass - warm + 1) / 2;
    else
        forward = step->micro_batches;
    backward = own->pass - forward;
    kerf_time left = (kerf_time)(step->micro_batches - forward) * least_pass(step, FORWARD) +
                     (kerf_time)(step->micro_batches - backward) * least_pass(step, BACKWARD);
    if (!own->running)
        return now + left;
    return least_end(own, now) + left -
           least_pass(step, pass_of(step, own->place.stage, own->pass).direction);
}

/* Tells the engine how long the channels to other stages and copies will be silent. */
static enum kerf_status promise(struct kerf_lp *lp, const struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    kerf_time now = kerf_lp_now(lp), ends[2];
    if (!step->promises)
        return KERF_OK;
    look_ahead(own, now, ends);
    kerf_time delay = activation_delay(step);
    if (own->place.stage + 1 < step->pipeline)
        KERF_TRY(kerf_lp_promise(lp, own->place.next_stage, kerf_time_add(ends[FORWARD], delay), error));
    if (own->place.stage > 0)
        KERF_TRY(kerf_lp_promise(lp, own->place.previous_stage, kerf_time_add(ends[BACKWARD], delay), error));
    kerf_time chunk = own->chunks_sent < chunks_in_all(step)
                          ? least_passes_end(own, now) + step->network_latency + step->chunk_time
                          : KERF_TIME_NEVER;
    if (step->data > 1)
        KERF_TRY(kerf_lp_promise(lp, own->place.next_copy, chunk, error));
    return KERF_OK;
}

static enum kerf_status start_operator(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    enum direction direction = pass_of(step, own->place.stage, own->pass).direction;
    kerf_time time = direction == FORWARD ? step->forward : step->backward;
    own->operator_began = kerf_lp_now(lp);
    if (step->spread > 0.0) {
        double uniform =
            ((double)kerf_random_words(step->seed, kerf_lp_id(lp), own->draws++).word[0] + 0.5) * 0x1.0p-32;
        time += (kerf_time)(step->spread * (double)time * (2.0 * uniform - 1.0));
    }
    return kerf_lp_send(lp, kerf_lp_id(lp), time, OPERATOR_DONE, NULL, 0, error);
}

static enum kerf_status start_block(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    own->operator_ = 0;
    own->block_done = false;
    return start_operator(lp, own, error);
}

/* Send n of the ring needs what receive n - 1 brought; sends leave one after the other. */
static enum kerf_status advance_ring(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    uint32_t all = chunks_in_all(step);
    kerf_time now = kerf_lp_now(lp);
    for (; own->chunks_sent < all && own->chunks_sent <= own->chunks_received; own->chunks_sent++) {
        own->ring_free = later(now, own->ring_free) + step->chunk_time;
        KERF_TRY(kerf_lp_send(lp, own->place.next_copy, own->ring_free + step->network_latency - now, CHUNK,
                              NULL, 0, error));
    }
    if (own->chunks_received == all)
        own->step_end = now;
    return KERF_OK;
}

/* The next pass begins when what it needs is there; after the last the gradients are reduced. */
static enum kerf_status start_pass(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    if (own->pass == 2 * step->micro_batches) {
        own->passes_end = kerf_lp_now(lp);
        return advance_ring(lp, own, error);
    }
    struct pass pass = pass_of(step, own->place.stage, own->pass);
    bool ready = pass.direction == FORWARD
                     ? own->place.stage == 0 || own->activations > pass.micro_batch
                     : own->place.stage + 1 == step->pipeline || own->gradients > pass.micro_batch;
    if (!ready)
        return KERF_OK;
    own->running = true;
    own->block = 0;
    return start_block(lp, own, error);
}

static enum kerf_status end_pass(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    struct pass pass = pass_of(step, own->place.stage, own->pass);
    own->running = false;
    own->pass++;
    if (pass.direction == FORWARD)
        own->forward_end[pass.micro_batch % TRAINING_PIPELINE_MOST] = kerf_lp_now(lp);
    if (pass.direction == FORWARD && own->place.stage + 1 < step->pipeline)
        KERF_TRY(kerf_lp_send(lp, own->place.next_stage, activation_delay(step), ACTIVATION, NULL, 0, error));
    if (pass.direction == BACKWARD && own->place.stage > 0)
        KERF_TRY(
            kerf_lp_send(lp, own->place.previous_stage, activation_delay(step), GRADIENT, NULL, 0, error));
    return start_pass(lp, own, error);
}

/* A block ends when the own part is done and the sums of all others are there. */
static enum kerf_status end_block(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    if (!own->block_done || own->sums[own->block_parity] < own->step->tensor - 1)
        return KERF_OK;
    own->sums[own->block_parity] = 0;
    own->block_parity ^= 1;
    own->block++;
    KERF_TRY(own->block < own->step->blocks ? start_block(lp, own, error) : end_pass(lp, own, error));
    return promise(lp, own, error);
}

static enum kerf_status end_operator(struct kerf_lp *lp, struct accelerator *own, struct kerf_error *error)
{
    const struct training_step *step = own->step;
    if (++own->operator_ < step->operators)
        return start_operator(lp, own, error);
    own->block_done = true;
    for (uint32_t i = 0; i < step->tensor; i++)
        if (own->place.first_of_group + i != kerf_lp_id(lp))
            KERF_TRY(kerf_lp_send(lp, own->place.first_of_group + i, sum_delay(step),
                                  own->block_parity ? SUM_ODD : SUM_EVEN, NULL, 0, error));
    return end_block(lp, own, error);
}

/* A pass that waited for this may begin. */
static enum kerf_status receive(struct kerf_lp *lp, struct accelerator *own, uint32_t type,
                                struct kerf_error *error)
{
    if (type == ACTIVATION) {
        own->activations++;
        own->last_activation = kerf_lp_now(lp);
    } else {
        own->gradients++;
        own->last_gradient = kerf_lp_now(lp);
    }
    if (!own->running)
        KERF_TRY(start_pass(lp, own, error));
    return promise(lp, own, error);
}

static enum kerf_status handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                               struct kerf_error *error)
{
    struct accelerator *own = state;
    switch (event->type) {
    case OPERATOR_DONE:
        return end_operator(lp, own, error);
    case SUM_EVEN:
    case SUM_ODD:
        own->sums[event->type == SUM_ODD]++;
        return end_block(lp, own, error);
    case CHUNK:
        own->chunks_received++;
        return own->passes_end > 0 ? advance_ring(lp, own, error) : KERF_OK;
    default:
        return receive(lp, own, event->type, error);
    }
}

/* LP of a tensor group's member: copies of the network one after the other, in each its stages. */
static uint32_t lp_of(const struct training_step *step, uint32_t copy, uint32_t stage, uint32_t member)
{
    return (copy * step->pipeline + stage) * step->tensor + member;
}

static struct place place_of(const struct training_step *step, uint32_t lp)
{
    uint32_t member = lp % step->tensor, stage = lp / step->tensor % step->pipeline,
             copy = lp / step->tensor / step->pipeline;
    return (struct place){.first_of_group = lp - member,
                          .stage = stage,
                          .next_stage = lp + step->tensor,
                          .previous_stage = lp - step->tensor,
                          .next_copy = lp_of(step, (copy + 1) % step->data, stage, member)};
}

static enum kerf_status init(struct kerf_lp *lp, const void *setup, void *state, struct kerf_error *error)
{
    const struct training_step *step = setup;
    struct accelerator *own = state;
    own->step = step;
    own->place = place_of(step, kerf_lp_id(lp));
    /* As if one micro-batch had come before the first. */
    own->last_activation =
        own->place.stage * (least_pass(step, FORWARD) + activation_delay(step)) - least_pass(step, FORWARD);
    KERF_TRY(start_pass(lp, own, error));
    return promise(lp, own, error);
}

static bool waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why, size_t why_bytes)
{
    const struct accelerator *own = state;
    if (own->step_end > 0)
        return false;
    *whom = kerf_lp_id(lp);
    snprintf(why, why_bytes, "pass %u of stage %u", own->pass, own->place.stage);
    return true;
}

static const struct kerf_lp_kind accelerator_kind = {.name = "accelerator",
                                                     .state_bytes = sizeof(struct accelerator),
                                                     .init = init,
                                                     .handle = handle,
                                                     .waits = waits};

static void connect(const struct training_step *step, struct kerf_engine *engine, uint32_t lp)
{
    struct place place = place_of(step, lp);
    for (uint32_t i = 0; i < step->tensor; i++)
        if (place.first_of_group + i != lp)
            kerf_engine_connect(engine, lp, place.first_of_group + i, step->domain_latency);
    if (place.stage + 1 < step->pipeline)
        kerf_engine_connect(engine, lp, place.next_stage, step->network_latency);
    if (place.stage > 0)
        kerf_engine_connect(engine, lp, place.previous_stage, step->network_latency);
    if (step->data > 1)
        kerf_engine_connect(engine, lp, place.next_copy, step->network_latency);
}

enum kerf_status training_step_add(const struct training_step *step, struct kerf_engine *engine,
                                   struct kerf_error *error)
{
    KERF_CHECK(step->pipeline > 0 && step->pipeline <= TRAINING_PIPELINE_MOST && step->tensor > 0 &&
                   step->data > 0 && step->micro_batches > 0 && step->blocks > 0 && step->operators > 0 &&
                   step->spread >= 0.0 && step->spread < 1.0,
               KERF_ERR_USAGE, "a training step of no size, or of more than %d stages",
               TRAINING_PIPELINE_MOST);
    uint32_t lps = step->pipeline * step->tensor * step->data;
    for (uint32_t lp = 0; lp < lps; lp++)
        kerf_engine_add(engine, &accelerator_kind, step, (int)(lp / step->tensor), 1.0);
    for (uint32_t lp = 0; lp < lps; lp++)
        connect(step, engine, lp);
    return KERF_OK;
}

void training_step_times(const struct training_step *step, const struct kerf_engine *engine, MPI_Comm comm,
                         kerf_time *passes_end, kerf_time *step_end)
{
    kerf_time times[2] = {0, 0};
    for (uint32_t lp = 0; lp < step->pipeline * step->tensor * step->data; lp++) {
        const struct accelerator *own = kerf_engine_state(engine, lp);
        if (own) {
            times[0] = later(times[0], own->passes_end);
            times[1] = later(times[1], own->step_end);
        }
    }
    MPI_Allreduce(MPI_IN_PLACE, times, 2, MPI_INT64_T, MPI_MAX, comm);
    *passes_end = times[0];
    *step_end = times[1];
}

kerf_time training_step_closed_form(const struct training_step *step, kerf_time *slack)
{
    kerf_time passes = step->micro_batches + step->pipeline - 1;
    kerf_time sums = step->tensor > 1 ? sum_delay(step) : 0;
    kerf_time both = step->blocks * (step->operators * (step->forward + step->backward) + 2 * sums);
    *slack = 2 * passes * activation_delay(step);
    return passes * both;
}
