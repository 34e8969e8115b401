/* The workload room: answers that advance together. Knows when each ends and when it needs cache; not what a
 * step costs.
 *
 * Without guesses every answer in service takes part in every step of GPUs and gains one token by it. So
 * nothing is done per answer and step: steps are counted, two heaps say with which step an answer ends and
 * before which it needs another block, and what the steps added up to is kept once for all. */
#include "models/workload/scheduler_state.h"

bool kerf_lockstep_applies(const struct kerf_scheduler_setup *setup)
{
    const struct kerf_backend *backend = setup->backend;
    const struct kerf_scheduler_policy *policy = setup->policy;
    return backend->passes_most == 1 && backend->mixes_prefill && backend->verifies_in_one &&
           backend->round_overhead_s == 0.0 && policy->draft_tokens == 0 &&
           policy->max_sequences <= policy->token_budget; /* so that all have room in a step */
}

static bool takes_part(const struct kerf_scheduler *s, int slot)
{
    return s->lockstep && kerf_indexed_heap_holds(&s->finish, (uint32_t)slot);
}

/* The step before which a sequence needs its next block, by the blocks it holds; steps count from 0. */
static int64_t growth_step(const struct kerf_scheduler *s, const struct kerf_sequence *sequence)
{
    int64_t room = sequence->blocks * s->setup->policy->block_tokens;
    return sequence->joined + room + 1 - (int64_t)sequence->prompt - sequence->generated;
}

static void plan_growth(struct kerf_scheduler *s, int slot)
{
    const struct kerf_sequence *sequence = &s->sequence[slot];
    int64_t step = growth_step(s, sequence);
    if (step < kerf_indexed_heap_key(&s->finish, (uint32_t)slot))
        kerf_indexed_heap_set(&s->growth, (uint32_t)slot, step);
    else
        kerf_indexed_heap_remove(&s->growth, (uint32_t)slot);
}

void kerf_lockstep_join(struct kerf_scheduler *s, int slot)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    sequence->joined = s->steps;
    s->cached_tokens += (double)sequence->prompt + sequence->generated - 1.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        sequence->part_s[part] -= s->step_part_s[part];
    kerf_indexed_heap_set(&s->finish, (uint32_t)slot, s->steps + sequence->output - sequence->generated);
    plan_growth(s, slot);
}

void kerf_lockstep_part(struct kerf_scheduler *s, int slot)
{
    if (!takes_part(s, slot))
        return;
    struct kerf_sequence *sequence = &s->sequence[slot];
    sequence->generated += (uint32_t)(s->steps - sequence->joined);
    sequence->rounds += (uint32_t)(s->steps - sequence->joined);
    s->cached_tokens -= (double)sequence->prompt + sequence->generated - 1.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        sequence->part_s[part] += s->step_part_s[part];
    kerf_indexed_heap_remove(&s->finish, (uint32_t)slot);
    kerf_indexed_heap_remove(&s->growth, (uint32_t)slot);
}

/* Those who need a block, the oldest first, when there are not enough: the newest lose theirs. */
static void hold_what_there_is(struct kerf_scheduler *s, bool *preempted)
{
    for (int place = -1; (place = kerf_number_set_next(&s->running, place + 1)) >= 0;) {
        int slot = s->order[place];
        if (!kerf_indexed_heap_holds(&s->growth, (uint32_t)slot) ||
            kerf_indexed_heap_key(&s->growth, (uint32_t)slot) > s->steps)
            continue;
        const struct kerf_sequence *sequence = &s->sequence[slot];
        double tokens =
            (double)sequence->prompt + sequence->generated + (double)(s->steps - sequence->joined);
        if (kerf_scheduler_hold(s, slot, tokens, preempted))
            plan_growth(s, slot);
    }
}

void kerf_lockstep_fill(struct kerf_scheduler *s, struct kerf_batch *batch, struct kerf_pass_message *pass,
                        bool *preempted)
{
    const struct kerf_indexed_heap *growth = &s->growth;
    while (growth->count > 0 && growth->entries[0].key <= s->steps) {
        int slot = (int)growth->entries[0].id;
        if (!kerf_scheduler_grow(s, slot)) {
            hold_what_there_is(s, preempted);
            break;
        }
        plan_growth(s, slot);
    }
    batch->answers = (int)s->finish.count;
    pass->decode_tokens = pass->decode_sequences = s->finish.count;
    pass->logit_tokens += s->finish.count;
    pass->decode_attended = pass->decode_context = s->cached_tokens + s->finish.count;
}

void kerf_lockstep_advance(struct kerf_scheduler *s, const struct kerf_batch *batch,
                           const struct kerf_pass_message *pass)
{
    s->steps += batch->answers > 0;
    s->cached_tokens += batch->answers;
    s->record.rounds += (uint64_t)batch->answers;
    s->record.output_tokens += (uint64_t)batch->answers;
    for (int part = 0; part < KERF_TIME_PARTS && batch->answers > 0; part++)
        s->step_part_s[part] += pass->part_s[part];
}

int kerf_lockstep_finished(const struct kerf_scheduler *s)
{
    const struct kerf_indexed_heap *finish = &s->finish;
    return finish->count > 0 && finish->entries[0].key <= s->steps ? (int)finish->entries[0].id : -1;
}
