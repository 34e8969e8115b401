/* bench_hold: what the machine allows, beside which the engine's events per second are to be read.
 *   heap   hold (take the earliest, put one back later; Jones 1986) on a bare 4-ary heap
 *   touch  a random cache line of so many is changed per event, and nothing else
 *   draw   one block of random words and one exponential from it per event: what PHOLD's handler cannot save
 *   wheel  hold on the engine's own wheel (sim/engine/wheel.h), without LPs, order inside buckets or handlers
 */
#include "sim/engine/random.h"
#include "sim/engine/wheel.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DELAYS = 1024, LINE_WORDS = 8, WIDTH_PS = 100000, MEAN_PS = 900000, ARITY = 4 };

/* The same delays for all, drawn beforehand: they should cost nothing. */
struct workload {
    uint64_t pending, holds, random;
    kerf_time delay[DELAYS];
};

/* xorshift64 (Marsaglia 2003) */
static inline uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct workload workload_of(uint64_t pending, uint64_t holds)
{
    struct workload w = {.pending = pending, .holds = holds, .random = 88172645463325252u};
    for (int i = 0; i < DELAYS; i++)
        w.delay[i] = WIDTH_PS + (kerf_time)(-MEAN_PS * log((i + 0.5) / DELAYS));
    return w;
}

static inline kerf_time next_delay(struct workload *w)
{
    return w->delay[draw(&w->random) % DELAYS];
}

/* As much as a queue must know of an event: its key and where it is. */
struct heap_item {
    kerf_time time;
    uint32_t source, sequence;
};

static inline bool item_before(const struct heap_item *a, const struct heap_item *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->source != b->source ? a->source < b->source : a->sequence < b->sequence;
}

static void sift_up(struct heap_item *heap, uint64_t hole, struct heap_item item)
{
    for (; hole > 0 && item_before(&item, &heap[(hole - 1) / ARITY]); hole = (hole - 1) / ARITY)
        heap[hole] = heap[(hole - 1) / ARITY];
    heap[hole] = item;
}

static void sift_down(struct heap_item *heap, uint64_t count, struct heap_item item)
{
    uint64_t hole = 0;
    for (uint64_t first; (first = ARITY * hole + 1) < count;) {
        uint64_t least = first, end = first + ARITY < count ? first + ARITY : count;
        for (uint64_t child = first + 1; child < end; child++)
            if (item_before(&heap[child], &heap[least]))
                least = child;
        if (!item_before(&heap[least], &item))
            break;
        heap[hole] = heap[least];
        hole = least;
    }
    heap[hole] = item;
}

/* Each of these returns a sum of what it did, so that nothing is optimised away; 0 when memory is out. */
static uint64_t hold_heap(struct workload *w, struct bench_clock *start)
{
    struct heap_item *heap = malloc(w->pending * sizeof *heap);
    uint64_t sum = 0;
    if (!heap)
        return 0;
    for (uint64_t i = 0; i < w->pending; i++)
        sift_up(heap, i, (struct heap_item){.time = next_delay(w), .source = (uint32_t)i});
    *start = bench_now();
    for (uint64_t i = 0; i < w->holds; i++) {
        struct heap_item item = heap[0];
        sum += (uint64_t)item.time;
        item.time += next_delay(w);
        item.sequence++;
        sift_down(heap, w->pending, item);
    }
    free(heap);
    return sum;
}

static uint64_t touch_lines(struct workload *w, struct bench_clock *start)
{
    uint64_t(*line)[LINE_WORDS] = NULL;
    uint64_t sum = 0;
    if (posix_memalign((void **)&line, sizeof *line, w->pending * sizeof *line))
        return 0;
    memset(line, 1, w->pending * sizeof *line);
    *start = bench_now();
    for (uint64_t i = 0; i < w->holds; i++) {
        uint64_t *touched = line[(draw(&w->random) >> 32) * w->pending >> 32];
        touched[0] += i;
        sum += touched[1];
    }
    free(line);
    return sum;
}

static bool push(struct workload *w, struct kerf_wheel *wheel, struct kerf_chunk_pool *pool, kerf_time now)
{
    struct kerf_event head = {.time = now + next_delay(w)};
    struct kerf_event *event = kerf_wheel_push(wheel, pool, head.time, 0, sizeof head);
    if (event)
        memcpy(event, &head, sizeof head);
    return event != NULL;
}

/* Takes the earliest bucket out and puts as many events back. */
static bool turn(struct workload *w, struct kerf_wheel *wheel, struct kerf_chunk_pool *pool, uint64_t *held,
                 uint64_t *sum)
{
    bool failed = false, kept = true;
    kerf_wheel_advance(wheel, pool, KERF_TIME_NEVER, &failed);
    struct kerf_bucket bucket = kerf_wheel_take(wheel);
    for (struct kerf_chunk *chunk = bucket.first, *next; chunk; chunk = next) {
        struct kerf_event *event = kerf_chunk_first(chunk);
        for (uint32_t i = 0; i < chunk->count; i++, event = kerf_event_after(event)) {
            *sum += (uint64_t)event->time;
            kept = kept && push(w, wheel, pool, event->time);
        }
        *held += chunk->count;
        next = chunk->next;
        kerf_chunk_give(pool, chunk);
    }
    return kept && !failed;
}

static uint64_t hold_wheel(struct workload *w, struct bench_clock *start)
{
    struct kerf_chunk_pool pool = {0};
    struct kerf_wheel *wheel = kerf_wheel_create(WIDTH_PS);
    uint64_t held = 0, sum = 0;
    bool good = wheel != NULL;
    for (uint64_t i = 0; good && i < w->pending; i++)
        good = push(w, wheel, &pool, 0);
    *start = bench_now();
    while (good && held < w->holds)
        good = turn(w, wheel, &pool, &held, &sum);
    w->holds = held;
    kerf_wheel_free(wheel);
    kerf_chunk_pool_free(&pool);
    return good ? sum : 0;
}

static uint64_t draw_words(struct workload *w, struct bench_clock *start)
{
    uint64_t sum = 0;
    *start = bench_now();
    for (uint64_t i = 0; i < w->holds; i++) {
        struct kerf_random_words words = kerf_random_words(1, i % DELAYS, i);
        sum += (uint64_t)(-MEAN_PS * log(((double)words.word[0] + 0.5) * 0x1.0p-32)) + words.word[3];
    }
    return sum;
}

struct loop {
    const char *name;
    uint64_t (*run)(struct workload *w, struct bench_clock *start);
};

static bool measure(const struct loop *loop, uint64_t pending, uint64_t holds)
{
    struct workload w = workload_of(pending, holds);
    struct bench_clock start = {0};
    uint64_t sum = loop->run(&w, &start);
    struct bench_clock spent = bench_since(MPI_COMM_SELF, start);
    if (sum == 0) {
        fprintf(stderr, "bench_hold: out of memory\n");
        return false;
    }
    double share = spent.cpu_s / spent.wall_s;
    printf("bench=hold loop=%s pending=%llu holds=%llu run_s=%.6f cpu_s=%.6f holds_per_s=%.4g "
           "holds_per_cpu_s=%.4g sum=%016llx cpu_share=%.3f%s\n",
           loop->name, (unsigned long long)pending, (unsigned long long)w.holds, spent.wall_s, spent.cpu_s,
           (double)w.holds / spent.wall_s, (double)w.holds / spent.cpu_s, (unsigned long long)sum, share,
           bench_was_busy(share) ? " note='busy machine'" : "");
    return true;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    uint64_t pending = 65536, holds = 10000000;
    const struct bench_option options[] = {
        {"loop", .text = &only, .help = "heap, touch, wheel or draw (all)"},
        {"pending", .count = &pending, .help = "events, or lines to touch (65536)"},
        {"holds", .count = &holds, .help = "to measure (10M)"},
    };
    const struct loop loops[] = {
        {"heap", hold_heap}, {"touch", touch_lines}, {"wheel", hold_wheel}, {"draw", draw_words}};
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    if (pending == 0 || pending > UINT32_MAX || holds == 0)
        return bench_finish(2);
    bool good = true, found = false;
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++)
        if (!only || strcmp(only, loops[i].name) == 0) {
            found = true;
            good = measure(&loops[i], pending, holds) && good;
        }
    return bench_finish(!found ? 2 : !good);
}
