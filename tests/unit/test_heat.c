/* Heat in layers, against closed forms: fins, a disc, a heat exchanger, refinement, energy, warm-up, runaway;
 * and the drop of voltage, which is the same equation. Also run on several ranks. */
#include "models/thermal/heat.h"
#include "sim/study/petsc.h"

#include <math.h>
#include <petscsys.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above */
#include <cmocka.h>

static const double pi = 3.14159265358979323846;

/* A square of full-thickness silicon under a plate that does not spread heat, coolant at one temperature. */
static struct kerf_heat_problem bare_sheet(int columns, int rows)
{
    return (struct kerf_heat_problem){.columns = columns,
                                      .rows = rows,
                                      .width_m = 0.02,
                                      .height_m = 0.02,
                                      .materials = 1,
                                      .material[0] = {.sheet_W_per_K = 120.0 * 775e-6,
                                                      .interface_K_m2_per_W = 12e-6,
                                                      .heat_J_per_m2_K = 1285.0},
                                      .plate_heat_J_per_m2_K = 10000.0,
                                      .film_W_per_m2_K = 40000.0,
                                      .inlet_K = 300.0,
                                      .coolant_W_per_K = INFINITY,
                                      .ceiling_K = 1000.0};
}

/* Cells' middle. */
static double at(int i, int cells, double length_m)
{
    return (i + 0.5) * length_m / cells;
}

static double *power_of(struct kerf_heat_problem *p, double (*q)(double x_m, double y_m))
{
    double *power = malloc((size_t)p->columns * (size_t)p->rows * sizeof *power);
    assert_non_null(power);
    for (int r = 0; r < p->rows; r++)
        for (int c = 0; c < p->columns; c++)
            power[r * p->columns + c] = q(at(c, p->columns, p->width_m), at(r, p->rows, p->height_m));
    p->power_W_per_m2 = power;
    return power;
}

static struct kerf_heat_field solve(const struct kerf_heat_problem *p)
{
    struct kerf_heat_field field;
    struct kerf_heat_effort effort;
    struct kerf_error error = {0};
    assert_int_equal(kerf_heat_field_make(p, &field, &error), KERF_OK);
    if (kerf_heat_steady(MPI_COMM_WORLD, p, &field, &effort, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return field;
}

static enum kerf_status try_to_solve(const struct kerf_heat_problem *p, struct kerf_error *error)
{
    struct kerf_heat_field field;
    struct kerf_heat_effort effort;
    *error = (struct kerf_error){0};
    assert_int_equal(kerf_heat_field_make(p, &field, error), KERF_OK);
    enum kerf_status status = kerf_heat_steady(MPI_COMM_WORLD, p, &field, &effort, error);
    kerf_heat_field_free(&field);
    return status;
}

static double uniform(double x_m, double y_m)
{
    (void)x_m, (void)y_m;
    return 5e5;
}

static double half(double x_m, double y_m)
{
    (void)y_m;
    return x_m < 0.01 ? 5e5 : 0.0;
}

/* Interface and film in series: T - T_w = q (R + 1/h). */
static void test_uniform_power_goes_through_the_resistances(void **state)
{
    (void)state;
    struct kerf_heat_problem p = bare_sheet(8, 8);
    double *power = power_of(&p, uniform);
    struct kerf_heat_field field = solve(&p);
    for (int i = 0; i < 64; i++) {
        assert_true(fabs(field.silicon_K[i] - 300.0 - 5e5 * (12e-6 + 25e-6)) < 1e-6);
        assert_true(fabs(field.plate_K[i] - 300.0 - 5e5 * 25e-6) < 1e-6);
    }
    kerf_heat_field_free(&field);
    free(power);
}

/* A slab heated on its left half is two fins that meet: with m = sqrt(g / (k t)), g = 1 / (R + 1/h),
 * T = T_w + q/g (1 - cosh(m x) / (2 cosh(m L/2)) ...) by symmetry: the excess over half of q/g is odd about
 * the middle, and each half is a fin with an insulated end (Incropera and DeWitt, ch. 3.6): T - T_w = q/(2g)
 * (2 - cosh(m x) / cosh(m L/2)) on the left. Errors are of the mesh. */
static double slab_error(int columns)
{
    struct kerf_heat_problem p = bare_sheet(columns, 4);
    double *power = power_of(&p, half), worst = 0.0;
    struct kerf_heat_field field = solve(&p);
    double g = 1.0 / (12e-6 + 25e-6), m = sqrt(g / p.material[0].sheet_W_per_K);
    for (int c = 0; c < columns; c++) {
        double x = at(c, columns, p.width_m), left = fmin(x, p.width_m - x);
        double swing = cosh(m * left) / cosh(m * p.width_m / 2.0);
        double exact = 5e5 / (2.0 * g) * (x < p.width_m / 2.0 ? 2.0 - swing : swing);
        worst = fmax(worst, fabs(field.silicon_K[c] - 300.0 - exact));
    }
    kerf_heat_field_free(&field);
    free(power);
    return worst;
}

static void test_half_heated_slab_is_two_fins_to_second_order(void **state)
{
    (void)state;
    double coarse = slab_error(80), fine = slab_error(160);
    assert_true(coarse < 0.03); /* of a swing of 18.5 K */
    assert_true(log2(coarse / fine) > 1.9 && log2(coarse / fine) < 2.1);
}

static double cosines(double x_m, double y_m)
{
    return 3e5 * (1.0 + cos(pi * x_m / 0.02) * cos(2.0 * pi * y_m / 0.02));
}

/* Cosines are eigenfunctions of insulated sheets: with D = pi^2 (1/w^2 + 4/l^2) the amplitudes solve
 * (k_s D + 1/R) S - P/R = q, (k_p D + 1/R + h) P - S/R = 0. */
static double cosine_error(int cells)
{
    struct kerf_heat_problem p = bare_sheet(cells, cells);
    p.plate_W_per_K = 390.0 * 3e-3;
    double *power = power_of(&p, cosines), worst = 0.0;
    struct kerf_heat_field field = solve(&p);
    double D = pi * pi * 5.0 / (0.02 * 0.02), R = 12e-6, h = 40000.0;
    double a = p.material[0].sheet_W_per_K * D + 1.0 / R, b = p.plate_W_per_K * D + 1.0 / R + h;
    double S = 3e5 / (a - 1.0 / (R * R * b)), P = S / (R * b);
    for (int r = 0; r < cells; r++)
        for (int c = 0; c < cells; c++) {
            double wave = cos(pi * at(c, cells, 0.02) / 0.02) * cos(2.0 * pi * at(r, cells, 0.02) / 0.02);
            int i = r * cells + c;
            worst = fmax(worst, fabs(field.silicon_K[i] - 300.0 - 3e5 * (R + 1.0 / h) - S * wave));
            worst = fmax(worst, fabs(field.plate_K[i] - 300.0 - 3e5 / h - P * wave));
        }
    kerf_heat_field_free(&field);
    free(power);
    return worst;
}

static void test_error_falls_with_the_square_of_the_mesh(void **state)
{
    (void)state;
    double error[3] = {cosine_error(12), cosine_error(24), cosine_error(48)};
    assert_true(log2(error[0] / error[1]) > 1.9 && log2(error[1] / error[2]) > 1.95);
    assert_true(error[2] < 0.01);
}

/* Modified Bessel functions by their integrals (Abramowitz and Stegun 9.6.19, 9.6.24). */
static double bessel_i(int n, double x)
{
    const int steps = 2000;
    double sum = 0.0;
    for (int k = 0; k < steps; k++)
        sum += exp(x * cos((k + 0.5) * pi / steps)) * cos(n * (k + 0.5) * pi / steps);
    return sum / steps;
}

static double bessel_k(int n, double x)
{
    const double step = 0.005;
    double sum = 0.0;
    for (double t = 0.5 * step; t < 8.0; t += step)
        sum += exp(-x * cosh(t)) * cosh(n * t) * step;
    return sum;
}

/* The share of a cell that lies in the disc of 4 mm about the middle, so that the disc has its area. */
static double disc(double x_m, double y_m)
{
    const int parts = 8;
    int inside = 0;
    double cell = 0.02 / 120.0;
    for (int i = 0; i < parts; i++)
        for (int k = 0; k < parts; k++)
            inside += hypot(x_m + ((i + 0.5) / parts - 0.5) * cell - 0.01,
                            y_m + ((k + 0.5) / parts - 0.5) * cell - 0.01) < 0.004;
    return 5e5 * inside / (parts * parts);
}

/* A disc of radius a that is heated on a sheet without end: with l = sqrt(k t / g),
 * T - T_w = q/g (1 - a/l K1(a/l) I0(r/l)) inside, q/g a/l I1(a/l) K0(r/l) outside (Carslaw and Jaeger, ch. 7,
 * with a film). The edge of the square is 2.9 l from the disc's. */
static void test_heated_disc(void **state)
{
    (void)state;
    const int cells = 120;
    struct kerf_heat_problem p = bare_sheet(cells, cells);
    p.material[0].sheet_W_per_K *= 0.6;
    double *power = power_of(&p, disc), g = 1.0 / (12e-6 + 25e-6);
    struct kerf_heat_field field = solve(&p);
    double length = sqrt(p.material[0].sheet_W_per_K / g), a = 0.004 / length, worst = 0.0;
    for (int c = 0; c < cells; c++) { /* along the middle */
        double y = at(cells / 2, cells, 0.02) - 0.01, r = hypot(at(c, cells, 0.02) - 0.01, y) / length;
        double exact =
            5e5 / g *
            (r < a ? 1.0 - a * bessel_k(1, a) * bessel_i(0, r) : a * bessel_i(1, a) * bessel_k(0, r));
        if (r * length < 0.007)
            worst = fmax(worst, fabs(field.silicon_K[cells / 2 * cells + c] - 300.0 - exact));
    }
    assert_true(worst < 0.05); /* of 15 K */
    kerf_heat_field_free(&field);
    free(power);
}

/* Without spreading the coolant takes up q W dx per length: it leaves q A / C warmer, whatever the mesh; on
 * the way the mesh shows, for a cell of the plate has one temperature. */
static void test_coolant_warms_by_power_over_flow(void **state)
{
    (void)state;
    struct kerf_heat_problem p = bare_sheet(20, 4);
    p.material[0].sheet_W_per_K = 0.0;
    p.coolant_W_per_K = 25.0;
    double *power = power_of(&p, uniform), rise = 5e5 * 0.02 * 0.02 / 25.0;
    struct kerf_heat_field field = solve(&p);
    struct kerf_heat_figures sum = kerf_heat_sum_up(&p, &field);
    assert_true(fabs(sum.coolant_out_K - 300.0 - rise) < 1e-6);
    for (int c = 0; c < 20; c++) {
        double water = 300.0 + rise * at(c, 20, 1.0);
        assert_true(fabs(field.coolant_K[c] - water) < 2e-3);
        assert_true(fabs(field.silicon_K[c] - field.coolant_K[c] - 5e5 * 37e-6) < 1e-6);
    }
    kerf_heat_field_free(&field);
    free(power);
}

/* A wafer with everything: spreading, a short coolant, leakage, and a drop of voltage. */
static struct kerf_heat_problem everything(void)
{
    struct kerf_heat_problem p = bare_sheet(36, 24);
    p.plate_W_per_K = 1.2;
    p.coolant_W_per_K = 20.0;
    p.material[0].leak_reference_W_per_m2 = 1e5;
    p.leak_per_K = 0.025;
    p.leak_reference_K = 358.15;
    p.leak_volt_exponent = 3.0;
    p.nominal_V = 0.8;
    p.grid_ohm = 2e-3;
    p.feed_ohm_m2 = 3e-8;
    return p;
}

static void test_energy_is_kept(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    double *power = power_of(&p, half);
    struct kerf_heat_field field = solve(&p);
    struct kerf_heat_figures sum = kerf_heat_sum_up(&p, &field);
    assert_true(sum.leak_W > 5.0);
    assert_true(fabs(sum.power_W - 5e5 * 0.0002 - sum.leak_W) < 1e-9 * sum.power_W);
    assert_true(fabs(sum.coolant_gain_W - sum.power_W) < 1e-6 * sum.power_W);
    kerf_heat_field_free(&field);
    free(power);
}

/* P = V I with all of P in one place: V (V_0 - V) = P R, the upper root. */
static void test_uniform_drop_is_the_feeds(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    p.material[0].leak_reference_W_per_m2 = 0.0;
    double *power = power_of(&p, uniform);
    struct kerf_heat_field field = solve(&p);
    double exact = 0.4 + sqrt(0.16 - 5e5 * 3e-8);
    for (int i = 0; i < p.columns * p.rows; i++)
        assert_true(fabs(field.volt_V[i] - exact) < 1e-8);
    kerf_heat_field_free(&field);
    free(power);
}

/* A load of a few watts on the left half hardly moves the voltage, so that current is P / V_0: the fin again.
 */
static void test_drop_over_the_grid_is_a_fin(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    p.columns = 200;
    p.rows = 4;
    p.material[0].leak_reference_W_per_m2 = 0.0;
    double *power = power_of(&p, half);
    for (int i = 0; i < 800; i++)
        power[i] *= 1e-4;
    struct kerf_heat_field field = solve(&p);
    double m = sqrt(p.grid_ohm / p.feed_ohm_m2), drop = 50.0 / 0.8 * p.feed_ohm_m2;
    for (int c = 0; c < 200; c++) {
        double x = at(c, 200, 0.02), left = fmin(x, 0.02 - x), swing = cosh(m * left) / cosh(m * 0.01);
        double exact = drop / 2.0 * (x < 0.01 ? 2.0 - swing : swing);
        assert_true(fabs(0.8 - field.volt_V[c] - exact) < 1e-3 * drop);
    }
    kerf_heat_field_free(&field);
    free(power);
}

/* Uniform, so that one number balances: q + L exp(a (T - T_ref)) = g (T - T_w); bisected here. */
static void test_leakage_and_temperature_agree(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    p.coolant_W_per_K = INFINITY;
    p.grid_ohm = 0.0;
    double *power = power_of(&p, uniform), g = 1.0 / 37e-6, low = 300.0, high = 340.0;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        bool cold = 5e5 + 1e5 * exp(0.025 * (middle - 358.15)) > g * (middle - 300.0);
        *(cold ? &low : &high) = middle;
    }
    struct kerf_heat_field field = solve(&p);
    assert_true(fabs(field.silicon_K[0] - low) < 1e-6 && low > 318.0);
    kerf_heat_field_free(&field);
    free(power);
}

/* The largest L for which the balance has a root: where a g^-1 L exp(a (T - T_ref)) = 1, that is
 * L = g / (a exp(a (T_w + q/g + 1/a - T_ref))). 1 % below it is solved, 1 % above is refused. */
static void test_runaway_is_told(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    struct kerf_error error;
    p.coolant_W_per_K = INFINITY;
    p.grid_ohm = 0.0;
    p.film_W_per_m2_K = 4000.0;
    double *power = power_of(&p, uniform), g = 1.0 / (12e-6 + 250e-6), a = p.leak_per_K;
    double most = g / (a * exp(a * (300.0 + 5e5 / g + 1.0 / a - p.leak_reference_K)));
    p.material[0].leak_reference_W_per_m2 = 0.99 * most;
    assert_int_equal(try_to_solve(&p, &error), KERF_OK);
    p.material[0].leak_reference_W_per_m2 = 1.01 * most;
    assert_int_equal(try_to_solve(&p, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "thermal runaway"));
    p.material[0].leak_reference_W_per_m2 = 100.0 * most;
    assert_int_equal(try_to_solve(&p, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "thermal runaway"));
    free(power);
}

static void test_a_grid_that_is_too_weak_is_told(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    struct kerf_error error;
    p.feed_ohm_m2 = 1e-6; /* matched at 0.16 MW/m2 */
    double *power = power_of(&p, uniform);
    assert_int_equal(try_to_solve(&p, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "voltage collapses"));
    free(power);
}

struct history {
    double time_s[2000], hottest_K[2000];
    int steps;
};

static void note(void *context, double time_s, double hottest_K)
{
    struct history *history = context;
    history->time_s[history->steps] = time_s;
    history->hottest_K[history->steps++] = hottest_K;
}

/* Far later than the slowest time constant (0.3 s) a warm-up is the steady state. */
static void test_long_transient_ends_at_the_steady_state(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    p.columns = 12;
    p.rows = 8;
    p.grid_ohm = 0.0;
    double *power = power_of(&p, half);
    struct kerf_heat_field steady = solve(&p), field;
    struct kerf_heat_effort effort;
    struct kerf_error error = {0};
    struct history history = {.steps = 0};
    assert_int_equal(kerf_heat_field_make(&p, &field, &error), KERF_OK);
    assert_int_equal(
        kerf_heat_transient(MPI_COMM_WORLD, &p, 20.0, 100, note, &history, &field, &effort, &error), KERF_OK);
    for (int i = 0; i < 96; i++)
        assert_true(fabs(field.silicon_K[i] - steady.silicon_K[i]) < 1e-5);
    assert_int_equal(history.steps, 101);
    for (int i = 1; i < history.steps; i++)
        assert_true(history.hottest_K[i] > history.hottest_K[i - 1] - 1e-4);
    kerf_heat_field_free(&field);
    kerf_heat_field_free(&steady);
    free(power);
}

/* Uniform and a plate without heat: one capacity c behind R + 1/h in series, T - T_w = q/g (1 - exp(-g t /
 * c)). */
static double warm_up_error(int steps)
{
    struct kerf_heat_problem p = bare_sheet(4, 4);
    p.plate_heat_J_per_m2_K = 0.0;
    double *power = power_of(&p, uniform), g = 1.0 / 37e-6, rate = g / 1285.0;
    struct kerf_heat_field field;
    struct kerf_heat_effort effort;
    struct kerf_error error = {0};
    assert_int_equal(kerf_heat_field_make(&p, &field, &error), KERF_OK);
    assert_int_equal(
        kerf_heat_transient(MPI_COMM_WORLD, &p, 0.05, steps, NULL, NULL, &field, &effort, &error), KERF_OK);
    double found = field.silicon_K[5] - 300.0, exact = 5e5 / g * (1.0 - exp(-rate * 0.05));
    kerf_heat_field_free(&field);
    free(power);
    return fabs(found - exact);
}

static void test_warm_up_is_of_second_order_in_time(void **state)
{
    (void)state;
    double coarse = warm_up_error(40), fine = warm_up_error(80);
    assert_true(coarse < 0.05 && log2(coarse / fine) > 1.7);
}

static void test_transient_runaway_is_told(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    struct kerf_heat_field field;
    struct kerf_heat_effort effort;
    struct kerf_error error = {0};
    p.material[0].leak_reference_W_per_m2 = 1e8;
    double *power = power_of(&p, uniform);
    assert_int_equal(kerf_heat_field_make(&p, &field, &error), KERF_OK);
    assert_int_equal(kerf_heat_transient(MPI_COMM_WORLD, &p, 10.0, 100, NULL, NULL, &field, &effort, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "thermal runaway"));
    kerf_heat_field_free(&field);
    free(power);
}

static void test_hotter_coolant_hotter_die(void **state)
{
    (void)state;
    struct kerf_heat_problem p = everything();
    double *power = power_of(&p, half), before = 0.0, before_leak = 0.0;
    for (double inlet_K = 290.0; inlet_K < 331.0; inlet_K += 10.0) {
        p.inlet_K = inlet_K;
        struct kerf_heat_field field = solve(&p);
        struct kerf_heat_figures sum = kerf_heat_sum_up(&p, &field);
        assert_true(sum.silicon_most_K[0] > before + 10.0 - 1e-6 && sum.leak_W > before_leak);
        before = sum.silicon_most_K[0];
        before_leak = sum.leak_W;
        kerf_heat_field_free(&field);
    }
    free(power);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    const struct {
        double flow, film, interface;
        int columns;
        const char *word;
    } bad[] = {{-1.0, 4e4, 12e-6, 8, "coolant flow"}, {NAN, 4e4, 12e-6, 8, "coolant flow"},
               {20.0, 0.0, 12e-6, 8, "film"},         {20.0, 4e4, -1.0, 8, "interface"},
               {20.0, 4e4, 12e-6, 1, "too coarse"},   {20.0, 4e4, 12e-6, 100000000, "too large"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kerf_heat_problem p = bare_sheet(8, 8);
        struct kerf_error error = {0};
        p.coolant_W_per_K = bad[i].flow;
        p.film_W_per_m2_K = bad[i].film;
        p.material[0].interface_K_m2_per_W = bad[i].interface;
        p.columns = bad[i].columns;
        assert_int_equal(kerf_heat_check(&p, 1, &error), KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, bad[i].word));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_uniform_power_goes_through_the_resistances),
    cmocka_unit_test(test_half_heated_slab_is_two_fins_to_second_order),
    cmocka_unit_test(test_error_falls_with_the_square_of_the_mesh),
    cmocka_unit_test(test_heated_disc),
    cmocka_unit_test(test_coolant_warms_by_power_over_flow),
    cmocka_unit_test(test_energy_is_kept),
    cmocka_unit_test(test_uniform_drop_is_the_feeds),
    cmocka_unit_test(test_drop_over_the_grid_is_a_fin),
    cmocka_unit_test(test_leakage_and_temperature_agree),
    cmocka_unit_test(test_runaway_is_told),
    cmocka_unit_test(test_a_grid_that_is_too_weak_is_told),
    cmocka_unit_test(test_long_transient_ends_at_the_steady_state),
    cmocka_unit_test(test_warm_up_is_of_second_order_in_time),
    cmocka_unit_test(test_transient_runaway_is_told),
    cmocka_unit_test(test_hotter_coolant_hotter_die),
    cmocka_unit_test(test_nonsense_is_refused),
};

int main(int argc, char **argv)
{
    struct kerf_error error = {0};
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (rank != 0 && !freopen("/dev/null", "w", stdout))
        MPI_Abort(MPI_COMM_WORLD, 1);
    int failed = kerf_petsc_start(&error) != KERF_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    PetscFinalize();
    MPI_Finalize();
    return failed;
}
