/* Sweeps: the section is read with its ranges, bad ones are refused with their line, points are laid out
 * system by system, and Pareto sets and leaders are what a person would mark. */
#include "sim/io/sweep_section.h"
#include "sim/study/pareto.h"
#include "sim/study/sweep.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char head[] = "network: llama-3.1-8b\n"
                           "systems:\n"
                           "  wafer: {hardware: cs-3, count: 1}\n"
                           "  gpu: {hardware: h100-sxm, count: 1}\n"; /* the sweep begins in line 5 */

static enum kerf_status read_section(const char *sweep, struct kerf_sweep_section *section,
                                     struct kerf_error *error)
{
    char text[2048];
    struct kerf_yaml *yaml;
    snprintf(text, sizeof text, "%s%s", head, sweep);
    *section = (struct kerf_sweep_section){0};
    KERF_TRY(kerf_yaml_parse(text, "s.yaml", &yaml, error));
    enum kerf_status status = kerf_sweep_section_read(yaml, section, error);
    kerf_yaml_free(yaml);
    return status;
}

static void ranges_become_lists(void **unused)
{
    (void)unused;
    static const struct {
        const char *range, *values;
    } cases[] = {
        {"{from: 1, to: 64, times: 4}", "1 4 16 64 "},
        {"{from: 1, to: 63, times: 4}", "1 4 16 "},
        {"{from: 0, to: 1, step: 0.25}", "0 0.25 0.5 0.75 1 "},
        {"{from: 0.1, to: 0.3, step: 0.1}", "0.1 0.2 0.3 "}, /* 0.3 is not 0.1 + 2 x 0.1 in binary */
        {"{from: 5, to: 5, step: 1}", "5 "},
        {"[8, nvfp4, 2 1/s]", "8 nvfp4 2 1/s "},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct kerf_sweep_section section;
        struct kerf_error error = {0};
        char text[256], values[256] = "";
        snprintf(text, sizeof text, "sweep:\n  - {workload.users: %s}\n", cases[c].range);
        if (read_section(text, &section, &error) != KERF_OK)
            fail_msg("%s", error.message);
        for (int v = 0; v < section.axis[0].values; v++)
            snprintf(values + strlen(values), sizeof values - strlen(values), "%s ", section.key[0].value[v]);
        assert_string_equal(values, cases[c].values);
        kerf_sweep_section_free(&section);
    }
}

static void bad_sections_are_refused_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *sweep, *message;
    } cases[] = {
        {"sweep: {workload.users: [1]}\n", "s.yaml:5: sweep: a list of axes is wanted"},
        {"sweep: []\n", "s.yaml:1: sweep: a list of axes is wanted"},
        {"sweep:\n  - workload.users\n", "s.yaml:6: sweep: an axis is a map"},
        {"sweep:\n  - {workload.users: []}\n", "s.yaml:6: sweep: workload.users: the list is empty"},
        {"sweep:\n  - {workload.users: 4}\n", "s.yaml:6: sweep: workload.users: a list of values is wanted"},
        {"sweep:\n  - {workload.users: [1, [2]]}\n", "s.yaml:6: sweep: workload.users: a single value"},
        {"sweep:\n  - {workload.users: {from: 1, to: 4}}\n", "needs either step or times"},
        {"sweep:\n  - {workload.users: {from: 1, to: 4, step: 1, times: 2}}\n", "needs either step or times"},
        {"sweep:\n  - {workload.users: {from: 4, to: 1, step: 1}}\n", "s.yaml:6: sweep: workload.users: the "
                                                                      "range is empty"},
        {"sweep:\n  - {workload.users: {from: 0, to: 4, times: 2}}\n", "the range is empty"},
        {"sweep:\n  - {workload.users: {from: 1, to: 1e9, step: 1}}\n", "more than 10000 values"},
        {"sweep:\n  - {workload.users: {from: 1, to: 4, stop: 1}}\n", "unknown key 'stop'; did you mean"},
        {"sweep:\n  - {systems.gpus.count: [1]}\n", "s.yaml:6: sweep: systems.gpus.count: there is no system "
                                                    "'gpus'; did you mean 'gpu'?"},
        {"sweep:\n  - {workload.users: [1, 2], workload.requests: [1]}\n",
         "keys of one axis move together: workload.users has 2 values, workload.requests has 1"},
        {"sweep:\n  - {workload.users: [1]}\n  - {workload.users: [2]}\n",
         "s.yaml:7: sweep: workload.users is "
         "swept twice"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct kerf_sweep_section section;
        struct kerf_error error = {0};
        assert_int_equal(read_section(cases[c].sweep, &section, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, cases[c].message))
            fail_msg("'%s' does not say '%s'", error.message, cases[c].message);
        kerf_sweep_section_free(&section);
    }
}

/* Opens the sweep of a text. */
static enum kerf_status open_sweep(const char *sweep, struct kerf_sweep *opened, struct kerf_error *error)
{
    char text[2048];
    const struct kerf_scenario_source source = {.path = "s.yaml", .text = text};
    snprintf(text, sizeof text, "%s%s", head, sweep);
    return kerf_sweep_open(MPI_COMM_SELF, &source, opened, error);
}

/* An axis about one system multiplies that system's points only. */
static void points_are_laid_out_system_by_system(void **unused)
{
    (void)unused;
    static const char *const wanted[] = {"users=1",          "users=2",          "users=1 tensor=1",
                                         "users=1 tensor=2", "users=2 tensor=1", "users=2 tensor=2"};
    struct kerf_sweep sweep;
    struct kerf_error error = {0};
    if (open_sweep("sweep:\n  - {workload.users: [1, 2]}\n  - {systems.gpu.parallel.tensor: [1, 2]}\n",
                   &sweep, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(sweep.points, 6);
    for (int p = 0; p < sweep.points; p++) {
        char text[128];
        kerf_sweep_point_text(&sweep, p, text, sizeof text);
        assert_string_equal(text, wanted[p]);
        assert_int_equal(sweep.point[p].system, p >= 2);
    }
    kerf_sweep_free(&sweep);
}

/* Before anything is simulated, and with the line of the value. */
static void values_that_no_scenario_may_have_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *sweep, *message;
    } cases[] = {
        {"sweep:\n  - {workload.user: [1]}\n",
         "s.yaml:6: workload: unknown key 'user'; did you mean 'users'?"},
        {"sweep:\n  - workload.users:\n    - 1\n    - 0\n", "s.yaml:8: workload.users: "},
        {"sweep:\n  - {systems.gpu.count: [1, many]}\n", "s.yaml:6: systems.gpu.count: "},
        {"sweep:\n  - {nothing.users: [1]}\n", "unknown key 'nothing'"},
        {"sweep:\n  - {network.name: [1]}\n", "s.yaml:6 network.name: 'network' is not a map"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct kerf_sweep sweep;
        struct kerf_error error = {0};
        assert_int_equal(open_sweep(cases[c].sweep, &sweep, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, cases[c].message))
            fail_msg("'%s' does not say '%s'", error.message, cases[c].message);
        kerf_sweep_free(&sweep);
    }
}

static void nobody_beats_the_marked(void **unused)
{
    (void)unused;
    const double x[] = {1, 2, 3, 2, 3, NAN, 5}, y[] = {9, 5, 4, 5, 3, 99, 1};
    const bool wanted[] = {true, true, true, true, false, false, true}, skips[] = {[6] = true, [2] = true};
    bool marked[7];
    kerf_pareto_mark(x, y, NULL, 7, marked);
    assert_memory_equal(marked, wanted, sizeof wanted);
    kerf_pareto_mark(x, y, skips, 7, marked);
    assert_true(marked[4] && !marked[2] && !marked[6]);
}

/* Owner 0 has (1, 9), (4, 2); owner 1 has (2, 6), (3, 5), and (3.5, 1), which (4, 2) beats. Users who want up
 * to 1 are best with owner 0, up to 3 with 1, up to 4 with 0 again. */
static void leaders_change_where_the_lines_cross(void **unused)
{
    (void)unused;
    const double x[] = {4, 1, 2, 3.5, 3}, y[] = {2, 9, 6, 1, 5};
    const int owner[] = {0, 0, 1, 1, 1};
    struct kerf_pareto_piece piece[5];
    assert_int_equal(kerf_pareto_pieces(x, y, NULL, owner, 5, piece), 3);
    assert_true(piece[0].owner == 0 && piece[0].to == 1.0);
    assert_true(piece[1].owner == 1 && piece[1].to == 3.0);
    assert_true(piece[2].owner == 0 && piece[2].to == 4.0);
    const bool skips[] = {true, true, true, true, true};
    assert_int_equal(kerf_pareto_pieces(x, y, skips, owner, 5, piece), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_become_lists),
        cmocka_unit_test(bad_sections_are_refused_with_their_line),
        cmocka_unit_test(points_are_laid_out_system_by_system),
        cmocka_unit_test(values_that_no_scenario_may_have_are_refused),
        cmocka_unit_test(nobody_beats_the_marked),
        cmocka_unit_test(leaders_change_where_the_lines_cross),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
