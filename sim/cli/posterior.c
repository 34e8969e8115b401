/* The cli room: kerf posterior. */
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/study/posterior_text.h"

#include <stdlib.h>

static enum kerf_status posterior(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  struct kerf_error *error)
{
    struct kerf_posterior *found = calloc(1, sizeof *found);
    KERF_CHECK(found, KERF_ERR_FAILURE, "out of memory for a posterior");
    enum kerf_status status =
        kerf_error_agree(comm,
                         kerf_posterior_find(comm, arguments->positional, arguments->positionals,
                                             kerf_catalog_places(), found, error),
                         error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        status = kerf_posterior_print(stdout, found, error);
    status = kerf_error_share(comm, 0, status, error);
    kerf_posterior_free(found);
    free(found);
    return status;
}

const struct kerf_command kerf_command_posterior = {
    .name = "posterior",
    .arguments = "ENSEMBLE.h5 ...",
    .summary = "what published speeds say about values that nobody states",
    .help =
        "Weighs the members of ensembles (kerf ensemble -o) by how well they agree with the measurements "
        "that "
        "their\n"
        "scenarios name in the section observed. Prints prior and posterior intervals, the effective sample "
        "size, what\n"
        "stays undetermined, which values trade off against each other, and what would help most if it were\n"
        "published. Several ensembles of the same draws share the values that they share "
        "(docs/uncertainty.md).\n\n"
        "  -q, --quiet         only say what is wrong\n",
    .options = "q",
    .least_arguments = 1,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = posterior,
};
