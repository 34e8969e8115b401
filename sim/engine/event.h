/* An event: something that happens to one logical process at one time, with a small payload inline. */
#ifndef KERF_ENGINE_EVENT_H
#define KERF_ENGINE_EVENT_H

#include "sim/engine/time.h"

#include <stdbool.h>
#include <stdint.h>

enum { KERF_PAYLOAD_BYTES = 96 };

struct kerf_event {
    kerf_time time;
    uint64_t sequence; /* of the source's sends */
    uint32_t destination, source;
    uint32_t type;          /* the model's own */
    uint32_t payload_bytes; /* used part of payload */
    unsigned char payload[KERF_PAYLOAD_BYTES];
};

/* The one total order: (time, destination, source, sequence). Nothing in it depends on the ranks. */
static inline bool kerf_event_before(const struct kerf_event *a, const struct kerf_event *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->destination != b->destination)
        return a->destination < b->destination;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

#endif
