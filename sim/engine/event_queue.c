/* The engine room: the heap of pending events. */
#include "sim/engine/event_queue.h"

#include <stdlib.h>

enum { HEAP_ARITY = 4, HEAP_FIRST_CAPACITY = 256 };

static void sift_up(struct kerf_event_queue *queue, size_t hole, const struct kerf_event *event)
{
    while (hole > 0) {
        size_t parent = (hole - 1) / HEAP_ARITY;
        if (!kerf_event_before(event, &queue->heap[parent]))
            break;
        queue->heap[hole] = queue->heap[parent];
        hole = parent;
    }
    queue->heap[hole] = *event;
}

bool kerf_event_queue_push(struct kerf_event_queue *queue, const struct kerf_event *event)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? 2 * queue->capacity : HEAP_FIRST_CAPACITY;
        struct kerf_event *heap = realloc(queue->heap, capacity * sizeof *heap);
        if (!heap)
            return false;
        queue->heap = heap;
        queue->capacity = capacity;
    }
    sift_up(queue, queue->count++, event);
    return true;
}

const struct kerf_event *kerf_event_queue_first(const struct kerf_event_queue *queue)
{
    return queue->count ? &queue->heap[0] : NULL;
}

void kerf_event_queue_pop(struct kerf_event_queue *queue)
{
    size_t last = --queue->count, hole = 0;
    const struct kerf_event *event = &queue->heap[last];
    for (;;) {
        size_t child = HEAP_ARITY * hole + 1, end = child + HEAP_ARITY < last ? child + HEAP_ARITY : last;
        if (child >= last)
            break;
        size_t least = child;
        for (size_t i = child + 1; i < end; i++)
            if (kerf_event_before(&queue->heap[i], &queue->heap[least]))
                least = i;
        if (!kerf_event_before(&queue->heap[least], event))
            break;
        queue->heap[hole] = queue->heap[least];
        hole = least;
    }
    if (hole != last)
        queue->heap[hole] = *event;
}

void kerf_event_queue_free(struct kerf_event_queue *queue)
{
    free(queue->heap);
    *queue = (struct kerf_event_queue){0};
}
