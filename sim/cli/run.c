/* The cli room: kerf run. */
#include "build_info.h"
#include "sim/cli/command.h"
#include "sim/io/result.h"
#include "sim/study/engine_text.h"
#include "sim/study/outcome.h"
#include "sim/study/table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double seconds_between_lines = 0.25;

struct progress {
    const struct kerf_comparison *comparison;
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

static enum kerf_status simulate(struct kerf_comparison *comparison, bool first,
                                 const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct progress progress = {.comparison = comparison, .start_s = MPI_Wtime()};
    bool shows = first && !arguments->quiet && isatty(STDERR_FILENO);
    const struct kerf_engine_calls calls = {
        .context = &progress, .watch = shows ? show_progress : NULL, .wish = kerf_signal_wish};
    enum kerf_wish stopped = KERF_WISH_NONE;
    enum kerf_status status = kerf_comparison_run(comparison, &calls, &stopped, error);
    if (shows)
        fprintf(stderr, "\r\033[K");
    if (status == KERF_OK && stopped != KERF_WISH_NONE)
        return kerf_error_set(error, KERF_ERR_FAILURE, "interrupted; nothing was written");
    return status;
}

static enum kerf_status finish(MPI_Comm comm, struct kerf_comparison *comparison,
                               const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_report report;
    bool first = kerf_is_first_rank(comm);
    int ranks;
    MPI_Comm_size(comm, &ranks);
    KERF_TRY(simulate(comparison, first, arguments, error));
    KERF_TRY(kerf_comparison_report(comparison, &report, error));
    enum kerf_status status = KERF_OK;
    if (arguments->output)
        status = kerf_comparison_write(comparison, &report, arguments->output, KERF_VERSION,
                                       kerf_command_line(), error);
    if (status == KERF_OK && first && !arguments->quiet)
        kerf_report_print(stdout, &report);
    if (status == KERF_OK && first && arguments->stats)
        kerf_engine_stats_print(stdout, &comparison->stats, ranks, comparison->wall_s);
    if (status == KERF_OK && first && arguments->output && !arguments->quiet)
        printf("\nresult: %s\n", arguments->output);
    kerf_report_free(&report);
    return status;
}

static enum kerf_status run(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_comparison *comparison;
    enum kerf_status status =
        kerf_comparison_open(comm, arguments->positional[0], arguments->set, arguments->sets,
                             kerf_catalog_places(), &comparison, error);
    if (status == KERF_OK)
        comparison->options.fold = !arguments->full;
    if (status == KERF_OK && arguments->output)
        status = kerf_result_prepare(comm, arguments->output, error);
    if (status == KERF_OK) {
        status = finish(comm, comparison, arguments, error);
        if (status != KERF_OK && arguments->output)
            kerf_result_discard(comm, arguments->output);
    }
    kerf_comparison_free(comparison);
    return status;
}

const struct kerf_command kerf_command_run = {
    .name = "run",
    .arguments = "SCENARIO [-o FILE.h5] [--set K=V]",
    .summary = "simulate a scenario and print the comparison",
    .help =
        "Simulates every system of the scenario and prints the comparison.\n\n"
        "  -o, --output FILE   keep the result as HDF5 (docs/results.md)\n"
        "  --set KEY=VALUE     override a key of the scenario, e.g. --set systems.cs3.count=31 (repeatable)\n"
        "  -q, --quiet         print nothing but errors\n"
        "  --stats             print what the engine did\n"
        "  --full              simulate every accelerator, also those that are proved to do the same\n\n"
        "Status 0: done; 1: failure of a file or the machine; 2: the scenario or the command line is "
        "wrong.\n",
    .options = "osqtf",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
