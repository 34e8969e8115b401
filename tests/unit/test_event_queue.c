/* The heap of pending events gives back what was put in, in the one total order of events. */
#include "sim/engine/event_queue.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int by_order(const void *left, const void *right)
{
    const struct kerf_event *a = left, *b = right;
    return kerf_event_before(b, a) - kerf_event_before(a, b);
}

/* Small ranges, so that ties in every part of the key are common. */
static struct kerf_event random_event(uint64_t seed, uint64_t counter)
{
    uint64_t word = (uint64_t)(kerf_random_uniform(seed, 1, counter) * 0x1.0p53);
    struct kerf_event event = {.time = (kerf_time)(word % 50),
                               .destination = (uint32_t)(word >> 8) % 5,
                               .source = (uint32_t)(word >> 16) % 5,
                               .sequence = counter,
                               .payload_bytes = sizeof counter};
    memcpy(event.payload, &counter, sizeof counter);
    return event;
}

static bool same_event(const struct kerf_event *a, const struct kerf_event *b)
{
    return a->time == b->time && a->sequence == b->sequence && a->destination == b->destination &&
           a->source == b->source && memcmp(a->payload, b->payload, sizeof(uint64_t)) == 0;
}

/* Popping everything is sorting: the queue agrees with qsort, payloads included, at every size. */
static void popping_everything_sorts(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 63, 256, 257, 5000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t count = sizes[k];
        struct kerf_event_queue queue = {0};
        struct kerf_event *sorted = calloc(count + 1, sizeof *sorted);
        assert_non_null(sorted);
        for (size_t i = 0; i < count; i++) {
            sorted[i] = random_event(11 + k, i);
            assert_true(kerf_event_queue_push(&queue, &sorted[i]));
        }
        qsort(sorted, count, sizeof *sorted, by_order);
        for (size_t i = 0; i < count; i++) {
            assert_true(same_event(kerf_event_queue_first(&queue), &sorted[i]));
            kerf_event_queue_pop(&queue);
        }
        assert_null(kerf_event_queue_first(&queue));
        kerf_event_queue_free(&queue);
        free(sorted);
    }
}

/* Pushes and pops in random turns give the least pending event each time. */
static void the_first_is_the_least_pending(void **unused)
{
    (void)unused;
    enum { TURNS = 4000 };
    static struct kerf_event pending[TURNS];
    struct kerf_event_queue queue = {0};
    size_t count = 0;
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        if (count == 0 || kerf_random_uniform(3, 2, turn) < 0.6) {
            pending[count] = random_event(3, turn);
            assert_true(kerf_event_queue_push(&queue, &pending[count++]));
        } else {
            kerf_event_queue_pop(&queue);
            pending[0] = pending[--count];
        }
        for (size_t i = 1; i < count; i++) { /* the least to the front */
            if (kerf_event_before(&pending[i], &pending[0])) {
                struct kerf_event least = pending[i];
                pending[i] = pending[0];
                pending[0] = least;
            }
        }
        assert_int_equal(queue.count, count);
        if (count > 0)
            assert_true(same_event(kerf_event_queue_first(&queue), &pending[0]));
    }
    kerf_event_queue_free(&queue);
}

/* The order of events is total: of two with different keys exactly one comes first, and it is transitive. */
static void the_order_is_total(void **unused)
{
    (void)unused;
    enum { KEYS = 81 };
    struct kerf_event event[KEYS] = {0};
    for (uint32_t i = 0; i < KEYS; i++)
        event[i] = (struct kerf_event){.time = (kerf_time)(i % 3) - 1,
                                       .destination = i / 3 % 3,
                                       .source = i / 9 % 3,
                                       .sequence = i / 27};
    for (int a = 0; a < KEYS; a++)
        for (int b = 0; b < KEYS; b++) {
            bool before = kerf_event_before(&event[a], &event[b]);
            assert_int_equal(before + kerf_event_before(&event[b], &event[a]), a != b);
            for (int c = 0; before && c < KEYS; c++)
                assert_true(!kerf_event_before(&event[b], &event[c]) ||
                            kerf_event_before(&event[a], &event[c]));
        }
}

/* Time decides first, then destination, source and number; type and payload decide nothing. */
static void the_key_is_time_destination_source_number(void **unused)
{
    (void)unused;
    const struct kerf_event early = {.time = 1, .destination = 9, .source = 9, .sequence = 9, .type = 9};
    const struct kerf_event low = {.time = 2, .destination = 1, .source = 9, .sequence = 9, .type = 9};
    const struct kerf_event mid = {.time = 2, .destination = 2, .source = 1, .sequence = 9, .type = 9};
    const struct kerf_event high = {.time = 2, .destination = 2, .source = 2, .sequence = 1, .type = 9};
    const struct kerf_event last = {.time = 2, .destination = 2, .source = 2, .sequence = 2, .type = 1};
    const struct kerf_event *in_order[] = {&early, &low, &mid, &high, &last};
    for (int i = 0; i < 4; i++)
        assert_true(kerf_event_before(in_order[i], in_order[i + 1]));
}

/* Memory that the queue doubles is kept for the next events, and freeing makes it empty and usable again. */
static void a_freed_queue_can_be_used_again(void **unused)
{
    (void)unused;
    struct kerf_event_queue queue = {0};
    struct kerf_event event = random_event(5, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++)
            assert_true(kerf_event_queue_push(&queue, &event));
        kerf_event_queue_free(&queue);
        assert_int_equal(queue.count, 0);
        assert_null(kerf_event_queue_first(&queue));
    }
    kerf_event_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(popping_everything_sorts),
        cmocka_unit_test(the_first_is_the_least_pending),
        cmocka_unit_test(the_order_is_total),
        cmocka_unit_test(the_key_is_time_destination_source_number),
        cmocka_unit_test(a_freed_queue_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
