/* Events that the running LP sends itself inside the open window: a small heap in the order of one LP, empty
 * again when the LP is done. */
#ifndef KERF_ENGINE_SOON_H
#define KERF_ENGINE_SOON_H

#include "sim/engine/chunk.h"

struct kerf_soon {
    struct kerf_event **heap; /* owned; earliest first */
    size_t count, capacity;
    void **cell; /* owned: idle records, by class of size */
};

/* Room for a record of `bytes`, or NULL when memory is out. */
struct kerf_event *kerf_soon_take(struct kerf_soon *soon, struct kerf_chunk_pool *pool, uint32_t bytes);

/* Puts a filled record into the heap; false when memory is out. */
bool kerf_soon_push(struct kerf_soon *soon, struct kerf_event *event);

/* Removes and returns the earliest; the heap must not be empty. Give the record back when it is handled. */
struct kerf_event *kerf_soon_pop(struct kerf_soon *soon);
void kerf_soon_give(struct kerf_soon *soon, struct kerf_event *event);

void kerf_soon_free(struct kerf_soon *soon); /* records belong to the pool */

#endif
