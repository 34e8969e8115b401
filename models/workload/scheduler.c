/* The workload room: a replica's scheduler. Knows requests and passes; not which devices run them. */
#include "models/workload/scheduler.h"

#include "models/node/pass_message.h"
#include "models/workload/number_set.h"
#include "sim/engine/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_ISSUE = 48, EVENT_ROUND_OVER, EVENT_DRAFTED };
enum { STREAM_ACCEPTANCE = 1000 };

/* A request, waiting or in service. */
struct sequence {
    uint64_t request;
    int place; /* in `order` */
    uint32_t prompt, output, generated, rounds;
    uint32_t prefill_issued, prefilled;
    uint32_t guesses;                 /* of the round under way */
    uint32_t items_issued, items_out; /* passes of the round: given to the device, and not yet back */
    bool decoding;
    kerf_time received, first_issue, first_token;
    double part_s[KERF_TIME_PARTS]; /* of the present phase */
};

struct member {
    int sequence;
    uint32_t tokens;
    bool prefill;
};

/* A pass given to the devices. */
struct batch {
    struct member *member; /* owned */
    int members, capacity, replies_due;
};

struct scheduler {
    const struct kerf_scheduler_setup *setup;
    struct sequence *sequence; /* owned; slots are reused, the lowest free one first */
    int slot_capacity;
    struct kerf_number_set free_slots;
    int *order; /* owned: slots by place, in order of arrival: in service, then waiting; -1: has left */
    int places, first_waiting, order_capacity;
    struct kerf_number_set ready, prefill; /* places: next token may be issued; prompt is not all issued */
    struct batch *batch;                   /* owned; the lowest free one first */
    int batch_capacity, passes_out;
    struct kerf_number_set free_batches;
    bool issue_planned, prefill_turn;
    kerf_time next_issue;   /* the pipeline takes no pass before */
    kerf_time next_promise; /* no new promise to the client before */
    double kv_reserved;
    int in_service, decoding; /* sequences */
    struct kerf_scheduler_record record;
};

static void scheduler_free(void *state)
{
    struct scheduler *s = state;
    for (int i = 0; i < s->batch_capacity; i++)
        free(s->batch[i].member);
    free(s->batch);
    free(s->sequence);
    free(s->order);
    kerf_number_set_free(&s->free_slots);
    kerf_number_set_free(&s->ready);
    kerf_number_set_free(&s->prefill);
    kerf_number_set_free(&s->free_batches);
}

static enum kerf_status scheduler_init(struct kerf_lp *lp, const void *setup, void *state,
                                       struct kerf_error *error)
{
    (void)lp, (void)error;
    struct scheduler *s = state;
    s->setup = setup;
    return KERF_OK;
}

/* Makes *items hold at least `wanted`, doubling; new room is zeroed. */
static enum kerf_status make_room(void **items, int *capacity, int wanted, size_t item_bytes,
                                  struct kerf_error *error)
{
    if (wanted <= *capacity)
        return KERF_OK;
    int larger = *capacity ? 2 * *capacity : 16;
    while (larger < wanted)
        larger *= 2;
    void *grown = realloc(*items, (size_t)larger * item_bytes);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for a scheduler's queue");
    memset((char *)grown + (size_t)*capacity * item_bytes, 0, (size_t)(larger - *capacity) * item_bytes);
    *items = grown;
    *capacity = larger;
    return KERF_OK;
}

/* The lowest free number of an item, which stays free; makes room when none is. */
static enum kerf_status lowest_free(void **items, int *capacity, size_t item_bytes,
                                    struct kerf_number_set *vacant, int *number, struct kerf_error *error)
{
    *number = kerf_number_set_next(vacant, 0);
    if (*number >= 0)
        return KERF_OK;
    *number = *capacity;
    KERF_TRY(make_room(items, capacity, *number + 1, item_bytes, error));
    KERF_TRY(kerf_number_set_reserve(vacant, *capacity, error));
    for (int i = *number; i < *capacity; i++)
        kerf_number_set_add(vacant, i);
    return KERF_OK;
}

static double kv_demand(const struct scheduler *s, const struct sequence *sequence)
{
    return (double)sequence->prompt + sequence->output + s->setup->policy->draft_tokens;
}

/* Takes waiting requests into service, first come first served, while their whole cache fits. */
static void admit(struct scheduler *s)
{
    for (; s->first_waiting < s->places; s->first_waiting++) {
        double kv = kv_demand(s, &s->sequence[s->order[s->first_waiting]]);
        if (s->in_service >= s->setup->policy->max_sequences ||
            s->kv_reserved + kv > s->setup->backend->kv_tokens)
            return;
        kerf_number_set_add(&s->prefill, s->first_waiting);
        s->in_service++;
        s->kv_reserved += kv;
        s->record.kv_tokens_most = fmax(s->record.kv_tokens_most, s->kv_reserved);
    }
}

static void move_member(struct kerf_number_set *set, int from, int to)
{
    if (!kerf_number_set_has(set, from))
        return;
    kerf_number_set_remove(set, from);
    kerf_number_set_add(set, to);
}

/* Closes the gaps that sequences left in the order. */
static void close_gaps(struct scheduler *s)
{
    int kept = 0;
    for (int place = 0; place < s->places; place++) {
        int slot = s->order[place];
        if (slot < 0)
            continue;
        move_member(&s->ready, place, kept);
        move_member(&s->prefill, place, kept);
        s->sequence[slot].place = kept;
        s->order[kept++] = slot;
    }
    s->places = kept;
    s->first_waiting = s->in_service;
}

/* A place behind all others. Gaps are closed only when the places run out and half of them are gaps, so that
 * a place costs the same however many there are. */
static enum kerf_status last_place(struct scheduler *s, int *place, struct kerf_error *error)
{
    int present = s->in_service + s->places - s->first_waiting;
    if (s->places == s->order_capacity && present <= s->order_capacity / 2)
        close_gaps(s);
    KERF_TRY(make_room((void **)&s->order, &s->order_capacity, s->places + 1, sizeof *s->order, error));
    KERF_TRY(kerf_number_set_reserve(&s->ready, s->order_capacity, error));
    KERF_TRY(kerf_number_set_reserve(&s->prefill, s->order_capacity, error));
    *place = s->places++;
    return KERF_OK;
}

static enum kerf_status receive(struct scheduler *s, const struct kerf_event *event, kerf_time now,
                                struct kerf_error *error)
{
    struct kerf_request_message message;
    memcpy(&message, event->payload, sizeof message);
    int slot, place;
    KERF_TRY(lowest_free((void **)&s->sequence, &s->slot_capacity, sizeof *s->sequence, &s->free_slots, &slot,
                         error));
    KERF_TRY(last_place(s, &place, error));
    kerf_number_set_remove(&s->free_slots, slot);
    s->order[place] = slot;
    s->sequence[slot] = (struct sequence){.request = message.request,
                                          .place = place,
                                          .prompt = message.prompt_tokens,
                                          .output = message.output_tokens,
                                          .received = now};
    admit(s);
    return KERF_OK;
}

static enum kerf_status add_member(struct batch *batch, int slot, uint32_t tokens, bool prefill,
                                   struct kerf_error *error)
{
    KERF_TRY(make_room((void **)&batch->member, &batch->capacity, batch->members + 1, sizeof *batch->member,
                       error));
    batch->member[batch->members++] = (struct member){.sequence = slot, .tokens = tokens, .prefill = prefill};
    return KERF_OK;
}

/* Sum over `tokens` new tokens after `cached` ones of what each attends to, itself included. */
static double attended(double cached, double tokens)
{
    return tokens * cached + tokens * (tokens + 1.0) / 2.0;
}

/* One chunk of a prompt. */
static enum kerf_status add_prefill(struct scheduler *s, struct batch *batch, int slot, uint32_t tokens,
                                    kerf_time now, struct kerf_pass_message *pass, struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    double cached = sequence->prefill_issued;
    if (sequence->prefill_issued == 0) {
        /* The host began with this pass before; a request that came in meanwhile has not waited. */
        kerf_time begun = now - kerf_time_from_s(s->setup->backend->pass_overhead_s);
        sequence->first_issue = begun > sequence->received ? begun : sequence->received;
    }
    pass->prefill_tokens += tokens;
    pass->prefill_sequences++;
    pass->prefill_attended += attended(cached, tokens);
    pass->prefill_context += cached + tokens;
    sequence->prefill_issued += tokens;
    if (sequence->prefill_issued == sequence->prompt) {
        kerf_number_set_remove(&s->prefill, sequence->place);
        pass->logit_tokens++;
    }
    return add_member(batch, slot, tokens, true, error);
}

/* The next token of a sequence; with `verifies_in_one` its guesses come along. */
static enum kerf_status add_decode(struct scheduler *s, struct batch *batch, int slot,
                                   struct kerf_pass_message *pass, struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    uint32_t tokens = s->setup->backend->verifies_in_one ? 1 + sequence->guesses : 1;
    double cached = (double)sequence->prompt + sequence->generated - 1 + sequence->items_issued;
    pass->decode_tokens += tokens;
    pass->decode_sequences++;
    pass->decode_attended += attended(cached, tokens);
    pass->decode_context += cached + tokens;
    pass->logit_tokens += tokens;
    if (s->setup->backend->verifies_in_one && sequence->guesses > pass->draft_tokens)
        pass->draft_tokens = sequence->guesses; /* the drafter guesses for all sequences at once */
    sequence->items_issued += tokens;
    sequence->items_out++;
    if (sequence->items_issued == 1 + sequence->guesses)
        kerf_number_set_remove(&s->ready, sequence->place);
    return add_member(batch, slot, tokens, false, error);
}

/* Sequences that one decode pass may hold. */
static uint32_t decode_limit(const struct scheduler *s)
{
    const struct kerf_backend *backend = s->setup->backend;
    if (!backend->decode_batch)
        return UINT32_MAX;
    int under_way = s->decoding * (backend->verifies_in_one ? 1 : 1 + s->setup->policy->draft_tokens);
    return (uint32_t)backend->decode_batch(backend->plan, under_way, backend->round_overhead_s);
}

static enum kerf_status fill_decode(struct scheduler *s, struct batch *batch, struct kerf_pass_message *pass,
                                    struct kerf_error *error)
{
    const uint32_t limit = decode_limit(s), budget = (uint32_t)s->setup->policy->token_budget;
    int place = -1;
    while (pass->decode_sequences < limit && pass->decode_tokens < budget &&
           (place = kerf_number_set_next(&s->ready, place + 1)) >= 0)
        KERF_TRY(add_decode(s, batch, s->order[place], pass, error));
    return KERF_OK;
}

static enum kerf_status fill_prefill(struct scheduler *s, struct batch *batch, kerf_time now,
                                     struct kerf_pass_message *pass, struct kerf_error *error)
{
    const struct kerf_scheduler_policy *policy = s->setup->policy;
    uint32_t used = pass->decode_tokens;
    int place = -1;
    while (used < (uint32_t)policy->token_budget &&
           (place = kerf_number_set_next(&s->prefill, place + 1)) >= 0) {
        const struct sequence *sequence = &s->sequence[s->order[place]];
        uint32_t tokens = sequence->prompt - sequence->prefill_issued;
        if (tokens > (uint32_t)policy->prefill_chunk)
            tokens = (uint32_t)policy->prefill_chunk;
        if (tokens > (uint32_t)policy->token_budget - used)
            tokens = (uint32_t)policy->token_budget - used;
        KERF_TRY(add_prefill(s, batch, s->order[place], tokens, now, pass, error));
        used += tokens;
        if (!s->setup->backend->mixes_prefill)
            return KERF_OK; /* a pipeline pass holds one chunk of one prompt */
    }
    return KERF_OK;
}

/* What the next pass may hold. A pipeline takes turns between decode and prefill when both wait. */
static enum kerf_status fill(struct scheduler *s, struct batch *batch, kerf_time now,
                             struct kerf_pass_message *pass, struct kerf_error *error)
{
    if (s->setup->backend->mixes_prefill) {
        KERF_TRY(fill_decode(s, batch, pass, error));
        return fill_prefill(s, batch, now, pass, error);
    }
    bool prefill_first = s->prefill_turn;
    s->prefill_turn = !prefill_first;
    if (prefill_first)
        KERF_TRY(fill_prefill(s, batch, now, pass, error));
    if (batch->members == 0)
        KERF_TRY(fill_decode(s, batch, pass, error));
    return batch->members == 0 ? fill_prefill(s, batch, now, pass, error) : KERF_OK;
}

static enum kerf_status send_pass(struct kerf_lp *lp, struct scheduler *s, struct kerf_pass_message *pass,
                                  struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    pass->part_s[KERF_TIME_SOFTWARE] += (float)backend->pass_overhead_s;
    pass->part_s[backend->to_device_part] += (float)backend->to_device_s;
    for (int i = 0; i < s->setup->devices; i++)
        KERF_TRY(kerf_lp_send(lp, s->setup->device[i], kerf_time_from_s(backend->to_device_s),
                              KERF_EVENT_PASS, pass, sizeof *pass, error));
    s->record.passes++;
    s->record.prefill_tokens += pass->prefill_tokens;
    s->record.decode_tokens += pass->decode_tokens;
    if (backend->spacing_s) {
        struct kerf_pass work = kerf_pass_of(pass, backend->kv, backend->activations);
        s->next_issue = kerf_lp_now(lp) + kerf_time_from_s(backend->spacing_s(backend->plan, &work));
    }
    return KERF_OK;
}

static double rounds_to_go(const struct scheduler *s, const struct sequence *sequence)
{
    uint32_t left = sequence->output - sequence->generated,
             tokens = 1 + (uint32_t)s->setup->policy->draft_tokens;
    return (left + tokens - 1) / tokens; /* at least, if all guesses are right */
}

static enum kerf_status promise_client(struct kerf_lp *lp, const struct scheduler *s, double silent_s,
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
static enum kerf_status promise_after_pass(struct kerf_lp *lp, const struct scheduler *s,
                                           const struct batch *batch, const struct kerf_pass_message *pass,
                                           struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    double this_s = backend->pass_s ? backend->pass_s(backend->plan, pass) : backend->least_pass_s;
    double passes = 2.0;
    for (int i = 0; i < batch->members; i++) {
        const struct sequence *sequence = &s->sequence[batch->member[i].sequence];
        bool prompt_ends = !sequence->decoding && sequence->prefill_issued == sequence->prompt;
        passes = fmin(passes, prompt_ends ? 1.0 : sequence->decoding ? rounds_to_go(s, sequence) : 2.0);
    }
    return promise_client(lp, s, this_s + (passes - 1.0) * backend->least_pass_s, error);
}

/* A step must end before the next begins. */
static bool one_at_a_time(const struct scheduler *s)
{
    return s->setup->backend->passes_most == 1;
}

/* Forms one pass of what waits and gives it to the devices; nothing happens when nothing waits. */
static enum kerf_status issue(struct kerf_lp *lp, struct scheduler *s, struct kerf_error *error)
{
    int number;
    KERF_TRY(lowest_free((void **)&s->batch, &s->batch_capacity, sizeof *s->batch, &s->free_batches, &number,
                         error));
    struct batch *batch = &s->batch[number];
    struct kerf_pass_message pass = {.batch = (uint64_t)number};
    batch->members = 0;
    KERF_TRY(fill(s, batch, kerf_lp_now(lp), &pass, error));
    if (batch->members == 0)
        return KERF_OK;
    kerf_number_set_remove(&s->free_batches, number);
    batch->replies_due = s->setup->devices;
    s->passes_out++;
    KERF_TRY(send_pass(lp, s, &pass, error));
    return one_at_a_time(s) ? promise_after_pass(lp, s, batch, &pass, error) : KERF_OK;
}

static bool has_work(const struct scheduler *s)
{
    return kerf_number_set_next(&s->ready, 0) >= 0 || kerf_number_set_next(&s->prefill, 0) >= 0;
}

/* Plans the next pass if there is work and the devices can take one. */
static enum kerf_status plan_issue(struct kerf_lp *lp, struct scheduler *s, struct kerf_error *error)
{
    const struct kerf_backend *backend = s->setup->backend;
    if (s->issue_planned || (backend->passes_most > 0 && s->passes_out >= backend->passes_most) ||
        !has_work(s))
        return KERF_OK;
    kerf_time now = kerf_lp_now(lp), delay = kerf_time_from_s(backend->pass_overhead_s);
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

static enum kerf_status tell_client(struct kerf_lp *lp, struct scheduler *s, struct sequence *sequence,
                                    uint32_t type, struct kerf_error *error)
{
    struct kerf_answer_message answer = {.request = sequence->request, .rounds = sequence->rounds};
    for (int part = 0; part < KERF_TIME_PARTS; part++) {
        answer.part_s[part] = (float)sequence->part_s[part];
        sequence->part_s[part] = 0.0;
    }
    return kerf_lp_send(lp, s->setup->client, kerf_time_from_s(s->setup->client_link_s), type, &answer,
                        sizeof answer, error);
}

static void leave_service(struct scheduler *s, int slot)
{
    const struct sequence *sequence = &s->sequence[slot];
    s->kv_reserved -= kv_demand(s, sequence);
    s->in_service--;
    s->decoding -= sequence->decoding;
    s->order[sequence->place] = -1;
    kerf_number_set_add(&s->free_slots, slot);
    admit(s);
}

static enum kerf_status finish(struct kerf_lp *lp, struct scheduler *s, int slot, struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    settle_parts(sequence->part_s, kerf_time_to_s(kerf_lp_now(lp) - sequence->first_token), 0.0);
    KERF_TRY(tell_client(lp, s, sequence, KERF_EVENT_ANSWERED, error));
    leave_service(s, slot);
    return KERF_OK;
}

/* A round begins: guesses are made first where the drafter works ahead of the passes. */
static enum kerf_status begin_round(struct kerf_lp *lp, struct scheduler *s, int slot,
                                    struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    const struct kerf_backend *backend = s->setup->backend;
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
static uint32_t confirmed(const struct scheduler *s, const struct sequence *sequence)
{
    uint32_t right = 0;
    while (right < sequence->guesses &&
           kerf_random_uniform(s->setup->seed, STREAM_ACCEPTANCE + sequence->request,
                               (uint64_t)sequence->generated * 64 + right) < s->setup->policy->acceptance)
        right++;
    return right;
}

/* The first token of a request is out. */
static enum kerf_status first_token(struct kerf_lp *lp, struct scheduler *s, int slot,
                                    struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    kerf_time now = kerf_lp_now(lp);
    sequence->decoding = true;
    s->decoding++;
    sequence->generated = 1;
    sequence->first_token = now;
    s->record.output_tokens++;
    settle_parts(sequence->part_s, kerf_time_to_s(now - sequence->received),
                 kerf_time_to_s(sequence->first_issue - sequence->received));
    KERF_TRY(tell_client(lp, s, sequence, KERF_EVENT_FIRST_TOKEN, error));
    return sequence->output == 1 ? finish(lp, s, slot, error) : begin_round(lp, s, slot, error);
}

/* A sequence's pass (or its last one of a round) is back and the host has done its part. */
static enum kerf_status round_over(struct kerf_lp *lp, struct scheduler *s, int slot,
                                   struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[slot];
    if (!sequence->decoding)
        return first_token(lp, s, slot, error);
    uint32_t tokens = 1 + confirmed(s, sequence);
    sequence->generated += tokens;
    sequence->rounds++;
    s->record.rounds++;
    s->record.output_tokens += tokens;
    return sequence->generated >= sequence->output ? finish(lp, s, slot, error)
                                                   : begin_round(lp, s, slot, error);
}

static enum kerf_status member_back(struct kerf_lp *lp, struct scheduler *s, const struct member *member,
                                    const struct kerf_pass_message *pass, struct kerf_error *error)
{
    struct sequence *sequence = &s->sequence[member->sequence];
    double overhead_s = s->setup->backend->round_overhead_s;
    bool complete;
    if (member->prefill) {
        sequence->prefilled += member->tokens;
        complete = sequence->prefilled == sequence->prompt;
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

static enum kerf_status pass_back(struct kerf_lp *lp, struct scheduler *s, const struct kerf_event *event,
                                  struct kerf_error *error)
{
    struct kerf_pass_message pass;
    memcpy(&pass, event->payload, sizeof pass);
    struct batch *batch = &s->batch[pass.batch];
    batch->replies_due -= (int)kerf_lp_copies(lp, event);
    if (batch->replies_due > 0)
        return KERF_OK;
    s->passes_out--;
    kerf_number_set_add(&s->free_batches, (int)pass.batch);
    for (int i = 0; i < batch->members; i++)
        KERF_TRY(member_back(lp, s, &batch->member[i], &pass, error));
    return KERF_OK;
}

/* Dynamic lookahead while a pass may be issued at any time: a request that comes in later needs a pass at
 * least, and those in service need as many as they have tokens to go; the round under way may end at once.
 * Worked out when half of the last promise is used up, as it looks at all sequences. */
static enum kerf_status promise_silence(struct kerf_lp *lp, struct scheduler *s, struct kerf_error *error)
{
    double least_s = s->setup->backend->least_pass_s, silent_s = least_s;
    kerf_time now = kerf_lp_now(lp);
    bool busy = one_at_a_time(s) && s->passes_out > 0; /* it promised when it issued that */
    if (least_s <= 0.0 || now < s->next_promise || busy)
        return KERF_OK;
    s->next_promise = now + kerf_time_from_s(0.5 * least_s);
    for (int place = 0; place < s->first_waiting && silent_s > 0.0; place++)
        if (s->order[place] >= 0) {
            const struct sequence *sequence = &s->sequence[s->order[place]];
            bool prefilling = !sequence->decoding && sequence->prefill_issued < sequence->prompt;
            double passes = sequence->decoding ? rounds_to_go(s, sequence) - 1.0 : prefilling;
            silent_s = fmin(silent_s, passes * least_s);
        }
    return silent_s > 0.0 ? promise_client(lp, s, silent_s, error) : KERF_OK;
}

static enum kerf_status scheduler_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                         struct kerf_error *error)
{
    struct scheduler *s = state;
    int slot;
    switch (event->type) {
    case KERF_EVENT_REQUEST:
        KERF_TRY(receive(s, event, kerf_lp_now(lp), error));
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
        return kerf_error_set(error, KERF_ERR_FAILURE, "internal: a scheduler got an event of type %u",
                              event->type);
    }
    KERF_TRY(plan_issue(lp, s, error));
    return promise_silence(lp, s, error);
}

static void scheduler_save(const void *state, struct kerf_pack *pack)
{
    const struct scheduler *s = state;
    kerf_pack_put(pack, s, sizeof *s);
    kerf_pack_put(pack, s->sequence, (size_t)s->slot_capacity * sizeof *s->sequence);
    kerf_pack_put(pack, s->order, (size_t)s->order_capacity * sizeof *s->order);
    kerf_number_set_save(&s->free_slots, pack);
    kerf_number_set_save(&s->ready, pack);
    kerf_number_set_save(&s->prefill, pack);
    kerf_number_set_save(&s->free_batches, pack);
    for (int i = 0; i < s->batch_capacity; i++) {
        kerf_pack_put(pack, &s->batch[i], sizeof s->batch[i]);
        kerf_pack_put(pack, s->batch[i].member, (size_t)s->batch[i].members * sizeof *s->batch[i].member);
    }
}

/* `count` items of a packed array, freshly allocated; NULL when they do not fit. */
static void *load_items(struct kerf_unpack *unpack, int count, size_t item_bytes)
{
    if (count < 0 || (size_t)count > unpack->bytes / item_bytes)
        return NULL;
    void *items = calloc((size_t)count + 1, item_bytes);
    if (items)
        kerf_unpack_get(unpack, items, (size_t)count * item_bytes);
    return items;
}

static bool load_batch(struct batch *batch, struct kerf_unpack *unpack)
{
    bool fits = kerf_unpack_get(unpack, batch, sizeof *batch);
    batch->member = NULL; /* that pointer was another run's */
    if (!fits)
        return false;
    batch->member = load_items(unpack, batch->members, sizeof *batch->member);
    batch->capacity = batch->members;
    return batch->member;
}

static bool scheduler_load(void *state, struct kerf_unpack *unpack)
{
    struct scheduler *s = state, saved;
    if (!kerf_unpack_get(unpack, &saved, sizeof saved))
        return false;
    scheduler_free(s);
    const struct kerf_scheduler_setup *setup = s->setup;
    *s = saved;
    s->setup = setup;
    s->free_slots = s->ready = s->prefill = s->free_batches = (struct kerf_number_set){0};
    s->order = NULL;
    s->batch = NULL;
    s->batch_capacity = 0;
    s->sequence = load_items(unpack, saved.slot_capacity, sizeof *s->sequence);
    if (s->sequence)
        s->order = load_items(unpack, saved.order_capacity, sizeof *s->order);
    bool fits = s->sequence && s->order && saved.batch_capacity >= 0 &&
                kerf_number_set_load(&s->free_slots, unpack) && kerf_number_set_load(&s->ready, unpack) &&
                kerf_number_set_load(&s->prefill, unpack) && kerf_number_set_load(&s->free_batches, unpack) &&
                (size_t)saved.batch_capacity <= unpack->bytes / sizeof *s->batch;
    if (fits)
        s->batch = calloc((size_t)saved.batch_capacity + 1, sizeof *s->batch);
    for (fits = fits && s->batch; fits && s->batch_capacity < saved.batch_capacity; s->batch_capacity++)
        fits = load_batch(&s->batch[s->batch_capacity], unpack);
    return fits;
}

/* Waits for a device that has not sent a pass back, or for room that nobody will make. */
static bool scheduler_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                            size_t why_bytes)
{
    (void)lp;
    const struct scheduler *s = state;
    const struct kerf_scheduler_record record = kerf_scheduler_record(state);
    if (s->passes_out > 0) {
        *whom = s->setup->device[0];
        snprintf(why, why_bytes, "%d passes have not come back", s->passes_out);
        return true;
    }
    if (record.unfinished > 0 && s->first_waiting < s->places) {
        const struct sequence *next = &s->sequence[s->order[s->first_waiting]];
        snprintf(why, why_bytes,
                 "%llu requests wait; the next needs room for %.0f tokens in a KV cache of %.0f with %.0f in "
                 "use",
                 (unsigned long long)record.unfinished, kv_demand(s, next), s->setup->backend->kv_tokens,
                 s->kv_reserved);
    }
    return record.unfinished > 0;
}

const struct kerf_lp_kind kerf_scheduler_lp = {.name = "scheduler",
                                               .state_bytes = sizeof(struct scheduler),
                                               .init = scheduler_init,
                                               .handle = scheduler_handle,
                                               .free = scheduler_free,
                                               .save = scheduler_save,
                                               .load = scheduler_load,
                                               .waits = scheduler_waits};

struct kerf_scheduler_record kerf_scheduler_record(const void *state)
{
    const struct scheduler *s = state;
    struct kerf_scheduler_record record = s->record;
    record.unfinished = s->in_service + s->places - s->first_waiting;
    return record;
}
