/* The cli room: kerf show. */
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/result.h"
#include "sim/study/table.h"

static enum kerf_status show(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_report report = {0};
    bool first = kerf_is_first_rank(comm);
    enum kerf_status status = first ? kerf_result_read(arguments->positional[0], &report, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    if (first)
        kerf_report_print(stdout, &report);
    kerf_report_free(&report);
    return KERF_OK;
}

const struct kerf_command kerf_command_show = {
    .name = "show",
    .arguments = "FILE.h5",
    .summary = "print the tables of a result again",
    .help = "Prints the tables that `kerf run` printed when it wrote the file.\n",
    .options = "",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = show,
};
