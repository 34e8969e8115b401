/* The study room: from what a run drew to its heat. */
#include "sim/study/heat.h"

#include "sim/engine/agree.h"
#include "sim/study/energy.h"
#include "sim/study/petsc.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kerf_status kerf_heat_cooling(struct kerf_comparison *comparison, int system, char *name,
                                   struct kerf_cooling *cooling, struct kerf_error *error)
{
    const struct kerf_system_spec *spec = comparison->system[system].spec;
    struct kerf_leaf_set set;
    if (kerf_system_leaves(&comparison->catalog, "cooling", comparison->system[system].hardware.name,
                           &kerf_cooling_leaves, &set, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: systems.%s: how %s is cooled: ", spec->where, spec->name,
                                 spec->hardware);
    kerf_leaf_set_fill(&set, KERF_COLUMN_NOMINAL, cooling);
    snprintf(name, KERF_CATALOG_NAME_BYTES, "%s", set.name);
    if (spec->coolant_inlet_K > 0.0)
        cooling->inlet_K = spec->coolant_inlet_K;
    KERF_CHECK(spec->coolant_inlet_K <= 0.0 || spec->coolant_inlet_K >= 200.0, KERF_ERR_USAGE,
               "%s: systems.%s.thermal.coolant_inlet: %g K: a temperature of 200 to 400 K is wanted (0 C is "
               "273.15 K)",
               spec->where, spec->name, spec->coolant_inlet_K);
    return KERF_OK;
}

/* Whole nJ of every accelerator on every rank: the order of a sum over ranks is no matter. */
static enum kerf_status gather_nJ(const struct kerf_comparison *c, const struct kerf_serving *serving,
                                  int64_t **all, struct kerf_error *error)
{
    int count = serving->replicas * serving->accelerators;
    *all = calloc((size_t)count, sizeof **all);
    enum kerf_status status = *all ? KERF_OK
                                   : kerf_error_set(error, KERF_ERR_FAILURE,
                                                    "out of memory for the energy of %d accelerators", count);
    KERF_TRY(kerf_error_agree(c->comm, status, error));
    for (int k = 0; k < count; k++) {
        const void *state = kerf_engine_state(c->engine, serving->device[k]);
        if (state)
            (*all)[k] = llround(
                1e9 * (serving->on_wafers ? kerf_wafer_record(state) : kerf_gpu_record(state))->dynamic_J);
    }
    MPI_Allreduce(MPI_IN_PLACE, *all, count, MPI_INT64_T, MPI_SUM, c->comm);
    return KERF_OK;
}

static int first_greatest(const int64_t *value, int count)
{
    int best = 0;
    for (int k = 1; k < count; k++)
        best = value[k] > value[best] ? k : best;
    return best;
}

/* The first accelerator that spent most, and what it spent in joules. */
static enum kerf_status busiest(const struct kerf_comparison *c, const struct kerf_serving *serving,
                                int *accelerator, double *spent_J, struct kerf_error *error)
{
    int64_t *all;
    enum kerf_status status = gather_nJ(c, serving, &all, error);
    if (status == KERF_OK) {
        *accelerator = first_greatest(all, serving->replicas * serving->accelerators);
        *spent_J = 1e-9 * (double)all[*accelerator];
    }
    free(all);
    return status;
}

/* Stages of the wafer, each with its share of the dynamic power and its area. */
static enum kerf_status list_stages(const struct kerf_comparison *c, const struct kerf_serving *serving,
                                    int accelerator, double dynamic_W, struct kerf_floor_power *power,
                                    struct kerf_error *error)
{
    const struct kerf_wafer_plan *plan = &serving->wafer;
    int index = accelerator % serving->accelerators, first = plan->first_stage[index];
    const void *state = kerf_engine_state(c->engine, serving->device[accelerator]);
    double sum_J = 0.0, PEs = plan->wafer.pe_rows * plan->wafer.pe_columns;
    power->stages = plan->first_stage[index + 1] - first;
    power->stage = calloc((size_t)power->stages, sizeof *power->stage);
    enum kerf_status status =
        power->stage ? KERF_OK
                     : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d stages", power->stages);
    KERF_TRY(kerf_error_agree(c->comm, status, error));
    for (int s = 0; s < power->stages; s++) {
        const struct kerf_stage *stage = &plan->placement.stage[first + s];
        double stage_J = state ? kerf_wafer_stage_J(state)[s] : 0.0;
        MPI_Bcast(&stage_J, 1, MPI_DOUBLE, kerf_engine_rank_of(c->engine, serving->device[accelerator]),
                  c->comm);
        power->stage[s] =
            (struct kerf_floor_stage){.area = stage->pe_rows * stage->pe_columns / PEs, .power_W = stage_J};
        sum_J += stage_J;
    }
    for (int s = 0; s < power->stages; s++)
        power->stage[s].power_W *= sum_J > 0.0 ? dynamic_W / sum_J : 0.0;
    return KERF_OK;
}

/* Of the dynamic power of a GPU, what its memory takes. */
static double memory_W(const struct kerf_comparison *c, const struct kerf_serving *serving, int accelerator,
                       const struct kerf_cooling *cooling, double dynamic_W, double spent_J)
{
    const void *state = kerf_engine_state(c->engine, serving->device[accelerator]);
    double bytes = state ? kerf_gpu_record(state)->bytes : 0.0;
    MPI_Bcast(&bytes, 1, MPI_DOUBLE, kerf_engine_rank_of(c->engine, serving->device[accelerator]), c->comm);
    double memory_J = bytes * cooling->memory_J_per_byte * serving->gpu.gpu.dynamic_power_scale;
    return spent_J > 0.0 ? dynamic_W * fmin(1.0, memory_J / spent_J) : 0.0;
}

enum kerf_status kerf_heat_supply(const struct kerf_comparison *c, int system, double *base_W,
                                  double *limit_W, struct kerf_error *error)
{
    const struct kerf_system_spec *spec = c->system[system].spec;
    const struct kerf_serving *serving =
        &kerf_comparison_case(c, system, c->columns == 1 ? 0 : KERF_COLUMN_NOMINAL)->serving;
    *base_W = kerf_energy_supply(serving).base_W;
    *limit_W = kerf_energy_supply(serving).limit_W;
    KERF_CHECK(!serving->decode, KERF_ERR_USAGE,
               "%s: systems.%s: heat is worked out for systems of one pool, and this has two; --system NAME "
               "chooses another",
               spec->where, spec->name);
    KERF_CHECK(*base_W > 0.0, KERF_ERR_USAGE,
               "%s: systems.%s: the catalog does not say what power %s draws: it needs %s", spec->where,
               spec->name, spec->hardware,
               serving->on_wafers ? "system_W and idle_fraction"
                                  : "active_W, flop_16bit_J, memory_J_per_byte and dynamic_power_scale");
    return KERF_OK;
}

/* The base at a lower clock: what leakage leaves of it goes as f V^2. */
static double spread_W(const struct kerf_operating_point *point, const struct kerf_cooling *cooling,
                       const struct kerf_floor_power *power, double base_W)
{
    double leak_W = kerf_floor_leak_W(cooling, power), heat_W = base_W * cooling->package_share;
    if (point->clock_share <= 0.0)
        return heat_W;
    return leak_W + fmax(point->catalog_base_W * cooling->package_share - leak_W, 0.0) * point->clock_share *
                        point->volt_share * point->volt_share;
}

enum kerf_status kerf_heat_load_of(const struct kerf_comparison *c, const struct kerf_case *one,
                                   const struct kerf_cooling *cooling, struct kerf_heat_load *load,
                                   struct kerf_error *error)
{
    const struct kerf_serving *serving = &one->serving;
    const struct kerf_operating_point *point = &c->system[one->system].point;
    bool moved = point->clock_share > 0.0;
    double limit_W, base_W, spent_J;
    double span_s = one->summary.output_tokens / one->summary.metric[KERF_METRIC_THROUGHPUT];
    *load = (struct kerf_heat_load){0};
    KERF_TRY(kerf_heat_supply(c, one->system, &base_W, &limit_W, error));
    KERF_TRY(busiest(c, serving, &load->accelerator, &spent_J, error));
    /* A catalog that asks for more than the limit has rates that were measured there: less in proportion. */
    double catalog_W = moved ? point->catalog_base_W : base_W;
    limit_W = moved ? point->catalog_limit_W : limit_W;
    double scale = moved ? point->clock_share * point->volt_share * point->volt_share : 1.0;
    double dynamic_W = fmin(spent_J / span_s, fmax(limit_W - catalog_W, 0.0) * scale);
    struct kerf_floor_power *power = &load->power;
    power->limit_W = limit_W;
    power->volt_share = moved ? point->volt_share : 1.0;
    power->spread_W = spread_W(point, cooling, power, base_W);
    dynamic_W *= cooling->package_share;
    if (serving->on_wafers)
        return list_stages(c, serving, load->accelerator, dynamic_W, power, error);
    power->memory_W = memory_W(c, serving, load->accelerator, cooling, dynamic_W, spent_J);
    power->die_W = dynamic_W - power->memory_W;
    return KERF_OK;
}

void kerf_heat_load_free(struct kerf_heat_load *load)
{
    free(load->power.stage);
    *load = (struct kerf_heat_load){0};
}

static enum kerf_status solve_field(const struct kerf_comparison *c, struct kerf_heat_study *study, int cells,
                                    struct kerf_error *error)
{
    enum kerf_status status =
        kerf_floorplan_make(&study->cooling, &study->load.power, cells, &study->plan, error);
    if (status == KERF_OK)
        status = kerf_heat_field_make(&study->plan.problem, &study->field, error);
    KERF_TRY(kerf_error_agree(c->comm, status, error));
    status = kerf_heat_steady(c->comm, &study->plan.problem, &study->field, &study->effort, error);
    KERF_TRY(kerf_error_agree(c->comm, status, error));
    study->figures = kerf_heat_sum_up(&study->plan.problem, &study->field);
    return KERF_OK;
}

enum kerf_status kerf_heat_study_solve(struct kerf_comparison *c, int system, int cells,
                                       struct kerf_heat_study *study, struct kerf_error *error)
{
    const struct kerf_case *one = kerf_comparison_case(c, system, c->columns == 1 ? 0 : KERF_COLUMN_NOMINAL);
    const struct kerf_system_spec *spec = c->system[system].spec;
    *study = (struct kerf_heat_study){.system = system};
    KERF_TRY(kerf_petsc_start(error));
    KERF_TRY(kerf_heat_cooling(c, system, study->cooling_name, &study->cooling, error));
    KERF_TRY(kerf_heat_load_of(c, one, &study->cooling, &study->load, error));
    if (solve_field(c, study, cells, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: systems.%s: ", spec->where, spec->name);
    return KERF_OK;
}

void kerf_heat_study_free(struct kerf_heat_study *study)
{
    kerf_heat_load_free(&study->load);
    kerf_floorplan_free(&study->plan);
    kerf_heat_field_free(&study->field);
}
