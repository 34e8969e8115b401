/* Pending events of one rank: a 4-ary heap in the total order of events. */
#ifndef KERF_ENGINE_EVENT_QUEUE_H
#define KERF_ENGINE_EVENT_QUEUE_H

#include "sim/engine/event.h"

#include <stddef.h>

struct kerf_event_queue {
    struct kerf_event *heap; /* owned */
    size_t count, capacity;
};

/* Adds a copy; false when memory is out. */
bool kerf_event_queue_push(struct kerf_event_queue *queue, const struct kerf_event *event);

/* The earliest event, or NULL. Valid until the next push or pop. */
const struct kerf_event *kerf_event_queue_first(const struct kerf_event_queue *queue);

/* Removes the earliest event; the queue must not be empty. */
void kerf_event_queue_pop(struct kerf_event_queue *queue);

void kerf_event_queue_free(struct kerf_event_queue *queue);

#endif
