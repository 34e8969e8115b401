/* The engine room: handing a run out at the boundary of two rounds, and taking it up again. */
#include "sim/engine/cut.h"

#include "sim/engine/engine_state.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { EVENTS_AHEAD = 16 }; /* fetched before they are packed: an LP's events lie anywhere */

struct kerf_cut {
    const struct kerf_engine *engine;
    const struct kerf_event **event; /* owned: by LP, each LP's in order */
    uint64_t *first;                 /* owned: of LP k in `event`; first[here]: all */
};

/* Visits every pending event of the rank. */
struct visit {
    struct kerf_cut *cut;
    bool places; /* second time round: put them where they belong; before: count */
};

static bool visit_bucket(void *context, kerf_time start, struct kerf_bucket *bucket)
{
    const struct visit *visit = context;
    (void)start;
    for (struct kerf_chunk *chunk = bucket->first; chunk; chunk = chunk->next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            uint64_t *first = visit->cut->first + event->to.place;
            if (visit->places)
                visit->cut->event[first[1]++] = event;
            else
                first[2]++;
        }
    }
    return true;
}

static int compare_events(const void *left, const void *right)
{
    const struct kerf_event *const *a = left, *const *b = right;
    return kerf_event_before(*a, *b) ? -1 : 1;
}

/* Groups the pending events by LP, by counting; then each LP's few are sorted. */
static bool group(struct kerf_cut *cut)
{
    const struct kerf_engine *engine = cut->engine;
    cut->first = calloc((size_t)engine->here + 2, sizeof *cut->first);
    cut->event = malloc((size_t)(engine->wheel->count + 1) * sizeof(struct kerf_event *));
    if (!cut->first || !cut->event)
        return false;
    kerf_wheel_visit(engine->wheel, visit_bucket, &(struct visit){.cut = cut, .places = false});
    for (uint32_t i = 1; i < engine->here; i++)
        cut->first[i + 1] += cut->first[i];
    kerf_wheel_visit(engine->wheel, visit_bucket, &(struct visit){.cut = cut, .places = true});
    for (uint32_t i = 0; i < engine->here; i++) {
        uint64_t count = cut->first[i + 1] - cut->first[i];
        if (count > 1)
            qsort(cut->event + cut->first[i], count, sizeof(struct kerf_event *), compare_events);
    }
    return true;
}

enum kerf_status kerf_cut_open(const struct kerf_engine *engine, struct kerf_cut **cut,
                               struct kerf_error *error)
{
    *cut = calloc(1, sizeof **cut);
    KERF_CHECK(*cut, KERF_ERR_FAILURE, "out of memory for a checkpoint");
    (*cut)->engine = engine;
    if (group(*cut))
        return KERF_OK;
    kerf_cut_close(*cut);
    *cut = NULL;
    return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a checkpoint of %llu events",
                          (unsigned long long)engine->wheel->count);
}

void kerf_cut_close(struct kerf_cut *cut)
{
    if (!cut)
        return;
    free(cut->event);
    free(cut->first);
    free(cut);
}

uint32_t kerf_cut_lps(const struct kerf_cut *cut)
{
    return cut->engine->here;
}

uint32_t kerf_cut_id(const struct kerf_cut *cut, uint32_t k)
{
    return cut->engine->lp[k].id;
}

static void pack_count(struct kerf_pack *pack, uint64_t count)
{
    kerf_pack_put(pack, &count, sizeof count);
}

static void pack_state(const struct kerf_engine *engine, const struct kerf_lp *lp, struct kerf_pack *pack)
{
    const struct kerf_lp_kind *kind = engine->kind[lp->kind];
    if (kind->save)
        kind->save(lp->state, pack);
    else
        kerf_pack_put(pack, lp->state, kind->state_bytes);
}

static void pack_promises(const struct kerf_engine *engine, const struct kerf_lp *lp, struct kerf_pack *pack)
{
    size_t first = engine->first_channel[lp->id], count = engine->first_channel[lp->id + 1] - first;
    pack_count(pack, engine->promised ? count : 0);
    if (engine->promised)
        kerf_pack_put(pack, engine->promised + first, count * sizeof *engine->promised);
}

static void pack_timers(const struct kerf_engine *engine, uint32_t k, struct kerf_pack *pack)
{
    uint64_t count = engine->cancelled ? engine->cancelled[k].count : 0;
    pack_count(pack, count);
    if (count > 0)
        kerf_pack_put(pack, engine->cancelled[k].sequence, count * sizeof(uint64_t));
}

/* sequence, digest, events | promises | timers taken back | pending events | state: the state comes last,
 * as only its kind knows how long it is. */
void kerf_cut_pack(const struct kerf_cut *cut, uint32_t k, struct kerf_pack *pack)
{
    const struct kerf_engine *engine = cut->engine;
    const struct kerf_lp *lp = &engine->lp[k];
    pack_count(pack, lp->sequence);
    pack_count(pack, lp->digest);
    pack_count(pack, lp->events);
    pack_promises(engine, lp, pack);
    pack_timers(engine, k, pack);
    pack_count(pack, cut->first[k + 1] - cut->first[k]);
    for (uint64_t i = cut->first[k]; i < cut->first[k + 1]; i++) {
        const struct kerf_event *event = cut->event[i];
        if (i + EVENTS_AHEAD < cut->first[engine->here])
            __builtin_prefetch(cut->event[i + EVENTS_AHEAD]);
        struct kerf_event head = *event;
        head.to.destination = lp->id;
        head.to.place = 0;
        kerf_pack_put(pack, &head, sizeof head);
        kerf_pack_put(pack, event->payload, kerf_event_bytes(event->payload_bytes) - sizeof head);
    }
    pack_state(engine, lp, pack);
}

static enum kerf_status refuse(const struct kerf_engine *engine, uint32_t lp, struct kerf_error *error)
{
    KERF_CHECK(!engine->out_of_memory, KERF_ERR_FAILURE, "out of memory to take up %s %u from the checkpoint",
               engine->kind[engine->kind_of[lp]]->name, lp);
    return kerf_error_set(error, KERF_ERR_FAILURE, "the state of %s %u in the checkpoint does not fit",
                          engine->kind[engine->kind_of[lp]]->name, lp);
}

static bool restore_promises(struct kerf_engine *engine, const struct kerf_lp *lp, struct kerf_unpack *unpack)
{
    size_t first = engine->first_channel[lp->id], channels = engine->first_channel[lp->id + 1] - first;
    uint64_t count;
    if (!kerf_unpack_get(unpack, &count, sizeof count) || (count != 0 && count != channels))
        return false;
    if (count == 0)
        return true;
    engine->out_of_memory = kerf_engine_heed_promises(engine, NULL) != KERF_OK;
    return !engine->out_of_memory &&
           kerf_unpack_get(unpack, engine->promised + first, count * sizeof *engine->promised);
}

static bool restore_timers(struct kerf_engine *engine, uint32_t k, struct kerf_unpack *unpack)
{
    uint64_t count;
    if (!kerf_unpack_get(unpack, &count, sizeof count) || count > unpack->bytes / sizeof(uint64_t))
        return false;
    if (engine->cancelled)
        engine->cancelled[k].count = 0; /* `init` may have taken timers back that were never set again */
    if (count == 0)
        return true;
    if (!engine->cancelled)
        engine->cancelled = calloc((size_t)engine->here + 1, sizeof *engine->cancelled);
    engine->out_of_memory = !engine->cancelled;
    if (!engine->cancelled)
        return false;
    struct kerf_cancelled *list = &engine->cancelled[k];
    free(list->sequence);
    *list = (struct kerf_cancelled){.sequence = malloc((size_t)count * sizeof(uint64_t)),
                                    .count = (uint32_t)count,
                                    .capacity = (uint32_t)count};
    engine->out_of_memory = !list->sequence;
    return list->sequence && kerf_unpack_get(unpack, list->sequence, (size_t)count * sizeof(uint64_t));
}

static bool restore_events(struct kerf_engine *engine, uint32_t lp, struct kerf_unpack *unpack)
{
    uint64_t count;
    if (!kerf_unpack_get(unpack, &count, sizeof count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        _Alignas(8) unsigned char record[sizeof(struct kerf_event) + KERF_PAYLOAD_BYTES];
        struct kerf_event *event = (struct kerf_event *)(void *)record;
        if (!kerf_unpack_get(unpack, record, sizeof *event) || event->payload_bytes > KERF_PAYLOAD_BYTES ||
            event->time < 0 || event->time == KERF_TIME_NEVER || event->source >= engine->lp_count ||
            !kerf_unpack_get(unpack, event->payload, kerf_event_bytes(event->payload_bytes) - sizeof *event))
            return false;
        engine->out_of_memory = !kerf_engine_keep(engine, event, lp);
        if (engine->out_of_memory)
            return false;
    }
    return true;
}

static bool restore_state(const struct kerf_lp_kind *kind, void *state, struct kerf_unpack *unpack)
{
    bool fits = kind->load ? kind->load(state, unpack) : kerf_unpack_get(unpack, state, kind->state_bytes);
    return fits && unpack->bytes == 0;
}

enum kerf_status kerf_cut_restore(struct kerf_engine *engine, uint32_t id, const unsigned char *data,
                                  size_t bytes, struct kerf_error *error)
{
    struct kerf_unpack unpack = {.data = data, .bytes = bytes};
    uint32_t k = kerf_engine_place(engine, id);
    struct kerf_lp *lp = &engine->lp[k];
    uint64_t head[3];
    if (!kerf_unpack_get(&unpack, head, sizeof head) || !restore_promises(engine, lp, &unpack) ||
        !restore_timers(engine, k, &unpack) || !restore_events(engine, id, &unpack) ||
        !restore_state(engine->kind[lp->kind], lp->state, &unpack))
        return refuse(engine, id, error);
    lp->sequence = head[0];
    lp->digest = head[1];
    lp->events = head[2];
    return KERF_OK;
}

kerf_time kerf_cut_time(const struct kerf_engine *engine)
{
    kerf_time last = engine->last;
    MPI_Allreduce(MPI_IN_PLACE, &last, 1, MPI_INT64_T, MPI_MAX, engine->comm);
    return last;
}

void kerf_cut_set_time(struct kerf_engine *engine, kerf_time last)
{
    engine->last = last;
}

bool kerf_cut_holds(const struct kerf_engine *engine, uint32_t lp)
{
    return lp < engine->lp_count && kerf_engine_is_here(engine, lp);
}

uint32_t kerf_cut_system_lps(const struct kerf_engine *engine)
{
    return engine->lp_count;
}

uint64_t kerf_cut_shape(const struct kerf_engine *engine)
{
    uint64_t shape = XXH3_64bits_withSeed(engine->kind_of, engine->lp_count, engine->options.fold);
    for (int k = 0; k < engine->kinds; k++) {
        const struct kerf_lp_kind *kind = engine->kind[k];
        shape = XXH3_64bits_withSeed(kind->name, strlen(kind->name), shape);
        shape = XXH3_64bits_withSeed(&kind->state_bytes, sizeof kind->state_bytes, shape);
    }
    shape = XXH3_64bits_withSeed(engine->channel, engine->channels * sizeof *engine->channel, shape);
    if (engine->open)
        shape = XXH3_64bits_withSeed(engine->open, engine->lp_count * sizeof *engine->open, shape);
    return shape;
}
