/* The cli room: kerf check. */
#include "sim/cli/scenario_kinds.h"
#include "sim/study/compare.h"
#include "sim/study/plan_text.h"
#include "sim/study/ranks_text.h"

#include <stdlib.h>

enum { RANKS_MOST = 65536 };

static enum kerf_status read_ranks(const char *text, int *ranks, struct kerf_error *error)
{
    char *end;
    long number = strtol(text, &end, 10);
    KERF_CHECK(*text && !*end && number >= 1 && number <= RANKS_MOST, KERF_ERR_USAGE,
               "--ranks %s: needs a number from 1 to %d", text, RANKS_MOST);
    *ranks = (int)number;
    return KERF_OK;
}

static enum kerf_status check_serving(MPI_Comm comm, const struct kerf_arguments *arguments,
                                      const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_comparison *comparison;
    enum kerf_status status = kerf_comparison_open(comm, source->path, source->set, source->sets,
                                                   kerf_catalog_places(), &comparison, error);
    int ranks = 0;
    if (status == KERF_OK && arguments->ranks)
        status = read_ranks(arguments->ranks, &ranks, error);
    bool shows = kerf_is_first_rank(comm) && !arguments->quiet;
    if (status == KERF_OK && shows) {
        kerf_scenario_print(stdout, &comparison->scenario);
        kerf_plan_print(stdout, comparison);
    }
    if (status == KERF_OK && ranks > 0)
        status = kerf_ranks_print(shows ? stdout : NULL, comparison, ranks, error);
    kerf_comparison_free(comparison);
    return status;
}

static enum kerf_status check(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    static kerf_scenario_call *const calls[KERF_SCENARIO_KIND_COUNT] = {
        [KERF_SCENARIO_SERVING] = check_serving,
        [KERF_SCENARIO_TRAINING] = kerf_training_check,
        [KERF_SCENARIO_IMAGES] = kerf_images_check,
        [KERF_SCENARIO_SWEEP] = kerf_sweep_check};
    const struct kerf_scenario_source source = {
        .path = arguments->positional[0], .set = arguments->set, .sets = arguments->sets};
    enum kerf_scenario_kind kind;
    KERF_TRY(kerf_scenario_kind(comm, &source, &kind, error));
    return calls[kind](comm, arguments, &source, error);
}

const struct kerf_command kerf_command_check = {
    .name = "check",
    .arguments = "SCENARIO [--set K=V] [--ranks N]",
    .summary = "read a scenario, print it with every default, and plan it",
    .help = "Reads a scenario and everything it names, prints it with every default, and shows how each "
            "network is placed\n"
            "on each system, without simulating.\n\n"
            "  --set KEY=VALUE     override a key of the scenario\n"
            "  --skip-bad-lines    leave out lines of a trace that cannot be read, and say how many\n"
            "  --ranks N           show also which of N ranks would simulate what\n"
            "  -q, --quiet         only say what is wrong\n",
    .options = "sqnb",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = check,
};
