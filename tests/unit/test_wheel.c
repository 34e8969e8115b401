/* The wheel gives every event back once, in the bucket of its time, never early and never late, over all of
 * simulated time. The oracle is a plain list of what is pending. */
#include "sim/engine/wheel.h"
#include "tests/support/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PENDING_MOST = 3000, PLACES = 17 };

static uint64_t draw_state;

static uint64_t draw(void)
{
    draw_state++;
    return draw_mix(0x3eed, draw_state);
}

/* What is pending, in no order. The number of an event is its payload. */
struct item {
    kerf_time time;
    uint64_t number;
    uint32_t place, payload_bytes;
};

struct list {
    struct item item[PENDING_MOST];
    size_t count;
    uint64_t made;
};

struct fixture {
    struct kerf_wheel *wheel;
    struct kerf_chunk_pool pool;
    struct list list;
    kerf_time reach[PLACES];
};

static void push(struct fixture *f, kerf_time time)
{
    struct item item = {.time = time,
                        .number = f->list.made++,
                        .place = (uint32_t)(draw() % PLACES),
                        .payload_bytes = draw() % 8 ? 8 : 8 + (uint32_t)(draw() % (KERF_PAYLOAD_BYTES - 7))};
    struct kerf_event *event =
        kerf_wheel_push(f->wheel, &f->pool, time, item.place, kerf_event_bytes(item.payload_bytes));
    assert_non_null(event);
    memset(event, 0, sizeof *event);
    event->to.place = item.place;
    event->time = time;
    event->payload_bytes = (uint16_t)item.payload_bytes;
    memset(event->payload, (int)(item.number & 255), item.payload_bytes);
    memcpy(event->payload, &item.number, sizeof item.number);
    f->list.item[f->list.count++] = item;
}

/* The event is one that is pending, unharmed. */
static size_t find(const struct fixture *f, const struct kerf_event *event)
{
    uint64_t number;
    memcpy(&number, event->payload, sizeof number);
    for (size_t i = 0; i < f->list.count; i++) {
        const struct item *item = &f->list.item[i];
        if (item->number != number)
            continue;
        assert_true(item->time == event->time && item->place == event->to.place);
        assert_int_equal(item->payload_bytes, event->payload_bytes);
        for (uint32_t b = 8; b < item->payload_bytes; b++)
            assert_int_equal(event->payload[b], number & 255);
        return i;
    }
    fail_msg("event %llu is not pending", (unsigned long long)number);
    return 0;
}

static kerf_time earliest(const struct list *list)
{
    kerf_time least = KERF_TIME_NEVER;
    for (size_t i = 0; i < list->count; i++)
        least = list->item[i].time < least ? list->item[i].time : least;
    return least;
}

/* A visit of all buckets in order, with the bound of each. */
struct visit {
    const struct fixture *f;
    kerf_time last_start;
    size_t events;
};

static bool check_bucket(void *context, kerf_time start, struct kerf_bucket *bucket)
{
    struct visit *visit = context;
    kerf_time bound = KERF_TIME_NEVER;
    assert_true(start > visit->last_start);
    assert_non_null(bucket->first);
    for (struct kerf_chunk *chunk = bucket->first; chunk; chunk = chunk->next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            find(visit->f, event);
            assert_true(event->time >= start && event->time > visit->last_start);
            kerf_time own = kerf_time_add(event->time, visit->f->reach[event->to.place]);
            bound = own < bound ? own : bound;
            visit->events++;
        }
    }
    assert_true(bucket->bound == bound);
    visit->last_start = start;
    return true;
}

static void check_all(const struct fixture *f)
{
    struct visit visit = {.f = f, .last_start = -1};
    kerf_wheel_visit(f->wheel, check_bucket, &visit);
    assert_int_equal(visit.events, f->list.count);
    assert_int_equal(f->wheel->count, f->list.count);
}

/* Takes the front bucket as a window would that ends at `end`: what lies beyond goes back. */
static void take_front(struct fixture *f, kerf_time start, kerf_time end)
{
    kerf_time width = f->wheel->width;
    assert_true(start >= 0 && start % width == 0);
    struct kerf_bucket bucket = kerf_wheel_take(f->wheel);
    assert_non_null(bucket.first);
    for (struct kerf_chunk *chunk = bucket.first, *next; chunk; chunk = next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            size_t at = find(f, event);
            assert_true(event->time >= start && event->time - start < width);
            if (event->time >= end) {
                uint32_t bytes = kerf_event_bytes(event->payload_bytes);
                struct kerf_event *again =
                    kerf_wheel_push(f->wheel, &f->pool, event->time, event->to.place, bytes);
                assert_non_null(again);
                memcpy(again, event, bytes);
            } else {
                f->list.item[at] = f->list.item[--f->list.count];
            }
        }
        next = chunk->next;
        kerf_chunk_give(&f->pool, chunk);
    }
    kerf_time over = kerf_time_add(start, width);
    assert_true(earliest(&f->list) >= (over < end ? over : end)); /* nothing was left behind */
}

/* Advances to `end`; now and then something is sent from inside a bucket, for the time after it. */
static void advance(struct fixture *f, kerf_time end)
{
    bool failed = false;
    for (;;) {
        kerf_time first = earliest(&f->list);
        kerf_time start = kerf_wheel_advance(f->wheel, &f->pool, end, &failed);
        assert_false(failed);
        if (start >= end) {
            assert_true(start == KERF_TIME_NEVER && first >= end);
            return;
        }
        assert_true(start <= first && first - start < f->wheel->width); /* neither too early nor too late */
        bool whole = kerf_time_add(start, f->wheel->width) <= end;
        take_front(f, start, end);
        kerf_time from = whole ? start + f->wheel->width : end;
        if (draw() % 4 == 0 && f->list.count < PENDING_MOST && from < KERF_TIME_NEVER - 1)
            push(f, from + draw_magnitude(draw(), KERF_TIME_NEVER - 1 - from) - 1);
        if (!whole)
            return;
    }
}

static void run(uint64_t seed, kerf_time width)
{
    static struct fixture f;
    f = (struct fixture){.wheel = kerf_wheel_create(width)};
    assert_non_null(f.wheel);
    draw_state = seed << 32;
    for (int i = 0; i < PLACES; i++)
        f.reach[i] = i == 0 ? KERF_TIME_NEVER : draw_magnitude(draw(), KERF_TIME_NEVER - 1);
    f.wheel->reach = f.reach;
    f.wheel->reach_mask = UINT32_MAX;
    kerf_time now = 0;
    for (int step = 0; step < 40; step++) {
        kerf_time left = KERF_TIME_NEVER - 1 - now;
        if (left <= 0)
            break;
        kerf_time scale = draw_magnitude(draw(), left);
        for (uint64_t pushes = draw() % 60; pushes > 0 && f.list.count < PENDING_MOST / 2; pushes--) {
            kerf_time most = draw() % 8 ? scale : left;
            push(&f, now + (draw() % 8 ? draw_magnitude(draw(), most) - 1 : 0));
        }
        check_all(&f);
        kerf_time end = now + draw_magnitude(draw(), draw() % 16 ? scale : left);
        advance(&f, end);
        now = end;
        check_all(&f);
    }
    advance(&f, KERF_TIME_NEVER);
    assert_int_equal(f.list.count, 0);
    assert_int_equal(f.wheel->count, 0);
    assert_int_equal(f.wheel->levels_used, 0);
    kerf_wheel_free(f.wheel);
    kerf_chunk_pool_free(&f.pool);
}

static void events_come_back_once_and_in_time(void **unused)
{
    (void)unused;
    static const kerf_time edges[] = {1, 2, 3, 1023, 1024, 1025, 1000000, (kerf_time)1 << 40};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t hash = draw_mix(seed, 5);
        kerf_time width = seed <= sizeof edges / sizeof edges[0] ? edges[seed - 1]
                                                                 : draw_magnitude(hash, (kerf_time)1 << 40);
        run(seed, width);
    }
}

/* Division by multiplication is exact at every edge and at random. */
static void bucket_numbers_are_exact(void **unused)
{
    (void)unused;
    draw_state = 1;
    for (int i = 0; i < 20000; i++) {
        kerf_time width = i < 64 ? i + 1 : draw_magnitude(draw(), i % 2 ? 1L << 40 : KERF_TIME_NEVER);
        struct kerf_wheel wheel = {.width = width, .reciprocal = UINT64_MAX / (uint64_t)width};
        for (int k = 0; k < 20; k++) {
            kerf_time time = k % 2 ? (kerf_time)(draw() >> 1) : draw_magnitude(draw(), KERF_TIME_NEVER);
            kerf_time edge = time / width * width,
                      at[] = {time, edge, edge > 0 ? edge - 1 : 0, 0, KERF_TIME_NEVER, KERF_TIME_NEVER - 1};
            for (size_t e = 0; e < sizeof at / sizeof at[0]; e++)
                assert_int_equal(kerf_wheel_number(&wheel, at[e]), at[e] / width);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_once_and_in_time),
        cmocka_unit_test(bucket_numbers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
