/* The cli room: kerf slo. */
#include "sim/cli/command.h"
#include "sim/study/max_rate.h"

#include <stdlib.h>

static enum kerf_status run_slo(MPI_Comm comm, const struct kerf_arguments *arguments,
                                struct kerf_error *error)
{
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    struct kerf_comparison *comparison;
    struct kerf_max_rate row[KERF_SYSTEMS_MAX];
    enum kerf_status status =
        kerf_comparison_open_source(comm, &source, kerf_catalog_places(), &comparison, error);
    if (status == KERF_OK)
        status = kerf_max_rate_find(comm, &source, kerf_catalog_places(), &comparison->scenario, row, error);
    if (status == KERF_OK && kerf_is_first_rank(comm))
        kerf_max_rate_print(stdout, &comparison->scenario, row);
    kerf_comparison_free(comparison);
    return status;
}

const struct kerf_command kerf_command_slo = {
    .name = "slo",
    .arguments = "SCENARIO [--set K=V]",
    .summary = "find the highest rate of requests that keeps an SLO",
    .help = "Simulates every system of a scenario with a section slo and an open load at rate after rate, "
            "and says up "
            "to which\n"
            "rate it keeps the SLO (docs/observers.md). Rates are spread over the ranks.\n\n"
            "  --set KEY=VALUE     override a key of the scenario\n",
    .options = "s",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run_slo,
};
