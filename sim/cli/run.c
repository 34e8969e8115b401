/* The cli room: kerf run. */
#include "build_info.h"
#include "sim/base/duration.h"
#include "sim/cli/scenario_kinds.h"
#include "sim/engine/agree.h"
#include "sim/io/result.h"
#include "sim/study/clock.h"
#include "sim/study/engine_text.h"
#include "sim/study/keeper.h"
#include "sim/study/outcome.h"
#include "sim/study/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double seconds_between_lines = 0.25, checkpoint_every_s = 600.0;

/* What the engine calls while it runs. */
struct progress {
    const struct kerf_comparison *comparison;
    struct kerf_keeper *keeper;
    double start_s, next_s;
};

/* One line on the terminal, rewritten in place. */
static void show_progress(void *context, double simulated_s, uint64_t events_here)
{
    struct progress *progress = context;
    double now_s = MPI_Wtime(), answered, expected;
    if (now_s < progress->next_s)
        return;
    progress->next_s = now_s + seconds_between_lines;
    kerf_comparison_progress(progress->comparison, &answered, &expected);
    fprintf(stderr, "\r\033[K%3.0f %% of the requests on rank 0, simulated %.3f s, %.2f M events/s",
            expected > 0.0 ? 100.0 * answered / expected : 0.0, simulated_s,
            (double)events_here * 1e-6 / (now_s - progress->start_s + 1e-9));
}

static enum kerf_wish wish(void *context)
{
    return kerf_keeper_wish(((struct progress *)context)->keeper);
}

static enum kerf_status save(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    return kerf_keeper_save(((struct progress *)context)->keeper, engine, error);
}

static enum kerf_status load(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    return kerf_keeper_load(((struct progress *)context)->keeper, engine, error);
}

static void warn(const char *message)
{
    fprintf(stderr, "%skerf: warning: %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", message);
}

static enum kerf_status simulate(struct kerf_comparison *comparison, struct kerf_keeper *keeper, bool first,
                                 const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct progress progress = {.comparison = comparison, .keeper = keeper, .start_s = MPI_Wtime()};
    bool shows = first && !arguments->quiet && isatty(STDERR_FILENO);
    const struct kerf_engine_calls calls = {.context = &progress,
                                            .watch = shows ? show_progress : NULL,
                                            .wish = wish,
                                            .save = save,
                                            .load = arguments->restart ? load : NULL};
    enum kerf_wish stopped = KERF_WISH_NONE;
    enum kerf_status status = kerf_comparison_run(comparison, &calls, &stopped, error);
    if (shows)
        fprintf(stderr, "\r\033[K");
    if (status == KERF_OK && stopped != KERF_WISH_NONE)
        return kerf_keeper_stopped(keeper, arguments->output, error);
    return status;
}

static enum kerf_status finish(MPI_Comm comm, struct kerf_comparison *comparison, struct kerf_keeper *keeper,
                               const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_report report;
    bool first = kerf_is_first_rank(comm);
    int ranks;
    MPI_Comm_size(comm, &ranks);
    KERF_TRY(simulate(comparison, keeper, first, arguments, error));
    KERF_TRY(kerf_comparison_report(comparison, &report, error));
    enum kerf_status status = KERF_OK;
    if (arguments->output)
        status = kerf_comparison_write(comparison, &report, arguments->output, KERF_VERSION,
                                       kerf_command_line(), error);
    if (status == KERF_OK && first && !arguments->quiet) {
        kerf_report_print(stdout, &report);
        kerf_clock_print(stdout, comparison);
    }
    if (status == KERF_OK && first && arguments->stats)
        kerf_engine_stats_print(stdout, &comparison->stats, ranks, comparison->wall_s);
    if (status == KERF_OK && first && arguments->output && !arguments->quiet)
        printf("\nresult: %s\n", arguments->output);
    kerf_report_free(&report);
    return status;
}

static bool same_place(const char *a, const char *b)
{
    struct stat facts_a, facts_b;
    return stat(a, &facts_a) == 0 && stat(b, &facts_b) == 0 && facts_a.st_dev == facts_b.st_dev &&
           facts_a.st_ino == facts_b.st_ino;
}

/* Splits off the name; returns where it begins. */
static const char *folder_of(const char *path, char folder[4096])
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) + 1 : 0;
    snprintf(folder, 4096, "%.*s", length, path);
    return slash ? slash + 1 : path;
}

/* Whether two paths lead to one file, also to one that is not there yet. */
static bool same_file(const char *a, const char *b)
{
    char folder_a[4096], folder_b[4096];
    if (same_place(a, b))
        return true;
    bool same_name = strcmp(folder_of(a, folder_a), folder_of(b, folder_b)) == 0;
    return same_name && same_place(*folder_a ? folder_a : ".", *folder_b ? folder_b : ".");
}

/* Whether the result and the checkpoints, with the names that they have for a while, get in each other's way.
 */
static bool in_each_others_way(const char *output, const char *checkpoint)
{
    static const char *const endings[] = {".part", ".previous", ".replaced"};
    bool clash = same_file(output, checkpoint);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && !clash; i++) {
        char later[4096];
        snprintf(later, sizeof later, "%s%s", checkpoint, endings[i]);
        clash = same_file(output, later);
        snprintf(later, sizeof later, "%s%s", output, endings[i]);
        clash = clash || same_file(later, checkpoint);
    }
    return clash;
}

static enum kerf_status read_options(const struct kerf_arguments *arguments,
                                     struct kerf_keeper_options *options, struct kerf_error *error)
{
    const char *output = arguments->output, *checkpoint = arguments->checkpoint,
               *restart = arguments->restart;
    *options = (struct kerf_keeper_options){.checkpoint = checkpoint,
                                            .restart = restart,
                                            .every_s = checkpoint_every_s,
                                            .version = KERF_VERSION,
                                            .saves_asked = kerf_signal_saves,
                                            .stop_asked = kerf_signal_stops,
                                            .warn = warn};
    KERF_CHECK(arguments->positionals > 0 || restart, KERF_ERR_USAGE, "usage: kerf run %s",
               kerf_command_run.arguments);
    KERF_CHECK(checkpoint || (!arguments->checkpoint_every && !arguments->time_limit), KERF_ERR_USAGE,
               "%s needs --checkpoint FILE", arguments->time_limit ? "--time-limit" : "--checkpoint-every");
    if (arguments->checkpoint_every)
        KERF_TRY(
            kerf_duration_read(arguments->checkpoint_every, "--checkpoint-every", &options->every_s, error));
    if (arguments->time_limit)
        KERF_TRY(kerf_duration_read(arguments->time_limit, "--time-limit", &options->limit_s, error));
    KERF_CHECK(
        !output || !checkpoint || !in_each_others_way(output, checkpoint), KERF_ERR_USAGE,
        "--checkpoint %s: is the file of --output, or one of the names (.part, .previous) that either has "
        "for a while; checkpoints need one of their own",
        checkpoint);
    KERF_CHECK(!output || !restart || !same_file(output, restart), KERF_ERR_USAGE,
               "--restart %s: is the file of --output, which would replace it; name another for the result",
               restart);
    return KERF_OK;
}

static void warn_of_bad_lines(const struct kerf_comparison *comparison)
{
    for (int i = 0; i < comparison->scenario.systems; i++) {
        char message[512];
        const struct kerf_trace *trace = &comparison->system[i].load.trace;
        snprintf(message, sizeof message, "systems.%s: %lld bad lines of the trace are left out",
                 comparison->scenario.system[i].name, trace->bad_lines);
        if (trace->bad_lines > 0)
            warn(message);
    }
}

static enum kerf_status run_kept(MPI_Comm comm, const struct kerf_arguments *arguments,
                                 const struct kerf_scenario_source *source, struct kerf_keeper *keeper,
                                 struct kerf_comparison **comparison, struct kerf_error *error)
{
    KERF_TRY(kerf_keeper_comparison(keeper, source, kerf_catalog_places(), comparison, error));
    if (kerf_is_first_rank(comm) && !arguments->quiet)
        warn_of_bad_lines(*comparison);
    if (!arguments->restart)
        (*comparison)->options.fold = !arguments->full;
    KERF_CHECK(!arguments->full || !(*comparison)->options.fold, KERF_ERR_USAGE,
               "--restart %s: is of a run without --full, which cannot go on with it", arguments->restart);
    if (arguments->output)
        KERF_TRY(kerf_result_prepare(comm, arguments->output, error));
    enum kerf_status status = finish(comm, *comparison, keeper, arguments, error);
    if (status != KERF_OK && arguments->output)
        kerf_result_discard(comm, arguments->output);
    return status;
}

static enum kerf_status run_serving(MPI_Comm comm, const struct kerf_arguments *arguments,
                                    const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_keeper_options options;
    struct kerf_keeper *keeper = NULL;
    struct kerf_comparison *comparison = NULL;
    /* The files are rank 0's to look at. */
    enum kerf_status status = read_options(arguments, &options, error);
    status = kerf_error_share(comm, 0, status, error);
    if (status == KERF_OK)
        status = kerf_keeper_open(comm, &options, &keeper, error);
    if (status == KERF_OK)
        status = run_kept(comm, arguments, source, keeper, &comparison, error);
    kerf_comparison_free(comparison);
    kerf_keeper_free(keeper);
    return status;
}

static enum kerf_status run(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    static kerf_scenario_call *const calls[KERF_SCENARIO_KIND_COUNT] = {
        [KERF_SCENARIO_SERVING] = run_serving,
        [KERF_SCENARIO_TRAINING] = kerf_training_run,
        [KERF_SCENARIO_IMAGES] = kerf_images_run,
        [KERF_SCENARIO_SWEEP] = kerf_sweep_command};
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    enum kerf_scenario_kind kind = KERF_SCENARIO_SERVING; /* without a file: only serving has checkpoints */
    if (source.path)
        KERF_TRY(kerf_scenario_kind(comm, &source, &kind, error));
    KERF_CHECK(kind == KERF_SCENARIO_SWEEP ||
                   (!arguments->part && !arguments->ranks_per_point && !arguments->rows),
               KERF_ERR_USAGE,
               "--part, --ranks-per-point and --rows are for scenarios with a section sweep; this has none");
    return calls[kind](comm, arguments, &source, error);
}

const struct kerf_command kerf_command_run = {
    .name = "run",
    .arguments = "SCENARIO [-o FILE.h5] [--set K=V]",
    .summary = "simulate a scenario and print the comparison",
    .help =
        "Simulates every system of the scenario and prints the comparison.\n\n"
        "  -o, --output FILE   keep the result as HDF5 (docs/results.md)\n"
        "  --set KEY=VALUE     override a key of the scenario, e.g. --set systems.cs3.count=31 (repeatable)\n"
        "  --skip-bad-lines    leave out lines of a trace that cannot be read, and say how many\n"
        "  -q, --quiet         print nothing but errors\n"
        "  --stats             print what the engine did\n"
        "  --full              simulate every accelerator, also those that are proved to do the same\n\n"
        "For long runs (docs/checkpoints.md):\n"
        "  --checkpoint FILE   keep the state of the run there; the one before stays as FILE.previous\n"
        "  --checkpoint-every SECONDS\n"
        "                      of wall time, 600 by default; SIGUSR1 asks for one at once\n"
        "  --time-limit TIME   stop in time with a checkpoint: seconds or [D-]HH:MM:SS from the start on;\n"
        "                      SIGTERM and SIGINT do the same at once\n"
        "  --restart FILE      go on from a checkpoint, on any number of ranks; without a SCENARIO it is "
        "the\n"
        "                      one that the checkpoint is of\n\n"
        "For a scenario with a sweep (docs/sweeps.md):\n"
        "  --part K/N          simulate every Nth point from the Kth on; kerf merge joins the files\n"
        "  --ranks-per-point N ranks that simulate one point together (1); must divide the ranks of the job\n"
        "  --rows              print every point\n\n"
        "Status 0: done; 1: failure of a file or the machine; 2: the scenario or the command line is "
        "wrong;\n"
        "85: stopped early, with a checkpoint to go on from.\n",
    .options = "osqtfkelrPGwb",
    .least_arguments = 0,
    .most_arguments = 1,
    .run = run,
};
