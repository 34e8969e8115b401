/* bench_heat: a steady state of a wafer with leakage, coolant and drop of voltage, beside what memory gives.
 * The mesh is a cell for each processing element of a WSE-3; power comes in 36 rectangles that differ. The
 * bandwidth of the solver is counted, not measured: what its iterations must read and write at the least. */
#include "models/thermal/heat.h"
#include "sim/study/petsc.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <petscsys.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRIAD_NUMBERS = 8 << 20, TRIAD_ROUNDS = 5 };

/* STREAM's triad (McCalpin 1995), all ranks at once: the best of some rounds. */
static double triad_Bps(void)
{
    double *a = malloc(TRIAD_NUMBERS * sizeof *a), *b = malloc(TRIAD_NUMBERS * sizeof *b);
    double *c = malloc(TRIAD_NUMBERS * sizeof *c), best_s = INFINITY, worst_s;
    int ranks;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    for (int i = 0; a && b && c && i < TRIAD_NUMBERS; i++)
        a[i] = 0.0, b[i] = i, c[i] = 1.0;
    for (int round = 0; a && b && c && round < TRIAD_ROUNDS; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double start_s = MPI_Wtime();
        for (int i = 0; i < TRIAD_NUMBERS; i++)
            a[i] = b[i] + (1.0 + round) * c[i];
        best_s = fmin(best_s, MPI_Wtime() - start_s);
    }
    bool right = a && a[TRIAD_NUMBERS - 1] == TRIAD_NUMBERS - 1 + TRIAD_ROUNDS;
    free(a);
    free(b);
    free(c);
    MPI_Allreduce(&best_s, &worst_s, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return right ? 24.0 * TRIAD_NUMBERS * ranks / worst_s : NAN;
}

/* A cycle of algebraic multigrid sweeps once down and once up and takes one residual on every level; levels
 * below the finest are about half as much again. A row of the heat's matrix has six numbers, one of the
 * voltage's five; each is read with its index, and three vectors go by. */
static double bytes_of(const struct kerf_heat_problem *p, const struct kerf_heat_effort *effort)
{
    const double passes = 3.0, levels = 1.5, row_bytes = 6.0 * 12.0 + 3.0 * 8.0;
    return effort->linear_iterations * passes * levels * row_bytes * 2.0 * p->columns * p->rows;
}

static struct kerf_heat_problem wafer(int columns, int rows)
{
    return (struct kerf_heat_problem){.columns = columns,
                                      .rows = rows,
                                      .width_m = 0.215,
                                      .height_m = 0.215,
                                      .materials = 1,
                                      .material[0] = {.sheet_W_per_K = 0.0915,
                                                      .interface_K_m2_per_W = 12e-6,
                                                      .heat_J_per_m2_K = 1285.0,
                                                      .leak_reference_W_per_m2 = 1.1e5},
                                      .plate_W_per_K = 1.17,
                                      .plate_heat_J_per_m2_K = 10350.0,
                                      .film_W_per_m2_K = 40000.0,
                                      .inlet_K = 294.15,
                                      .coolant_W_per_K = 6950.0,
                                      .ceiling_K = 600.0,
                                      .leak_per_K = 0.025,
                                      .leak_reference_K = 358.15,
                                      .leak_volt_exponent = 3.0,
                                      .nominal_V = 0.8,
                                      .grid_ohm = 4e-3,
                                      .feed_ohm_m2 = 3e-8};
}

/* 36 rectangles with 0.30 to 0.44 W/mm2. */
static double *power_of(const struct kerf_heat_problem *p)
{
    double *power = malloc((size_t)p->columns * (size_t)p->rows * sizeof *power);
    for (int r = 0; power && r < p->rows; r++)
        for (int c = 0; c < p->columns; c++) {
            int stage = 6 * (6 * r / p->rows) + 6 * c / p->columns;
            power[(size_t)r * (size_t)p->columns + (size_t)c] = 3e5 + 2e4 * (stage * 5 % 8);
        }
    return power;
}

static enum kerf_status bench(struct kerf_heat_problem *problem, struct kerf_error *error)
{
    struct kerf_heat_field field;
    struct kerf_heat_effort effort;
    int rank, ranks;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    KERF_TRY(kerf_heat_check(problem, ranks, error));
    double *power = power_of(problem);
    problem->power_W_per_m2 = power;
    KERF_CHECK(power, KERF_ERR_FAILURE, "out of memory");
    KERF_TRY(kerf_heat_field_make(problem, &field, error));
    struct bench_clock start = bench_now();
    enum kerf_status status = kerf_heat_steady(MPI_COMM_WORLD, problem, &field, &effort, error);
    struct bench_clock spent = bench_since(MPI_COMM_WORLD, start);
    if (status == KERF_OK) {
        struct kerf_heat_figures sum = kerf_heat_sum_up(problem, &field);
        double triad = triad_Bps();
        if (rank == 0)
            printf(
                "bench=heat ranks=%d columns=%d rows=%d wall_s=%.3f cpu_s=%.3f newton=%d linear=%d rounds=%d "
                "hottest_K=%.6f drop_mV=%.6f balance=%.1e solver_GBps=%.3f triad_GBps=%.3f\n",
                ranks, problem->columns, problem->rows, spent.wall_s, spent.cpu_s, effort.newton_steps,
                effort.linear_iterations, effort.voltage_rounds, sum.silicon_most_K[0], 1e3 * sum.drop_most_V,
                fabs(sum.coolant_gain_W / sum.power_W - 1.0),
                1e-9 * bytes_of(problem, &effort) / spent.wall_s, 1e-9 * triad);
    }
    kerf_heat_field_free(&field);
    free(power);
    return status;
}

int main(int argc, char **argv)
{
    uint64_t columns = 1172, rows = 762;
    bool isothermal = false, no_voltage = false;
    const struct bench_option options[] = {
        {"columns", .count = &columns, .help = "cells along the coolant's path"},
        {"rows", .count = &rows, .help = "cells across it"},
        {"isothermal", .flag = &isothermal, .help = "a coolant that does not warm up"},
        {"no-voltage", .flag = &no_voltage, .help = "temperatures only"}};
    struct kerf_error error = {0};
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    struct kerf_heat_problem problem = wafer((int)fmin((double)columns, 1e9), (int)fmin((double)rows, 1e9));
    if (isothermal)
        problem.coolant_W_per_K = INFINITY;
    if (no_voltage)
        problem.grid_ohm = 0.0;
    enum kerf_status status = kerf_petsc_start(&error);
    if (status == KERF_OK)
        status = bench(&problem, &error);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (status != KERF_OK && rank == 0)
        fprintf(stderr, "bench_heat: %s\n", error.message);
    PetscFinalize();
    return bench_finish((int)status);
}
