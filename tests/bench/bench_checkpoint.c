/* bench_checkpoint: how fast a run's state is written to a checkpoint file and read back. The model is like
 * PHOLD: every event makes one other, at any LP. The run is saved half-way and goes on to its end; a second
 * one is restored from the file and must end with the same digest. */
#include "sim/engine/random.h"
#include "sim/io/checkpoint.h"
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct model {
    uint64_t lps, events_each, state_bytes, payload_bytes, total;
    kerf_time end;
};

static const kerf_time lookahead_ps = 100000;
enum { DELAY_BITS = 21 }; /* extra delay: up to 2 us */

static enum kerf_status model_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    static const unsigned char payload[KERF_PAYLOAD_BYTES];
    const struct model *model = setup;
    memset(state, (int)(kerf_lp_id(lp) & 0xff), model->state_bytes);
    for (uint64_t i = 0; i < model->events_each; i++)
        KERF_TRY(
            kerf_lp_send(lp, kerf_lp_id(lp), (kerf_time)(i + 1), 0, payload, model->payload_bytes, error));
    return KERF_OK;
}

static enum kerf_status model_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    const struct model *model = kerf_lp_setup(lp);
    uint64_t draws;
    memcpy(&draws, state, sizeof draws);
    draws++;
    memcpy(state, &draws, sizeof draws);
    struct kerf_random_words draw = kerf_random_words(1, kerf_lp_id(lp), draws);
    kerf_time delay = lookahead_ps + (draw.word[0] >> (32 - DELAY_BITS));
    if (delay >= model->end - kerf_lp_now(lp))
        return KERF_OK;
    return kerf_lp_send(lp, (uint32_t)(draw.word[1] * model->lps >> 32), delay, 0, event->payload,
                        event->payload_bytes, error);
}

/* One run, and what its checkpoint took. */
struct trial {
    const char *file;
    const struct model *model;
    bool reads, saved;
    int looks;
    struct bench_clock took;
    struct kerf_checkpoint_about about;
};

enum { LOOKS_BEFORE_SAVE = 3 };

static enum kerf_wish wish(void *context)
{
    struct trial *trial = context;
    return !trial->reads && !trial->saved && ++trial->looks > LOOKS_BEFORE_SAVE ? KERF_WISH_SAVE
                                                                                : KERF_WISH_NONE;
}

static enum kerf_status save(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct trial *trial = context;
    trial->about = (struct kerf_checkpoint_about){
        .version = "bench", .scenario_text = "", .overrides = "", .scenario_resolved = ""};
    MPI_Barrier(MPI_COMM_WORLD);
    struct bench_clock start = bench_now();
    KERF_TRY(kerf_checkpoint_write(MPI_COMM_WORLD, trial->file, engine, &trial->about, error));
    trial->took = bench_since(MPI_COMM_WORLD, start);
    trial->saved = true;
    return KERF_OK;
}

static enum kerf_status load(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct trial *trial = context;
    struct kerf_checkpoint *checkpoint;
    MPI_Barrier(MPI_COMM_WORLD);
    struct bench_clock start = bench_now();
    enum kerf_status status = kerf_checkpoint_open(MPI_COMM_WORLD, trial->file, &checkpoint, error);
    if (status == KERF_OK)
        status = kerf_checkpoint_restore(checkpoint, engine, error);
    kerf_checkpoint_close(checkpoint);
    trial->took = bench_since(MPI_COMM_WORLD, start);
    return status;
}

static enum kerf_status run(struct trial *trial, const struct kerf_lp_kind *kind, uint64_t *digest,
                            struct kerf_error *error)
{
    struct kerf_engine *engine = NULL;
    const struct kerf_engine_calls calls = {
        .context = trial, .wish = wish, .save = save, .load = trial->reads ? load : NULL};
    KERF_TRY(kerf_engine_create(MPI_COMM_WORLD, NULL, &engine, error));
    for (uint64_t i = 0; i < trial->model->lps; i++)
        kerf_engine_open(engine, kerf_engine_add(engine, kind, trial->model, -1, 1.0), lookahead_ps);
    enum kerf_status status = kerf_engine_run(engine, &calls, NULL, error);
    *digest = kerf_engine_stats(engine).digest;
    kerf_engine_free(engine);
    return status;
}

static void print_line(const struct model *model, const struct trial *writes, const struct trial *reads,
                       double peak_bytes)
{
    struct stat facts = {.st_size = 0};
    int ranks;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    stat(writes->file, &facts);
    double bytes = (double)facts.st_size, events = (double)(model->lps * model->events_each);
    printf("bench=checkpoint ranks=%d lps=%" PRIu64 " pending=%.0f file_MB=%.2f write_s=%.4f "
           "write_cpu_s=%.4f write_MB_per_s=%.1f read_s=%.4f read_cpu_s=%.4f read_MB_per_s=%.1f "
           "bytes_per_lp=%.1f "
           "bytes_per_event=%.1f rss_max_MB=%.1f\n",
           ranks, model->lps, events, bytes / 1e6, writes->took.wall_s, writes->took.cpu_s,
           bytes / 1e6 / writes->took.wall_s, reads->took.wall_s, reads->took.cpu_s,
           bytes / 1e6 / reads->took.wall_s, bytes / (double)model->lps,
           events > 0.0 ? (bytes - (double)(model->lps * model->state_bytes)) / events : 0.0,
           peak_bytes / 1e6);
}

static enum kerf_status measure(const struct model *model, const char *file, struct kerf_error *error)
{
    struct kerf_lp_kind kind = {
        .name = "phold", .state_bytes = model->state_bytes, .init = model_init, .handle = model_handle};
    struct trial writes = {.file = file, .model = model},
                 reads = {.file = file, .model = model, .reads = true};
    uint64_t first, second;
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    KERF_TRY(run(&writes, &kind, &first, error));
    KERF_CHECK(writes.saved, KERF_ERR_USAGE,
               "the run was over before it was saved: give it a larger --total");
    double peak = bench_peak_bytes();
    MPI_Allreduce(MPI_IN_PLACE, &peak, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    KERF_TRY(run(&reads, &kind, &second, error));
    KERF_CHECK(first == second, KERF_ERR_FAILURE, "the restored run ended with another digest");
    if (rank == 0)
        print_line(model, &writes, &reads, peak);
    return KERF_OK;
}

int main(int argc, char **argv)
{
    struct model model = {
        .lps = 100000, .events_each = 4, .state_bytes = 256, .payload_bytes = 32, .total = 8000000};
    const char *file = "bench_checkpoint.h5";
    bool keeps = false;
    const struct bench_option options[] = {
        {"lps", .count = &model.lps, .help = "logical processes (100k)"},
        {"events", .count = &model.events_each, .help = "pending events for each of them (4)"},
        {"state", .count = &model.state_bytes, .help = "bytes of an LP's state (256)"},
        {"payload", .count = &model.payload_bytes, .help = "bytes that an event carries (32)"},
        {"total", .count = &model.total, .help = "about so many events in all (8M)"},
        {"file", .text = &file, .help = "where the checkpoint goes (bench_checkpoint.h5)"},
        {"keep", .flag = &keeps, .help = "leave the file there"},
    };
    struct kerf_error error = {0};
    int rank;
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    bool usable = model.lps > 0 && model.lps < UINT32_MAX && model.events_each > 0 &&
                  model.state_bytes >= sizeof(uint64_t) && model.payload_bytes <= KERF_PAYLOAD_BYTES;
    if (!usable) {
        fprintf(stderr, "bench_checkpoint: a setting is out of range\n");
        return bench_finish(2);
    }
    double steps = (double)model.total / (double)(model.lps * model.events_each);
    model.end = (kerf_time)(steps * ((double)lookahead_ps + 0.5 * (double)(1 << DELAY_BITS)));
    enum kerf_status status = measure(&model, file, &error);
    if (status != KERF_OK && rank == 0)
        fprintf(stderr, "bench_checkpoint: %s\n", error.message);
    if (rank == 0 && !keeps)
        unlink(file);
    return bench_finish((int)status);
}
