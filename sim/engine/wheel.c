/* The engine room: the wheel of buckets. */
#include "sim/engine/wheel.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_MASK = KERF_WHEEL_SLOTS - 1, WORDS = KERF_WHEEL_SLOTS / 64 };

struct kerf_wheel *kerf_wheel_create(kerf_time width)
{
    struct kerf_wheel *wheel = calloc(1, sizeof *wheel);
    if (wheel) {
        wheel->width = width;
        wheel->reciprocal = UINT64_MAX / (uint64_t)width;
    }
    return wheel;
}

void kerf_wheel_free(struct kerf_wheel *wheel)
{
    free(wheel);
}

/* First occupied slot of a level at or after `slot`, or -1. */
static int next_slot(const struct kerf_wheel_level *level, unsigned slot)
{
    for (unsigned word = slot / 64; word < WORDS; word++) {
        uint64_t bits = level->occupied[word];
        if (word == slot / 64)
            bits &= ~UINT64_C(0) << slot % 64;
        if (bits)
            return (int)(word * 64) + __builtin_ctzll(bits);
    }
    return -1;
}

static struct kerf_bucket take_slot(struct kerf_wheel *wheel, unsigned level, unsigned slot)
{
    struct kerf_wheel_level *at = &wheel->level[level];
    struct kerf_bucket taken = at->bucket[slot];
    at->bucket[slot].first = at->bucket[slot].last = NULL;
    at->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    if (next_slot(at, 0) < 0)
        wheel->levels_used &= ~(1u << level);
    return taken;
}

/* Bucket number at which a slot of a level begins, for slots not before the present one. */
static uint64_t slot_start(const struct kerf_wheel *wheel, unsigned level, unsigned slot)
{
    unsigned shift = level * KERF_WHEEL_BITS;
    uint64_t higher = shift + KERF_WHEEL_BITS < 64 ? wheel->now >> (shift + KERF_WHEEL_BITS) : 0;
    return ((shift + KERF_WHEEL_BITS < 64 ? higher << KERF_WHEEL_BITS : 0) | slot) << shift;
}

static unsigned present_slot(const struct kerf_wheel *wheel, unsigned level)
{
    return (unsigned)(wheel->now >> level * KERF_WHEEL_BITS) & SLOT_MASK;
}

struct kerf_event *kerf_wheel_copy(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool,
                                   const struct kerf_event *event, uint32_t place)
{
    uint32_t bytes = kerf_event_bytes(event->payload_bytes);
    struct kerf_event *copy = kerf_wheel_push(wheel, pool, event->time, place, bytes);
    if (copy)
        memcpy(copy, event, bytes);
    return copy;
}

/* The events of a coarse slot, whose time has come, go to finer ones. */
static bool move_down(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool, struct kerf_bucket taken)
{
    bool kept = true;
    for (struct kerf_chunk *chunk = taken.first, *next; chunk; chunk = next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            kept = kerf_wheel_copy(wheel, pool, event, event->to.place) && kept;
            wheel->count--;
        }
        next = chunk->next;
        kerf_chunk_give(pool, chunk);
    }
    return kept;
}

kerf_time kerf_wheel_advance(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool, kerf_time end,
                             bool *failed)
{
    uint64_t last = end > 0 ? kerf_wheel_number(wheel, end - 1) : 0;
    while (wheel->levels_used) {
        unsigned level = (unsigned)__builtin_ctz(wheel->levels_used);
        int slot = next_slot(&wheel->level[level], present_slot(wheel, level));
        if (slot < 0) { /* cannot be: slots before the present one are empty */
            *failed = true;
            break;
        }
        uint64_t start = slot_start(wheel, level, (unsigned)slot);
        if (start > last)
            break;
        if (start > wheel->now)
            wheel->now = start;
        if (level == 0)
            return (kerf_time)(start * (uint64_t)wheel->width);
        if (!move_down(wheel, pool, take_slot(wheel, level, (unsigned)slot))) {
            *failed = true;
            break;
        }
    }
    return KERF_TIME_NEVER;
}

struct kerf_bucket kerf_wheel_take(struct kerf_wheel *wheel)
{
    struct kerf_bucket taken = take_slot(wheel, 0, present_slot(wheel, 0));
    for (const struct kerf_chunk *chunk = taken.first; chunk; chunk = chunk->next)
        wheel->count -= chunk->count;
    return taken;
}

void kerf_wheel_visit(struct kerf_wheel *wheel,
                      bool (*visit)(void *context, kerf_time start, struct kerf_bucket *bucket),
                      void *context)
{
    for (unsigned level = 0; level < KERF_WHEEL_LEVELS; level++) {
        if (!(wheel->levels_used >> level & 1))
            continue;
        for (int slot = next_slot(&wheel->level[level], present_slot(wheel, level)); slot >= 0;
             slot = slot < SLOT_MASK ? next_slot(&wheel->level[level], (unsigned)slot + 1) : -1) {
            kerf_time start = (kerf_time)(slot_start(wheel, level, (unsigned)slot) * (uint64_t)wheel->width);
            if (!visit(context, start, &wheel->level[level].bucket[slot]))
                return;
        }
    }
}
