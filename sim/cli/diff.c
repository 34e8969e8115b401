/* The cli room: kerf diff. */
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/study/difference.h"

static enum kerf_status diff(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    enum kerf_status status = KERF_OK;
    if (kerf_is_first_rank(comm))
        status = kerf_difference_print(stdout, arguments->positional[0], arguments->positional[1], error);
    return kerf_error_share(comm, 0, status, error);
}

const struct kerf_command kerf_command_diff = {
    .name = "diff",
    .arguments = "A.h5 B.h5",
    .summary = "say what differs between two results",
    .help = "Compares two result files of one kind (runs, ensembles, validations, ...): the keys of their "
            "scenarios, the numbers\n"
            "of systems, leaves and whatever else has a name, one by one with the ratio B/A, and long tables "
            "in sum. What\n"
            "/provenance says is left out: it tells who ran it, not what came out.\n",
    .options = "",
    .least_arguments = 2,
    .most_arguments = 2,
    .run = diff,
};
