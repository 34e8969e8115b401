/* Pending events of one rank by time: a wheel of buckets, each as wide as a window may be.
 *
 * Bucket floor(time / width) of the near future is found by its last digit; what lies further off waits in
 * coarser buckets (a slot per higher digit) and moves down once when its time comes near. Inside a bucket
 * there is no order: in a window of that width events meet only inside one LP, which sorts its own. Push and
 * pop take the same time however many events wait. */
#ifndef KERF_ENGINE_WHEEL_H
#define KERF_ENGINE_WHEEL_H

#include "sim/engine/chunk.h"

enum { KERF_WHEEL_BITS = 10, KERF_WHEEL_SLOTS = 1 << KERF_WHEEL_BITS, KERF_WHEEL_LEVELS = 7 };

struct kerf_wheel_level {
    uint64_t occupied[KERF_WHEEL_SLOTS / 64];
    struct kerf_bucket bucket[KERF_WHEEL_SLOTS];
};

struct kerf_wheel {
    kerf_time width;
    uint64_t reciprocal;    /* floor((2^64 - 1) / width): division by multiplication */
    uint64_t now;           /* number of the first bucket that may hold events */
    uint64_t count;         /* events held */
    uint32_t levels_used;   /* bit per level that holds any */
    const kerf_time *reach; /* by place & reach_mask; NULL: no bounds are kept */
    uint32_t reach_mask;    /* 0: all have the reach of the first, and one is in the cache */
    struct kerf_wheel_level level[KERF_WHEEL_LEVELS];
};

/* An empty wheel with buckets of `width` > 0, or NULL when memory is out. */
struct kerf_wheel *kerf_wheel_create(kerf_time width);
void kerf_wheel_free(struct kerf_wheel *wheel); /* chunks belong to the pool */

static inline uint64_t kerf_wheel_number(const struct kerf_wheel *wheel, kerf_time time)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t t = (uint64_t)time, width = (uint64_t)wheel->width;
    uint64_t number = (uint64_t)((wide)t * wheel->reciprocal >> 64);
    for (uint64_t rest = t - number * width; rest >= width; rest -= width)
        number++; /* the product falls short by two at most */
    return number;
}

/* The bucket for an event at `time`, which must not lie before the first bucket; it counts as occupied. */
static inline struct kerf_bucket *kerf_wheel_bucket(struct kerf_wheel *wheel, kerf_time time)
{
    uint64_t number = kerf_wheel_number(wheel, time), differs = number ^ wheel->now;
    unsigned level = 0;
    if (differs >= KERF_WHEEL_SLOTS)
        level = (63u - (unsigned)__builtin_clzll(differs)) / KERF_WHEEL_BITS;
    unsigned slot = (unsigned)(number >> level * KERF_WHEEL_BITS) & (KERF_WHEEL_SLOTS - 1);
    struct kerf_wheel_level *at = &wheel->level[level];
    struct kerf_bucket *bucket = &at->bucket[slot];
    if (!bucket->first) {
        at->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
        wheel->levels_used |= 1u << level;
        bucket->bound = KERF_TIME_NEVER;
    }
    return bucket;
}

/* Room for an event at `time` (not before the first bucket) for the LP at `place`; NULL when memory is out.
 * The caller fills the record. */
static inline struct kerf_event *kerf_wheel_push(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool,
                                                 kerf_time time, uint32_t place, uint32_t bytes)
{
    struct kerf_bucket *bucket = kerf_wheel_bucket(wheel, time);
    struct kerf_event *event = kerf_bucket_append(bucket, pool, bytes);
    if (!event)
        return NULL;
    if (wheel->reach) {
        kerf_time bound = kerf_time_add(time, wheel->reach[place & wheel->reach_mask]);
        bucket->bound = bound < bucket->bound ? bound : bucket->bound;
    }
    wheel->count++;
    return event;
}

/* Puts a copy of `event` among the pending ones of the LP at `place`; NULL when memory is out. */
struct kerf_event *kerf_wheel_copy(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool,
                                   const struct kerf_event *event, uint32_t place);

/* Start of the earliest bucket that holds an event and lies before `end`, moved to the front of the wheel;
 * KERF_TIME_NEVER if there is none. *failed is set when memory is out. */
kerf_time kerf_wheel_advance(struct kerf_wheel *wheel, struct kerf_chunk_pool *pool, kerf_time end,
                             bool *failed);

/* Takes all events out of the front bucket. */
struct kerf_bucket kerf_wheel_take(struct kerf_wheel *wheel);

/* Calls `visit` for every non-empty bucket, earliest first, with the earliest time it can hold, until it
 * returns false. */
void kerf_wheel_visit(struct kerf_wheel *wheel,
                      bool (*visit)(void *context, kerf_time start, struct kerf_bucket *bucket),
                      void *context);

#endif
