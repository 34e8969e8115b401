/* kerf calibrate finds the leaves of attention that made a table, and refuses tables that are not of plain
 * attention. */
#include "sim/study/calibrate.h"
#include "test_gpu_params.h"
#include "tests/support/draw.h"

#include <math.h>
#include <petscsys.h>
#include <string.h>
#include <unistd.h>

enum { TRUTHS_MAX = 8 };

/* A table to be made: what its leaves are as multiples of those that the fit starts from. */
static const struct made_table {
    enum kerf_kernel kernel;
    const char *hardware, *header;
    int fitted;
    struct {
        const char *key;
        double factor;
    } truth[TRUTHS_MAX];
} made[] = {
    {KERF_KERNEL_ATTENTION,
     "b200-hgx",
     "batch_size,isl,num_heads,num_key_value_heads,head_dim,kv_cache_dtype,step,latency\n",
     11,
     {{"attention_floor_16bit_s", 1.5},
      {"attention_wave_fp8_s", 1.4},
      {"attention_query_s", 2.0},
      {"achieved_attention_hbm", 0.8},
      {"attention_split_s", 0.7},
      {"attention_head_token_s", 1.5},
      {"attention_l2_Bps", 0.4}}},
    {KERF_KERNEL_MLA_DECODE,
     "h200-sxm",
     "batch_size,isl,num_heads,num_key_value_heads,gemm_type,kv_cache_dtype,step,latency\n",
     7,
     {{"mla_floor_16bit_s", 1.3},
      {"mla_query_s", 1.5},
      {"mla_split_s", 1.5},
      {"achieved_mla_hbm", 0.7},
      {"achieved_mla_fp8_hbm", 0.9},
      {"mla_row_s", 1.5}}},
    {KERF_KERNEL_MLA_PREFILL,
     "h200-sxm",
     "batch_size,isl,num_heads,num_key_value_heads,gemm_type,kv_cache_dtype,step,latency\n",
     6,
     {{"mla_prefill_floor_fp8_s", 1.5},
      {"mla_prefill_tile_s", 2.0},
      {"mla_prefill_row_bytes", 0.6},
      {"achieved_mla_prefill_flops", 0.8}}},
};
enum { TABLES = sizeof made / sizeof made[0] };

/* A standard normal from two draws (Box and Muller). */
static double normal(uint64_t number)
{
    double u = ((double)(draw_mix(8, 2 * number) >> 11) + 1.0) * 0x1.0p-53;
    double v = (double)(draw_mix(8, 2 * number + 1) >> 11) * 0x1.0p-53;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

static void make_path(char *path)
{
    strcpy(path, "/tmp/kerf-calibrate-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
}

static int index_of(const char *key)
{
    for (int i = 0; i < kerf_gpu_leaves.count; i++)
        if (strcmp(kerf_gpu_leaves.leaves[i].key, key) == 0)
            return i;
    fail_msg("%s is no leaf", key);
    return -1;
}

static struct kerf_kernel_row row_of(const struct made_table *table, double batch, double context,
                                     double heads, double kv_heads, bool narrow)
{
    bool prefill = table->kernel == KERF_KERNEL_MLA_PREFILL, gemm = table->kernel != KERF_KERNEL_ATTENTION;
    enum kerf_format cache = narrow ? KERF_FORMAT_FP8 : KERF_FORMAT_BF16;
    return (struct kerf_kernel_row){.format = gemm ? KERF_FORMAT_BF16 : cache,
                                    .cache = cache,
                                    .dimension = {batch, prefill ? context : 1.0,
                                                  prefill ? 0.0 : context - 1.0, heads, kv_heads, 128.0,
                                                  context, narrow ? 1.0 : 2.0}};
}

/* One row as the part would measure it, with 3 % of noise. */
static void write_row(FILE *file, const struct made_table *table, const struct kerf_gpu_params *gpu,
                      const struct kerf_kernel_row *row, uint64_t number)
{
    const double *d = row->dimension;
    double ms = 1e3 * kerf_kernel_predict_s(gpu, table->kernel, row) * exp(0.03 * normal(number));
    fprintf(file, "%g,%g,%g,%g,%s,%s,%g,%.6g\n", d[KERF_ATTENTION_BATCH], d[KERF_ATTENTION_TOKENS],
            d[KERF_ATTENTION_HEADS], d[KERF_ATTENTION_KV_HEADS],
            table->kernel == KERF_KERNEL_ATTENTION ? "128" : "bfloat16", kerf_format_facts(row->cache)->name,
            d[KERF_ATTENTION_EARLIER], ms);
}

static void write_table(const char *path, const struct made_table *table)
{
    struct kerf_gpu_params gpu = read_gpu(table->hardware, KERF_COLUMN_NOMINAL);
    bool latent = table->kernel != KERF_KERNEL_ATTENTION;
    uint64_t number = 0;
    for (int i = 0; i < TRUTHS_MAX && table->truth[i].key; i++) {
        size_t offset = kerf_gpu_leaves.leaves[index_of(table->truth[i].key)].offset;
        *(double *)((char *)&gpu + offset) *= table->truth[i].factor;
    }
    FILE *file = fopen(path, "w");
    fputs(table->header, file);
    for (double batch = 1.0; batch <= 256.0; batch *= 4.0)
        for (double context = 64.0; context <= 65536.0; context *= 4.0)
            for (double heads = 8.0; heads <= 64.0; heads += 8.0)
                for (int i = 0; i < (latent ? 2 : 4); i++) {
                    struct kerf_kernel_row row =
                        row_of(table, batch, context, heads, i / 2 ? 8.0 : 1.0, i % 2);
                    write_row(file, table, &gpu, &row, number++);
                }
    fclose(file);
}

static struct kerf_yaml *load_hardware(const char *name)
{
    char path[512], *text = NULL;
    struct kerf_error error = {0};
    struct kerf_yaml *yaml = NULL;
    snprintf(path, sizeof path, "%s/models/catalog/hardware/%s.yaml", KERF_SOURCE_DIR, name);
    if (kerf_text_file_read(MPI_COMM_NULL, path, &text, &error) != KERF_OK ||
        kerf_yaml_parse(text, path, &yaml, &error) != KERF_OK)
        fail_msg("%s", error.message);
    free(text);
    return yaml;
}

static void assert_recovered(const struct made_table *table, const struct kerf_calibration *calibration)
{
    for (int i = 0; i < TRUTHS_MAX && table->truth[i].key; i++) {
        const struct kerf_fitted_leaf *leaf = NULL;
        for (int j = 0; j < calibration->fitted.count; j++)
            if (calibration->fitted.leaf[j].index == index_of(table->truth[i].key))
                leaf = &calibration->fitted.leaf[j];
        assert_non_null(leaf);
        double truth = leaf->start * table->truth[i].factor;
        if (!(leaf->low <= truth && truth <= leaf->high))
            fail_msg("%s: %g is not in %g .. %g", table->truth[i].key, truth, leaf->low, leaf->high);
    }
}

/* The leaves that made a table lie in the intervals of the fit; held-out rows err by the noise alone (mean of
 * |3 % x normal| = 2.4 %). No more than 12 leaves are fitted. */
static void test_known_leaves_are_recovered(void **state)
{
    (void)state;
    for (int t = 0; t < TABLES; t++) {
        char path[64];
        struct kerf_error error = {0};
        struct kerf_kernel_table table;
        struct kerf_calibration calibration;
        struct kerf_yaml *hardware = load_hardware(made[t].hardware);
        make_path(path);
        write_table(path, &made[t]);
        if (kerf_kernel_table_read(MPI_COMM_NULL, path, made[t].kernel, &table, &error) != KERF_OK ||
            kerf_kernel_table_hold_out(&table, KERF_KERNEL_EVERY_FAMILY, &error) != KERF_OK ||
            kerf_calibrate(hardware, &table, true, &calibration, &error) != KERF_OK)
            fail_msg("%s", error.message);
        unlink(path);
        assert_int_equal(calibration.fitted.count, made[t].fitted);
        assert_true(calibration.fitted.count <= 12);
        assert_recovered(&made[t], &calibration);
        for (int use = 0; use < KERF_KERNEL_USES; use++) {
            assert_true(calibration.all[use].rows > 0);
            assert_true(calibration.all[use].mean_absolute < 0.03);
        }
        kerf_calibration_free(&calibration);
        kerf_kernel_table_free(&table);
        kerf_yaml_free(hardware);
    }
}

/* Each bad table is refused with the line and what is wrong there. */
static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const char header[] =
        "batch_size,isl,step,num_heads,kv_cache_dtype,gemm_type,beam_width,latency\n";
    static const struct {
        const char *row, *says;
    } bad[] = {
        {"1,1,-1,8,fp8,bf16,1,0.1\n", ":2: step must not be negative, is -1"},
        {"1,1,many,8,fp8,bf16,1,0.1\n", ":2: step: 'many' is not a number"},
        {"1,0,1,8,fp8,bf16,1,0.1\n", ":2: isl must be above 0, is 0"},
        {"1,1,0,8,fp9,bf16,1,0.1\n", ":2: unknown number format 'fp9'"},
        {"1,1,0,8,fp8,bf16,2,0.1\n", ":2: beam_width must be 1: beams are not calibrated"},
        {"", ":1: no rows below the header"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[64];
        struct kerf_error error = {0};
        struct kerf_kernel_table table;
        make_path(path);
        FILE *file = fopen(path, "w");
        fprintf(file, "%s%s", header, bad[i].row);
        fclose(file);
        assert_int_equal(kerf_kernel_table_read(MPI_COMM_NULL, path, KERF_KERNEL_MLA_DECODE, &table, &error),
                         KERF_ERR_USAGE);
        unlink(path);
        if (!strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_leaves_are_recovered),
                                          cmocka_unit_test(test_bad_tables_are_refused)};

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PetscFinalize();
    MPI_Finalize();
    return failed;
}
