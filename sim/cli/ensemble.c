/* The cli room: kerf ensemble. */
#include "sim/cli/command.h"
#include "sim/study/ensemble_file.h"
#include "sim/study/ensemble_text.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMBERS_DEFAULT = 100, MEMBERS_MOST = 1000000, MEMBERS_LEAST = 2 };
static const double seconds_between_files = 30.0;

static enum kerf_status read_count(const char *text, const char *option, long least, long most,
                                   long otherwise, long *count, struct kerf_error *error)
{
    char *end;
    *count = otherwise;
    if (!text)
        return KERF_OK;
    errno = 0;
    *count = strtol(text, &end, 10);
    KERF_CHECK(end != text && !*end && errno == 0 && *count >= least && *count <= most, KERF_ERR_USAGE,
               "%s %s: a whole number from %ld to %ld is wanted", option, text, least, most);
    return KERF_OK;
}

/* Place of a word among the names of a choice. */
static enum kerf_status read_choice(const char *text, const char *option, const char *const *names,
                                    int *choice, struct kerf_error *error)
{
    char all[128] = "";
    *choice = 0;
    if (!text)
        return KERF_OK;
    for (int i = 0; names[i]; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
        if (strcmp(names[i], text) == 0) {
            *choice = i;
            return KERF_OK;
        }
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "%s %s: there are %s", option, text, all);
}

static void show_progress(int done, int members)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%d of %d members", done < members ? done : members, members);
}

static enum kerf_status print_ensemble(const struct kerf_ensemble *ensemble, struct kerf_error *error)
{
    if (ensemble->design.kind == KERF_DESIGN_TORNADO)
        return kerf_ensemble_print_tornado(stdout, ensemble, error);
    kerf_ensemble_print(stdout, ensemble);
    return ensemble->design.kind == KERF_DESIGN_INDICES ? kerf_ensemble_print_indices(stdout, ensemble, error)
                                                        : KERF_OK;
}

/* A part of the members says no more than how far it got. */
static void print_part(const struct kerf_arguments *arguments, const struct kerf_ensemble *ensemble)
{
    printf("part %s: %d of %d members are in %s; kerf ensemble --merge puts the parts together\n",
           arguments->part, ensemble->members - kerf_ensemble_count(ensemble, KERF_MEMBER_OPEN),
           ensemble->members, arguments->output);
}

static enum kerf_status tell(MPI_Comm comm, const struct kerf_arguments *arguments,
                             const struct kerf_ensemble *ensemble, struct kerf_error *error)
{
    bool first = kerf_is_first_rank(comm);
    if (first && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    if (ensemble->stopped)
        return kerf_error_set(error, arguments->output ? KERF_STOPPED : KERF_ERR_FAILURE, "interrupted; %s",
                              arguments->output ? "the same command goes on from the members that are kept"
                                                : "nothing was written, because there is no --output");
    KERF_CHECK(kerf_ensemble_impossible(ensemble) < ensemble->members, KERF_ERR_USAGE,
               "%s: none of the %d draws is possible; a network does not fit, say: kerf run says why",
               ensemble->comparison->scenario.file, ensemble->members);
    if (arguments->output)
        KERF_TRY(kerf_ensemble_keep(comm, arguments->output, ensemble, error));
    if (!first || arguments->quiet)
        return KERF_OK;
    if (arguments->part)
        print_part(arguments, ensemble);
    else
        KERF_TRY(print_ensemble(ensemble, error));
    if (arguments->stats)
        printf("\n%d members in %.2f s: %.2f members/s\n", ensemble->simulated, ensemble->wall_s,
               ensemble->simulated / ensemble->wall_s);
    if (arguments->output && !arguments->part)
        printf("\nresult: %s\n", arguments->output);
    return KERF_OK;
}

/* "K/N", part K of N. */
static enum kerf_status read_part(const struct kerf_arguments *arguments, int *part, int *parts,
                                  struct kerf_error *error)
{
    char rest;
    *part = *parts = 0;
    if (!arguments->part)
        return KERF_OK;
    bool good = sscanf(arguments->part, "%d/%d%c", part, parts, &rest) == 2 && *part >= 1 && *part <= *parts;
    KERF_CHECK(good, KERF_ERR_USAGE, "--part %s: K/N is wanted, with K from 1 to N", arguments->part);
    KERF_CHECK(arguments->output, KERF_ERR_USAGE, "--part needs --output: a part is for --merge");
    *part -= 1;
    return KERF_OK;
}

/* Puts the parts of an ensemble together: those that match the pattern, and those named after it. */
static enum kerf_status merge_files(MPI_Comm comm, const struct kerf_arguments *arguments,
                                    const char *const *file, int files, struct kerf_error *error)
{
    struct kerf_ensemble ensemble;
    if (arguments->output)
        KERF_TRY(kerf_ensemble_reserve(comm, arguments->output, error));
    enum kerf_status status = kerf_ensemble_load(comm, file, files, kerf_catalog_places(), &ensemble, error);
    if (status == KERF_OK)
        status = tell(comm, arguments, &ensemble, error);
    kerf_ensemble_free(&ensemble);
    if (status != KERF_OK && arguments->output)
        kerf_ensemble_discard(comm, arguments->output);
    return status;
}

static enum kerf_status merge(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    enum { FILES_MOST = 4096 };
    const char **file = calloc(FILES_MOST, sizeof *file);
    int files = 0, refused = 0;
    glob_t found = {0};
    KERF_CHECK(file, KERF_ERR_FAILURE, "out of memory for a list of files");
    if (glob(arguments->merge, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && files < FILES_MOST; i++)
            file[files++] = found.gl_pathv[i];
    for (int i = 0; i < arguments->positionals && files < FILES_MOST; i++)
        file[files++] = arguments->positional[i];
    refused = files == 0;
    MPI_Bcast(&files, 1, MPI_INT, 0, comm); /* only the first rank reads them */
    MPI_Bcast(&refused, 1, MPI_INT, 0, comm);
    for (int i = 0; i < files; i++)
        file[i] = file[i] ? file[i] : arguments->merge;
    enum kerf_status status =
        refused ? kerf_error_set(error, KERF_ERR_USAGE, "--merge %s: there is no such file", arguments->merge)
                : merge_files(comm, arguments, file, files, error);
    globfree(&found);
    free(file);
    return status;
}

static enum kerf_status run_ensemble(MPI_Comm comm, const struct kerf_arguments *arguments,
                                     struct kerf_error *error)
{
    long members, ranks, seed;
    int sampling, grouping, part, parts;
    if (arguments->merge)
        return merge(comm, arguments, error);
    KERF_CHECK(arguments->positionals == 1, KERF_ERR_USAGE, "usage: kerf ensemble %s",
               kerf_command_ensemble.arguments);
    KERF_TRY(read_part(arguments, &part, &parts, error));
    KERF_TRY(read_choice(arguments->sampling, "--sampling", kerf_sampling_names, &sampling, error));
    KERF_TRY(read_choice(arguments->group, "--group", kerf_grouping_names, &grouping, error));
    KERF_CHECK(!arguments->indices || !arguments->tornado, KERF_ERR_USAGE,
               "--indices and --tornado are two ensembles; run one after the other");
    KERF_CHECK(!arguments->group || arguments->indices, KERF_ERR_USAGE, "--group is for --indices");
    KERF_CHECK(!arguments->tornado || (!arguments->members && !arguments->sampling), KERF_ERR_USAGE,
               "--tornado draws nothing: it takes no --members and no --sampling");
    KERF_TRY(read_count(arguments->members, "--members", MEMBERS_LEAST, MEMBERS_MOST, MEMBERS_DEFAULT,
                        &members, error));
    KERF_TRY(read_count(arguments->ranks_per_member, "--ranks-per-member", 1, 1 << 20, 1, &ranks, error));
    KERF_TRY(read_count(arguments->draw_seed, "--draw-seed", 0, 1L << 62, 1, &seed, error));
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    const struct kerf_ensemble_options options = {.design = {.kind = arguments->indices ? KERF_DESIGN_INDICES
                                                                     : arguments->tornado
                                                                         ? KERF_DESIGN_TORNADO
                                                                         : KERF_DESIGN_SAMPLE,
                                                             .grouping = (enum kerf_grouping)grouping,
                                                             .sampling = (enum kerf_sampling)sampling,
                                                             .seed = (uint64_t)seed,
                                                             .draws = (int)members},
                                                  .ranks_per_member = (int)ranks,
                                                  .part = part,
                                                  .parts = parts,
                                                  .kept = arguments->output,
                                                  .every_s = seconds_between_files,
                                                  .stop_asked = kerf_signal_stops,
                                                  .progress = arguments->quiet ? NULL : show_progress};
    struct kerf_ensemble ensemble;
    if (arguments->output)
        KERF_TRY(kerf_ensemble_reserve(comm, arguments->output, error));
    enum kerf_status status =
        kerf_ensemble_run(comm, &source, kerf_catalog_places(), &options, &ensemble, error);
    if (status == KERF_OK)
        status = tell(comm, arguments, &ensemble, error);
    kerf_ensemble_free(&ensemble);
    if (status != KERF_OK && arguments->output)
        kerf_ensemble_discard(comm, arguments->output);
    return status;
}

const struct kerf_command kerf_command_ensemble = {
    .name = "ensemble",
    .arguments = "SCENARIO.yaml [--members N] [-o FILE.h5]",
    .summary = "simulate a scenario with its uncertain values drawn, N times",
    .help =
        "Draws every uncertain leaf of the catalog entries that the scenario names, and every uncertain "
        "value of "
        "the\n"
        "scenario, from its distribution (docs/uncertainty.md), and simulates each draw. Prints medians with "
        "80 % intervals, ratios to the baseline draw by draw, and which leaves they go with.\n\n"
        "  --members N         draws (100)\n"
        "  --sampling NAME     latin-hypercube (default), sobol or random\n"
        "  --indices           first and total Sobol indices with intervals: what each answer depends on; "
        "takes\n"
        "                      --members x (groups + 2) simulations; best with --sampling sobol\n"
        "  --group NAME        what moves together there: entry (default), family (words that keys begin "
        "with) "
        "or\n"
        "                      leaf\n"
        "  --tornado           no draws: each value alone at both ends of its range\n"
        "  --part K/N          simulate only this part of the members and keep them in --output: for job "
        "arrays\n"
        "  --merge 'FILES'     put the files of all parts together, to the file that one run writes; without "
        "SCENARIO\n"
        "  --draw-seed N       seed of the draws (1); requests keep the scenario's own seed\n"
        "  --ranks-per-member N  ranks that simulate one member together (1); must divide the ranks of the "
        "job\n"
        "  -o, --output FILE   keep all members there (docs/results.md), from time to time and at the end; "
        "the same\n"
        "                      command goes on from the members that an interrupted one kept\n"
        "  --set KEY=VALUE     override a key of the scenario\n"
        "  --stats             print members per second\n"
        "  -q, --quiet         print nothing but errors\n\n"
        "Status 85: stopped early by a signal; the same command goes on.\n",
    .options = "osqtmpSaiTgPM",
    .least_arguments = 0,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = run_ensemble,
};
