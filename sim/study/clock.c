/* The study room: the fixed point of clock, power and temperature. The time constants of heat (0.1 to 10 s)
 * are far above those of tokens, so one clock stands for a run, and heat is that of its mean power. */
#include "sim/study/clock.h"

#include "sim/engine/agree.h"
#include "sim/study/heat.h"

#include <math.h>
#include <stdlib.h>

/* Clocks move in steps, as those of hardware do: a share of the nominal one. */
enum { STEPS = 128, LEAST_STEP = 32, CELLS = 48 };

/* One system on the way to its clock. Below `low` everything is taken to be inside the limits, `high` is not.
 */
struct search {
    struct kerf_cooling cooling;
    int low, high, step;
    bool follows, fits;
    struct kerf_operating_point best;
};

/* What rank 0 found of an accelerator at a clock. */
struct finding {
    double silicon_K, memory_K, drawn_W, base_W;
    int fits;
};

bool kerf_clock_follows(const struct kerf_scenario *scenario)
{
    for (int i = 0; i < scenario->systems; i++)
        if (scenario->system[i].clock == KERF_CLOCK_FOLLOWS)
            return true;
    return false;
}

static void judge(const struct kerf_system *system, const struct search *search,
                  const struct kerf_heat_load *load, const struct kerf_heat_figures *sum,
                  struct finding *found)
{
    const struct kerf_cooling *cooling = &search->cooling;
    double cap_W = load->power.limit_W;
    if (system->spec->power_cap_W > 0.0)
        cap_W = fmin(cap_W, system->spec->power_cap_W);
    found->silicon_K = sum->silicon_most_K[KERF_FLOOR_DIE];
    found->memory_K = load->power.stages > 0 ? 0.0 : sum->silicon_most_K[KERF_FLOOR_MEMORY];
    found->drawn_W = sum->power_W / cooling->package_share;
    found->base_W =
        (fmax(load->power.spread_W - kerf_floor_leak_W(cooling, &load->power), 0.0) + sum->leak_W) /
        cooling->package_share;
    found->fits = found->silicon_K <= cooling->die_limit_K && found->memory_K <= cooling->memory_limit_K &&
                  found->drawn_W <= cap_W;
}

/* On this rank alone. A load without steady temperature is one that does not fit. */
static enum kerf_status solve_alone(const struct kerf_system *system, const struct search *search,
                                    struct kerf_heat_load *load, struct finding *found,
                                    struct kerf_error *error)
{
    struct kerf_floorplan plan;
    struct kerf_heat_field field = {0};
    struct kerf_heat_effort effort;
    KERF_TRY(kerf_floorplan_make(&search->cooling, &load->power, CELLS, &plan, error));
    enum kerf_status status = kerf_heat_field_make(&plan.problem, &field, error);
    if (status == KERF_OK)
        status = kerf_heat_steady(MPI_COMM_SELF, &plan.problem, &field, &effort, error);
    if (status == KERF_OK) {
        struct kerf_heat_figures sum = kerf_heat_sum_up(&plan.problem, &field);
        judge(system, search, load, &sum, found);
    }
    kerf_heat_field_free(&field);
    kerf_floorplan_free(&plan);
    return status == KERF_ERR_USAGE ? KERF_OK : status;
}

static struct kerf_operating_point point_at(const struct search *search,
                                            const struct kerf_operating_point *catalog)
{
    double share = (double)search->step / STEPS;
    return (struct kerf_operating_point){.clock_share = share,
                                         .volt_share = kerf_volt_share(&search->cooling, share),
                                         .base_W = catalog->catalog_base_W,
                                         .limit_W = catalog->catalog_limit_W,
                                         .catalog_base_W = catalog->catalog_base_W,
                                         .catalog_limit_W = catalog->catalog_limit_W};
}

/* Judges a system that has run at its step. */
static enum kerf_status evaluate(struct kerf_comparison *c, int i, struct search *search,
                                 struct kerf_error *error)
{
    const struct kerf_case *one = kerf_comparison_case(c, i, c->columns == 1 ? 0 : KERF_COLUMN_NOMINAL);
    struct kerf_heat_load load;
    struct finding found = {0};
    int rank;
    KERF_TRY(kerf_heat_load_of(c, one, &search->cooling, &load, error));
    MPI_Comm_rank(c->comm, &rank);
    enum kerf_status status = rank == 0 ? solve_alone(&c->system[i], search, &load, &found, error) : KERF_OK;
    kerf_heat_load_free(&load);
    KERF_TRY(kerf_error_share(c->comm, 0, status, error));
    MPI_Bcast(&found, sizeof found, MPI_BYTE, 0, c->comm);
    search->fits = found.fits;
    if (found.fits) {
        search->best = c->system[i].point;
        search->best.base_W = found.base_W;
        search->best.limit_W = found.base_W + (search->best.catalog_limit_W - search->best.catalog_base_W) *
                                                  search->best.clock_share * search->best.volt_share *
                                                  search->best.volt_share;
        search->best.silicon_K = found.silicon_K;
        search->best.drawn_W = found.drawn_W;
    }
    return KERF_OK;
}

/* Runs all systems at their steps and moves the ends of their intervals. */
static enum kerf_status try_steps(struct kerf_comparison *c, struct search *search, struct kerf_error *error)
{
    for (int i = 0; i < c->scenario.systems; i++)
        if (search[i].follows)
            c->system[i].point = point_at(&search[i], &c->system[i].point);
    KERF_TRY(kerf_comparison_replan(c, error));
    KERF_TRY(kerf_comparison_run_planned(c, error));
    for (int i = 0; i < c->scenario.systems; i++)
        if (search[i].follows && search[i].high - search[i].low > 1) {
            KERF_TRY(evaluate(c, i, &search[i], error));
            *(search[i].fits ? &search[i].low : &search[i].high) = search[i].step;
        }
    return KERF_OK;
}

static enum kerf_status begin(struct kerf_comparison *c, struct search *search, struct kerf_error *error)
{
    for (int i = 0; i < c->scenario.systems; i++) {
        struct kerf_system *system = &c->system[i];
        char name[KERF_CATALOG_NAME_BYTES];
        search[i] = (struct search){.low = LEAST_STEP - 1, .high = STEPS + 1, .step = STEPS};
        search[i].follows = system->spec->clock == KERF_CLOCK_FOLLOWS;
        if (!search[i].follows)
            continue;
        KERF_CHECK(!system->decode, KERF_ERR_USAGE,
                   "%s: systems.%s.thermal.clock: follows is for systems of one pool, and this has two",
                   system->spec->where, system->spec->name);
        KERF_TRY(kerf_heat_cooling(c, i, name, &search[i].cooling, error));
        KERF_TRY(
            kerf_heat_supply(c, i, &system->point.catalog_base_W, &system->point.catalog_limit_W, error));
    }
    return KERF_OK;
}

static bool next_steps(const struct kerf_comparison *c, struct search *search)
{
    bool any = false;
    for (int i = 0; i < c->scenario.systems; i++)
        if (search[i].follows && search[i].high - search[i].low > 1) {
            search[i].step = (search[i].low + search[i].high) / 2;
            any = true;
        }
    return any;
}

static enum kerf_status search_clocks(struct kerf_comparison *c, struct search *search,
                                      struct kerf_error *error)
{
    KERF_TRY(begin(c, search, error));
    do
        KERF_TRY(try_steps(c, search, error));
    while (next_steps(c, search));
    for (int i = 0; i < c->scenario.systems; i++) {
        const struct kerf_system *system = &c->system[i];
        KERF_CHECK(
            !search[i].follows || search[i].low >= LEAST_STEP, KERF_ERR_USAGE,
            "%s: systems.%s.thermal: even a quarter of the clock of %s is too hot or too much power; cool "
            "it better (coolant_inlet) or raise power_cap",
            system->spec->where, system->spec->name, system->spec->hardware);
        if (search[i].follows)
            c->system[i].point = search[i].best;
    }
    return kerf_comparison_replan(c, error);
}

enum kerf_status kerf_clock_settle(struct kerf_comparison *c, struct kerf_error *error)
{
    struct search *search = calloc((size_t)c->scenario.systems, sizeof *search);
    enum kerf_status status =
        search ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for clocks");
    status = kerf_error_agree(c->comm, status, error);
    for (int i = 0; i < c->scenario.systems; i++)
        c->system[i].point = (struct kerf_operating_point){0};
    if (status == KERF_OK)
        status = search_clocks(c, search, error);
    free(search);
    return status;
}

void kerf_clock_print(FILE *out, const struct kerf_comparison *c)
{
    for (int i = 0; i < c->scenario.systems; i++) {
        const struct kerf_operating_point *point = &c->system[i].point;
        if (point->clock_share > 0.0)
            fprintf(out,
                    "%s: clock at %.1f %% of the catalog's, supply at %.1f %%; silicon at most %.1f C, %.4g "
                    "kW an "
                    "accelerator\n",
                    c->scenario.system[i].name, 100.0 * point->clock_share, 100.0 * point->volt_share,
                    point->silicon_K - 273.15, 1e-3 * point->drawn_W);
    }
}
