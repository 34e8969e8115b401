/* The study room: the points of a sweep, and what is known of each. */
#include "sim/study/sweep_points.h"

#include "sim/engine/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MOST = 100000 };

const struct kerf_sweep_yield_facts kerf_sweep_yields[KERF_YIELD_COUNT] = {
    [KERF_YIELD_ACCELERATOR] = {"throughput_per_accelerator", "token/s",
                                "output tokens per second and accelerator", "pareto_accelerator",
                                "tokens/s per accelerator", 1.0},
    [KERF_YIELD_ENERGY] = {"output_tokens_per_joule", "token/J",
                           "output tokens per joule, hosts, switches, conversion and cooling included",
                           "pareto_energy", "tokens/s per kW", 1e3},
    [KERF_YIELD_COST] = {"output_tokens_per_dollar", "token/USD",
                         "output tokens per dollar of owning the accelerators", "pareto_cost",
                         "tokens per USD", 1.0},
};

int kerf_sweep_values(const struct kerf_sweep *sweep, int system, const int *index,
                      struct kerf_scenario_value value[KERF_SWEEP_KEYS_MAX])
{
    int values = 0;
    for (int k = 0; k < sweep->section.keys; k++) {
        const struct kerf_sweep_key *key = &sweep->section.key[k];
        int at = index[key->axis];
        if (at >= 0 && (key->system < 0 || system < 0 || key->system == system))
            value[values++] = (struct kerf_scenario_value){key->path, key->value[at], key->line[at]};
    }
    return values;
}

/* Reads the scenario with every axis at an index of its own. */
static enum kerf_status read_at(MPI_Comm comm, const struct kerf_sweep *sweep,
                                const struct kerf_scenario_source *source, const int *index,
                                struct kerf_scenario *scenario, struct kerf_error *error)
{
    struct kerf_scenario_value value[KERF_SWEEP_KEYS_MAX];
    struct kerf_scenario_source one = *source;
    struct kerf_yaml *yaml;
    char *text;
    one.text = sweep->scenario_text;
    one.values = kerf_sweep_values(sweep, -1, index, value);
    one.value = value;
    enum kerf_status status = kerf_scenario_parse(comm, &one, &text, &yaml, error);
    if (status == KERF_OK)
        status = kerf_scenario_read(yaml, scenario, error);
    kerf_yaml_free(yaml);
    free(text);
    return status;
}

/* Every value of every key, the others at their first: what is no scenario is found before any work. */
static enum kerf_status try_values(MPI_Comm comm, struct kerf_sweep *sweep,
                                   const struct kerf_scenario_source *source, struct kerf_error *error)
{
    int index[KERF_SWEEP_AXES_MAX] = {0};
    struct kerf_scenario *tried = malloc(sizeof *tried);
    KERF_CHECK(tried, KERF_ERR_FAILURE, "out of memory for a scenario");
    enum kerf_status status = read_at(comm, sweep, source, index, &sweep->scenario, error);
    for (int axis = 0; axis < sweep->section.axes && status == KERF_OK; axis++) {
        for (int v = 1; v < sweep->section.axis[axis].values && status == KERF_OK; v++) {
            index[axis] = v;
            *tried = (struct kerf_scenario){0};
            status = read_at(comm, sweep, source, index, tried, error);
            kerf_scenario_free(tried);
        }
        index[axis] = 0;
    }
    free(tried);
    return status;
}

static long long points_of(const struct kerf_sweep_section *section, int system)
{
    long long points = 1;
    for (int axis = 0; axis < section->axes && points <= POINTS_MOST; axis++)
        if (section->axis[axis].systems >> system & 1)
            points *= section->axis[axis].values;
    return points;
}

static void fill_point(const struct kerf_sweep_section *section, int system, int number,
                       struct kerf_sweep_point *point)
{
    point->system = system;
    for (int axis = KERF_SWEEP_AXES_MAX - 1; axis >= 0; axis--) {
        point->value[axis] = -1;
        if (axis >= section->axes || !(section->axis[axis].systems >> system & 1))
            continue;
        point->value[axis] = number % section->axis[axis].values;
        number /= section->axis[axis].values;
    }
}

static enum kerf_status lay_out(struct kerf_sweep *sweep, const char *path, struct kerf_error *error)
{
    long long points = 0;
    for (int system = 0; system < sweep->scenario.systems; system++)
        points += points_of(&sweep->section, system);
    KERF_CHECK(points <= POINTS_MOST, KERF_ERR_USAGE, "%s: sweep: more than %d points", path, POINTS_MOST);
    sweep->points = (int)points;
    sweep->columns = sweep->scenario.columns == 0 ? 1 : KERF_COLUMN_COUNT;
    sweep->nominal = sweep->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    sweep->figures = kerf_summary_scalars();
    sweep->row_bytes =
        sizeof(struct kerf_sweep_row) + (size_t)(sweep->columns * sweep->figures) * sizeof(double);
    sweep->point = calloc((size_t)points, sizeof *sweep->point);
    sweep->row = calloc((size_t)points, sweep->row_bytes);
    KERF_CHECK(sweep->point && sweep->row, KERF_ERR_FAILURE, "out of memory for %lld points", points);
    for (int system = 0, p = 0; system < sweep->scenario.systems; system++)
        for (int i = 0, of = (int)points_of(&sweep->section, system); i < of; i++)
            fill_point(&sweep->section, system, i, &sweep->point[p++]);
    return KERF_OK;
}

static enum kerf_status resolve(struct kerf_sweep *sweep, struct kerf_error *error)
{
    size_t size;
    FILE *resolved = open_memstream(&sweep->scenario_resolved, &size);
    if (resolved) {
        kerf_scenario_print(resolved, &sweep->scenario);
        kerf_sweep_section_print(resolved, &sweep->section);
    }
    KERF_CHECK(resolved && fclose(resolved) == 0, KERF_ERR_FAILURE, "out of memory for a scenario");
    return KERF_OK;
}

/* Other kinds of scenarios have no summaries to fill a point with. */
static enum kerf_status check_serving(const struct kerf_yaml *yaml, struct kerf_error *error)
{
    static const char *const others[] = {"training", "images"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        kerf_yaml_node *node = kerf_yaml_get(kerf_yaml_root(yaml), others[i]);
        if (node)
            return kerf_yaml_refuse(yaml, node, error,
                                    "sweep: only scenarios of serving can be swept; this has a section %s",
                                    others[i]);
    }
    return KERF_OK;
}

enum kerf_status kerf_sweep_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                 struct kerf_sweep *sweep, struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    *sweep = (struct kerf_sweep){.parts = 1};
    enum kerf_status status = kerf_scenario_parse(comm, source, &sweep->scenario_text, &yaml, error);
    if (status == KERF_OK)
        status = check_serving(yaml, error);
    if (status == KERF_OK)
        status = kerf_sweep_section_read(yaml, &sweep->section, error);
    kerf_yaml_free(yaml);
    if (status == KERF_OK)
        status = try_values(comm, sweep, source, error);
    if (status == KERF_OK)
        status = lay_out(sweep, source->path, error);
    if (status == KERF_OK)
        status = resolve(sweep, error);
    return kerf_error_agree(comm, status, error);
}

void kerf_sweep_free(struct kerf_sweep *sweep)
{
    kerf_sweep_section_free(&sweep->section);
    kerf_scenario_free(&sweep->scenario);
    free(sweep->scenario_text);
    free(sweep->scenario_resolved);
    free(sweep->point);
    free(sweep->row);
    *sweep = (struct kerf_sweep){0};
}

struct kerf_sweep_row *kerf_sweep_row(const struct kerf_sweep *sweep, int point)
{
    return (struct kerf_sweep_row *)(void *)(sweep->row + (size_t)point * sweep->row_bytes);
}

double *kerf_sweep_figures(const struct kerf_sweep *sweep, int point, int column)
{
    return (double *)(void *)(kerf_sweep_row(sweep, point) + 1) + (size_t)(column * sweep->figures);
}

int kerf_sweep_count(const struct kerf_sweep *sweep, enum kerf_sweep_state state)
{
    int count = 0;
    for (int p = 0; p < sweep->points; p++)
        count += kerf_sweep_row(sweep, p)->state == state;
    return count;
}

/* The path without the system that it is about. */
static const char *path_in_system(const struct kerf_sweep_key *key)
{
    const char *system = key->system < 0 ? NULL : strchr(key->path, '.');
    const char *rest = system ? strchr(system + 1, '.') : NULL;
    return rest ? rest + 1 : key->path;
}

/* The last word of the path, or all of it where that word means different things in one sweep. */
static const char *short_name(const struct kerf_sweep_section *section, const struct kerf_sweep_key *key)
{
    const char *path = path_in_system(key), *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    for (int k = 0; k < section->keys; k++) {
        const char *other = path_in_system(&section->key[k]), *other_dot = strrchr(other, '.');
        if (strcmp(last, other_dot ? other_dot + 1 : other) == 0 && strcmp(path, other) != 0)
            return path;
    }
    return last;
}

void kerf_sweep_point_text(const struct kerf_sweep *sweep, int point, char *text, size_t text_bytes)
{
    const struct kerf_sweep_point *at = &sweep->point[point];
    size_t used = 0;
    text[0] = '\0';
    for (int k = 0; k < sweep->section.keys; k++) {
        const struct kerf_sweep_key *key = &sweep->section.key[k];
        if (at->value[key->axis] < 0 || (key->system >= 0 && key->system != at->system) || used >= text_bytes)
            continue;
        used += (size_t)snprintf(text + used, text_bytes - used, "%s%s=%s", used ? " " : "",
                                 short_name(&sweep->section, key), key->value[at->value[key->axis]]);
    }
}

static double figure_of(const struct kerf_sweep *sweep, int point, int column, const char *name)
{
    return kerf_sweep_row(sweep, point)->state == KERF_SWEEP_DONE
               ? kerf_sweep_figures(sweep, point, column)[kerf_summary_scalar_named(name)]
               : NAN;
}

double kerf_sweep_speed_of(const struct kerf_sweep *sweep, int point, int column)
{
    return figure_of(sweep, point, column, "output_speed_per_user");
}

double kerf_sweep_yield_of(const struct kerf_sweep *sweep, int point, int column, enum kerf_sweep_yield yield)
{
    switch (yield) {
    case KERF_YIELD_ACCELERATOR:
        return figure_of(sweep, point, column, "throughput") /
               figure_of(sweep, point, column, "accelerators");
    case KERF_YIELD_ENERGY:
        return 1.0 / figure_of(sweep, point, column, "facility_energy_per_output_token");
    case KERF_YIELD_COST:
        return 1.0 / figure_of(sweep, point, column, "owner_cost_per_output_token");
    case KERF_YIELD_COUNT:
        break;
    }
    return NAN;
}
