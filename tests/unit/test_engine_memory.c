/* Whichever allocation fails, the run fails on every rank with a message, or gives the right result: no
 * crash, no leak, no rank left waiting. The linker gives the engine's allocations to the functions below,
 * which let the 1st, 2nd, 3rd ... fail until the run gets through. Also run under mpirun. */
#include "sim/engine/cut.h"
#include "sim/engine/engine.h"
#include "tests/support/everywhere.h"
#include "tests/support/random_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int world_rank, world_ranks;

/* Which allocation of this rank fails; 0: none. */
static uint64_t allocations, failing;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

static bool fails(void)
{
    return ++allocations == failing;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __real_realloc(old, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, bytes);
}

/* The runs: a random model to its end, or to a checkpoint and on from there; or a folded star. */
struct model {
    const char *name;
    uint64_t seed; /* 0: the star */
    struct kerf_engine_options options;
    bool stops, on_one_rank;
};

enum { STAR_LPS = 9 };

static enum kerf_status star_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    (void)setup, (void)state;
    return kerf_lp_send(lp, kerf_lp_id(lp), 1000, 0, NULL, 0, error);
}

/* What comes is passed on to all workers, or back to the centre, for a while. */
static enum kerf_status star_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    uint64_t *copies = state;
    *copies += kerf_lp_copies(lp, event);
    if (kerf_lp_now(lp) > 50000)
        return KERF_OK;
    if (kerf_lp_id(lp) > 0)
        return kerf_lp_send(lp, 0, 3000, 1, NULL, 0, error);
    for (uint32_t i = 1; i < STAR_LPS; i++)
        KERF_TRY(kerf_lp_send(lp, i, 4000, 1, NULL, 0, error));
    return KERF_OK;
}

static const struct kerf_lp_kind star_kind = {
    .name = "star", .state_bytes = sizeof(uint64_t), .init = star_init, .handle = star_handle};

static void build(const struct model *model, const struct random_graph *graph, struct kerf_engine *engine)
{
    if (graph) {
        random_graph_build(graph, engine);
        return;
    }
    for (uint32_t i = 0; i < STAR_LPS; i++) {
        kerf_engine_add(engine, &star_kind, model, -1, 1.0);
        if (i == 0)
            continue;
        kerf_engine_label(engine, i, 1);
        kerf_engine_connect_alike(engine, 0, i, 4000, 1);
        kerf_engine_connect_alike(engine, i, 0, 3000, 2);
    }
}

struct halves {
    uint32_t lps;
    struct kerf_pack row[RANDOM_GRAPH_LPS];
    kerf_time time;
    int meetings;
};

static enum kerf_wish wish(void *context)
{
    return ++((struct halves *)context)->meetings == 3 ? KERF_WISH_SAVE_AND_STOP : KERF_WISH_NONE;
}

static enum kerf_status save(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct halves *halves = context;
    struct kerf_cut *cut;
    bool packed = true;
    halves->time = kerf_cut_time(engine);
    KERF_TRY(kerf_cut_open(engine, &cut, error));
    for (uint32_t k = 0; k < kerf_cut_lps(cut); k++) {
        kerf_cut_pack(cut, k, &halves->row[kerf_cut_id(cut, k)]);
        packed = packed && !halves->row[kerf_cut_id(cut, k)].failed;
    }
    kerf_cut_close(cut);
    KERF_CHECK(packed, KERF_ERR_FAILURE, "out of memory for rows");
    return KERF_OK;
}

static enum kerf_status load(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    const struct halves *halves = context;
    for (uint32_t i = 0; i < halves->lps; i++)
        if (kerf_cut_holds(engine, i))
            KERF_TRY(kerf_cut_restore(engine, i, halves->row[i].data, halves->row[i].bytes, error));
    kerf_cut_set_time(engine, halves->time);
    return KERF_OK;
}

static enum kerf_status run_once(const struct model *model, const struct random_graph *graph,
                                 const struct kerf_engine_calls *calls, enum kerf_wish *stopped,
                                 uint64_t *digest, struct kerf_error *error)
{
    struct kerf_engine *engine = NULL;
    MPI_Comm comm = model->on_one_rank ? MPI_COMM_SELF : MPI_COMM_WORLD;
    KERF_TRY(kerf_engine_create(comm, &model->options, &engine, error));
    build(model, graph, engine);
    enum kerf_status status = kerf_engine_run(engine, calls, stopped, error);
    *digest = kerf_engine_stats(engine).digest;
    kerf_engine_free(engine);
    return status;
}

static enum kerf_status run(const struct model *model, const struct random_graph *graph, uint64_t *digest,
                            struct kerf_error *error)
{
    static struct halves halves;
    enum kerf_wish stopped = KERF_WISH_NONE;
    halves = (struct halves){.lps = graph ? random_graph_lps(graph) : STAR_LPS};
    struct kerf_engine_calls calls = {.context = &halves, .wish = wish, .save = save};
    enum kerf_status status = run_once(model, graph, model->stops ? &calls : NULL, &stopped, digest, error);
    if (status == KERF_OK && stopped == KERF_WISH_SAVE_AND_STOP) {
        calls = (struct kerf_engine_calls){.context = &halves, .load = load};
        status = run_once(model, graph, &calls, NULL, digest, error);
    }
    for (int i = 0; i < RANDOM_GRAPH_LPS; i++)
        kerf_pack_free(&halves.row[i]);
    return status;
}

/* The words of the first rank whose allocation failed are everyone's. A kind's `load` cannot say why it
 * fails. */
static bool told_alike(const struct model *model, enum kerf_status status, const struct kerf_error *error)
{
    struct kerf_error first = *error;
    MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, model->on_one_rank ? MPI_COMM_SELF : MPI_COMM_WORLD);
    bool told = strstr(error->message, "out of memory") ||
                (model->stops && strstr(error->message, "the state of owner"));
    return status == KERF_ERR_FAILURE && told && strcmp(first.message, error->message) == 0;
}

/* Lets allocation after allocation fail, on one rank after the other. */
static bool survives(const struct model *model, uint64_t *runs)
{
    struct random_graph *graph = model->seed ? random_graph_make(model->seed, 60) : NULL;
    uint64_t wanted, digest, n = 1;
    struct kerf_error error = {0};
    bool right = run(model, graph, &wanted, &error) == KERF_OK;
    for (int through = 0, last = model->on_one_rank ? 1 : world_ranks; right && through < last;
         n++, ++*runs) {
        alarm(60); /* a rank that waits for ever */
        bool mine = model->on_one_rank || (int)(n % (uint64_t)world_ranks) == world_rank;
        allocations = 0;
        failing = mine ? (n + (uint64_t)last - 1) / (uint64_t)last : 0;
        error = (struct kerf_error){0};
        enum kerf_status status = run(model, graph, &digest, &error);
        int hit = failing > 0 && allocations >= failing, hit_anywhere = hit;
        failing = 0;
        if (!model->on_one_rank)
            MPI_Allreduce(&hit, &hit_anywhere, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        through = hit_anywhere ? 0 : through + 1;
        right = status == KERF_OK ? digest == wanted : hit_anywhere && told_alike(model, status, &error);
        if (!model->on_one_rank)
            MPI_Allreduce(MPI_IN_PLACE, &right, 1, MPI_C_BOOL, MPI_LAND, MPI_COMM_WORLD);
        if (!right)
            fprintf(stderr, "rank %d, %s, run %llu: status %d, '%s'\n", world_rank, model->name,
                    (unsigned long long)n, (int)status, error.message);
    }
    alarm(0);
    random_graph_free(graph);
    return right;
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    const struct model models[] = {
        {.name = "windows", .seed = 11},
        {.name = "many LPs", .seed = 24},
        {.name = "small messages", .seed = 13, .options = {.first_bytes = 64, .piece_bytes = 1}},
        {.name = "promises reduced", .seed = 14, .options.direct_ranks = 1},
        {.name = "reference", .seed = 15, .options.reference = true, .on_one_rank = true},
        {.name = "rehearsal", .seed = 16, .options.rehearse_ranks = 3, .on_one_rank = true},
        {.name = "checkpoint", .seed = 17, .stops = true, .options.widest_window_ps = 1000},
        {.name = "star", .options.fold = true},
        {.name = "star with a checkpoint", .options = {.fold = true, .widest_window_ps = 1}, .stops = true},
    };
    uint64_t runs = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (world_ranks == 1 || !models[i].on_one_rank)
            ASSERT_EVERYWHERE(survives(&models[i], &runs));
    print_message("%llu runs\n", (unsigned long long)runs);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_ranks);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (world_rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
