/* The cli room: kerf sensitivity. */
#include "sim/study/sensitivity.h"
#include "sim/cli/command.h"
#include "sim/study/compare.h"

#include <stdlib.h>

static enum kerf_status print_systems(const struct kerf_comparison *comparison, bool shows,
                                      struct kerf_error *error)
{
    struct kerf_sensitivity *sensitivity = malloc(sizeof *sensitivity);
    KERF_CHECK(sensitivity, KERF_ERR_FAILURE, "out of memory for sensitivities");
    enum kerf_status status = KERF_OK;
    int wafers = 0;
    for (int i = 0; i < comparison->scenario.systems && status == KERF_OK; i++) {
        const struct kerf_system *system = &comparison->system[i];
        if (!system->on_wafers)
            continue;
        status = kerf_sensitivity_find(system, &comparison->scenario, sensitivity, error);
        if (status == KERF_OK && shows) {
            if (wafers > 0)
                putchar('\n');
            kerf_sensitivity_print(stdout, system, sensitivity);
        }
        wafers++;
    }
    free(sensitivity);
    KERF_CHECK(status != KERF_OK || wafers > 0, KERF_ERR_USAGE,
               "%s: no system of wafers; sensitivities are those of wafers", comparison->scenario.file);
    return status;
}

static enum kerf_status sensitivity(MPI_Comm comm, const struct kerf_arguments *arguments,
                                    struct kerf_error *error)
{
    struct kerf_comparison *comparison;
    enum kerf_status status =
        kerf_comparison_open(comm, arguments->positional[0], arguments->set, arguments->sets,
                             kerf_catalog_places(), &comparison, error);
    if (status == KERF_OK)
        status = print_systems(comparison, kerf_is_first_rank(comm) && !arguments->quiet, error);
    kerf_comparison_free(comparison);
    return status;
}

const struct kerf_command kerf_command_sensitivity = {
    .name = "sensitivity",
    .arguments = "SCENARIO [--set K=V]",
    .summary = "what a lone user's speed on wafers hangs on, and its 80 % interval",
    .help = "For every system of wafers of a scenario: the speed of one user alone, by how many per cent it "
            "moves\n"
            "when a leaf of the catalog moves by one, and where it is at both ends of the leaf's range. The\n"
            "interval takes every range as one of 80 % and all leaves as independent.\n\n"
            "  --set KEY=VALUE     override a key of the scenario\n"
            "  -q, --quiet         only say what is wrong\n",
    .options = "sq",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = sensitivity,
};
