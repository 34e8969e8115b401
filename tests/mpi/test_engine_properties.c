/* Random models give one result however they are run: by the reference, by windows on one rank, on all ranks
 * with any partition, message size, window width and delay, and through any chain of checkpoints.
 *
 *   test_engine_properties [FIRST_SEED SEEDS]
 *
 * The oracle is the reference: a plain heap on one rank (engine/reference.h). Run under mpirun; every verdict
 * is agreed among the ranks, and rank 0 prints it. */
#include "sim/engine/cut.h"
#include "sim/engine/engine.h"
#include "sim/engine/partition.h"
#include "tests/support/draw.h"
#include "tests/support/everywhere.h"
#include "tests/support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS_MOST = 6000, CHAIN = 3 };

static int world_rank, world_ranks;
static uint64_t first_seed = 1, seeds;

/* What must not depend on how a model is run. */
struct outcome {
    int ran;
    uint64_t digest, events, rounds;
    double end_s;
    uint64_t hash[RANDOM_GRAPH_LPS], handled[RANDOM_GRAPH_LPS];
};

/* Checkpoints: a row of bytes for each LP. */
struct rows {
    struct kerf_pack row[RANDOM_GRAPH_LPS];
    kerf_time time;
    uint64_t shape;
};

struct journey {
    MPI_Comm comm;
    const struct random_graph *graph;
    struct kerf_engine_options options;
    struct rows *from, *to; /* NULL: from the start; to the end */
    uint64_t meetings, stop_after, save_every;
    int wishing_rank;
};

static void free_rows(struct rows *rows)
{
    for (int i = 0; i < RANDOM_GRAPH_LPS; i++)
        kerf_pack_free(&rows->row[i]);
}

/* Every rank learns every row: each is known to one. */
static void share_rows(MPI_Comm comm, struct rows *rows, uint32_t lps)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    for (uint32_t i = 0; i < lps; i++) {
        struct kerf_pack *row = &rows->row[i];
        int holder = row->bytes > 0 ? rank : -1, holds = row->bytes > 0, holders;
        uint64_t bytes = row->bytes;
        MPI_Allreduce(MPI_IN_PLACE, &holder, 1, MPI_INT, MPI_MAX, comm);
        MPI_Allreduce(&holds, &holders, 1, MPI_INT, MPI_SUM, comm);
        MPI_Bcast(&bytes, 1, MPI_UINT64_T, holder < 0 ? 0 : holder, comm);
        if (holders != 1)
            MPI_Abort(MPI_COMM_WORLD, 1);
        if (holder != rank) {
            *row = (struct kerf_pack){.data = malloc(bytes), .bytes = bytes, .capacity = bytes};
            if (!row->data)
                MPI_Abort(MPI_COMM_WORLD, 1);
        }
        MPI_Bcast(row->data, (int)bytes, MPI_BYTE, holder, comm);
    }
}

static enum kerf_status save(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct journey *journey = context;
    /* Ranks are also asked inside windows, each at its own moments. */
    int stops = journey->to && journey->meetings >= journey->stop_after;
    MPI_Allreduce(MPI_IN_PLACE, &stops, 1, MPI_INT, MPI_MAX, journey->comm);
    struct rows scratch = {0}, *rows = stops ? journey->to : &scratch;
    struct kerf_cut *cut;
    KERF_TRY(kerf_cut_open(engine, &cut, error));
    for (uint32_t k = 0; k < kerf_cut_lps(cut); k++) {
        struct kerf_pack *row = &rows->row[kerf_cut_id(cut, k)];
        kerf_cut_pack(cut, k, row);
        KERF_CHECK(!row->failed && kerf_cut_holds(engine, kerf_cut_id(cut, k)), KERF_ERR_FAILURE, "no row");
        KERF_CHECK(k == 0 || kerf_cut_id(cut, k) > kerf_cut_id(cut, k - 1), KERF_ERR_FAILURE, "ids fall");
    }
    kerf_cut_close(cut);
    rows->time = kerf_cut_time(engine);
    rows->shape = kerf_cut_shape(engine);
    if (rows == journey->to)
        share_rows(journey->comm, rows, random_graph_lps(journey->graph));
    free_rows(&scratch);
    return KERF_OK;
}

static enum kerf_status load(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    const struct journey *journey = context;
    KERF_CHECK(kerf_cut_shape(engine) == journey->from->shape, KERF_ERR_FAILURE, "another shape");
    for (uint32_t i = 0; i < random_graph_lps(journey->graph); i++)
        if (kerf_cut_holds(engine, i))
            KERF_TRY(
                kerf_cut_restore(engine, i, journey->from->row[i].data, journey->from->row[i].bytes, error));
    kerf_cut_set_time(engine, journey->from->time);
    return KERF_OK;
}

/* Counts how often it is asked; one rank alone wants to stop. */
static enum kerf_wish wish(void *context)
{
    struct journey *journey = context;
    journey->meetings++;
    if (journey->to && journey->meetings >= journey->stop_after)
        return world_rank == journey->wishing_rank || journey->comm == MPI_COMM_SELF ? KERF_WISH_SAVE_AND_STOP
                                                                                     : KERF_WISH_NONE;
    return journey->save_every > 0 && journey->meetings % journey->save_every == 0 ? KERF_WISH_SAVE
                                                                                   : KERF_WISH_NONE;
}

static void note(const struct kerf_engine *engine, const struct journey *journey, struct outcome *outcome)
{
    struct kerf_engine_stats stats = kerf_engine_stats(engine);
    uint64_t sums[2 * RANDOM_GRAPH_LPS] = {0};
    for (uint32_t i = 0; i < random_graph_lps(journey->graph); i++) {
        const void *state = kerf_engine_state(engine, i);
        sums[2 * i] = state ? random_graph_hash(state) : 0;
        sums[2 * i + 1] = kerf_engine_events_of(engine, i);
    }
    MPI_Allreduce(MPI_IN_PLACE, sums, 2 * RANDOM_GRAPH_LPS, MPI_UINT64_T, MPI_SUM, journey->comm);
    outcome->digest = stats.digest;
    outcome->events = stats.events;
    outcome->end_s = stats.end_s;
    outcome->rounds = stats.rounds;
    for (uint32_t i = 0; i < RANDOM_GRAPH_LPS; i++) {
        outcome->hash[i] = sums[2 * i];
        outcome->handled[i] = sums[2 * i + 1];
    }
}

/* Runs to the end, or to the checkpoint; false when it stopped there. */
static bool travel(struct journey *journey, struct outcome *outcome)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    if (kerf_engine_create(journey->comm, &journey->options, &engine, &error) != KERF_OK)
        MPI_Abort(MPI_COMM_WORLD, 1);
    random_graph_build(journey->graph, engine);
    const struct kerf_engine_calls calls = {.context = journey,
                                            .wish = journey->to || journey->save_every ? wish : NULL,
                                            .save = save,
                                            .load = journey->from ? load : NULL};
    enum kerf_wish stopped = KERF_WISH_NONE;
    *outcome = (struct outcome){.ran = kerf_engine_run(engine, &calls, &stopped, &error) == KERF_OK};
    if (!outcome->ran)
        fprintf(stderr, "rank %d: %s\n", world_rank, error.message);
    else if (stopped == KERF_WISH_NONE)
        note(engine, journey, outcome);
    kerf_engine_free(engine);
    return !outcome->ran || stopped == KERF_WISH_NONE;
}

/* LPs anywhere: neither groups nor loads count, and some ranks may get nothing. */
static enum kerf_status scatter(void *context, MPI_Comm comm, const struct kerf_partition_problem *problem,
                                int *rank_of, struct kerf_error *error)
{
    const uint64_t *seed = context;
    (void)comm, (void)error;
    uint64_t used = 1 + draw_mix(*seed, 9) % (uint64_t)problem->ranks;
    for (uint32_t i = 0; i < problem->count; i++)
        rank_of[i] = (int)((*seed + draw_mix(*seed, 100 + i) % used) % (uint64_t)problem->ranks);
    return KERF_OK;
}

static bool equal(const struct outcome *a, const struct outcome *b, const char *how, uint64_t seed)
{
    bool same = a->ran && b->ran && a->digest == b->digest && a->events == b->events &&
                a->end_s == b->end_s && memcmp(a->hash, b->hash, sizeof a->hash) == 0 &&
                memcmp(a->handled, b->handled, sizeof a->handled) == 0;
    if (!same && world_rank == 0)
        fprintf(stderr,
                "seed %llu, %d ranks, %s: digest %016llx, %llu events, %.12f s; reference %016llx, %llu "
                "events, %.12f s\n",
                (unsigned long long)seed, world_ranks, how, (unsigned long long)b->digest,
                (unsigned long long)b->events, b->end_s, (unsigned long long)a->digest,
                (unsigned long long)a->events, a->end_s);
    return same;
}

/* Runs through a chain of checkpoints; each part on a partition of its own, the last but one on one rank
 * when `alone` says so. */
static void run_chain(const struct random_graph *graph, MPI_Comm comm, uint64_t draw, uint64_t rounds,
                      bool alone, struct outcome *outcome)
{
    static struct rows rows[CHAIN];
    uint64_t scatter_seed[CHAIN + 1];
    bool ended = false;
    int kept = 0;
    for (int leg = 0; leg <= CHAIN && !ended; leg++) {
        draw = draw_mix(draw, (uint64_t)leg);
        scatter_seed[leg] = draw;
        struct journey journey = {.comm = alone && leg >= CHAIN - 1 ? MPI_COMM_SELF : comm,
                                  .graph = graph,
                                  .from = leg > 0 ? &rows[leg - 1] : NULL,
                                  .to = leg < CHAIN ? &rows[leg] : NULL,
                                  .stop_after = 1 + draw % (1 + rounds / 2),
                                  .wishing_rank = (int)(draw >> 20) % world_ranks};
        if (journey.wishing_rank < 0)
            journey.wishing_rank += world_ranks;
        if (draw >> 50 & 1) {
            journey.options.partitioner = scatter;
            journey.options.partitioner_context = &scatter_seed[leg];
        }
        ended = travel(&journey, outcome);
        kept = leg;
    }
    for (int leg = 0; leg <= kept && leg < CHAIN; leg++)
        free_rows(&rows[leg]);
}

/* On rank 0 alone: the reference, and windows on one rank. The others learn what comes out. */
static bool run_alone(const struct random_graph *graph, uint64_t seed, struct outcome *reference)
{
    int same = 1;
    if (world_rank == 0) {
        struct outcome outcome;
        uint64_t draw = draw_mix(seed, 77);
        struct journey plain = {.comm = MPI_COMM_SELF, .graph = graph, .options.reference = true};
        travel(&plain, reference);
        struct journey windows = {.comm = MPI_COMM_SELF, .graph = graph};
        travel(&windows, &outcome);
        same = equal(reference, &outcome, "windows on one rank", seed);
        struct journey narrow = {.comm = MPI_COMM_SELF,
                                 .graph = graph,
                                 .save_every = 3,
                                 .options.widest_window_ps = draw_magnitude(draw, 1000000000000),
                                 .options.rehearse_ranks = 2 + (int)(draw & 7)};
        travel(&narrow, &outcome);
        same = equal(reference, &outcome, "narrow rehearsed windows with checkpoints", seed) && same;
        run_chain(graph, MPI_COMM_SELF, draw, outcome.rounds, false, &outcome);
        same = equal(reference, &outcome, "a chain of checkpoints on one rank", seed) && same;
    }
    MPI_Bcast(&same, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(reference, sizeof *reference, MPI_BYTE, 0, MPI_COMM_WORLD);
    return same;
}

/* The ways in which all ranks run a model together. */
static bool run_together(const struct random_graph *graph, uint64_t seed, const struct outcome *reference)
{
    uint64_t draw = draw_mix(seed, 99), where = draw;
    const struct {
        const char *name;
        struct kerf_engine_options options;
    } ways[] = {
        {"blocks", {0}},
        {"scattered, small messages",
         {.partitioner = scatter, .partitioner_context = &where, .first_bytes = 64, .piece_bytes = 1}},
        {"scattered, promises reduced together",
         {.partitioner = scatter,
          .partitioner_context = &where,
          .direct_ranks = 1,
          .first_bytes = 64 + (uint32_t)(draw >> 40) % 8000}},
        {"scattered, narrow windows, messages held back",
         {.partitioner = scatter,
          .partitioner_context = &where,
          .direct_ranks = draw >> 60 & 1 ? 1 : 16,
          .jitter_us = seed % 5 == 0 ? 100 : 0,
          .piece_bytes = 2000,
          .widest_window_ps = draw_magnitude(draw, 1000000000000)}},
    };
    struct outcome outcome;
    bool same = true;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        where = draw_mix(draw, i);
        struct journey journey = {.comm = MPI_COMM_WORLD, .graph = graph, .options = ways[i].options};
        travel(&journey, &outcome);
        same = equal(reference, &outcome, ways[i].name, seed) && same;
    }
    run_chain(graph, MPI_COMM_WORLD, draw, outcome.rounds, seed % 2, &outcome);
    return equal(reference, &outcome, "a chain of checkpoints", seed) && same;
}

static void every_way_to_run_gives_one_result(void **unused)
{
    (void)unused;
    uint64_t events = 0;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        struct random_graph *graph =
            random_graph_make(seed, 300 + (uint32_t)draw_magnitude(draw_mix(seed, 55), EVENTS_MOST));
        static struct outcome reference;
        bool same = run_alone(graph, seed, &reference);
        same = same && (world_ranks == 1 || run_together(graph, seed, &reference));
        events += reference.events;
        random_graph_free(graph);
        ASSERT_EVERYWHERE(same);
    }
    print_message("%llu seeds, %llu events\n", (unsigned long long)seeds, (unsigned long long)events);
    ASSERT_EVERYWHERE(events > 100 * seeds);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_ranks);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (world_rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
#ifdef __SANITIZE_ADDRESS__ /* every seed makes some forty engines */
    seeds = 10;
#else
    seeds = world_ranks == 1 ? 200 : world_ranks < 4 ? 100 : 40;
#endif
    if (argc == 3) {
        first_seed = strtoull(argv[1], NULL, 10);
        seeds = strtoull(argv[2], NULL, 10);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_way_to_run_gives_one_result)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
