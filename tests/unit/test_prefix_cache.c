/* A cache of blocks by name finds what was there, forgets the oldest first and counts exactly; a scheduler
 * with it computes what is not there, and nothing else. */
#include "models/workload/prefix_cache.h"
#include "sim/engine/random.h"
#include "tests/support/serving_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads a block: found, or computed and named; then it lies idle among at most `room`. */
static bool read_block(struct kerf_prefix_cache *cache, int content, int room)
{
    uint64_t name = kerf_prefix_name(0, 1, (uint64_t)content);
    int node = kerf_prefix_cache_find(cache, name);
    bool found = node != KERF_PREFIX_NONE;
    if (found)
        kerf_prefix_cache_hold(cache, node);
    else
        node = kerf_prefix_cache_add(cache, name, KERF_PREFIX_NONE);
    kerf_prefix_cache_evict(cache, room - 1);
    kerf_prefix_cache_release(cache, node);
    assert_true(cache->idle <= room);
    return found;
}

/* The textbook string 1 2 3 4 1 2 5 1 2 3 4 5 (L. A. Belady and others, CACM 12(6), 1969) has 10 faults under
 * LRU with 3 frames and 8 with 4; random strings have as many as a list says that is searched from the end.
 */
static void hits_are_those_of_lru(void **unused)
{
    (void)unused;
    static const int string[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
    for (int room = 3; room <= 4; room++) {
        struct kerf_prefix_cache cache = {0};
        int faults = 0;
        for (size_t i = 0; i < sizeof string / sizeof string[0]; i++)
            faults += !read_block(&cache, string[i], room);
        assert_int_equal(faults, room == 3 ? 10 : 8);
        kerf_prefix_cache_free(&cache);
    }
    enum { READS = 3000, NAMES = 100, ROOM = 30 };
    struct kerf_prefix_cache cache = {0};
    int read[READS];
    for (int i = 0; i < READS; i++) {
        double u = kerf_random_uniform(5, 6, (uint64_t)i);
        int distinct = 0;
        bool seen[NAMES] = {0}, hit = false;
        read[i] = (int)(NAMES * u * u);
        for (int k = i - 1; k >= 0 && distinct < ROOM && !hit; k--) {
            hit = read[k] == read[i];
            distinct += !seen[read[k]];
            seen[read[k]] = true;
        }
        assert_int_equal(read_block(&cache, read[i], ROOM), hit);
    }
    kerf_prefix_cache_free(&cache);
}

/* Runs without names take their turn: they lose their last blocks first, and only who left one takes it back.
 */
static void runs_go_in_turn(void **unused)
{
    (void)unused;
    struct kerf_prefix_cache cache = {0};
    int mine = kerf_prefix_cache_leave(&cache, 10, true);
    kerf_prefix_cache_leave(&cache, 5, false);
    kerf_prefix_cache_leave(&cache, 7, false);
    assert_int_equal(cache.idle, 22);
    kerf_prefix_cache_evict(&cache, 18);
    assert_int_equal(cache.node[mine].blocks, 6);
    assert_int_equal(kerf_prefix_cache_take_back(&cache, mine, 4), 4);
    assert_int_equal(cache.idle, 14);
    mine = kerf_prefix_cache_leave(&cache, 3, true);
    kerf_prefix_cache_leave(&cache, 1, false);
    kerf_prefix_cache_evict(&cache, 1);
    assert_int_equal(kerf_prefix_cache_take_back(&cache, mine, 3), 0);
    assert_int_equal(cache.idle, 1);
    kerf_prefix_cache_evict(&cache, 0);
    assert_int_equal(cache.oldest, KERF_PREFIX_NONE);
    kerf_prefix_cache_free(&cache);
}

/* A saved cache goes on as the one it was saved of; bytes that do not fit are refused. */
static void a_cache_is_saved_whole(void **unused)
{
    (void)unused;
    struct kerf_prefix_cache cache = {0}, other = {0};
    struct kerf_pack pack = {0};
    for (int i = 0; i < 200; i++)
        read_block(&cache, i * i % 83, 40);
    kerf_prefix_cache_save(&cache, &pack);
    struct kerf_unpack unpack = {.data = pack.data, .bytes = pack.bytes};
    assert_true(kerf_prefix_cache_load(&other, &unpack) && unpack.bytes == 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(read_block(&cache, i * 7 % 90, 40), read_block(&other, i * 7 % 90, 40));
    unpack = (struct kerf_unpack){.data = pack.data, .bytes = pack.bytes - 1};
    assert_false(kerf_prefix_cache_load(&other, &unpack));
    kerf_prefix_cache_free(&cache);
    kerf_prefix_cache_free(&other);
    kerf_pack_free(&pack);
}

static struct trial caching_trial(void)
{
    struct trial trial = gpu_trial();
    trial.policy.block_tokens = 4;
    trial.policy.reserved_output = 0.0;
    trial.policy.prefix_cache = true;
    return trial;
}

/* Tokens that went through the device or were found are those of all prompts, and those computed twice. */
static void assert_conserved(const struct trial *trial)
{
    uint64_t prompts = 0, cached = 0, answers = 0, rounds = 0;
    for (int i = 0; i < trial->sent; i++) {
        const struct kerf_request_record *one = &trial->record[i];
        assert_true(one->cached_tokens < one->prompt_tokens);
        assert_int_equal(one->cached_tokens % (uint32_t)trial->policy.block_tokens, 0);
        prompts += one->prompt_tokens;
        cached += one->cached_tokens;
        answers += one->output_tokens;
        rounds += one->rounds;
    }
    const struct kerf_scheduler_record *s = &trial->scheduler[0];
    assert_true(s->kv_tokens_most <= trial->backend.kv_tokens);
    assert_int_equal(s->output_tokens, answers);
    assert_int_equal(trial->decode_tokens + trial->prefill_tokens, s->decode_tokens + s->prefill_tokens);
    if (s->preemptions == 0) {
        assert_int_equal(s->cached_tokens, cached);
        assert_int_equal(trial->prefill_tokens + cached, prompts);
    } else
        assert_true(trial->prefill_tokens + s->cached_tokens > prompts && s->cached_tokens >= cached);
}

/* A system prompt is computed by the first request and found by all others, as far as whole blocks go. */
static void a_shared_prefix_is_computed_once(void **unused)
{
    (void)unused;
    for (int wafer = 0; wafer <= 1; wafer++) {
        struct trial trial = caching_trial();
        if (wafer)
            trial.backend = wafer_trial().backend;
        trial.workload.prompt_tokens = 103;
        trial.workload.shared_prefix_tokens = 82;
        trial.workload.requests = 50;
        run(&trial);
        assert_all_answered(&trial);
        assert_conserved(&trial);
        for (int i = 0; i < trial.sent; i++)
            assert_int_equal(trial.record[i].cached_tokens, i == 0 ? 0 : 80);
        free(trial.record);
    }
}

/* A prompt that is all in the cache still computes its last block: its next token comes from there. */
static void the_last_token_is_always_computed(void **unused)
{
    (void)unused;
    struct trial trial = caching_trial();
    trial.workload.prompt_tokens = trial.workload.shared_prefix_tokens = 80;
    trial.workload.requests = 3;
    run(&trial);
    assert_int_equal(trial.record[2].cached_tokens, 76);
    assert_conserved(&trial);
    free(trial.record);
}

/* Requests that share their prefix share its room: as many run together as have room for the rest. */
static void shared_blocks_take_room_once(void **unused)
{
    (void)unused;
    for (int shared = 0; shared <= 1; shared++) {
        struct trial trial = caching_trial();
        trial.workload.arrivals = KERF_ARRIVALS_BATCH;
        trial.workload.requests = 60;
        trial.workload.prompt_tokens = 100;
        trial.workload.answer_tokens = 20;
        trial.workload.shared_prefix_tokens = shared ? 80 : 0;
        trial.policy.reserved_output = 1.0;
        trial.backend.kv_tokens = 480;
        run(&trial);
        assert_all_answered(&trial);
        assert_conserved(&trial);
        /* 120 tokens each: 4 fit; 80 for all and 40 each: 10 fit. */
        assert_int_equal(trial.most_sequences, shared ? 10 : 4);
        free(trial.record);
    }
}

/* Recorded names: hits are those of an infinite cache counted by hand, and only leading ones count. */
static void recorded_names_are_honoured(void **unused)
{
    (void)unused;
    uint32_t block[] = {1, 2, 3, /**/ 1, 2, 4, /**/ 5, 2, 3, /**/ 1, 2, 3, 9};
    int64_t first[] = {0, 3, 6, 9, 13};
    struct kerf_trace_request request[4];
    for (int i = 0; i < 4; i++)
        request[i] = (struct kerf_trace_request){
            .at = ps(10.0 * i), .prompt_tokens = (uint32_t)(first[i + 1] - first[i]) * 8, .output_tokens = 5};
    struct kerf_trace trace = {
        .requests = 4, .request = request, .block_tokens = 8, .first_block = first, .block = block};
    struct trial trial = caching_trial();
    trial.workload = (struct kerf_workload){
        .arrivals = KERF_ARRIVALS_TRACE, .trace = &trace, .requests = 4, .rate_per_s = 1};
    run(&trial);
    assert_all_answered(&trial);
    assert_conserved(&trial);
    static const uint32_t cached[] = {0, 16, 0, 24};
    for (int i = 0; i < 4; i++)
        assert_int_equal(trial.record[i].cached_tokens, cached[i]);
    free(trial.record);
}

/* A cache that is too small: whatever is preempted and evicted, the counts stay right, the room is never
 * exceeded, and what a preempted request finds of its own is not computed again. */
static void a_full_cache_stays_exact(void **unused)
{
    (void)unused;
    for (int seed = 1; seed <= 6; seed++) {
        uint64_t computed[2];
        for (int on = 0; on <= 1; on++) {
            struct trial trial = caching_trial();
            trial.workload.arrivals = KERF_ARRIVALS_POISSON;
            trial.workload.rate_per_s = 100;
            trial.workload.requests = 300;
            trial.workload.prompt_tokens = 60;
            trial.workload.answer_tokens = 40;
            trial.workload.length_ratio_least = 0.2;
            trial.workload.shared_prefix_tokens = seed % 2 ? 0 : 17;
            trial.workload.seed = (uint64_t)seed;
            trial.policy.prefix_cache = on;
            trial.policy.token_budget = trial.policy.prefill_chunk = 40;
            trial.policy.max_sequences = seed % 3 ? 256 : 30;
            trial.backend.kv_tokens = 200 + 20 * seed;
            run(&trial);
            assert_all_answered(&trial);
            assert_true(trial.scheduler[0].preemptions > 10);
            assert_conserved(&trial);
            computed[on] = trial.prefill_tokens;
            free(trial.record);
        }
        assert_true(computed[1] < computed[0]);
    }
}

/* Prompts with nothing in common, and nobody preempted: a cache changes nothing. */
static void a_cache_without_use_changes_nothing(void **unused)
{
    (void)unused;
    struct trial trial[2];
    for (int on = 0; on <= 1; on++) {
        trial[on] = caching_trial();
        trial[on].workload.arrivals = KERF_ARRIVALS_POISSON;
        trial[on].workload.rate_per_s = 60;
        trial[on].workload.requests = 300;
        trial[on].workload.length_ratio_least = 0.2;
        trial[on].policy.prefix_cache = on;
        trial[on].backend.kv_tokens = 2000;
        run(&trial[on]);
    }
    assert_memory_equal(trial[0].record, trial[1].record, 300 * sizeof *trial[0].record);
    free(trial[0].record);
    free(trial[1].record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_those_of_lru),
        cmocka_unit_test(runs_go_in_turn),
        cmocka_unit_test(a_cache_is_saved_whole),
        cmocka_unit_test(a_shared_prefix_is_computed_once),
        cmocka_unit_test(the_last_token_is_always_computed),
        cmocka_unit_test(shared_blocks_take_room_once),
        cmocka_unit_test(recorded_names_are_honoured),
        cmocka_unit_test(a_full_cache_stays_exact),
        cmocka_unit_test(a_cache_without_use_changes_nothing),
    };
    MPI_Init(NULL, NULL);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
