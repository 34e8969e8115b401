/* The study room: heat as text. */
#include "sim/study/heat.h"

#include <stdio.h>
#include <string.h>

enum { CELL_BYTES = 64 };

static double celsius(double kelvin)
{
    return kelvin - 273.15;
}

static void format_power(double watts, char *cell)
{
    if (watts >= 1e4)
        snprintf(cell, CELL_BYTES, "%.1f kW", 1e-3 * watts);
    else
        snprintf(cell, CELL_BYTES, "%.0f W", watts);
}

static const char *kind_of(const struct kerf_heat_study *study)
{
    return study->load.power.stages > 0 ? "wafer" : "GPU";
}

static void print_row(FILE *out, const char *name, int width, const struct kerf_heat_study *study)
{
    const struct kerf_heat_figures *sum = &study->figures;
    const struct kerf_cooling *cooling = &study->cooling;
    bool package = study->load.power.stages == 0, has_memory = package && cooling->memory_stacks > 0.0;
    char which[CELL_BYTES], power[CELL_BYTES], leak[CELL_BYTES], silicon[CELL_BYTES],
        memory[CELL_BYTES] = "-", coolant[CELL_BYTES], drop[CELL_BYTES] = "-";
    snprintf(which, sizeof which, "%s %d", kind_of(study), study->load.accelerator);
    format_power(sum->power_W, power);
    format_power(sum->leak_W, leak);
    snprintf(silicon, sizeof silicon, "%.1f / %.1f C", celsius(sum->silicon_most_K[KERF_FLOOR_DIE]),
             celsius(sum->silicon_mean_K[KERF_FLOOR_DIE]));
    if (has_memory)
        snprintf(memory, sizeof memory, "%.1f C", celsius(sum->silicon_most_K[KERF_FLOOR_MEMORY]));
    snprintf(coolant, sizeof coolant, "%.1f > %.1f C", celsius(cooling->inlet_K),
             celsius(sum->coolant_out_K));
    if (study->plan.problem.grid_ohm > 0.0)
        snprintf(drop, sizeof drop, "%.1f mV (%.1f %%)", 1e3 * sum->drop_most_V,
                 100.0 * sum->drop_most_V / cooling->supply_V);
    fprintf(out, "%-*s %-9s %9s %9s %16s %9.1f K %8s %15s %16s\n", width, name, which, power, leak, silicon,
            cooling->die_limit_K - sum->silicon_most_K[KERF_FLOOR_DIE], memory, coolant, drop);
}

void kerf_heat_print(FILE *out, const struct kerf_comparison *c, const struct kerf_heat_study *study,
                     int studies)
{
    int width = (int)strlen("system");
    for (int i = 0; i < studies; i++) {
        int length = (int)strlen(c->scenario.system[study[i].system].name);
        width = length > width ? length : width;
    }
    fprintf(out, "Heat at the mean power of the run, of the accelerator of each system that drew most\n\n");
    fprintf(out, "%-*s %-9s %9s %9s %16s %11s %8s %15s %16s\n", width, "system", "which", "power", "leakage",
            "silicon (mean)", "below limit", "memory", "coolant", "voltage drop");
    for (int i = 0; i < studies; i++)
        print_row(out, c->scenario.system[study[i].system].name, width, &study[i]);
    for (int i = 0; i < studies; i++) {
        const struct kerf_heat_study *one = &study[i];
        double over_K = one->figures.silicon_most_K[KERF_FLOOR_DIE] - one->cooling.die_limit_K;
        if (over_K > 0.05)
            fprintf(out,
                    "\n%s: %.1f K over the limit of %.0f C: the hardware would lower its clock (`thermal: "
                    "{clock: "
                    "follows}`)\n",
                    c->scenario.system[one->system].name, over_K, celsius(one->cooling.die_limit_K));
    }
}

void kerf_heat_print_effort(FILE *out, const struct kerf_comparison *c, const struct kerf_heat_study *study,
                            int studies)
{
    fprintf(out, "\n");
    for (int i = 0; i < studies; i++) {
        const struct kerf_heat_effort *effort = &study[i].effort;
        const struct kerf_heat_figures *sum = &study[i].figures;
        fprintf(
            out,
            "%s: %d x %d cells, %d Newton steps, %d linear iterations, %d rounds with the voltage, %.2f s, "
            "energy kept to %.1e\n",
            c->scenario.system[study[i].system].name, study[i].plan.problem.columns,
            study[i].plan.problem.rows, effort->newton_steps, effort->linear_iterations,
            effort->voltage_rounds, effort->solve_s, sum->coolant_gain_W / sum->power_W - 1.0);
    }
}
