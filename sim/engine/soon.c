/* The engine room: the heap of events that an LP sends itself at once. */
#include "sim/engine/soon.h"

#include <stdlib.h>

enum {
    CELL_BYTES = 64,
    CELL_CLASSES = (KERF_PAYLOAD_BYTES + (int)sizeof(struct kerf_event)) / CELL_BYTES + 2
};

/* The chunks that cells are cut from stay with the pool's slabs: a cell is used again, never given back. */
struct kerf_event *kerf_soon_take(struct kerf_soon *soon, struct kerf_chunk_pool *pool, uint32_t bytes)
{
    uint32_t class = (bytes + CELL_BYTES - 1) / CELL_BYTES;
    if (!soon->cell) {
        soon->cell = calloc(CELL_CLASSES, sizeof *soon->cell);
        if (!soon->cell)
            return NULL;
    }
    if (!soon->cell[class]) {
        struct kerf_chunk *chunk = kerf_chunk_take(pool);
        if (!chunk)
            return NULL;
        for (uint32_t at = 0; at + class * CELL_BYTES <= KERF_CHUNK_BYTES; at += class * CELL_BYTES) {
            *(void **)(void *)(chunk->bytes + at) = soon->cell[class];
            soon->cell[class] = chunk->bytes + at;
        }
    }
    void *cell = soon->cell[class];
    soon->cell[class] = *(void **)cell;
    return cell;
}

void kerf_soon_give(struct kerf_soon *soon, struct kerf_event *event)
{
    uint32_t class = (kerf_event_bytes(event->payload_bytes) + CELL_BYTES - 1) / CELL_BYTES;
    *(void **)(void *)event = soon->cell[class];
    soon->cell[class] = event;
}

bool kerf_soon_push(struct kerf_soon *soon, struct kerf_event *event)
{
    if (soon->count == soon->capacity) {
        size_t capacity = soon->capacity ? 2 * soon->capacity : 64;
        struct kerf_event **grown = realloc(soon->heap, capacity * sizeof(struct kerf_event *));
        if (!grown)
            return false;
        soon->heap = grown;
        soon->capacity = capacity;
    }
    size_t hole = soon->count++;
    for (; hole > 0 && kerf_event_before(event, soon->heap[(hole - 1) / 2]); hole = (hole - 1) / 2)
        soon->heap[hole] = soon->heap[(hole - 1) / 2];
    soon->heap[hole] = event;
    return true;
}

struct kerf_event *kerf_soon_pop(struct kerf_soon *soon)
{
    struct kerf_event *first = soon->heap[0], *last = soon->heap[--soon->count];
    size_t hole = 0, child;
    while ((child = 2 * hole + 1) < soon->count) {
        if (child + 1 < soon->count && kerf_event_before(soon->heap[child + 1], soon->heap[child]))
            child++;
        if (!kerf_event_before(soon->heap[child], last))
            break;
        soon->heap[hole] = soon->heap[child];
        hole = child;
    }
    if (soon->count > 0)
        soon->heap[hole] = last;
    return first;
}

void kerf_soon_free(struct kerf_soon *soon)
{
    free(soon->heap);
    free(soon->cell);
    *soon = (struct kerf_soon){0};
}
