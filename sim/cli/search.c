/* The cli room: kerf search. */
#include "sim/study/search.h"
#include "sim/cli/command.h"

#include <stdlib.h>

static enum kerf_status search(MPI_Comm comm, const struct kerf_arguments *arguments,
                               struct kerf_error *error)
{
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    struct kerf_layout_search *found = malloc(sizeof *found);
    KERF_CHECK(found, KERF_ERR_FAILURE, "out of memory for a search");
    enum kerf_status status = KERF_OK;
    int systems = 1;
    for (int system = 0; system < systems && status == KERF_OK; system++) {
        status = kerf_layout_search(comm, &source, kerf_catalog_places(), system, found, error);
        bool shows = kerf_is_first_rank(comm) && !arguments->quiet && status == KERF_OK;
        if (shows)
            kerf_layout_search_print(stdout, found);
        if (shows && arguments->stats)
            kerf_layout_search_print_speed(stdout, found);
        systems = found->scenario.systems;
        kerf_layout_search_free(found);
    }
    free(found);
    return status;
}

const struct kerf_command kerf_command_search = {
    .name = "search",
    .arguments = "SCENARIO [--set K=V] [--stats]",
    .summary = "find the best layouts to train a network on a cluster",
    .help = "For each system of a training scenario: costs every legal layout in closed form, shows the "
            "fastest that fit into "
            "memory with "
            "what\n"
            "takes their time, and those that no other beats in both time and memory. The pipelines of the "
            "fastest "
            "are\n"
            "simulated event by event.\n\n"
            "  --set KEY=VALUE     override a key of the scenario\n"
            "  --stats             say how many layouts were costed per second\n"
            "  -q, --quiet         only say what is wrong\n",
    .options = "sqt",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = search,
};
