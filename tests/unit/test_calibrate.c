/* kerf calibrate finds the leaves that made a table, keeps held-out rows from the fit, and says what is wrong
 * with a table and in which line. */
#include "sim/study/calibrate.h"
#include "sim/study/expert_load.h"
#include "sim/study/least_squares.h"
#include "test_gpu_params.h"
#include "tests/support/draw.h"

#include <math.h>
#include <petscsys.h>
#include <string.h>
#include <unistd.h>

/* A standard normal from two draws (Box and Muller). */
static double normal(uint64_t seed, uint64_t number)
{
    double u = ((double)(draw_mix(seed, 2 * number) >> 11) + 1.0) * 0x1.0p-53;
    double v = (double)(draw_mix(seed, 2 * number + 1) >> 11) * 0x1.0p-53;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static void make_path(char *path)
{
    strcpy(path, "/tmp/kerf-calibrate-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
}

static struct kerf_yaml *load_hardware(const char *path)
{
    struct kerf_error error = {0};
    struct kerf_yaml *yaml = NULL;
    char *text = NULL;
    if (kerf_text_file_read(MPI_COMM_NULL, path, &text, &error) != KERF_OK ||
        kerf_yaml_parse(text, path, &yaml, &error) != KERF_OK)
        fail_msg("%s", error.message);
    free(text);
    return yaml;
}

static const char h100[] = KERF_SOURCE_DIR "/models/catalog/hardware/h100-sxm.yaml";

/* What the leaves of the synthetic part are, as multiples of those that the fit starts from. */
static const struct {
    const char *key;
    double factor;
} truths[] = {{"achieved_gemm_hbm", 0.85},      {"gemm_tile_s", 1.4},    {"gemm_floor_16bit_s", 3.0},
              {"gemm_k_latency_16bit_s", 0.75}, {"achieved_16bit", 0.8}, {"gemm_floor_fp8_block_s", 1.5},
              {"achieved_fp8_block", 0.9},      {"gemm_split_s", 1.2}};
enum { TRUTHS = sizeof truths / sizeof truths[0] };

static int index_of(const char *key)
{
    for (int i = 0; i < kerf_gpu_leaves.count; i++)
        if (strcmp(kerf_gpu_leaves.leaves[i].key, key) == 0)
            return i;
    fail_msg("%s is no leaf", key);
    return -1;
}

static double *field_of(struct kerf_gpu_params *gpu, const char *key)
{
    return (double *)((char *)gpu + kerf_gpu_leaves.leaves[index_of(key)].offset);
}

/* Writes what the part measures, with 3 % of noise. */
static void write_table(const char *path)
{
    static const double sides[] = {512.0, 1024.0, 2048.0, 4096.0, 7168.0, 16384.0};
    struct kerf_gpu_params gpu = read_gpu("h100-sxm", KERF_COLUMN_NOMINAL);
    FILE *file = fopen(path, "w");
    uint64_t number = 0;
    for (int i = 0; i < TRUTHS; i++)
        *field_of(&gpu, truths[i].key) *= truths[i].factor;
    fprintf(file, "gemm_dtype,m,n,k,latency\n");
    for (int f = 0; f < 2; f++)
        for (double m = 1.0; m <= 8192.0; m *= 2.0)
            for (int n = 0; n < 6; n++)
                for (int k = 0; k < 6; k++) {
                    const struct kerf_kernel_row row = {.format =
                                                            f ? KERF_FORMAT_FP8_BLOCK : KERF_FORMAT_BF16,
                                                        .dimension = {m, sides[n], sides[k]}};
                    double s = kerf_kernel_predict_s(&gpu, KERF_KERNEL_GEMM, &row);
                    fprintf(file, "%s,%g,%g,%g,%.6g\n", f ? "fp8_block" : "bfloat16", m, sides[n], sides[k],
                            1e3 * s * exp(0.03 * normal(7, number++)));
                }
    fclose(file);
}

static void read_table(const char *path, struct kerf_kernel_table *table)
{
    struct kerf_error error = {0};
    if (kerf_kernel_table_read(MPI_COMM_NULL, path, KERF_KERNEL_GEMM, table, &error) != KERF_OK ||
        kerf_kernel_table_hold_out(table, KERF_KERNEL_EVERY_FAMILY, &error) != KERF_OK)
        fail_msg("%s", error.message);
}

static const struct kerf_fitted_leaf *fitted(const struct kerf_calibration *c, const char *key)
{
    for (int i = 0; i < c->fitted.count; i++)
        if (c->fitted.leaf[i].index == index_of(key))
            return &c->fitted.leaf[i];
    fail_msg("%s was not fitted", key);
    return NULL;
}

/* The leaves that made a table lie in the intervals of the fit, though it starts 15 to 200 % away; held-out
 * rows err by the noise alone (mean of |3 % x normal| = 2.4 %). Leaves of formats that the table lacks stay.
 */
static void test_known_leaves_are_recovered(void **state)
{
    (void)state;
    char path[64];
    struct kerf_error error = {0};
    struct kerf_kernel_table table;
    struct kerf_calibration calibration;
    struct kerf_yaml *hardware = load_hardware(h100);
    make_path(path);
    write_table(path);
    read_table(path, &table);
    unlink(path);
    if (kerf_calibrate(hardware, &table, true, &calibration, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(calibration.fitted.count, 9); /* three shared, three of each format */
    for (int i = 0; i < TRUTHS; i++) {
        const struct kerf_fitted_leaf *leaf = fitted(&calibration, truths[i].key);
        double truth = leaf->start * truths[i].factor;
        if (!(leaf->low <= truth && truth <= leaf->high))
            fail_msg("%s: %g is not in %g .. %g", truths[i].key, truth, leaf->low, leaf->high);
        assert_true(leaf->high < 2.0 * leaf->low);
    }
    for (int use = 0; use < KERF_KERNEL_USES; use++) {
        assert_true(calibration.all[use].rows > 0);
        assert_true(calibration.all[use].mean_absolute < 0.03);
        assert_true(fabs(calibration.all[use].bias) < 0.01);
    }
    kerf_calibration_free(&calibration);
    kerf_kernel_table_free(&table);
    kerf_yaml_free(hardware);
}

/* What is written is a catalog entry that reads back with the fitted values. */
static void test_the_entry_reads_back(void **state)
{
    (void)state;
    char path[64];
    struct kerf_error error = {0};
    struct kerf_kernel_table table;
    struct kerf_calibration calibration;
    struct kerf_yaml *hardware = load_hardware(h100);
    static struct kerf_leaf_set set;
    make_path(path);
    write_table(path);
    read_table(path, &table);
    assert_int_equal(kerf_calibrate(hardware, &table, true, &calibration, &error), KERF_OK);
    FILE *file = fopen(path, "w");
    kerf_calibration_write(file, &calibration, &table, hardware, "mine");
    fclose(file);
    struct kerf_yaml *written = load_hardware(path);
    unlink(path);
    if (kerf_leaf_set_read(written, &kerf_gpu_leaves, &set, &error) != KERF_OK)
        fail_msg("%s", error.message);
    for (int i = 0; i < kerf_gpu_leaves.count; i++) {
        double value = calibration.leaves->leaf[i].value;
        for (int j = 0; j < calibration.fitted.count; j++)
            value = calibration.fitted.leaf[j].index == i ? calibration.fitted.leaf[j].value : value;
        assert_true(fabs(set.leaf[i].value - value) <= 1e-8 * fabs(value));
        assert_int_equal(set.leaf[i].given, calibration.leaves->leaf[i].given);
    }
    kerf_yaml_free(written);
    kerf_calibration_free(&calibration);
    kerf_kernel_table_free(&table);
    kerf_yaml_free(hardware);
}

/* Whole families are held out, about one in five, every n and every k stays in some other; so are the
 * smallest and the largest m. */
static void test_families_are_held_out_whole(void **state)
{
    (void)state;
    char path[64];
    struct kerf_kernel_table table;
    make_path(path);
    write_table(path);
    read_table(path, &table);
    unlink(path);
    int held[64] = {0}, seen[64] = {0}, families_held = 0;
    for (int i = 0; i < table.rows; i++) {
        const struct kerf_kernel_row *row = &table.row[i];
        bool extreme = row->dimension[KERF_GEMM_M] == 1.0 || row->dimension[KERF_GEMM_M] == 8192.0;
        seen[row->family]++;
        held[row->family] += row->use == KERF_KERNEL_FAMILY_HELD;
        if (row->use != KERF_KERNEL_FAMILY_HELD)
            assert_int_equal(row->use, extreme ? KERF_KERNEL_EXTREME_HELD : KERF_KERNEL_FITTED);
    }
    assert_int_equal(table.families, 36);
    for (int family = 0; family < 36; family++) {
        assert_true(held[family] == 0 || held[family] == seen[family]);
        families_held += held[family] > 0;
    }
    assert_true(families_held >= 5 && families_held <= 10);
    for (int i = 0; i < 6; i++) {
        int row_held = 0, column_held = 0;
        for (int j = 0; j < 6; j++) {
            row_held += held[6 * i + j] > 0;
            column_held += held[6 * j + i] > 0;
        }
        assert_true(row_held < 6 && column_held < 6);
    }
    kerf_kernel_table_free(&table);
}

/* Balanced: 64 rows of 16 tokens on 8 ranks are 8 experts with a row each. A power law keeps the sum of the
 * rows on one rank of all, skews it towards the busiest of many, and touches fewer experts than there are
 * rows. */
static void test_loads_of_tables(void **state)
{
    (void)state;
    struct kerf_expert_spread spread = {.tokens = 8.0, .experts = 384.0, .top_k = 8.0, .ranks = 8.0};
    struct kerf_expert_load even = kerf_expert_load_of(&spread);
    assert_true(even.rows == 8.0 && even.touched == 8.0 && even.tiles[0] == 8.0 && even.local == 48.0);
    spread.tokens = 4096.0;
    even = kerf_expert_load_of(&spread);
    assert_close(even.rows, 4096.0, 1e-12);
    assert_true(even.touched == 48.0 && even.tiles[0] == 48.0 * 6.0);
    spread.exponent = 1.2;
    struct kerf_expert_load skewed = kerf_expert_load_of(&spread);
    assert_true(skewed.rows > 1.2 * even.rows && skewed.rows < 4.0 * even.rows);
    assert_true(skewed.tiles[4] >= skewed.touched && skewed.tiles[0] < skewed.rows);
    spread.ranks = 1.0;
    assert_close(kerf_expert_load_of(&spread).rows, 8.0 * 4096.0, 0.01);
    spread.tokens = 32.0;
    assert_true(kerf_expert_load_of(&spread).touched < 0.8 * 256.0);
}

/* Each bad table is refused with the line and what is wrong there. */
static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", ":1: the file is empty"},
        {"\n\n", ":1: the file is empty"},
        {"dtype,m,n,k,latency\n", ":1: no rows below the header"},
        {"dtype,m,n,latency\nbf16,1,2,3\n", ":1: column 'k' is missing"},
        {"m,n,k,latency\n1,2,3,4\n", ":1: column 'gemm_dtype' (or 'dtype') is missing"},
        {"dtype,m,n,k\nbf16,1,2,3\n", ":1: column 'latency' is missing"},
        {"dtype,m,n,k,latency\nbf16,1,2,3,0.1\nbf16,1,2,3,-0.1\n", ":3: latency must be above 0, is -0.1"},
        {"dtype,m,n,k,latency\nbf17,1,2,3,0.1\n", ":2: unknown number format 'bf17'"},
        {"dtype,m,n,k,latency\nbf16,1,two,3,0.1\n", ":2: n: 'two' is not a number"},
        {"dtype,m,n,k,latency\nbf16,1,2,3,\n", ":2: latency: '' is not a number"},
        {"dtype,m,n,k,latency\nbf16,1,2,3,nan\n", ":2: latency: 'nan' is not a number"},
        {"dtype,m,n,k,latency\nbf16,0,2,3,1\n", ":2: m must be above 0, is 0"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[64];
        struct kerf_error error = {0};
        struct kerf_kernel_table table;
        make_path(path);
        FILE *file = fopen(path, "w");
        fputs(bad[i].text, file);
        fclose(file);
        assert_int_equal(kerf_kernel_table_read(MPI_COMM_NULL, path, KERF_KERNEL_GEMM, &table, &error),
                         KERF_ERR_USAGE);
        unlink(path);
        if (strncmp(error.message, path, strlen(path)) != 0 || !strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
    }
}

/* Rosenbrock's residuals (Computer Journal 3, 1960): zero at (1, 1). */
static void rosenbrock(const void *context, const double *x, double *residual)
{
    (void)context;
    residual[0] = 10.0 * (x[1] - x[0] * x[0]);
    residual[1] = 1.0 - x[0];
    residual[2] = 0.0;
}

/* Both solvers find the known answer, and the one at a bound: with x <= 0.5 it is (0.5, 0.25). */
static void test_solvers_find_known_minima(void **state)
{
    (void)state;
    const double lower[] = {-3.0, -3.0}, upper[] = {3.0, 3.0}, upper_near[] = {0.5, 3.0};
    for (int i = 0; i < 4; i++) {
        double x[] = {-1.0, 1.0};
        int evaluations;
        struct kerf_error error = {0};
        const struct kerf_least_squares problem = {.parameters = 2,
                                                   .residuals = 3,
                                                   .lower = lower,
                                                   .upper = i % 2 ? upper_near : upper,
                                                   .smooth = i / 2,
                                                   .evaluations_most = 5000,
                                                   .residual = rosenbrock};
        if (kerf_least_squares_solve(&problem, x, &evaluations, &error) != KERF_OK)
            fail_msg("%s", error.message);
        assert_true(fabs(x[0] - (i % 2 ? 0.5 : 1.0)) < 0.01);
        assert_true(fabs(x[1] - (i % 2 ? 0.25 : 1.0)) < 0.02);
        assert_true(evaluations > 0);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_leaves_are_recovered),
                                          cmocka_unit_test(test_the_entry_reads_back),
                                          cmocka_unit_test(test_families_are_held_out_whole),
                                          cmocka_unit_test(test_bad_tables_are_refused),
                                          cmocka_unit_test(test_loads_of_tables),
                                          cmocka_unit_test(test_solvers_find_known_minima)};

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PetscFinalize();
    MPI_Finalize();
    return failed;
}
