/* The cli room: kerf heat. */
#include "sim/study/heat.h"
#include "build_info.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/heat_file.h"
#include "sim/study/clock.h"

#include <stdlib.h>
#include <string.h>

enum { CELLS = 256 };

static enum kerf_status read_cells(const struct kerf_arguments *arguments, int *cells,
                                   struct kerf_error *error)
{
    char *end;
    *cells = CELLS;
    if (!arguments->cells)
        return KERF_OK;
    long value = strtol(arguments->cells, &end, 10);
    KERF_CHECK(*end == '\0' && end != arguments->cells && value >= 2 && value <= 8000, KERF_ERR_USAGE,
               "--cells %s: a whole number of cells along the longer side is wanted, 2 to 8000",
               arguments->cells);
    *cells = (int)value;
    return KERF_OK;
}

/* The system that --system names; -1: all of them. */
static enum kerf_status find_system(const struct kerf_comparison *c, const char *name, int *system,
                                    struct kerf_error *error)
{
    const char *names[KERF_SYSTEMS_MAX + 1] = {0};
    *system = -1;
    for (int i = 0; i < c->scenario.systems; i++) {
        names[i] = c->scenario.system[i].name;
        if (name && strcmp(name, names[i]) == 0)
            *system = i;
    }
    const char *nearest = name ? kerf_nearest_name(name, names) : NULL;
    KERF_CHECK(!name || *system >= 0, KERF_ERR_USAGE, "--system %s: is not one of the systems of %s%s%s%s",
               name, c->scenario.file, nearest ? "; did you mean '" : "", nearest ? nearest : "",
               nearest ? "'?" : "");
    return KERF_OK;
}

static struct kerf_heat_map map_of(const struct kerf_comparison *c, const struct kerf_heat_study *study)
{
    const struct kerf_system_spec *spec = &c->scenario.system[study->system];
    return (struct kerf_heat_map){.name = spec->name,
                                  .title = spec->title,
                                  .hardware = spec->hardware,
                                  .cooling = study->cooling_name,
                                  .accelerator = study->load.accelerator,
                                  .die_limit_K = study->cooling.die_limit_K,
                                  .problem = &study->plan.problem,
                                  .field = &study->field,
                                  .figures = &study->figures,
                                  .power = &study->load.power};
}

static enum kerf_status write_maps(MPI_Comm comm, const struct kerf_comparison *c, const char *path,
                                   const struct kerf_heat_study *study, int studies, struct kerf_error *error)
{
    struct kerf_heat_map map[KERF_SYSTEMS_MAX];
    for (int i = 0; i < studies; i++)
        map[i] = map_of(c, &study[i]);
    return kerf_heat_file_write(comm, path, c->scenario.title, KERF_VERSION, map, studies, error);
}

static enum kerf_status solve_systems(struct kerf_comparison *c, const struct kerf_arguments *arguments,
                                      int chosen, int cells, struct kerf_heat_study *study, int *studies,
                                      struct kerf_error *error)
{
    for (int system = 0; system < c->scenario.systems; system++)
        if (chosen < 0 || chosen == system)
            KERF_TRY(kerf_heat_study_solve(c, system, cells, &study[(*studies)++], error));
    if (kerf_is_first_rank(c->comm) && !arguments->quiet) {
        kerf_heat_print(stdout, c, study, *studies);
        kerf_clock_print(stdout, c);
        if (arguments->stats)
            kerf_heat_print_effort(stdout, c, study, *studies);
    }
    return arguments->output ? write_maps(c->comm, c, arguments->output, study, *studies, error) : KERF_OK;
}

/* What is wrong with a system is said before anything is simulated. */
static enum kerf_status check_systems(struct kerf_comparison *c, int chosen, struct kerf_error *error)
{
    for (int system = 0; system < c->scenario.systems; system++) {
        char name[KERF_CATALOG_NAME_BYTES];
        struct kerf_cooling cooling;
        double base_W, limit_W;
        if (chosen >= 0 && chosen != system)
            continue;
        KERF_TRY(kerf_heat_cooling(c, system, name, &cooling, error));
        KERF_TRY(kerf_heat_supply(c, system, &base_W, &limit_W, error));
    }
    return KERF_OK;
}

static enum kerf_status simulate(struct kerf_comparison *c, const struct kerf_arguments *arguments,
                                 struct kerf_error *error)
{
    enum kerf_wish stopped = KERF_WISH_NONE;
    int chosen, cells, studies = 0;
    KERF_TRY(find_system(c, arguments->system, &chosen, error));
    KERF_TRY(read_cells(arguments, &cells, error));
    KERF_TRY(check_systems(c, chosen, error));
    KERF_TRY(kerf_comparison_run(c, NULL, &stopped, error));
    struct kerf_heat_study *study = calloc((size_t)c->scenario.systems, sizeof *study);
    KERF_TRY(kerf_error_agree(
        c->comm, study ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for heat"), error));
    enum kerf_status status = solve_systems(c, arguments, chosen, cells, study, &studies, error);
    for (int i = 0; i < studies; i++)
        kerf_heat_study_free(&study[i]);
    free(study);
    return status;
}

static enum kerf_status heat(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    /* Uncertain leaves stay where they are: what is asked for is a map. */
    const char *sets[KERF_ARGUMENTS_MAX + 1];
    struct kerf_comparison *comparison = NULL;
    memcpy(sets, arguments->set, (size_t)arguments->sets * sizeof *sets);
    sets[arguments->sets] = "columns=nominal";
    enum kerf_status status = kerf_comparison_open(comm, arguments->positional[0], sets, arguments->sets + 1,
                                                   kerf_catalog_places(), &comparison, error);
    if (status == KERF_OK && arguments->output)
        status = kerf_heat_file_prepare(comm, arguments->output, error);
    if (status == KERF_OK) {
        status = simulate(comparison, arguments, error);
        if (status != KERF_OK && arguments->output)
            kerf_heat_file_discard(comm, arguments->output);
    }
    kerf_comparison_free(comparison);
    return status;
}

const struct kerf_command kerf_command_heat = {
    .name = "heat",
    .arguments = "SCENARIO [-o FILE.h5] [--system NAME]",
    .summary = "temperature and voltage maps of a scenario's systems",
    .help =
        "Simulates the scenario and solves, for the accelerator of each system that drew most power, its\n"
        "temperatures, coolant and supply voltage (docs/heat.md).\n\n"
        "  -o, --output FILE   keep the maps as HDF5\n"
        "  --system NAME       of this system only\n"
        "  --cells N           mesh cells along the longer side; 256 by default\n"
        "  --set KEY=VALUE     override a key of the scenario, e.g. --set "
        "systems.cs3.thermal.coolant_inlet=\"308 "
        "K\"\n"
        "  --stats             say how the equations were solved\n"
        "  -q, --quiet         print nothing but errors\n",
    .options = "osqtyC",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = heat,
};
