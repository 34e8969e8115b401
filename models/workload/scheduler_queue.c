/* The workload room: who waits, who is in service, and who holds how much cache. Knows nothing of passes. */
#include "models/workload/scheduler_state.h"

#include <math.h>

double kerf_scheduler_demand(const struct kerf_scheduler *s, const struct kerf_sequence *sequence)
{
    if (s->setup->role == KERF_POOL_PREFILL)
        return (double)sequence->prompt + 1.0; /* the rest is another replica's */
    return (double)sequence->prompt + sequence->output + s->setup->policy->draft_tokens;
}

static long long blocks_for(const struct kerf_scheduler *s, double tokens)
{
    return (long long)ceil(tokens / s->setup->policy->block_tokens);
}

long long kerf_scheduler_blocks(const struct kerf_scheduler *s)
{
    return (long long)floor(s->setup->backend->kv_tokens / s->setup->policy->block_tokens);
}

static void change_blocks(struct kerf_scheduler *s, struct kerf_sequence *sequence, long long blocks)
{
    s->blocks_used += blocks - sequence->blocks;
    sequence->blocks = blocks;
    kerf_prefix_cache_evict(&s->cache, kerf_scheduler_blocks(s) - s->blocks_used);
    double tokens = (double)s->blocks_used * s->setup->policy->block_tokens;
    s->record.kv_tokens_most = fmax(s->record.kv_tokens_most, tokens);
}

/* Blocks that a request has when it enters with a chunk of `tokens`: those up to its end, or what is set
 * aside for it if that is more. A pipeline cannot take back what is under way, so it sets everything aside.
 */
static long long entry_blocks(const struct kerf_scheduler *s, const struct kerf_sequence *sequence,
                              uint32_t tokens)
{
    const struct kerf_scheduler_policy *policy = s->setup->policy;
    double end = (s->caches ? sequence->prefill_issued : 0.0) + tokens;
    double share = s->setup->backend->mixes_prefill ? policy->reserved_output : 1.0;
    /* Cache that waits for room elsewhere cannot be taken back either. */
    if (s->setup->role == KERF_POOL_PREFILL)
        return blocks_for(s, kerf_scheduler_demand(s, sequence));
    if (share <= 0.0)
        return blocks_for(s, end);
    double promised = sequence->prompt + ceil(share * sequence->output) + policy->draft_tokens;
    return blocks_for(s, fmax(end, promised));
}

int kerf_scheduler_next(const struct kerf_scheduler *s)
{
    if (s->in_queue == 0 || s->in_service >= s->setup->policy->max_sequences)
        return -1;
    return s->order[kerf_number_set_next(&s->waiting, 0)];
}

bool kerf_scheduler_may_enter(const struct kerf_scheduler *s, int slot, uint32_t tokens)
{
    const struct kerf_sequence *sequence = &s->sequence[slot];
    long long blocks = kerf_scheduler_blocks(s);
    /* What does not fit alone would be preempted for ever. */
    if (blocks_for(s, kerf_scheduler_demand(s, sequence)) > blocks)
        return false;
    /* A margin for those who grow; there is nobody when nobody is in service. */
    double share = s->in_service > 0 ? s->setup->policy->watermark : 0.0;
    long long margin = (long long)ceil(share * (double)blocks);
    long long held = s->found.named - s->found.idle; /* by others already */
    return s->blocks_used + entry_blocks(s, sequence, tokens) - held + margin <= blocks;
}

void kerf_scheduler_enter(struct kerf_scheduler *s, int slot, uint32_t tokens)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    kerf_number_set_remove(&s->waiting, sequence->place);
    kerf_number_set_add(&s->running, sequence->place);
    kerf_number_set_add(&s->prefill, sequence->place);
    s->in_queue--;
    s->in_service++;
    if (s->caches)
        kerf_scheduler_take_found(s, slot);
    change_blocks(s, sequence, entry_blocks(s, sequence, tokens));
}

static void stop_running(struct kerf_scheduler *s, struct kerf_sequence *sequence, bool comes_back)
{
    kerf_lockstep_part(s, (int)(sequence - s->sequence));
    kerf_number_set_remove(&s->running, sequence->place);
    kerf_number_set_remove(&s->ready, sequence->place);
    kerf_number_set_remove(&s->prefill, sequence->place);
    kerf_number_set_remove(&s->landed, sequence->place);
    s->in_service--;
    s->decoding -= sequence->decoding;
    if (s->caches)
        kerf_scheduler_let_go(s, (int)(sequence - s->sequence), comes_back);
    else
        change_blocks(s, sequence, 0);
}

/* Preemption by recompute: the sequence goes back to its place in the queue, which is before all who never
 * entered, and when it enters again its prompt and what it has generated go through as one prompt. */
static void preempt(struct kerf_scheduler *s, struct kerf_sequence *sequence)
{
    stop_running(s, sequence, true);
    kerf_number_set_add(&s->waiting, sequence->place);
    s->in_queue++;
    sequence->decoding = false;
    sequence->prefill = sequence->prompt + sequence->generated;
    sequence->prefill_issued = sequence->prefilled = 0;
    sequence->guesses = sequence->items_issued = 0;
    sequence->preemptions++;
    s->record.preemptions++;
}

/* The newest in service that no pass under way holds (in a pipeline some are); -1: none. */
static int newest_idle(const struct kerf_scheduler *s)
{
    int place = s->places;
    while (place > 0 && (place = kerf_number_set_previous(&s->running, place - 1)) >= 0) {
        const struct kerf_sequence *sequence = &s->sequence[s->order[place]];
        if (sequence->items_out == 0 && sequence->prefill_issued == sequence->prefilled &&
            !sequence->awaits_cache)
            return s->order[place];
    }
    return -1;
}

bool kerf_scheduler_hold(struct kerf_scheduler *s, int slot, double tokens, bool *preempted)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    long long wanted = blocks_for(s, tokens);
    if (wanted <= sequence->blocks)
        return true;
    while (s->blocks_used + wanted - sequence->blocks > kerf_scheduler_blocks(s)) {
        int newest = newest_idle(s);
        if (newest < 0)
            return false; /* until a pass is back */
        preempt(s, &s->sequence[newest]);
        *preempted = true;
        if (newest == slot)
            return false;
    }
    change_blocks(s, sequence, wanted);
    return true;
}

bool kerf_scheduler_grow(struct kerf_scheduler *s, int slot)
{
    if (s->blocks_used + 1 > kerf_scheduler_blocks(s))
        return false;
    change_blocks(s, &s->sequence[slot], s->sequence[slot].blocks + 1);
    return true;
}

void kerf_scheduler_leave(struct kerf_scheduler *s, int slot)
{
    stop_running(s, &s->sequence[slot], false);
    s->order[s->sequence[slot].place] = -1;
    kerf_number_set_add(&s->free_slots, slot);
}

static void move_member(struct kerf_number_set *set, int from, int to)
{
    if (!kerf_number_set_has(set, from))
        return;
    kerf_number_set_remove(set, from);
    kerf_number_set_add(set, to);
}

/* Closes the gaps that sequences left in the order. */
static void close_gaps(struct kerf_scheduler *s)
{
    int kept = 0;
    for (int place = 0; place < s->places; place++) {
        int slot = s->order[place];
        if (slot < 0)
            continue;
        move_member(&s->waiting, place, kept);
        move_member(&s->running, place, kept);
        move_member(&s->ready, place, kept);
        move_member(&s->prefill, place, kept);
        move_member(&s->landed, place, kept);
        s->sequence[slot].place = kept;
        s->order[kept++] = slot;
    }
    s->places = kept;
}

/* A place behind all others. Gaps are closed only when the places run out and half of them are gaps, so that
 * a place costs the same however many there are. */
static enum kerf_status last_place(struct kerf_scheduler *s, int *place, struct kerf_error *error)
{
    if (s->places == s->order_capacity && s->in_service + s->in_queue <= s->order_capacity / 2)
        close_gaps(s);
    KERF_TRY(kerf_scheduler_make_room((void **)&s->order, &s->order_capacity, s->places + 1, sizeof *s->order,
                                      error));
    KERF_TRY(kerf_number_set_reserve(&s->waiting, s->order_capacity, error));
    KERF_TRY(kerf_number_set_reserve(&s->running, s->order_capacity, error));
    KERF_TRY(kerf_number_set_reserve(&s->ready, s->order_capacity, error));
    KERF_TRY(kerf_number_set_reserve(&s->prefill, s->order_capacity, error));
    KERF_TRY(kerf_number_set_reserve(&s->landed, s->order_capacity, error));
    *place = s->places++;
    return KERF_OK;
}

enum kerf_status kerf_scheduler_enqueue(struct kerf_scheduler *s, const struct kerf_request_message *message,
                                        kerf_time now, int *number, struct kerf_error *error)
{
    int slot, place;
    KERF_TRY(kerf_scheduler_lowest_free((void **)&s->sequence, &s->slot_capacity, sizeof *s->sequence,
                                        &s->free_slots, &slot, error));
    KERF_TRY(last_place(s, &place, error));
    KERF_CHECK(!s->lockstep || (kerf_indexed_heap_reserve(&s->finish, (uint32_t)s->slot_capacity) &&
                                kerf_indexed_heap_reserve(&s->growth, (uint32_t)s->slot_capacity)),
               KERF_ERR_FAILURE, "out of memory for a scheduler's queue");
    kerf_number_set_remove(&s->free_slots, slot);
    kerf_number_set_add(&s->waiting, place);
    s->in_queue++;
    s->order[place] = slot;
    s->sequence[slot] = (struct kerf_sequence){.request = message->request,
                                               .place = place,
                                               .prompt = message->prompt_tokens,
                                               .prefill = message->prompt_tokens,
                                               .output = message->output_tokens,
                                               .last = KERF_PREFIX_NONE,
                                               .run = KERF_PREFIX_NONE,
                                               .shared = message->shared_tokens,
                                               .session = message->session,
                                               .lasting = message->lasting_tokens,
                                               .received = now};
    if (number)
        *number = slot;
    return KERF_OK;
}
