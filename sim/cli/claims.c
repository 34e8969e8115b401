/* The cli room: kerf claims. */
#include "sim/study/claims.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/text_file.h"
#include "sim/study/claims_file.h"
#include "sim/study/claims_text.h"
#include "sim/study/quantity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMBERS_DEFAULT = 60, MEMBERS_MOST = 100000, MEMBERS_LEAST = 4 };

static enum kerf_status read_count(const char *text, const char *option, long least, long most, long *count,
                                   struct kerf_error *error)
{
    char *end;
    if (!text)
        return KERF_OK;
    errno = 0;
    *count = strtol(text, &end, 10);
    KERF_CHECK(end != text && !*end && errno == 0 && *count >= least && *count <= most, KERF_ERR_USAGE,
               "%s %s: a whole number from %ld to %ld is wanted", option, text, least, most);
    return KERF_OK;
}

static void show_progress(const char *what, int done, int of)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s: %d of %d", what, done, of);
}

static enum kerf_status write_csv(MPI_Comm comm, const char *path, const struct kerf_claims *claims,
                                  struct kerf_error *error)
{
    enum kerf_status status = KERF_OK;
    if (kerf_is_first_rank(comm))
        status = kerf_text_file_write(path, kerf_claims_write_csv, claims, error);
    return kerf_error_share(comm, 0, status, error);
}

static enum kerf_status tell(MPI_Comm comm, const struct kerf_arguments *arguments,
                             const struct kerf_claims *claims, struct kerf_error *error)
{
    bool first = kerf_is_first_rank(comm);
    if (first && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    if (arguments->csv)
        KERF_TRY(write_csv(comm, arguments->csv, claims, error));
    if (arguments->output)
        KERF_TRY(kerf_claims_write(comm, arguments->output, claims, error));
    if (!first || arguments->quiet)
        return KERF_OK;
    kerf_claims_print(stdout, claims);
    if (arguments->stats)
        printf("\n%.2f s\n", claims->wall_s);
    if (arguments->output)
        printf("\nresult: %s\n", arguments->output);
    return KERF_OK;
}

static enum kerf_status list(MPI_Comm comm, const struct kerf_claims_options *options,
                             struct kerf_error *error)
{
    struct kerf_claims claims;
    enum kerf_status status = kerf_claims_load(comm, kerf_catalog_places(), options, &claims, error);
    if (status == KERF_OK && kerf_is_first_rank(comm)) {
        for (int i = 0; i < claims.statements; i++)
            printf("%-4s %s\n", claims.statement[i].id, claims.statement[i].title);
        printf("\nquantities that a check may be about:\n");
        kerf_quantities_print(stdout);
    }
    kerf_claims_free(&claims);
    return status;
}

static enum kerf_status run_claims(MPI_Comm comm, const struct kerf_arguments *arguments,
                                   struct kerf_error *error)
{
    long members = MEMBERS_DEFAULT, seed = 1;
    KERF_TRY(read_count(arguments->members, "--members", MEMBERS_LEAST, MEMBERS_MOST, &members, error));
    KERF_TRY(read_count(arguments->draw_seed, "--draw-seed", 0, 1L << 62, &seed, error));
    const struct kerf_claims_options options = {.members = (int)members,
                                                .seed = (uint64_t)seed,
                                                .ids = arguments->positional,
                                                .id_count = arguments->positionals,
                                                .progress = arguments->quiet ? NULL : show_progress};
    if (arguments->list)
        return list(comm, &options, error);
    struct kerf_claims claims;
    if (arguments->output)
        KERF_TRY(kerf_claims_reserve(comm, arguments->output, error));
    enum kerf_status status = kerf_claims_run(comm, kerf_catalog_places(), &options, &claims, error);
    if (status == KERF_OK)
        status = tell(comm, arguments, &claims, error);
    kerf_claims_free(&claims);
    if (status != KERF_OK && arguments->output)
        kerf_claims_discard(comm, arguments->output);
    return status;
}

const struct kerf_command kerf_command_claims = {
    .name = "claims",
    .arguments = "[ID ...] [--members N] [-o FILE.h5]",
    .summary = "put what others claim about these machines to the test",
    .help =
        "Predicts the figure of every public claim and counter-claim of the catalog, or of those with the "
        "ids "
        "(C1, K1, ...),\n"
        "under its own conditions, with every uncertain leaf drawn from its range. Prints the published "
        "figure, the median\n"
        "and the 80 % interval, the share of the draws in which the claim holds, what the answer goes with, "
        "and where it\n"
        "turns along the axis that the claim names.\n\n"
        "  --members N         draws (60)\n"
        "  --draw-seed N       seed of the draws (1)\n"
        "  -o, --output FILE   keep all of it there as HDF5 (docs/claims.md)\n"
        "  --csv FILE          one line for each check\n"
        "  --list              list the claims and the quantities, test nothing\n"
        "  --stats             print the time that it took\n"
        "  -q, --quiet         print nothing but errors\n",
    .options = "ocqtmSL",
    .least_arguments = 0,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = run_claims,
};
