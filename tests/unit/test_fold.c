/* A folded run is the full run: every LP ends in the state of its representative, at the same time, and as
 * many LPs are simulated as there are kinds of behaviour. Also run under mpirun; every verdict is agreed
 * among the ranks. */
#include "sim/engine/engine.h"
#include "sim/engine/partition.h"
#include "tests/support/draw.h"
#include "tests/support/everywhere.h"
#include "tests/support/halves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int world_rank, world_ranks;

enum { OUTS = 3, TARGETS = 40, LPS_MOST = 200, TICK = 999, TICKS_MOST = 30 };

/* Channels over which an LP always sends at once. */
struct out {
    uint64_t label; /* 0: like no other */
    kerf_time lookahead;
    uint32_t to[TARGETS], count;
};

struct node {
    uint64_t label, seed; /* equal labels: equal seeds */
    struct out out[OUTS];
    uint32_t starts;
};

struct plan {
    struct node node[LPS_MOST];
    uint32_t lps;
};

/* All words, so that runs can be compared. */
struct gathered {
    uint64_t hash, inbox, arrivals, ticks;
    kerf_time asked, last;
};

enum { WORDS = sizeof(struct gathered) / sizeof(uint64_t) };

/* What arrives at one time is gathered in no order, as a folded run knows none; a tick 1 ps later answers
 * over an out that depends on all of it. Arrivals come at multiples of 10 ps and ticks 1 ps after. */
static enum kerf_status answer(struct kerf_lp *lp, const struct node *node, const struct gathered *g,
                               struct kerf_error *error)
{
    uint64_t draw = draw_mix(g->hash, g->ticks);
    const struct out *out = &node->out[draw % OUTS];
    kerf_time delay = out->lookahead + 9 + (kerf_time)(draw >> 20) % 3 * 500;
    for (uint32_t i = 0; i < out->count; i++)
        KERF_TRY(
            kerf_lp_send(lp, out->to[i], delay, (uint32_t)(draw % OUTS), &g->hash, sizeof g->hash, error));
    return KERF_OK;
}

static enum kerf_status node_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    const struct node *node = setup;
    struct gathered *g = state;
    g->hash = node->seed;
    for (uint32_t i = 0; i < node->starts; i++)
        KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), 1000 * (i + 1) + 1, TICK, NULL, 0, error));
    return KERF_OK;
}

static enum kerf_status node_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    struct gathered *g = state;
    uint32_t copies = kerf_lp_copies(lp, event);
    uint64_t word;
    g->last = kerf_lp_now(lp);
    if (event->type == TICK) {
        KERF_CHECK(copies == 1, KERF_ERR_FAILURE, "an LP's own event stands for %u", copies);
        g->hash = draw_mix(g->hash, g->inbox);
        g->inbox = 0;
        return ++g->ticks <= TICKS_MOST ? answer(lp, kerf_lp_setup(lp), g, error) : KERF_OK;
    }
    memcpy(&word, event->payload, sizeof word);
    g->inbox += copies * draw_mix(draw_mix(word, event->type), (uint64_t)g->last);
    g->arrivals += copies;
    if (g->asked == g->last)
        return KERF_OK;
    g->asked = g->last;
    return kerf_lp_send(lp, kerf_lp_id(lp), 1, TICK, NULL, 0, error);
}

static const struct kerf_lp_kind node_kind = {
    .name = "node", .state_bytes = sizeof(struct gathered), .init = node_init, .handle = node_handle};

/* `count` LPs that are alike, or like no other (label 0); returns the first. */
static uint32_t add(struct plan *plan, uint32_t count, uint64_t label)
{
    uint32_t first = plan->lps;
    for (uint32_t i = 0; i < count; i++)
        plan->node[plan->lps++] = (struct node){.label = label, .seed = draw_mix(17, first), .starts = 2};
    return first;
}

/* Out `slot` of LPs from .. from + froms - 1: each to `degree` of to .. to + tos - 1, in turn, and each of
 * those gets as many. */
static void join(struct plan *plan, int slot, uint32_t from, uint32_t froms, uint32_t to, uint32_t tos,
                 uint32_t degree, uint32_t offset, uint64_t label)
{
    for (uint32_t i = 0; i < froms; i++) {
        struct out *out = &plan->node[from + i].out[slot];
        out->label = label;
        out->lookahead = 1000 + 100 * slot;
        for (uint32_t k = 0; k < degree; k++)
            out->to[out->count++] = to + (i * (from == to ? 1 : degree) + k + offset) % tos;
    }
}

static struct kerf_engine *build(const struct plan *plan, MPI_Comm comm,
                                 const struct kerf_engine_options *options, bool open)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error;
    if (kerf_engine_create(comm, options, &engine, &error) != KERF_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    for (uint32_t i = 0; i < plan->lps; i++) {
        kerf_engine_add(engine, &node_kind, &plan->node[i], -1, 1.0);
        if (plan->node[i].label > 0)
            kerf_engine_label(engine, i, plan->node[i].label);
        for (int slot = 0; slot < OUTS; slot++) {
            const struct out *out = &plan->node[i].out[slot];
            for (uint32_t k = 0; k < out->count; k++)
                kerf_engine_connect_alike(engine, i, out->to[k], out->lookahead, out->label);
        }
    }
    if (open)
        kerf_engine_open(engine, 0, 1000);
    return engine;
}

struct result {
    bool ran;
    struct kerf_engine_stats stats;
    uint64_t word[LPS_MOST][WORDS];
};

/* States of all LPs on every rank. */
static void note(const struct kerf_engine *engine, const struct plan *plan, MPI_Comm comm,
                 struct result *result)
{
    memset(result->word, 0, sizeof result->word);
    for (uint32_t i = 0; i < plan->lps; i++)
        if (kerf_engine_state(engine, i))
            memcpy(result->word[i], kerf_engine_state(engine, i), sizeof result->word[i]);
    MPI_Allreduce(MPI_IN_PLACE, result->word, LPS_MOST * WORDS, MPI_UINT64_T, MPI_SUM, comm);
    result->stats = kerf_engine_stats(engine);
}

static void run(const struct plan *plan, MPI_Comm comm, const struct kerf_engine_options *options,
                const struct kerf_engine_calls *calls, struct result *result)
{
    struct kerf_engine *engine = build(plan, comm, options, false);
    struct kerf_error error = {0};
    result->ran = kerf_engine_run(engine, calls, NULL, &error) == KERF_OK;
    if (result->ran)
        note(engine, plan, comm, result);
    else
        fprintf(stderr, "rank %d: %s\n", world_rank, error.message);
    kerf_engine_free(engine);
}

/* LPs anywhere. */
static enum kerf_status scatter(void *context, MPI_Comm comm, const struct kerf_partition_problem *problem,
                                int *rank_of, struct kerf_error *error)
{
    (void)context, (void)comm, (void)error;
    for (uint32_t i = 0; i < problem->count; i++)
        rank_of[i] = (int)(draw_mix(problem->count, i) % (uint64_t)problem->ranks);
    return KERF_OK;
}

/* Whether all ways to fold give the full run's states; `simulated`: LPs that are left, 0: any number. */
static bool folds_to(const struct plan *plan, uint64_t simulated)
{
    static struct result full, folded, scattered, reference;
    run(plan, MPI_COMM_WORLD, NULL, NULL, &full);
    run(plan, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, NULL, &folded);
    run(plan, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true, .partitioner = scatter}, NULL,
        &scattered);
    run(plan, MPI_COMM_SELF, &(struct kerf_engine_options){.fold = true, .reference = true}, NULL,
        &reference);
    bool same = full.ran && folded.ran && scattered.ran && reference.ran;
    for (uint32_t i = 0; same && i < plan->lps; i++)
        if (memcmp(full.word[i], folded.word[i], sizeof full.word[i]) != 0) {
            fprintf(stderr, "rank %d: LP %u: %llu arrivals, folded %llu; hash %llx, folded %llx\n",
                    world_rank, i, (unsigned long long)full.word[i][2], (unsigned long long)folded.word[i][2],
                    (unsigned long long)full.word[i][0], (unsigned long long)folded.word[i][0]);
            same = false;
        }
    same = same && memcmp(folded.word, scattered.word, sizeof folded.word) == 0 &&
           memcmp(folded.word, reference.word, sizeof folded.word) == 0;
    same = same && folded.stats.digest == scattered.stats.digest &&
           folded.stats.digest == reference.stats.digest && folded.stats.end_s == full.stats.end_s;
    if (folded.stats.lps_simulated != simulated && simulated > 0) {
        fprintf(stderr, "%llu LPs simulated for %llu\n", (unsigned long long)folded.stats.lps_simulated,
                (unsigned long long)simulated);
        same = false;
    }
    return same && full.stats.lps_simulated == plan->lps && folded.stats.lps == plan->lps &&
           folded.stats.events <= full.stats.events && full.stats.events > plan->lps;
}

static struct plan *clear(struct plan *plan)
{
    memset(plan, 0, sizeof *plan);
    return plan;
}

static void a_star_is_its_centre_and_one_worker(void **unused)
{
    (void)unused;
    static struct plan plan;
    for (uint32_t workers = 1; workers <= 32; workers *= 2) {
        uint32_t scheduler = add(clear(&plan), 1, 0), first = add(&plan, workers, 5);
        join(&plan, 0, scheduler, 1, first, workers, workers, 0, 1);
        join(&plan, 1, first, workers, scheduler, 1, 1, 0, 2);
        ASSERT_EVERYWHERE(folds_to(&plan, 2));
    }
}

static void a_straggler_splits_its_class_only(void **unused)
{
    (void)unused;
    static struct plan plan;
    uint32_t scheduler = add(clear(&plan), 1, 0), first = add(&plan, 20, 5);
    join(&plan, 0, scheduler, 1, first, 20, 20, 0, 1);
    join(&plan, 1, first, 20, scheduler, 1, 1, 0, 2);
    plan.node[first + 7].label = 6;
    plan.node[first + 7].seed++;
    ASSERT_EVERYWHERE(folds_to(&plan, 3));
    plan.node[first + 7].label = 5; /* alike but for a slower link */
    plan.node[first + 7].seed--;
    plan.node[first + 7].out[1].lookahead += 50;
    ASSERT_EVERYWHERE(folds_to(&plan, 3));
}

/* Replicas x stages, each stage with a collective over the replicas: a replica's column is left. */
static void replicas_of_a_pipeline_are_one(void **unused)
{
    (void)unused;
    enum { REPLICAS = 12, STAGES = 5 };
    static struct plan plan;
    clear(&plan);
    uint32_t stage[STAGES], collective[STAGES];
    for (uint32_t s = 0; s < STAGES; s++) {
        stage[s] = add(&plan, REPLICAS, 10 + s);
        collective[s] = add(&plan, 1, 0);
    }
    for (uint32_t s = 0; s < STAGES; s++) {
        if (s + 1 < STAGES)
            join(&plan, 0, stage[s], REPLICAS, stage[s + 1], REPLICAS, 1, 0, 1);
        if (s > 0)
            join(&plan, 1, stage[s], REPLICAS, stage[s - 1], REPLICAS, 1, 0, 2);
        join(&plan, 2, stage[s], REPLICAS, collective[s], 1, 1, 0, 3);
        join(&plan, 0, collective[s], 1, stage[s], REPLICAS, REPLICAS, 0, 4);
    }
    ASSERT_EVERYWHERE(folds_to(&plan, 2 * STAGES));
}

/* One LP sends to itself in place of its neighbour, and its own events are no messages. */
static void a_ring_is_one_lp(void **unused)
{
    (void)unused;
    static struct plan plan;
    uint32_t first = add(clear(&plan), 30, 1);
    join(&plan, 0, first, 30, first, 30, 1, 1, 1);
    ASSERT_EVERYWHERE(folds_to(&plan, 1));
}

/* All to all, without and with oneself. */
static void all_to_all_is_one_lp(void **unused)
{
    (void)unused;
    static struct plan plan;
    for (uint32_t itself = 0; itself <= 1; itself++) {
        uint32_t first = add(clear(&plan), 16, 1);
        join(&plan, 0, first, 16, first, 16, 15 + itself, 1, 1);
        ASSERT_EVERYWHERE(folds_to(&plan, 1));
    }
}

/* A channel to oneself is unlike one to another, though both have as many. */
static void a_channel_to_oneself_is_no_channel_to_others(void **unused)
{
    (void)unused;
    static struct plan plan;
    uint32_t first = add(clear(&plan), 5, 1);
    for (uint32_t i = 0; i < 5; i++)
        plan.node[first + i].out[0] =
            (struct out){.label = 1, .lookahead = 1000, .to = {i < 2 ? i : 2 + (i - 1) % 3}, .count = 1};
    ASSERT_EVERYWHERE(folds_to(&plan, 2));
}

/* Who addresses its replicas one by one keeps them apart; so does an LP that may send to all. */
static void what_is_addressed_alone_is_not_folded(void **unused)
{
    (void)unused;
    static struct plan plan;
    uint32_t client = add(clear(&plan), 1, 0), replica = add(&plan, 9, 5);
    join(&plan, 0, client, 1, replica, 9, 9, 0, 0);
    join(&plan, 1, replica, 9, client, 1, 1, 0, 2);
    ASSERT_EVERYWHERE(folds_to(&plan, 10));
    clear(&plan);
    add(&plan, 6, 5);
    join(&plan, 0, 0, 6, 0, 6, 1, 1, 1);
    struct kerf_error error = {0};
    struct kerf_engine *engine =
        build(&plan, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, true);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_OK);
    ASSERT_EVERYWHERE(kerf_engine_stats(engine).lps_simulated == 6);
    kerf_engine_free(engine);
}

/* An event between two classes cannot tell over which of two channels it came. */
static void ways_that_stand_for_different_numbers_are_refused(void **unused)
{
    (void)unused;
    static struct plan plan;
    uint32_t first = add(clear(&plan), 8, 1);
    join(&plan, 0, first, 8, first, 8, 1, 1, 1);
    join(&plan, 1, first, 8, first, 8, 2, 2, 2);
    struct kerf_error error = {0};
    struct kerf_engine *engine =
        build(&plan, MPI_COMM_WORLD, &(struct kerf_engine_options){.fold = true}, false);
    ASSERT_EVERYWHERE(kerf_engine_run(engine, NULL, NULL, &error) == KERF_ERR_FAILURE);
    ASSERT_EVERYWHERE(strstr(error.message, "two ways that stand for different numbers") != NULL);
    kerf_engine_free(engine);
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* Random classes with random joins that treat all members of a class alike; sometimes an odd one out. */
static void random_symmetry_folds(void **unused)
{
    (void)unused;
    static struct plan plan;
    static const uint32_t sizes[] = {1, 2, 3, 4, 6, 12, 18, 24};
#ifdef __SANITIZE_ADDRESS__
    uint32_t seeds = world_ranks == 1 ? 40 : 8;
#else
    uint32_t seeds = world_ranks == 1 ? 120 : 25;
#endif
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t draw = draw_mix(2, seed);
        uint32_t classes = 1 + (uint32_t)(draw % 7), first[8], size[8];
        clear(&plan);
        for (uint32_t c = 0; c < classes; c++) {
            size[c] = sizes[(draw = draw_mix(draw, c)) % 8];
            first[c] = add(&plan, size[c], 20 + c);
        }
        for (uint32_t c = 0; c < classes; c++)
            for (int slot = 0; slot < OUTS; slot++) {
                uint32_t to = (c + (uint32_t)slot * (1 + seed % 2)) % classes;
                bool again = false; /* between two classes one join only */
                for (int before = 0; before < slot; before++)
                    again = again || (c + (uint32_t)before * (1 + seed % 2)) % classes == to;
                draw = draw_mix(draw, (uint64_t)slot);
                uint32_t unit = size[to] / common_divisor(size[c], size[to]);
                uint32_t degree = unit * (1 + (uint32_t)(draw % (size[to] / unit)));
                if (c == to)
                    degree = size[c] > 1 ? 1 + (uint32_t)(draw % (size[c] - 1)) : 0;
                if (!again && draw >> 40 & 3)
                    join(&plan, slot, first[c], size[c], first[to], size[to], degree,
                         c == to ? 1 : (uint32_t)(draw >> 50) % size[to], 1 + (uint64_t)slot);
            }
        bool odd = seed % 3 == 0;
        if (odd)
            plan.node[draw % plan.lps].label = 99, plan.node[draw % plan.lps].seed++;
        bool same = folds_to(&plan, odd ? 0 : classes);
        if (!same && world_rank == 0)
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
        ASSERT_EVERYWHERE(same);
    }
}

static void a_folded_run_is_taken_up_where_it_stopped(void **unused)
{
    (void)unused;
    static struct plan plan;
    static struct result full, second;
    uint32_t scheduler = add(clear(&plan), 1, 0), first = add(&plan, 30, 5);
    join(&plan, 0, scheduler, 1, first, 30, 30, 0, 1);
    join(&plan, 1, first, 30, scheduler, 1, 1, 0, 2);
    run(&plan, MPI_COMM_WORLD, NULL, NULL, &full);
    static struct halves halves = {.stops_at = 3};
    /* Narrow windows, so that the third meeting lies inside the run. */
    const struct kerf_engine_options options = {.fold = true, .widest_window_ps = 1};
    struct kerf_engine *engine = build(&plan, MPI_COMM_WORLD, &options, false);
    struct kerf_engine_calls calls = {.context = &halves, .wish = halves_wish, .save = halves_save};
    enum kerf_wish stopped;
    struct kerf_error error = {0};
    ASSERT_EVERYWHERE(kerf_engine_run(engine, &calls, &stopped, &error) == KERF_OK);
    ASSERT_EVERYWHERE(stopped == KERF_WISH_SAVE_AND_STOP && halves.time > 0);
    kerf_engine_free(engine);
    calls = (struct kerf_engine_calls){.context = &halves, .load = halves_load};
    run(&plan, MPI_COMM_WORLD, &options, &calls, &second);
    ASSERT_EVERYWHERE(full.ran && second.ran && memcmp(full.word, second.word, sizeof full.word) == 0);
    ASSERT_EVERYWHERE(full.stats.end_s == second.stats.end_s && second.stats.lps_simulated == 2);
    halves_free(&halves);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_ranks);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (world_rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_is_its_centre_and_one_worker),
        cmocka_unit_test(a_straggler_splits_its_class_only),
        cmocka_unit_test(replicas_of_a_pipeline_are_one),
        cmocka_unit_test(a_ring_is_one_lp),
        cmocka_unit_test(all_to_all_is_one_lp),
        cmocka_unit_test(a_channel_to_oneself_is_no_channel_to_others),
        cmocka_unit_test(what_is_addressed_alone_is_not_folded),
        cmocka_unit_test(ways_that_stand_for_different_numbers_are_refused),
        cmocka_unit_test(random_symmetry_folds),
        cmocka_unit_test(a_folded_run_is_taken_up_where_it_stopped),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
