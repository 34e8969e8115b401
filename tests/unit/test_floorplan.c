/* Floor plans: no watt is lost on any mesh, stages tile the wafer in their order, leakage is not counted
 * twice. */
#include "models/thermal/floorplan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

static const struct kerf_cooling package = {.die_width_m = 0.0285,
                                            .die_height_m = 0.0286,
                                            .memory_stacks = 5,
                                            .memory_width_m = 0.011,
                                            .memory_height_m = 0.010,
                                            .memory_gap_m = 0.001,
                                            .hot_spot_ratio = 2.0,
                                            .silicon_thickness_m = 775e-6,
                                            .silicon_W_per_m_K = 118.0,
                                            .silicon_J_per_m3_K = 1.66e6,
                                            .interface_K_m2_per_W = 1e-5,
                                            .memory_interface_K_m2_per_W = 6e-5,
                                            .plate_thickness_m = 3e-3,
                                            .plate_W_per_m_K = 390.0,
                                            .plate_J_per_m3_K = 3.45e6,
                                            .film_K_m2_per_W = 2e-5,
                                            .coolant_m3_per_s = 3e-5,
                                            .coolant_J_per_m3_K = 4.17e6,
                                            .inlet_K = 308.0,
                                            .package_share = 0.9,
                                            .leak_fraction = 0.2,
                                            .leak_per_K = 0.025,
                                            .leak_reference_K = 358.0,
                                            .leak_volt_exponent = 3.0,
                                            .measured_K = 330.0,
                                            .supply_V = 0.8,
                                            .grid_ohm = 0.004,
                                            .feed_ohm_m2 = 3e-8,
                                            .die_limit_K = 360.0};

static double watts_of(const struct kerf_floorplan *plan, int material)
{
    const struct kerf_heat_problem *p = &plan->problem;
    double area = p->width_m / p->columns * (p->height_m / p->rows), sum = 0.0;
    for (int i = 0; i < p->columns * p->rows; i++)
        sum += plan->material_of[i] == material ? area * plan->power_W_per_m2[i] : 0.0;
    return sum;
}

static void test_a_package_keeps_its_watts_on_any_mesh(void **state)
{
    (void)state;
    for (int cells = 16; cells < 80; cells += 7) {
        struct kerf_floor_power power = {
            .limit_W = 700.0, .volt_share = 1.0, .spread_W = 110.0, .die_W = 300.0, .memory_W = 150.0};
        struct kerf_floorplan plan;
        assert_int_equal(kerf_floorplan_make(&package, &power, cells, &plan, NULL), KERF_OK);
        double leak = 0.2 * 700.0 * 0.9 * exp(0.025 * (330.0 - 358.0));
        assert_true(fabs(watts_of(&plan, KERF_FLOOR_DIE) - (410.0 - leak)) < 1e-9 * 410.0);
        assert_true(fabs(watts_of(&plan, KERF_FLOOR_MEMORY) - 150.0) < 1e-9 * 150.0);
        assert_true(watts_of(&plan, KERF_FLOOR_GAP) == 0.0);
        kerf_floorplan_free(&plan);
    }
}

/* What the leakage at the measured temperature adds is what the map leaves out. */
static void test_leakage_counts_once(void **state)
{
    (void)state;
    struct kerf_floor_power power = {.limit_W = 700.0, .volt_share = 1.0, .spread_W = 110.0};
    struct kerf_floorplan plan;
    double slope;
    assert_int_equal(kerf_floorplan_make(&package, &power, 64, &plan, NULL), KERF_OK);
    double die_m2 = package.die_width_m * package.die_height_m;
    double leak_W = die_m2 * kerf_heat_leak(&plan.problem, &plan.problem.material[KERF_FLOOR_DIE],
                                            package.measured_K, package.supply_V, &slope);
    assert_true(fabs(watts_of(&plan, KERF_FLOOR_DIE) + leak_W - 110.0) < 1e-9 * 110.0);
    assert_true(fabs(leak_W - kerf_floor_leak_W(&package, &power)) < 1e-9);
    kerf_floorplan_free(&plan);
}

static void test_stages_tile_the_wafer(void **state)
{
    (void)state;
    struct kerf_cooling wafer = package;
    wafer.die_width_m = wafer.die_height_m = 0.215;
    wafer.memory_stacks = 0;
    struct kerf_floor_stage stage[7];
    double area = 0.0, watts = 0.0;
    for (int s = 0; s < 7; s++)
        stage[s] = (struct kerf_floor_stage){.area = 0.95 * (s + 1) / 28.0, .power_W = 100.0 * s};
    struct kerf_floor_power power = {
        .limit_W = 23000.0, .volt_share = 1.0, .spread_W = 15000.0, .stages = 7, .stage = stage};
    struct kerf_floorplan plan;
    assert_int_equal(kerf_floorplan_make(&wafer, &power, 50, &plan, NULL), KERF_OK);
    for (int s = 0; s < 7; s++) {
        area += stage[s].width * stage[s].height;
        watts += stage[s].power_W;
        assert_true(fabs(stage[s].width * stage[s].height - stage[s].area) < 1e-12);
        assert_true(stage[s].x + stage[s].width < 1.0 + 1e-12 && stage[s].y + stage[s].height < 1.0);
        assert_true(s == 0 || stage[s].y > stage[s - 1].y || stage[s].x > stage[s - 1].x);
    }
    assert_true(fabs(area - 0.95) < 1e-12);
    double rest = 15000.0 - kerf_floor_leak_W(&wafer, &power);
    assert_true(fabs(watts_of(&plan, KERF_FLOOR_DIE) - rest - watts) < 1e-6);
    kerf_floorplan_free(&plan);
}

static void test_a_coarse_mesh_is_refused(void **state)
{
    (void)state;
    struct kerf_floor_power power = {.limit_W = 700.0, .volt_share = 1.0, .spread_W = 110.0};
    struct kerf_floorplan plan;
    assert_int_equal(kerf_floorplan_make(&package, &power, 8, &plan, NULL), KERF_ERR_USAGE);
    assert_int_equal(kerf_floorplan_make(&package, &power, 9000, &plan, NULL), KERF_ERR_USAGE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_package_keeps_its_watts_on_any_mesh),
    cmocka_unit_test(test_leakage_counts_once),
    cmocka_unit_test(test_stages_tile_the_wafer),
    cmocka_unit_test(test_a_coarse_mesh_is_refused),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
