/* Event records in chunks: a bucket is a list of chunks that are filled one after the other, and chunks go
 * back to a pool. No allocation per event, and reading a bucket is reading memory in a row. */
#ifndef KERF_ENGINE_CHUNK_H
#define KERF_ENGINE_CHUNK_H

#include "sim/engine/event.h"

/* 65 cache lines in all: chunks whose size is a power of two would all start in one set of the cache. */
enum { KERF_CHUNK_BYTES = 65 * 64 - 16 };

struct kerf_chunk {
    struct kerf_chunk *next;
    uint32_t used, count; /* bytes, events */
    _Alignas(8) unsigned char bytes[KERF_CHUNK_BYTES];
};

struct kerf_chunk_pool {
    struct kerf_chunk *idle;
    void **slab; /* owned */
    size_t slabs, slab_capacity;
};

void kerf_chunk_pool_free(struct kerf_chunk_pool *pool);

/* An empty chunk, or NULL when memory is out. */
struct kerf_chunk *kerf_chunk_take(struct kerf_chunk_pool *pool);

static inline void kerf_chunk_give(struct kerf_chunk_pool *pool, struct kerf_chunk *chunk)
{
    chunk->next = pool->idle;
    pool->idle = chunk;
}

struct kerf_bucket {
    struct kerf_chunk *first, *last;
    kerf_time bound; /* least (time + reach) of its events, when the wheel keeps bounds */
};

/* Room for one more record of `bytes` at the end of the bucket, or NULL when memory is out. */
static inline struct kerf_event *kerf_bucket_append(struct kerf_bucket *bucket, struct kerf_chunk_pool *pool,
                                                    uint32_t bytes)
{
    struct kerf_chunk *chunk = bucket->last;
    if (!chunk || chunk->used + bytes > KERF_CHUNK_BYTES) {
        struct kerf_chunk *made = kerf_chunk_take(pool);
        if (!made)
            return NULL;
        if (chunk)
            chunk->next = made;
        else
            bucket->first = made;
        bucket->last = chunk = made;
    }
    struct kerf_event *event = (struct kerf_event *)(void *)(chunk->bytes + chunk->used);
    chunk->used += bytes;
    chunk->count++;
    return event;
}

/* Walks the records of one chunk: for (event = first; i < chunk->count; i++, event = next). */
static inline struct kerf_event *kerf_chunk_first(struct kerf_chunk *chunk)
{
    return (struct kerf_event *)(void *)chunk->bytes;
}

static inline struct kerf_event *kerf_event_after(struct kerf_event *event)
{
    return (struct kerf_event *)(void *)((unsigned char *)event + kerf_event_bytes(event->payload_bytes));
}

#endif
