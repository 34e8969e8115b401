/* The reference: all pending events of one rank in one plain heap, no windows, no buckets. Slow and obvious;
 * the tests hold the engine against it. */
#ifndef KERF_ENGINE_REFERENCE_H
#define KERF_ENGINE_REFERENCE_H

#include "sim/engine/event.h"

struct kerf_reference_item {
    kerf_time time;
    uint64_t sequence;
    uint32_t destination, source;
    struct kerf_event *event; /* owned */
};

struct kerf_reference {
    struct kerf_reference_item *heap; /* owned */
    size_t count, capacity;
};

/* Keeps a copy; false when memory is out. */
bool kerf_reference_push(struct kerf_reference *reference, const struct kerf_event *event,
                         uint32_t destination);

/* Removes the first in the one total order (time, destination, source, number of the source's send). The
 * caller frees the event. */
struct kerf_reference_item kerf_reference_pop(struct kerf_reference *reference);

void kerf_reference_free(struct kerf_reference *reference);

#endif
