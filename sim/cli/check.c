/* The cli room: kerf check. */
#include "sim/cli/command.h"
#include "sim/study/compare.h"
#include "sim/study/plan_text.h"

static enum kerf_status check(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_comparison *comparison;
    enum kerf_status status =
        kerf_comparison_open(comm, arguments->positional[0], arguments->set, arguments->sets,
                             kerf_catalog_places(), &comparison, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet) {
        kerf_scenario_print(stdout, &comparison->scenario);
        kerf_plan_print(stdout, comparison);
    }
    kerf_comparison_free(comparison);
    return status;
}

const struct kerf_command kerf_command_check = {
    .name = "check",
    .arguments = "SCENARIO [--set K=V]",
    .summary = "read a scenario, print it with every default, and plan it",
    .help = "Reads a scenario and everything it names, prints it with every default, and shows how each "
            "network is placed\n"
            "on each system, without simulating.\n\n"
            "  --set KEY=VALUE     override a key of the scenario\n"
            "  -q, --quiet         only say what is wrong\n",
    .options = "sq",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = check,
};
