/* The workload room: what goes into a pass. Knows budgets and chunks; not what a pass costs or when it goes.
 */
#include "models/workload/scheduler_state.h"

/* Sum over `tokens` new tokens after `cached` ones of what each attends to, itself included. */
static double attended(double cached, double tokens)
{
    return tokens * cached + tokens * (tokens + 1.0) / 2.0;
}

static enum kerf_status add_member(struct kerf_batch *batch, int slot, uint32_t tokens, bool prefill,
                                   struct kerf_error *error)
{
    KERF_TRY(kerf_scheduler_make_room((void **)&batch->member, &batch->capacity, batch->members + 1,
                                      sizeof *batch->member, error));
    batch->member[batch->members++] =
        (struct kerf_member){.sequence = slot, .tokens = tokens, .prefill = prefill};
    return KERF_OK;
}

/* One chunk of a prompt. */
static enum kerf_status add_prefill(struct kerf_scheduler *s, struct kerf_batch *batch, int slot,
                                    uint32_t tokens, kerf_time now, struct kerf_pass_message *pass,
                                    struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    double cached = sequence->prefill_issued;
    if (!sequence->begun) {
        /* The host began with this pass before; a request that came in meanwhile has not waited. */
        kerf_time begun = now - kerf_time_from_s(s->exposed_s);
        sequence->first_issue = begun > sequence->received ? begun : sequence->received;
        sequence->begun = true;
    }
    pass->prefill_tokens += tokens;
    pass->prefill_sequences++;
    pass->prefill_attended += attended(cached, tokens);
    pass->prefill_context += cached + tokens;
    sequence->prefill_issued += tokens;
    if (sequence->prefill_issued == sequence->prefill) {
        kerf_number_set_remove(&s->prefill, sequence->place);
        pass->logit_tokens++;
    }
    kerf_scheduler_name_blocks(s, slot, sequence->prefill_issued);
    return add_member(batch, slot, tokens, true, error);
}

/* The next token of a sequence; with `verifies_in_one` its guesses come along. */
static enum kerf_status add_decode(struct kerf_scheduler *s, struct kerf_batch *batch, int slot,
                                   struct kerf_pass_message *pass, struct kerf_error *error)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
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

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Tokens of the next chunk of a prompt when `left` tokens of the budget are. A prompt that must go whole
 * waits for a step with room for it; one that no step has room for goes in chunks all the same. */
static uint32_t chunk_of(const struct kerf_scheduler *s, const struct kerf_sequence *sequence, uint32_t left)
{
    const struct kerf_scheduler_policy *policy = s->setup->policy;
    uint32_t budget = (uint32_t)policy->token_budget, rest = sequence->prefill - sequence->prefill_issued;
    uint32_t tokens = least(rest, (uint32_t)policy->prefill_chunk);
    if (policy->whole_prompts && tokens > left && tokens <= budget)
        return 0;
    return least(tokens, left);
}

/* Sequences that one decode pass may hold. */
static uint32_t decode_limit(const struct kerf_scheduler *s)
{
    const struct kerf_backend *backend = s->setup->backend;
    int each = backend->verifies_in_one ? 1 : 1 + s->setup->policy->draft_tokens;
    return backend->decode_batch
               ? (uint32_t)backend->decode_batch(backend->plan, s->decoding * each, backend->round_overhead_s)
               : UINT32_MAX;
}

/* --- steps that mix answers and prompts (GPUs) --- */

/* Those who answer, the oldest first, each with its next token, the guesses that fit, and cache for them. */
static enum kerf_status fill_answers(struct kerf_scheduler *s, struct kerf_batch *batch,
                                     struct kerf_pass_message *pass, bool *preempted,
                                     struct kerf_error *error)
{
    const uint32_t budget = (uint32_t)s->setup->policy->token_budget, limit = decode_limit(s);
    if (s->lockstep) {
        kerf_lockstep_fill(s, batch, pass, preempted);
        return KERF_OK;
    }
    int place = -1;
    while (pass->decode_tokens < budget && pass->decode_sequences < limit &&
           (place = kerf_number_set_next(&s->ready, place + 1)) >= 0) {
        int slot = s->order[place];
        struct kerf_sequence *sequence = &s->sequence[slot];
        sequence->guesses = least(sequence->guesses, budget - pass->decode_tokens - 1);
        double tokens = (double)sequence->prompt + sequence->generated + sequence->guesses;
        if (kerf_scheduler_hold(s, slot, tokens, preempted))
            KERF_TRY(add_decode(s, batch, slot, pass, error));
    }
    return KERF_OK;
}

/* Those whose prompts are under way, the oldest first, each with a chunk and cache for it. */
static enum kerf_status fill_chunks(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                    struct kerf_pass_message *pass, bool *preempted, struct kerf_error *error)
{
    const uint32_t budget = (uint32_t)s->setup->policy->token_budget;
    uint32_t used = pass->decode_tokens;
    for (int place = -1; used < budget && (place = kerf_number_set_next(&s->prefill, place + 1)) >= 0;) {
        int slot = s->order[place];
        uint32_t tokens = chunk_of(s, &s->sequence[slot], budget - used);
        double cached = s->sequence[slot].prefill_issued;
        if (tokens == 0 || !kerf_scheduler_hold(s, slot, cached + tokens, preempted))
            continue;
        KERF_TRY(add_prefill(s, batch, slot, tokens, now, pass, error));
        used += tokens;
    }
    return KERF_OK;
}

/* Slot of the request that is next to enter service, looked up in the cache, or -1. */
static int next_looked_up(struct kerf_scheduler *s)
{
    int slot = kerf_scheduler_next(s);
    if (slot >= 0)
        kerf_scheduler_look_up(s, slot);
    return slot;
}

static bool is_late(const struct kerf_scheduler *s, const struct kerf_sequence *sequence)
{
    return sequence->received > s->admits_until;
}

/* Tokens that a pass of `used` tokens would have if all that wait entered that have budget, cache aside. */
static uint32_t tokens_with_waiting(const struct kerf_scheduler *s, uint32_t used)
{
    const uint32_t budget = (uint32_t)s->setup->policy->token_budget;
    for (int place = -1; used < budget && (place = kerf_number_set_next(&s->waiting, place + 1)) >= 0;) {
        const struct kerf_sequence *sequence = &s->sequence[s->order[place]];
        uint32_t tokens = is_late(s, sequence) ? 0 : chunk_of(s, sequence, budget - used);
        if (tokens == 0)
            break;
        used += tokens;
    }
    return used;
}

/* Whether who could enter waits for others to enter with, as TensorRT-LLM's batch_wait options have it: not
 * for long, not when there is enough to do, and not while nobody is answered. */
static bool waits_for_more(struct kerf_scheduler *s, const struct kerf_pass_message *pass, uint32_t used)
{
    const struct kerf_scheduler_policy *policy = s->setup->policy;
    int slot = kerf_scheduler_next(s);
    if (policy->wait_steps == 0 || slot < 0 || s->sequence[slot].awaits_cache ||
        is_late(s, &s->sequence[slot]) || pass->decode_tokens == 0)
        return false;
    bool waits = s->steps_waited < policy->wait_steps &&
                 tokens_with_waiting(s, used) < policy->wait_share * policy->token_budget;
    s->steps_waited = waits ? s->steps_waited + 1 : 0;
    return waits;
}

/* Those who wait enter as long as there is budget and cache for a first chunk. */
static enum kerf_status fill_entering(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                      struct kerf_pass_message *pass, struct kerf_error *error)
{
    const uint32_t budget = (uint32_t)s->setup->policy->token_budget;
    uint32_t used = pass->decode_tokens + pass->prefill_tokens, tokens;
    int slot;
    if (waits_for_more(s, pass, used))
        return KERF_OK;
    while (used < budget && (slot = next_looked_up(s)) >= 0 && !s->sequence[slot].awaits_cache) {
        tokens = chunk_of(s, &s->sequence[slot], budget - used);
        if (is_late(s, &s->sequence[slot]) || tokens == 0 || !kerf_scheduler_may_enter(s, slot, tokens))
            break;
        kerf_scheduler_enter(s, slot, tokens);
        KERF_TRY(add_prefill(s, batch, slot, tokens, now, pass, error));
        used += tokens;
    }
    return KERF_OK;
}

/* As vLLM V1's schedule(): who is in service goes first; nobody enters in a step that had to preempt. */
static enum kerf_status fill_step(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                  struct kerf_pass_message *pass, struct kerf_error *error)
{
    bool preempted = false;
    KERF_TRY(fill_answers(s, batch, pass, &preempted, error));
    KERF_TRY(fill_chunks(s, batch, now, pass, &preempted, error));
    bool empty = batch->members + batch->answers == 0;
    return preempted && !empty ? KERF_OK : fill_entering(s, batch, now, pass, error);
}

/* --- passes of one kind (pipelines of wafers) --- */

static enum kerf_status fill_decode(struct kerf_scheduler *s, struct kerf_batch *batch,
                                    struct kerf_pass_message *pass, struct kerf_error *error)
{
    const uint32_t budget = (uint32_t)s->setup->policy->token_budget, limit = decode_limit(s);
    int place = -1;
    while (pass->decode_sequences < limit && pass->decode_tokens < budget &&
           (place = kerf_number_set_next(&s->ready, place + 1)) >= 0)
        KERF_TRY(add_decode(s, batch, s->order[place], pass, error));
    return KERF_OK;
}

static enum kerf_status fill_prefill(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                     struct kerf_pass_message *pass, struct kerf_error *error)
{
    int place = kerf_number_set_next(&s->prefill, 0);
    if (place < 0)
        return KERF_OK;
    int slot = s->order[place];
    uint32_t tokens = chunk_of(s, &s->sequence[slot], (uint32_t)s->setup->policy->token_budget);
    return add_prefill(s, batch, slot, tokens, now, pass, error);
}

/* A pipeline takes turns between decode and prefill when both wait; a pass holds one chunk of one prompt. */
static enum kerf_status fill_turn(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                  struct kerf_pass_message *pass, struct kerf_error *error)
{
    int slot;
    while ((slot = next_looked_up(s)) >= 0 && !s->sequence[slot].awaits_cache &&
           kerf_scheduler_may_enter(s, slot, 0))
        kerf_scheduler_enter(s, slot, 0);
    bool prefill_first = s->prefill_turn;
    s->prefill_turn = !prefill_first;
    if (prefill_first)
        KERF_TRY(fill_prefill(s, batch, now, pass, error));
    if (batch->members == 0)
        KERF_TRY(fill_decode(s, batch, pass, error));
    return batch->members == 0 ? fill_prefill(s, batch, now, pass, error) : KERF_OK;
}

bool kerf_scheduler_has_work(struct kerf_scheduler *s)
{
    if (s->finish.count > 0 || kerf_number_set_next(&s->ready, 0) >= 0 ||
        kerf_number_set_next(&s->prefill, 0) >= 0)
        return true;
    int slot = next_looked_up(s);
    if (slot < 0 || s->sequence[slot].awaits_cache)
        return false;
    uint32_t budget = (uint32_t)s->setup->policy->token_budget;
    return kerf_scheduler_may_enter(s, slot, chunk_of(s, &s->sequence[slot], budget));
}

enum kerf_status kerf_scheduler_fill(struct kerf_scheduler *s, struct kerf_batch *batch, kerf_time now,
                                     struct kerf_pass_message *pass, struct kerf_error *error)
{
    return (s->setup->backend->mixes_prefill ? fill_step : fill_turn)(s, batch, now, pass, error);
}
