/* The cli room: kerf run and kerf check on scenarios with a sweep, and kerf merge. */
#include "sim/cli/scenario_kinds.h"

#include "sim/engine/agree.h"
#include "sim/study/sweep_file.h"
#include "sim/study/sweep_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const double seconds_between_files = 30.0;

static void show_progress(int done, int points)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%d of %d points", done < points ? done : points, points);
}

/* "K/N", counted from 1. */
static enum kerf_status read_part(const char *text, struct kerf_sweep_options *options,
                                  struct kerf_error *error)
{
    char end;
    options->parts = 1;
    if (!text)
        return KERF_OK;
    KERF_CHECK(sscanf(text, "%d/%d%c", &options->part, &options->parts, &end) == 2 && options->part >= 1 &&
                   options->part <= options->parts,
               KERF_ERR_USAGE, "--part %s: needs the form K/N with K from 1 to N, such as 2/8", text);
    options->part--;
    return KERF_OK;
}

static enum kerf_status read_options(const struct kerf_arguments *arguments,
                                     struct kerf_sweep_options *options, struct kerf_error *error)
{
    char end;
    KERF_CHECK(
        !arguments->checkpoint && !arguments->restart && !arguments->time_limit && !arguments->full,
        KERF_ERR_USAGE,
        "a sweep takes no --checkpoint, --restart, --time-limit or --full: with --output its points are "
        "kept, and the same command goes on");
    *options = (struct kerf_sweep_options){.ranks_per_point = 1,
                                           .kept = arguments->output,
                                           .every_s = seconds_between_files,
                                           .stop_asked = kerf_signal_stops,
                                           .progress = arguments->quiet ? NULL : show_progress};
    KERF_TRY(read_part(arguments->part, options, error));
    KERF_CHECK(options->parts == 1 || arguments->output, KERF_ERR_USAGE,
               "--part needs --output FILE: its points are no use without the others");
    KERF_CHECK(!arguments->ranks_per_point ||
                   (sscanf(arguments->ranks_per_point, "%d%c", &options->ranks_per_point, &end) == 1 &&
                    options->ranks_per_point > 0),
               KERF_ERR_USAGE, "--ranks-per-point %s: a whole number from 1 on is wanted",
               arguments->ranks_per_point);
    return KERF_OK;
}

static enum kerf_status tell(MPI_Comm comm, const struct kerf_arguments *arguments,
                             const struct kerf_sweep *sweep, struct kerf_error *error)
{
    bool first = kerf_is_first_rank(comm);
    if (first && !arguments->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    if (sweep->stopped)
        return kerf_error_set(error, arguments->output ? KERF_STOPPED : KERF_ERR_FAILURE, "interrupted; %s",
                              arguments->output ? "the same command goes on from the points that are kept"
                                                : "nothing was written, because there is no --output");
    if (arguments->output)
        KERF_TRY(kerf_sweep_keep(comm, arguments->output, sweep, error));
    if (!first || arguments->quiet)
        return KERF_OK;
    kerf_sweep_print(stdout, sweep, arguments->rows);
    if (arguments->stats)
        printf("\n%d points in %.2f s: %.2f points/s\n", sweep->simulated, sweep->wall_s,
               sweep->simulated / sweep->wall_s);
    if (arguments->output)
        printf("\nresult: %s\n", arguments->output);
    return KERF_OK;
}

/* Opens, runs, tells and cleans up; `options` say where points come from. */
static enum kerf_status work(MPI_Comm comm, const struct kerf_arguments *arguments,
                             const struct kerf_scenario_source *source,
                             const struct kerf_sweep_options *options, struct kerf_error *error)
{
    struct kerf_sweep sweep;
    enum kerf_status status = kerf_sweep_open(comm, source, &sweep, error);
    bool reserved = false;
    if (status == KERF_OK && arguments->output) {
        status = kerf_sweep_reserve(comm, arguments->output, error);
        reserved = status == KERF_OK;
    }
    if (status == KERF_OK)
        status = kerf_sweep_run(comm, source, kerf_catalog_places(), options, &sweep, error);
    if (status == KERF_OK && options->joins > 0 && kerf_sweep_count(&sweep, KERF_SWEEP_OPEN) > 0)
        status = kerf_error_set(error, KERF_ERR_USAGE, "kerf merge: %d of %d points are in none of the files",
                                kerf_sweep_count(&sweep, KERF_SWEEP_OPEN), sweep.points);
    if (status == KERF_OK)
        status = tell(comm, arguments, &sweep, error);
    kerf_sweep_free(&sweep);
    if (status != KERF_OK && reserved)
        kerf_sweep_discard(comm, arguments->output);
    return status;
}

enum kerf_status kerf_sweep_command(MPI_Comm comm, const struct kerf_arguments *arguments,
                                    const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_sweep_options options;
    KERF_TRY(read_options(arguments, &options, error));
    return work(comm, arguments, source, &options, error);
}

enum kerf_status kerf_sweep_check(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_sweep sweep;
    enum kerf_status status = kerf_sweep_open(comm, source, &sweep, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        printf("%s# %d points\n", sweep.scenario_resolved, sweep.points);
    kerf_sweep_free(&sweep);
    return status;
}

/* Parts are files to go on from that have every point between them; nothing is simulated. */
static enum kerf_status run_merge(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  struct kerf_error *error)
{
    const struct kerf_sweep_options options = {.ranks_per_point = 1,
                                               .parts = 1,
                                               .only_joins = true,
                                               .joined = arguments->positional + 1,
                                               .joins = arguments->positionals - 1};
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    KERF_CHECK(arguments->output, KERF_ERR_USAGE, "kerf merge needs --output FILE");
    return work(comm, arguments, &source, &options, error);
}

const struct kerf_command kerf_command_merge = {
    .name = "merge",
    .arguments = "SCENARIO PART.h5 ... -o FILE.h5",
    .summary = "join the parts of a sweep into one result",
    .help = "Joins the files that `kerf run SCENARIO --part K/N -o PART.h5` wrote, for K from 1 to N, into "
            "the file that\n"
            "`kerf run SCENARIO -o FILE.h5` would have written (docs/sweeps.md). Nothing is simulated.\n\n"
            "  -o, --output FILE   the joined file\n"
            "  --set KEY=VALUE     as it was given to the parts\n"
            "  --rows              print every point\n"
            "  -q, --quiet         print nothing but errors\n",
    .options = "osqw",
    .least_arguments = 2,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = run_merge,
};
