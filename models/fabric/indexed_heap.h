/* A 4-ary heap of numbered things, each at most once in it, whose keys may change: which one is first?
 *
 * The order is (key, id), so that nothing in it depends on how the heap came about. */
#ifndef KERF_FABRIC_INDEXED_HEAP_H
#define KERF_FABRIC_INDEXED_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct kerf_heap_entry {
    int64_t key;
    uint32_t id;
};

struct kerf_indexed_heap {
    struct kerf_heap_entry *entries; /* owned: `count` in heap order */
    uint32_t *position;              /* owned: by id, where its entry stands; UINT32_MAX: not in the heap */
    uint32_t count, ids;
};

/* Makes room for ids below `ids`; never shrinks. False when memory is out (the heap is as before). */
bool kerf_indexed_heap_reserve(struct kerf_indexed_heap *heap, uint32_t ids);

/* Puts `id` in with that key, or gives it the key if it is in already. */
void kerf_indexed_heap_set(struct kerf_indexed_heap *heap, uint32_t id, int64_t key);

/* Takes `id` out if it is in. */
void kerf_indexed_heap_remove(struct kerf_indexed_heap *heap, uint32_t id);

void kerf_indexed_heap_free(struct kerf_indexed_heap *heap);

static inline bool kerf_indexed_heap_holds(const struct kerf_indexed_heap *heap, uint32_t id)
{
    return heap->position[id] != UINT32_MAX;
}

/* The key of an id that is in the heap. */
static inline int64_t kerf_indexed_heap_key(const struct kerf_indexed_heap *heap, uint32_t id)
{
    return heap->entries[heap->position[id]].key;
}

#endif
