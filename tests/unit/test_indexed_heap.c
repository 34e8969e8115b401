/* The heap whose keys may change gives the first by (key, id), whatever was set and removed before. */
#include "models/fabric/indexed_heap.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { IDS = 200, TURNS = 20000 };

/* The first by going through all keys; IDS if there is none. */
static uint32_t first_by_search(const int64_t *key)
{
    uint32_t first = IDS;
    for (uint32_t id = 0; id < IDS; id++)
        if (key[id] >= 0 && (first == IDS || key[id] < key[first]))
            first = id;
    return first;
}

/* Random sets (new ids, lower keys, higher keys, few values, so that ties are common) and removals. */
static void the_first_is_the_least_after_any_changes(void **unused)
{
    (void)unused;
    struct kerf_indexed_heap heap = {0};
    int64_t key[IDS];
    assert_true(kerf_indexed_heap_reserve(&heap, IDS / 2));
    assert_true(kerf_indexed_heap_reserve(&heap, IDS)); /* grows with what is in it */
    for (uint32_t id = 0; id < IDS; id++)
        key[id] = -1;
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        uint32_t id = (uint32_t)(kerf_random_uniform(1, 1, turn) * IDS);
        double kind = kerf_random_uniform(1, 2, turn);
        if (kind < 0.6) {
            key[id] = (int64_t)(kerf_random_uniform(1, 3, turn) * 50);
            kerf_indexed_heap_set(&heap, id, key[id]);
        } else {
            id = kind < 0.8 && heap.count > 0 ? heap.entries[0].id : id;
            key[id] = -1;
            kerf_indexed_heap_remove(&heap, id);
        }
        assert_true(kerf_indexed_heap_holds(&heap, id) == (key[id] >= 0));
        uint32_t first = first_by_search(key);
        assert_true((first == IDS) == (heap.count == 0));
        if (first < IDS) {
            assert_int_equal(heap.entries[0].id, first);
            assert_int_equal(kerf_indexed_heap_key(&heap, first), key[first]);
        }
    }
    kerf_indexed_heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_least_after_any_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
