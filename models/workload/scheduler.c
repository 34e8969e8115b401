/* The workload room: a replica's scheduler as a logical process. Knows requests and passes; not which devices
 * run them. */
#include "models/workload/scheduler.h"

#include "models/node/pass_message.h"
#include "models/workload/scheduler_state.h"
#include "sim/engine/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_ISSUE = 48, EVENT_ROUND_OVER, EVENT_DRAFTED, EVENT_TOKENISED };
enum { STREAM_ACCEPTANCE = 1000 };

static enum kerf_status scheduler_init(struct kerf_lp *lp, const void *setup, void *state,
                                       struct kerf_error *error)
{
    (void)lp, (void)error;
    struct kerf_scheduler *s = state;
    s->setup = setup;
    s->lockstep = kerf_lockstep_applies(s->setup);
    s->caches = s->setup->policy->prefix_cache && s->setup->role != KERF_POOL_DECODE;
    return KERF_OK;
}

/* Host work of a pass for those in service. */
static double host_s(const struct kerf_scheduler *s)
{
    const struct kerf_backend *backend = s->setup->backend;
    return backend->host_step_s + s->in_service * backend->host_sequence_s;
}

/* The part of it that the devices wait for. */
static double exposed_s(const struct kerf_scheduler *s)
{
    return host_s(s) * (1.0 - s->setup->backend->host_overlap);
}

static enum kerf_status send_pass(struct kerf_lp *lp, struct kerf_scheduler *s,
                                  struct kerf_pass_message *pass, struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    pass->part_s[KERF_TIME_SOFTWARE] += (float)s->exposed_s;
    pass->part_s[backend->to_device_part] += (float)backend->to_device_s;
    for (int i = 0; i < s->setup->devices; i++)
        KERF_TRY(kerf_lp_send(lp, s->setup->device[i], kerf_time_from_s(backend->to_device_s),
                              KERF_EVENT_PASS, pass, sizeof *pass, error));
    s->record.passes++;
    s->record.prefill_tokens += pass->prefill_tokens;
    s->record.decode_tokens += pass->decode_tokens;
    s->last_issue = kerf_lp_now(lp);
    s->next_issue = s->last_issue + kerf_time_from_s(host_s(s));
    if (backend->spacing_s) {
        struct kerf_pass work = kerf_pass_of(pass, backend->kv, backend->activations);
        s->next_issue = kerf_lp_now(lp) + kerf_time_from_s(backend->spacing_s(backend->plan, &work));
    }
    return KERF_OK;
}

static double rounds_to_go(const struct kerf_scheduler *s, const struct kerf_sequence *sequence)
{
    uint32_t left = sequence->output - sequence->generated,
             tokens = 1 + (uint32_t)s->setup->policy->draft_tokens;
    return (left + tokens - 1) / tokens; /* at least, if all guesses are right */
}

static enum kerf_status promise_client(struct kerf_lp *lp, const struct kerf_scheduler *s, double silent_s,
                                       struct kerf_error *error)
{
    /* The answer's way is rounded to picoseconds in several parts, this sum once. */
    const kerf_time rounding = 8;
    return kerf_lp_promise(lp, s->setup->client,
                           kerf_lp_now(lp) + kerf_time_from_s(silent_s + s->setup->client_link_s) - rounding,
                           error);
}

/* Dynamic lookahead of devices that take one pass at a time: whoever is not in the pass that begins now needs
 * this one and the next; its members need as many as they have tokens to go. */
static enum kerf_status promise_after_pass(struct kerf_lp *lp, const struct kerf_scheduler *s,
                                           const struct kerf_batch *batch,
                                           const struct kerf_pass_message *pass, struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    double this_s = backend->pass_s ? backend->pass_s(backend->plan, pass) : backend->least_pass_s;
    double passes = 2.0;
    if (s->finish.count > 0)
        passes = fmin(passes, (double)(s->finish.entries[0].key - s->steps));
    for (int i = 0; i < batch->members; i++) {
        const struct kerf_sequence *sequence = &s->sequence[batch->member[i].sequence];
        bool prompt_ends = !sequence->decoding && sequence->prefill_issued == sequence->prefill;
        passes = fmin(passes, prompt_ends ? 1.0 : sequence->decoding ? rounds_to_go(s, sequence) : 2.0);
    }
    return promise_client(lp, s, this_s + (passes - 1.0) * backend->least_pass_s, error);
}

/* A step must end before the next begins. */
static bool one_at_a_time(const struct kerf_scheduler *s)
{
    return s->setup->backend->passes_most == 1;
}

/* Forms one pass of what waits and gives it to the devices; nothing happens when nothing waits. */
static enum kerf_status issue(struct kerf_lp *lp, struct kerf_scheduler *s, struct kerf_error *error)
{
    int number;
    KERF_TRY(kerf_scheduler_lowest_free((void **)&s->batch, &s->batch_capacity, sizeof *s->batch,
                                        &s->free_batches, &number, error));
    struct kerf_batch *batch = &s->batch[number];
    struct kerf_pass_message pass = {.batch = (uint64_t)number};
    batch->members = batch->answers = 0;
    s->exposed_s = exposed_s(s);
    s->admits_until = s->setup->backend->plans_ahead && one_at_a_time(s) && s->in_service > 0
                          ? s->last_issue
                          : kerf_lp_now(lp);
    KERF_TRY(kerf_scheduler_fill(s, batch, kerf_lp_now(lp), &pass, error));
    KERF_CHECK(!s->cache.failed, KERF_ERR_FAILURE, "out of memory for a prefix cache");
    if (batch->members + batch->answers == 0)
        return KERF_OK;
    kerf_number_set_remove(&s->free_batches, number);
    batch->replies_due = s->setup->devices;
    s->passes_out++;
    KERF_TRY(kerf_handover_begun(lp, s, batch, error));
    KERF_TRY(send_pass(lp, s, &pass, error));
    return one_at_a_time(s) ? promise_after_pass(lp, s, batch, &pass, error) : KERF_OK;
}

/* Plans the next pass if there is work and the devices can take one. */
static enum kerf_status plan_issue(struct kerf_lp *lp, struct kerf_scheduler *s, struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    if (s->issue_planned || (backend->passes_most > 0 && s->passes_out >= backend->passes_most) ||
        !kerf_scheduler_has_work(s))
        return KERF_OK;
    kerf_time now = kerf_lp_now(lp), delay = kerf_time_from_s(exposed_s(s));
    if (s->next_issue > now + delay)
        delay = s->next_issue - now;
    s->issue_planned = true;
    return kerf_lp_send(lp, kerf_lp_id(lp), delay, EVENT_ISSUE, NULL, 0, error);
}

/* Makes the parts of a phase sum to its length: what is left is waiting; what overlapped is scaled down. */
static void settle_parts(double part_s[KERF_TIME_PARTS], double elapsed_s, double queued_s)
{
    double sum = 0.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        sum += part_s[part];
    double busy_s = elapsed_s - queued_s;
    if (sum > busy_s)
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            part_s[part] *= busy_s / sum;
    part_s[KERF_TIME_WAITING] += sum > busy_s ? queued_s : elapsed_s - sum;
}

static enum kerf_status tell_client(struct kerf_lp *lp, struct kerf_scheduler *s,
                                    struct kerf_sequence *sequence, uint32_t type, struct kerf_error *error)
{
    struct kerf_answer_message answer = {.request = sequence->request,
                                         .rounds = sequence->rounds,
                                         .preemptions = sequence->preemptions,
                                         .cached_tokens = sequence->cached,
                                         .pool_queue_s = (float)sequence->pool_queue_s,
                                         .transfer_s = (float)sequence->transfer_s};
    for (int part = 0; part < KERF_TIME_PARTS; part++) {
        answer.part_s[part] = (float)sequence->part_s[part];
        sequence->part_s[part] = 0.0;
    }
    return kerf_lp_send(lp, s->setup->client, kerf_time_from_s(s->setup->client_link_s), type, &answer,
                        sizeof answer, error);
}

static enum kerf_status finish(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                               struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    settle_parts(sequence->part_s, kerf_time_to_s(kerf_lp_now(lp) - sequence->first_token), 0.0);
    KERF_TRY(tell_client(lp, s, sequence, KERF_EVENT_ANSWERED, error));
    if (s->setup->role == KERF_POOL_DECODE)
        KERF_TRY(kerf_handover_done(lp, s, sequence, error));
    kerf_scheduler_leave(s, slot);
    return KERF_OK;
}

/* A round begins: guesses are made first where the drafter works ahead of the passes. */
static enum kerf_status begin_round(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                    struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    const struct kerf_backend *backend = s->setup->backend;
    if (s->lockstep) {
        kerf_lockstep_join(s, slot);
        return KERF_OK;
    }
    uint32_t left = sequence->output - sequence->generated,
             guesses = (uint32_t)s->setup->policy->draft_tokens;
    sequence->guesses = guesses < left ? guesses : left - 1;
    sequence->items_issued = 0;
    double draft_s = sequence->guesses * backend->draft_s;
    if (draft_s == 0.0) {
        kerf_number_set_add(&s->ready, sequence->place);
        return KERF_OK;
    }
    sequence->part_s[KERF_TIME_COMPUTE] += draft_s;
    return kerf_lp_send(lp, kerf_lp_id(lp), kerf_time_from_s(draft_s), EVENT_DRAFTED, &slot, sizeof slot,
                        error);
}

/* Guesses that the network confirms: right ones up to the first wrong. Keyed by request and token, so that
 * every system and column meets the same luck. */
static uint32_t confirmed(const struct kerf_scheduler *s, const struct kerf_sequence *sequence)
{
    uint32_t right = 0;
    while (right < sequence->guesses &&
           kerf_random_uniform(s->setup->seed, STREAM_ACCEPTANCE + sequence->request,
                               (uint64_t)sequence->generated * 64 + right) < s->setup->policy->acceptance)
        right++;
    return right;
}

/* Host work on a request before it can be scheduled; requests do not wait for each other there. */
static kerf_time tokenise_time(const struct kerf_scheduler *s, uint32_t prompt_tokens)
{
    const struct kerf_backend *backend = s->setup->backend;
    return kerf_time_from_s(backend->request_s + prompt_tokens * backend->prompt_token_s);
}

static enum kerf_status receive(struct kerf_lp *lp, struct kerf_scheduler *s, const struct kerf_event *event,
                                struct kerf_error *error)
{
    struct kerf_request_message request;
    memcpy(&request, event->payload, sizeof request);
    kerf_time delay = tokenise_time(s, request.prompt_tokens);
    if (event->type == EVENT_TOKENISED || delay == 0)
        return kerf_scheduler_enqueue(s, &request, kerf_lp_now(lp), NULL, error);
    return kerf_lp_send(lp, kerf_lp_id(lp), delay, EVENT_TOKENISED, &request, sizeof request, error);
}

/* The first token of a request is out. */
static enum kerf_status first_token(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                    struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    kerf_time now = kerf_lp_now(lp);
    sequence->generated = 1;
    sequence->first_token = now;
    s->record.output_tokens++;
    settle_parts(sequence->part_s, kerf_time_to_s(now - sequence->received),
                 kerf_time_to_s(sequence->first_issue - sequence->received));
    sequence->part_s[KERF_TIME_SOFTWARE] += kerf_time_to_s(tokenise_time(s, sequence->prompt));
    sequence->pool_queue_s = kerf_time_to_s(sequence->first_issue - sequence->received);
    KERF_TRY(tell_client(lp, s, sequence, KERF_EVENT_FIRST_TOKEN, error));
    sequence->pool_queue_s = 0.0;
    if (sequence->output == 1)
        return finish(lp, s, slot, error);
    return s->setup->role == KERF_POOL_PREFILL ? kerf_handover_ready(lp, s, slot, error)
                                               : begin_round(lp, s, slot, error);
}

/* The cache of a sequence came from another replica, with its first token. */
static enum kerf_status take_up(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    sequence->awaits_cache = false;
    sequence->generated = 1;
    sequence->decoding = true;
    s->decoding++;
    sequence->part_s[KERF_TIME_INTERCONNECT] += sequence->transfer_s;
    return begin_round(lp, s, slot, error);
}

/* A sequence's pass (or its last one of a round) is back and the host has done its part. */
static enum kerf_status round_over(struct kerf_lp *lp, struct kerf_scheduler *s, int slot,
                                   struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    if (!sequence->decoding) {
        sequence->decoding = true;
        s->decoding++;
        if (sequence->generated == 0)
            return first_token(lp, s, slot, error);
    }
    uint32_t tokens = 1 + confirmed(s, sequence); /* one after a preemption: there are no guesses yet */
    sequence->generated += tokens;
    sequence->rounds++;
    s->record.rounds++;
    s->record.output_tokens += tokens;
    return sequence->generated >= sequence->output ? finish(lp, s, slot, error)
                                                   : begin_round(lp, s, slot, error);
}

static enum kerf_status member_back(struct kerf_lp *lp, struct kerf_scheduler *s,
                                    const struct kerf_member *member, const struct kerf_pass_message *pass,
                                    struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[member->sequence];
    double overhead_s = s->setup->backend->round_overhead_s;
    bool complete;
    if (member->prefill) {
        sequence->prefilled += member->tokens;
        complete = sequence->prefilled == sequence->prefill;
    } else {
        sequence->items_out--;
        complete = sequence->items_out == 0 && sequence->items_issued == 1 + sequence->guesses;
    }
    if (member->prefill || complete)
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            sequence->part_s[part] += pass->part_s[part];
    if (!complete)
        return KERF_OK;
    sequence->part_s[KERF_TIME_SOFTWARE] += overhead_s;
    if (overhead_s == 0.0)
        return round_over(lp, s, member->sequence, error);
    return kerf_lp_send(lp, kerf_lp_id(lp), kerf_time_from_s(overhead_s), EVENT_ROUND_OVER, &member->sequence,
                        sizeof member->sequence, error);
}

static enum kerf_status pass_back(struct kerf_lp *lp, struct kerf_scheduler *s,
                                  const struct kerf_event *event, struct kerf_error *error)
{
    struct kerf_pass_message pass;
    memcpy(&pass, event->payload, sizeof pass);
    struct kerf_batch *batch = &s->batch[pass.batch];
    batch->replies_due -= (int)kerf_lp_copies(lp, event);
    if (batch->replies_due > 0)
        return KERF_OK;
    s->passes_out--;
    kerf_number_set_add(&s->free_batches, (int)pass.batch);
    kerf_lockstep_advance(s, batch, &pass);
    for (int slot; (slot = kerf_lockstep_finished(s)) >= 0;) {
        kerf_lockstep_part(s, slot);
        KERF_TRY(finish(lp, s, slot, error));
    }
    for (int i = 0; i < batch->members; i++)
        KERF_TRY(member_back(lp, s, &batch->member[i], &pass, error));
    for (int slot; (slot = kerf_handover_next_landed(s)) >= 0;)
        KERF_TRY(take_up(lp, s, slot, error));
    return KERF_OK;
}

/* Dynamic lookahead while a pass may be issued at any time: a request that comes in later needs a pass at
 * least, and those in service need as many as they have tokens to go; the round under way may end at once.
 * Worked out when half of the last promise is used up, as it looks at all sequences. */
static enum kerf_status promise_silence(struct kerf_lp *lp, struct kerf_scheduler *s,
                                        struct kerf_error *error)
{
    double least_s = s->setup->backend->least_pass_s, silent_s = least_s;
    kerf_time now = kerf_lp_now(lp);
    /* It promised when it issued that, or will when it issues the next. */
    bool busy = one_at_a_time(s) && (s->passes_out > 0 || s->issue_planned);
    if (least_s <= 0.0 || now < s->next_promise || busy)
        return KERF_OK;
    s->next_promise = now + kerf_time_from_s(0.5 * least_s);
    for (int place = -1; silent_s > 0.0 && (place = kerf_number_set_next(&s->running, place + 1)) >= 0;) {
        const struct kerf_sequence *sequence = &s->sequence[s->order[place]];
        bool prefilling = !sequence->decoding && sequence->prefill_issued < sequence->prefill;
        double passes = sequence->decoding       ? rounds_to_go(s, sequence) - 1.0
                        : sequence->awaits_cache ? rounds_to_go(s, sequence)
                                                 : prefilling;
        silent_s = fmin(silent_s, passes * least_s);
    }
    return silent_s > 0.0 ? promise_client(lp, s, silent_s, error) : KERF_OK;
}

static enum kerf_status scheduler_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                         struct kerf_error *error)
{
    struct kerf_scheduler *s = state;
    int slot;
    switch (event->type) {
    case KERF_EVENT_REQUEST:
    case EVENT_TOKENISED:
        KERF_TRY(receive(lp, s, event, error));
        break;
    case EVENT_ISSUE:
        s->issue_planned = false;
        KERF_TRY(issue(lp, s, error));
        break;
    case KERF_EVENT_PASS_DONE:
        KERF_TRY(pass_back(lp, s, event, error));
        break;
    case EVENT_DRAFTED:
        memcpy(&slot, event->payload, sizeof slot);
        kerf_number_set_add(&s->ready, s->sequence[slot].place);
        break;
    case EVENT_ROUND_OVER:
        memcpy(&slot, event->payload, sizeof slot);
        KERF_TRY(round_over(lp, s, slot, error));
        break;
    default:
        KERF_TRY(kerf_handover_handle(lp, s, event, &slot, error));
        if (slot >= 0)
            KERF_TRY(take_up(lp, s, slot, error));
    }
    if (s->setup->role == KERF_POOL_DECODE)
        KERF_TRY(kerf_handover_admit(lp, s, error));
    KERF_TRY(plan_issue(lp, s, error));
    return promise_silence(lp, s, error);
}

/* Waits for a device that has not sent a pass back, or for room that nobody will make. */
static bool scheduler_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                            size_t why_bytes)
{
    (void)lp;
    const struct kerf_scheduler *s = state;
    const struct kerf_scheduler_record record = kerf_scheduler_record(state);
    if (s->passes_out > 0) {
        *whom = s->setup->device[0];
        snprintf(why, why_bytes, "%d passes have not come back", s->passes_out);
        return true;
    }
    for (int place = -1; (place = kerf_number_set_next(&s->running, place + 1)) >= 0;)
        if (s->sequence[s->order[place]].hands_over) {
            *whom = s->setup->transfer;
            snprintf(why, why_bytes, "a prompt of %u tokens is computed and finds no room to be decoded",
                     s->sequence[s->order[place]].prompt);
            return true;
        }
    if (s->in_queue > 0) {
        const struct kerf_sequence *next = &s->sequence[s->order[kerf_number_set_next(&s->waiting, 0)]];
        snprintf(why, why_bytes,
                 "%llu requests wait; the next needs room for %.0f tokens in a KV cache of %.0f with %.0f in "
                 "use",
                 (unsigned long long)record.unfinished, kerf_scheduler_demand(s, next),
                 s->setup->backend->kv_tokens, (double)s->blocks_used * s->setup->policy->block_tokens);
    }
    return record.unfinished > 0;
}

const struct kerf_lp_kind kerf_scheduler_lp = {.name = "scheduler",
                                               .state_bytes = sizeof(struct kerf_scheduler),
                                               .init = scheduler_init,
                                               .handle = scheduler_handle,
                                               .free = kerf_scheduler_free,
                                               .save = kerf_scheduler_save,
                                               .load = kerf_scheduler_load,
                                               .waits = scheduler_waits};

struct kerf_scheduler_record kerf_scheduler_record(const void *state)
{
    const struct kerf_scheduler *s = state;
    struct kerf_scheduler_record record = s->record;
    record.unfinished = s->in_service + s->in_queue;
    return record;
}
