/* The cli room: kerf search. */
#include "sim/study/search.h"
#include "sim/cli/command.h"

static enum kerf_status search(MPI_Comm comm, const struct kerf_arguments *arguments,
                               struct kerf_error *error)
{
    struct kerf_layout_search found;
    enum kerf_status status = kerf_layout_search(comm, arguments->positional[0], arguments->set,
                                                 arguments->sets, kerf_catalog_places(), &found, error);
    bool shows = kerf_is_first_rank(comm) && !arguments->quiet && status == KERF_OK;
    if (shows)
        kerf_layout_search_print(stdout, &found);
    if (shows && arguments->stats)
        kerf_layout_search_print_speed(stdout, &found);
    kerf_layout_search_free(&found);
    return status;
}

const struct kerf_command kerf_command_search = {
    .name = "search",
    .arguments = "SCENARIO [--set K=V] [--stats]",
    .summary = "find the best layouts to train a network on a cluster",
    .help = "Costs every legal layout of a training job in closed form, shows the fastest that fit into "
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
