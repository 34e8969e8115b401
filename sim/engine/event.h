/* An event: something that happens to one logical process at one time. A record of 32 bytes and the payload
 * behind it, so that a queue of events is a plain run of bytes. */
#ifndef KERF_ENGINE_EVENT_H
#define KERF_ENGINE_EVENT_H

#include "sim/engine/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERF_PAYLOAD_BYTES = 1024 }; /* most that one event carries */

struct kerf_event {
    union { /* the engine's own; a handler must not look */
        struct {
            uint32_t destination;
            uint32_t place; /* of the destination on its rank */
        } to;
        struct kerf_event *next; /* once it waits at its LP */
    };
    kerf_time time;
    uint64_t sequence; /* of the source's sends */
    uint32_t source;
    uint16_t type; /* the model's own */
    uint16_t payload_bytes;
    unsigned char payload[];
};

/* Bytes of a record with so much payload: records stay aligned to 8 bytes. */
static inline uint32_t kerf_event_bytes(uint32_t payload_bytes)
{
    return (uint32_t)sizeof(struct kerf_event) + ((payload_bytes + 7u) & ~7u);
}

/* The order of the events of one LP: (time, source, number of the source's send). Nothing in it depends on
 * ranks. Events of different LPs need no order among themselves: they meet only by sending, which takes
 * time. */
static inline bool kerf_event_before(const struct kerf_event *a, const struct kerf_event *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

#endif
