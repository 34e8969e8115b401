/* The heap of what an LP sends itself gives events back in the order of one LP, in records that do not share
 * memory; packed bytes come out as they went in. */
#include "sim/engine/pack.h"
#include "sim/engine/soon.h"
#include "tests/support/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HELD_MOST = 400, STEPS = 60000 };

/* The oracle: the same events in a list. */
struct held {
    struct kerf_event *event;
    uint64_t key[3]; /* time, source, number */
};

static struct kerf_event *make(struct kerf_soon *soon, struct kerf_chunk_pool *pool, uint64_t draw,
                               uint64_t sequence)
{
    uint32_t payload =
        draw % 4 ? (uint32_t)(draw >> 8) % 40 : (uint32_t)(draw >> 8) % (KERF_PAYLOAD_BYTES + 1);
    struct kerf_event *event = kerf_soon_take(soon, pool, kerf_event_bytes(payload));
    assert_non_null(event);
    assert_int_equal((uintptr_t)event % 8, 0);
    event->time = (kerf_time)(draw >> 40) % 4;
    event->sequence = sequence;
    event->source = (uint32_t)(draw >> 50) % 3;
    event->payload_bytes = (uint16_t)payload;
    memset(event->payload, (int)(sequence & 255), kerf_event_bytes(payload) - sizeof *event);
    return event;
}

static size_t first_of(const struct held *held, size_t count)
{
    size_t first = 0;
    for (size_t i = 1; i < count; i++)
        for (int k = 0; k < 3; k++)
            if (held[i].key[k] != held[first].key[k]) {
                first = held[i].key[k] < held[first].key[k] ? i : first;
                break;
            }
    return first;
}

static void events_come_back_in_order_and_unharmed(void **unused)
{
    (void)unused;
    static struct held held[HELD_MOST];
    struct kerf_soon soon = {0};
    struct kerf_chunk_pool pool = {0};
    size_t count = 0;
    for (uint64_t step = 0; step < STEPS || count > 0; step++) {
        uint64_t draw = draw_mix(3, step);
        bool grows = step / 1000 % 2 ? draw % 4 == 0 : draw % 4 != 0; /* fills up, runs empty */
        if (step < STEPS && count < HELD_MOST && (count == 0 || grows)) {
            struct kerf_event *event = make(&soon, &pool, draw_mix(4, step), draw_mix(5, step));
            held[count++] =
                (struct held){.event = event, .key = {(uint64_t)event->time, event->source, event->sequence}};
            assert_true(kerf_soon_push(&soon, event));
            continue;
        }
        size_t first = first_of(held, count);
        struct kerf_event *event = kerf_soon_pop(&soon);
        assert_ptr_equal(event, held[first].event);
        assert_true((uint64_t)event->time == held[first].key[0] && event->sequence == held[first].key[2]);
        for (uint32_t i = 0; i < event->payload_bytes; i++)
            assert_int_equal(event->payload[i], event->sequence & 255);
        kerf_soon_give(&soon, event);
        held[first] = held[--count];
        assert_int_equal(soon.count, count);
    }
    assert_true(pool.slabs == 1); /* records are used again: 400 of the largest fit 64 chunks of 4 KB */
    kerf_soon_free(&soon);
    kerf_chunk_pool_free(&pool);
}

static void packed_bytes_come_out_as_they_went_in(void **unused)
{
    (void)unused;
    struct kerf_pack pack = {0};
    unsigned char in[300], out[300];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (unsigned char)draw_mix(1, i);
    for (size_t bytes = 0; bytes < sizeof in; bytes++)
        kerf_pack_put(&pack, in, bytes);
    kerf_pack_put(&pack, NULL, 0);
    assert_false(pack.failed);
    assert_int_equal(pack.bytes, sizeof in * (sizeof in - 1) / 2);
    struct kerf_unpack unpack = {.data = pack.data, .bytes = pack.bytes};
    for (size_t bytes = 0; bytes < sizeof in; bytes++) {
        assert_true(kerf_unpack_get(&unpack, out, bytes));
        assert_memory_equal(in, out, bytes);
    }
    assert_int_equal(unpack.bytes, 0);
    assert_true(kerf_unpack_get(&unpack, out, 0));
    assert_false(kerf_unpack_get(&unpack, out, 1));
    unpack = (struct kerf_unpack){.data = pack.data, .bytes = 7};
    uint64_t word;
    assert_false(kerf_unpack_get(&unpack, &word, sizeof word));
    assert_int_equal(unpack.bytes, 7); /* what does not fit is left */
    kerf_pack_free(&pack);
    kerf_pack_free(&pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_in_order_and_unharmed),
        cmocka_unit_test(packed_bytes_come_out_as_they_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
