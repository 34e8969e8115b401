/* The fabric room: the heap whose keys may change. */
#include "models/fabric/indexed_heap.h"

#include <stdlib.h>

enum { HEAP_ARITY = 4 };

static bool before(const struct kerf_heap_entry *a, const struct kerf_heap_entry *b)
{
    /* Without branches: which key is less is anyone's guess. */
    return (a->key < b->key) | ((a->key == b->key) & (a->id < b->id));
}

static void place(struct kerf_indexed_heap *heap, uint32_t hole, struct kerf_heap_entry entry)
{
    heap->entries[hole] = entry;
    heap->position[entry.id] = hole;
}

/* Puts `entry` at `hole` or above; what stood in between moves down. */
static void sift_up(struct kerf_indexed_heap *heap, uint32_t hole, struct kerf_heap_entry entry)
{
    while (hole > 0) {
        uint32_t parent = (hole - 1) / HEAP_ARITY;
        if (!before(&entry, &heap->entries[parent]))
            break;
        place(heap, hole, heap->entries[parent]);
        hole = parent;
    }
    place(heap, hole, entry);
}

/* Puts `entry` at `hole` or below; what stood in between moves up. */
static void sift_down(struct kerf_indexed_heap *heap, uint32_t hole, struct kerf_heap_entry entry)
{
    for (;;) {
        uint32_t child = HEAP_ARITY * hole + 1;
        if (child >= heap->count)
            break;
        uint32_t end = child + HEAP_ARITY < heap->count ? child + HEAP_ARITY : heap->count, least = child;
        for (uint32_t i = child + 1; i < end; i++)
            if (before(&heap->entries[i], &heap->entries[least]))
                least = i;
        if (!before(&heap->entries[least], &entry))
            break;
        place(heap, hole, heap->entries[least]);
        hole = least;
    }
    place(heap, hole, entry);
}

bool kerf_indexed_heap_reserve(struct kerf_indexed_heap *heap, uint32_t ids)
{
    if (ids <= heap->ids)
        return true;
    struct kerf_heap_entry *entries = realloc(heap->entries, ids * sizeof *entries);
    if (!entries)
        return false;
    heap->entries = entries;
    uint32_t *position = realloc(heap->position, ids * sizeof *position);
    if (!position)
        return false;
    heap->position = position;
    for (uint32_t id = heap->ids; id < ids; id++)
        position[id] = UINT32_MAX;
    heap->ids = ids;
    return true;
}

void kerf_indexed_heap_set(struct kerf_indexed_heap *heap, uint32_t id, int64_t key)
{
    struct kerf_heap_entry entry = {.key = key, .id = id};
    uint32_t hole = heap->position[id];
    if (hole == UINT32_MAX)
        sift_up(heap, heap->count++, entry);
    else if (key < heap->entries[hole].key)
        sift_up(heap, hole, entry);
    else
        sift_down(heap, hole, entry);
}

void kerf_indexed_heap_remove(struct kerf_indexed_heap *heap, uint32_t id)
{
    uint32_t hole = heap->position[id];
    if (hole == UINT32_MAX)
        return;
    struct kerf_heap_entry gone = heap->entries[hole], last = heap->entries[--heap->count];
    heap->position[id] = UINT32_MAX;
    if (hole == heap->count)
        return;
    if (before(&last, &gone))
        sift_up(heap, hole, last);
    else
        sift_down(heap, hole, last);
}

void kerf_indexed_heap_free(struct kerf_indexed_heap *heap)
{
    free(heap->entries);
    free(heap->position);
    *heap = (struct kerf_indexed_heap){0};
}
