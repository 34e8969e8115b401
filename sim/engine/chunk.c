/* The engine room: where chunks come from. */
#include "sim/engine/chunk.h"

#include <stdlib.h>

enum { CHUNKS_PER_SLAB = 64, CACHE_LINE_BYTES = 64 };

static bool add_slab(struct kerf_chunk_pool *pool)
{
    if (pool->slabs == pool->slab_capacity) {
        size_t capacity = pool->slab_capacity ? 2 * pool->slab_capacity : 64;
        void **grown = realloc(pool->slab, capacity * sizeof *grown);
        if (!grown)
            return false;
        pool->slab = grown;
        pool->slab_capacity = capacity;
    }
    struct kerf_chunk *made = aligned_alloc(CACHE_LINE_BYTES, CHUNKS_PER_SLAB * sizeof *made);
    if (!made)
        return false;
    pool->slab[pool->slabs++] = made;
    for (int i = CHUNKS_PER_SLAB - 1; i >= 0; i--)
        kerf_chunk_give(pool, &made[i]);
    return true;
}

struct kerf_chunk *kerf_chunk_take(struct kerf_chunk_pool *pool)
{
    if (!pool->idle && !add_slab(pool))
        return NULL;
    struct kerf_chunk *chunk = pool->idle;
    pool->idle = chunk->next;
    chunk->next = NULL;
    chunk->used = chunk->count = 0;
    return chunk;
}

void kerf_chunk_pool_free(struct kerf_chunk_pool *pool)
{
    for (size_t i = 0; i < pool->slabs; i++)
        free(pool->slab[i]);
    free(pool->slab);
    *pool = (struct kerf_chunk_pool){0};
}
