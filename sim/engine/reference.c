/* The engine room: the plain heap that proves the rest. */
#include "sim/engine/reference.h"

#include <stdlib.h>
#include <string.h>

static bool before(const struct kerf_reference_item *a, const struct kerf_reference_item *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->destination != b->destination)
        return a->destination < b->destination;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

bool kerf_reference_push(struct kerf_reference *r, const struct kerf_event *event, uint32_t destination)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        struct kerf_reference_item *grown = realloc(r->heap, capacity * sizeof *grown);
        if (!grown)
            return false;
        r->heap = grown;
        r->capacity = capacity;
    }
    uint32_t bytes = kerf_event_bytes(event->payload_bytes);
    struct kerf_reference_item item = {event->time, event->sequence, destination, event->source,
                                       malloc(bytes)};
    if (!item.event)
        return false;
    memcpy(item.event, event, bytes);
    size_t hole = r->count++;
    for (; hole > 0 && before(&item, &r->heap[(hole - 1) / 2]); hole = (hole - 1) / 2)
        r->heap[hole] = r->heap[(hole - 1) / 2];
    r->heap[hole] = item;
    return true;
}

struct kerf_reference_item kerf_reference_pop(struct kerf_reference *r)
{
    struct kerf_reference_item first = r->heap[0], last = r->heap[--r->count];
    size_t hole = 0, child;
    while ((child = 2 * hole + 1) < r->count) {
        if (child + 1 < r->count && before(&r->heap[child + 1], &r->heap[child]))
            child++;
        if (!before(&r->heap[child], &last))
            break;
        r->heap[hole] = r->heap[child];
        hole = child;
    }
    r->heap[hole] = last;
    return first;
}

void kerf_reference_free(struct kerf_reference *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->heap[i].event);
    free(r->heap);
    *r = (struct kerf_reference){0};
}
