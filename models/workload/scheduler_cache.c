/* The workload room: a scheduler's prefix cache. Knows which tokens prompts have in common; not who is served
 * when.
 *
 * As vLLM V1's block pool: a full block is named when its tokens are given to the devices, a request that
 * enters finds the longest run of leading blocks with its names, but computes its last token in any case, and
 * who leaves lets the last block go first. Unlike there, a block that two sequences compute at the same time
 * is kept once. */
#include "models/workload/scheduler_state.h"

enum content { CONTENT_SHARED = 1, CONTENT_TRACE, CONTENT_SESSION };

static uint32_t block_tokens(const struct kerf_scheduler *s)
{
    return (uint32_t)s->setup->policy->block_tokens;
}

/* The name that a recorded prompt's part has around token `token`; false: none. */
static bool recorded_name(const struct kerf_trace *trace, uint64_t request, uint32_t token, uint64_t *name)
{
    int64_t place = trace->first_block[request] + token / (uint32_t)trace->block_tokens;
    bool named = place < trace->first_block[request + 1];
    if (named)
        *name = trace->block[place];
    return named;
}

/* The name of block `index` behind the block with the name `before`; false: nobody else can have it. */
static bool block_name(const struct kerf_scheduler *s, const struct kerf_sequence *sequence, uint32_t index,
                       uint64_t before, uint64_t *name)
{
    const struct kerf_trace *trace = s->setup->trace;
    uint32_t first = index * block_tokens(s), end = first + block_tokens(s);
    if (end <= sequence->shared) {
        *name = kerf_prefix_name(before, CONTENT_SHARED, index);
        return true;
    }
    if (sequence->session != KERF_NO_SESSION) {
        *name = kerf_prefix_name(before, CONTENT_SESSION + ((uint64_t)sequence->session << 8), index);
        return end <= sequence->lasting;
    }
    uint64_t one, other;
    if (!trace || !trace->first_block || end > sequence->prompt ||
        !recorded_name(trace, sequence->request, first, &one) ||
        !recorded_name(trace, sequence->request, end - 1, &other))
        return false;
    uint64_t offset = first % (uint32_t)trace->block_tokens;
    *name = kerf_prefix_name(before, CONTENT_TRACE + (offset << 8), one << 32 | other);
    return true;
}

static uint64_t last_name(const struct kerf_scheduler *s, int node)
{
    return node == KERF_PREFIX_NONE ? 0 : s->cache.node[node].name;
}

void kerf_scheduler_look_up(struct kerf_scheduler *s, int slot)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    struct kerf_found *found = &s->found;
    uint32_t most = (sequence->prefill - 1) / block_tokens(s), blocks = 0;
    *found = (struct kerf_found){.last = KERF_PREFIX_NONE};
    if (!s->caches)
        return;
    for (uint64_t name = 0; blocks < most; blocks++) {
        if (!block_name(s, sequence, blocks, name, &name))
            break;
        int node = kerf_prefix_cache_find(&s->cache, name);
        if (node == KERF_PREFIX_NONE) {
            most = blocks; /* also none of its own blocks behind */
            break;
        }
        found->last = node;
        found->idle += s->cache.node[node].holders == 0;
    }
    found->named = (int)blocks;
    if (sequence->run != KERF_PREFIX_NONE) {
        uint32_t left = (uint32_t)s->cache.node[sequence->run].blocks;
        found->own = (int)(left < most - blocks ? left : most - blocks);
    }
    sequence->prefill_issued = sequence->prefilled = (uint32_t)(found->named + found->own) * block_tokens(s);
}

void kerf_scheduler_take_found(struct kerf_scheduler *s, int slot)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    const struct kerf_found *found = &s->found;
    for (int node = found->last; node != KERF_PREFIX_NONE; node = s->cache.node[node].before)
        s->blocks_used += kerf_prefix_cache_hold(&s->cache, node);
    if (sequence->run != KERF_PREFIX_NONE)
        s->blocks_used += kerf_prefix_cache_take_back(&s->cache, sequence->run, found->own);
    sequence->run = KERF_PREFIX_NONE;
    sequence->last = found->last;
    sequence->named = found->named;
    sequence->blocks = found->named + found->own;
    s->record.cached_tokens += sequence->prefilled;
    if (!sequence->begun)
        sequence->cached = sequence->prefilled;
}

void kerf_scheduler_name_blocks(struct kerf_scheduler *s, int slot, uint32_t tokens)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    uint64_t name;
    if (!s->caches)
        return;
    while (((uint32_t)sequence->named + 1) * block_tokens(s) <= tokens &&
           block_name(s, sequence, (uint32_t)sequence->named, last_name(s, sequence->last), &name)) {
        int node = kerf_prefix_cache_find(&s->cache, name);
        if (node != KERF_PREFIX_NONE) /* its own copy is let go */
            s->blocks_used += (kerf_prefix_cache_hold(&s->cache, node) ? 1 : 0) - 1;
        else
            node = kerf_prefix_cache_add(&s->cache, name, sequence->last);
        if (node == KERF_PREFIX_NONE)
            return;
        sequence->last = node;
        sequence->named++;
    }
}

void kerf_scheduler_let_go(struct kerf_scheduler *s, int slot, bool comes_back)
{
    struct kerf_sequence *sequence = &s->sequence[slot];
    uint32_t computed =
        sequence->decoding ? sequence->prompt + sequence->generated - 1 : sequence->prefill_issued;
    kerf_scheduler_name_blocks(s, slot, computed);
    int own = (int)sequence->blocks - sequence->named;
    int full = comes_back ? (int)(computed / block_tokens(s)) - sequence->named : 0;
    kerf_prefix_cache_leave(&s->cache, own - full, false);
    sequence->run = kerf_prefix_cache_leave(&s->cache, full, true);
    s->blocks_used -= own;
    for (int node = sequence->last; node != KERF_PREFIX_NONE;) {
        int before = s->cache.node[node].before;
        s->blocks_used -= kerf_prefix_cache_release(&s->cache, node);
        node = before;
    }
    sequence->blocks = 0;
    sequence->named = 0;
    sequence->last = KERF_PREFIX_NONE;
}
