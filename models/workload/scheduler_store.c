/* The workload room: a scheduler's memory, and its state in checkpoints. Knows nothing of what is scheduled.
 */
#include "models/workload/scheduler_state.h"

#include <stdlib.h>
#include <string.h>

enum kerf_status kerf_scheduler_make_room(void **items, int *capacity, int wanted, size_t item_bytes,
                                          struct kerf_error *error)
{
    if (wanted <= *capacity)
        return KERF_OK;
    int larger = *capacity ? 2 * *capacity : 16;
    while (larger < wanted)
        larger *= 2;
    void *grown = realloc(*items, (size_t)larger * item_bytes);
    KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for a scheduler's queue");
    memset((char *)grown + (size_t)*capacity * item_bytes, 0, (size_t)(larger - *capacity) * item_bytes);
    *items = grown;
    *capacity = larger;
    return KERF_OK;
}

enum kerf_status kerf_scheduler_lowest_free(void **items, int *capacity, size_t item_bytes,
                                            struct kerf_number_set *vacant, int *number,
                                            struct kerf_error *error)
{
    *number = kerf_number_set_next(vacant, 0);
    if (*number >= 0)
        return KERF_OK;
    *number = *capacity;
    KERF_TRY(kerf_scheduler_make_room(items, capacity, *number + 1, item_bytes, error));
    KERF_TRY(kerf_number_set_reserve(vacant, *capacity, error));
    for (int i = *number; i < *capacity; i++)
        kerf_number_set_add(vacant, i);
    return KERF_OK;
}

enum { SETS = 7 };

/* Every set that a scheduler owns, in the order of checkpoints. */
static void list_sets(struct kerf_scheduler *s, struct kerf_number_set *set[SETS])
{
    struct kerf_number_set *const all[SETS] = {&s->free_slots, &s->waiting, &s->running,     &s->landed,
                                               &s->ready,      &s->prefill, &s->free_batches};
    memcpy(set, all, sizeof all);
}

void kerf_scheduler_free(void *state)
{
    struct kerf_scheduler *s = state;
    struct kerf_number_set *set[SETS];
    for (int i = 0; i < s->batch_capacity; i++)
        free(s->batch[i].member);
    free(s->batch);
    free(s->sequence);
    free(s->order);
    list_sets(s, set);
    for (int i = 0; i < SETS; i++)
        kerf_number_set_free(set[i]);
    kerf_indexed_heap_free(&s->finish);
    kerf_indexed_heap_free(&s->growth);
    kerf_prefix_cache_free(&s->cache);
}

void kerf_scheduler_save(const void *state, struct kerf_pack *pack)
{
    const struct kerf_scheduler *s = state;
    struct kerf_scheduler view = *s; /* list_sets() gives out pointers that could be written through */
    struct kerf_number_set *set[SETS];
    kerf_pack_put(pack, s, sizeof *s);
    kerf_pack_put(pack, s->sequence, (size_t)s->slot_capacity * sizeof *s->sequence);
    kerf_pack_put(pack, s->order, (size_t)s->order_capacity * sizeof *s->order);
    list_sets(&view, set);
    for (int i = 0; i < SETS; i++)
        kerf_number_set_save(set[i], pack);
    kerf_pack_put(pack, s->finish.entries, s->finish.count * sizeof *s->finish.entries);
    kerf_pack_put(pack, s->growth.entries, s->growth.count * sizeof *s->growth.entries);
    kerf_prefix_cache_save(&s->cache, pack);
    for (int i = 0; i < s->batch_capacity; i++) {
        kerf_pack_put(pack, &s->batch[i], sizeof s->batch[i]);
        kerf_pack_put(pack, s->batch[i].member, (size_t)s->batch[i].members * sizeof *s->batch[i].member);
    }
}

/* `count` items of a packed array, freshly allocated; NULL when they do not fit. */
static void *load_items(struct kerf_unpack *unpack, int count, size_t item_bytes)
{
    if (count < 0 || (size_t)count > unpack->bytes / item_bytes)
        return NULL;
    void *items = calloc((size_t)count + 1, item_bytes);
    if (items)
        kerf_unpack_get(unpack, items, (size_t)count * item_bytes);
    return items;
}

/* `count` entries of a packed heap; put in one after the other they stand as they did. */
static bool load_heap(struct kerf_indexed_heap *heap, uint32_t count, int ids, struct kerf_unpack *unpack)
{
    bool fits = kerf_indexed_heap_reserve(heap, (uint32_t)ids);
    for (uint32_t i = 0; i < count && fits; i++) {
        struct kerf_heap_entry entry;
        fits = kerf_unpack_get(unpack, &entry, sizeof entry) && entry.id < (uint32_t)ids;
        if (fits)
            kerf_indexed_heap_set(heap, entry.id, entry.key);
    }
    return fits;
}

static bool load_batch(struct kerf_batch *batch, struct kerf_unpack *unpack)
{
    bool fits = kerf_unpack_get(unpack, batch, sizeof *batch);
    batch->member = NULL; /* that pointer was another run's */
    if (!fits)
        return false;
    batch->member = load_items(unpack, batch->members, sizeof *batch->member);
    batch->capacity = batch->members;
    return batch->member;
}

bool kerf_scheduler_load(void *state, struct kerf_unpack *unpack)
{
    struct kerf_scheduler *s = state, saved;
    struct kerf_number_set *set[SETS];
    if (!kerf_unpack_get(unpack, &saved, sizeof saved))
        return false;
    kerf_scheduler_free(s);
    const struct kerf_scheduler_setup *setup = s->setup;
    *s = saved;
    s->setup = setup;
    list_sets(s, set);
    for (int i = 0; i < SETS; i++)
        *set[i] = (struct kerf_number_set){0};
    s->finish = s->growth = (struct kerf_indexed_heap){0};
    s->cache = (struct kerf_prefix_cache){0};
    s->order = NULL;
    s->batch = NULL;
    s->batch_capacity = 0;
    s->sequence = load_items(unpack, saved.slot_capacity, sizeof *s->sequence);
    if (s->sequence)
        s->order = load_items(unpack, saved.order_capacity, sizeof *s->order);
    bool fits = s->sequence && s->order && saved.batch_capacity >= 0;
    for (int i = 0; i < SETS && fits; i++)
        fits = kerf_number_set_load(set[i], unpack);
    fits = fits && load_heap(&s->finish, saved.finish.count, saved.slot_capacity, unpack) &&
           load_heap(&s->growth, saved.growth.count, saved.slot_capacity, unpack) &&
           kerf_prefix_cache_load(&s->cache, unpack);
    fits = fits && (size_t)saved.batch_capacity <= unpack->bytes / sizeof *s->batch;
    if (fits)
        s->batch = calloc((size_t)saved.batch_capacity + 1, sizeof *s->batch);
    for (fits = fits && s->batch; fits && s->batch_capacity < saved.batch_capacity; s->batch_capacity++)
        fits = load_batch(&s->batch[s->batch_capacity], unpack);
    return fits;
}
