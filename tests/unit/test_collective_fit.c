/* kerf calibrate finds the leaves of a library that made a table of collectives, keeps the held-out rows from
 * the fit, writes an entry that reads back, and says what is wrong with a table. */
#include "sim/study/collective_fit.h"
#include "sim/study/fitted_tables.h"

#include "sim/io/text_file.h"
#include "tests/support/draw.h"

#include <math.h>
#include <petscsys.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const catalogs[] = {KERF_SOURCE_DIR "/models/catalog", NULL};

/* A standard normal from two draws (Box and Muller). */
static double normal(uint64_t number)
{
    double u = ((double)(draw_mix(11, 2 * number) >> 11) + 1.0) * 0x1.0p-53;
    double v = (double)(draw_mix(11, 2 * number + 1) >> 11) * 0x1.0p-53;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

/* What the leaves of the synthetic library are, as multiples of those of h100-sxm's. */
static const struct truth {
    const char *key;
    double factor;
} truths[] = {{"launch_s", 1.4},         {"hop_s", 0.8},
              {"ll128_share", 1.2},      {"simple_share", 0.85},
              {"nvls_rank_s", 0.8},      {"nvls_share", 1.15},
              {"dispatch_floor_s", 1.5}, {"dispatch_expert_s", 0.7},
              {"dispatch_share", 0.9},   {"dispatch_expert_Bps", 1.3}};
enum { TRUTHS = sizeof truths / sizeof truths[0] };

static int index_of(const char *key)
{
    int i = 0;
    while (strcmp(kerf_collective_leaves.leaves[i].key, key) != 0)
        i++;
    return i;
}

struct world {
    struct kerf_catalog catalog;
    struct kerf_collective_part part;     /* h100-sxm as it is */
    struct kerf_collective_params params; /* of the synthetic library */
};

static struct world *open_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct kerf_error error = {0};
    if (kerf_catalog_open(&w->catalog, MPI_COMM_NULL, catalogs, &error) != KERF_OK ||
        kerf_collective_part_open(&w->catalog, "h100-sxm", &w->part, &error) != KERF_OK)
        fail_msg("%s", error.message);
    w->params = w->part.params[KERF_COLUMN_NOMINAL];
    for (int i = 0; i < TRUTHS; i++)
        *(double *)((char *)&w->params + kerf_collective_leaves.leaves[index_of(truths[i].key)].offset) *=
            truths[i].factor;
    return w;
}

static void close_world(struct world *w)
{
    kerf_collective_part_close(&w->part);
    free(w);
}

static FILE *make_table(char *path)
{
    strcpy(path, "/tmp/kerf-collective-fit-XXXXXX");
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    return fdopen(handle, "w");
}

/* What the synthetic library measures, with 2 % of noise. */
static double measure_s(const struct world *w, const struct kerf_collective_row *row, uint64_t *number)
{
    double s = kerf_collective_row_predict_s(&w->params, &w->part.cluster[KERF_COLUMN_NOMINAL], row);
    return s * exp(0.02 * normal((*number)++));
}

static void write_sizes(const struct world *w, FILE *file)
{
    static const char *const names[] = {"all_reduce", "all_gather", "reduce_scatter"};
    uint64_t number = 0;
    fprintf(file, "hardware,op_name,nccl_dtype,num_gpus,message_size,latency\n");
    for (int op = 0; op < 3; op++)
        for (double ranks = 2.0; ranks <= 8.0; ranks *= 2.0)
            for (double elements = 128.0; elements <= 0x1p28; elements *= 2.0) {
                const struct kerf_collective_row row = {
                    .in_switch = true,
                    .call = {.op = (enum kerf_collective_op)op, .ranks = ranks, .bytes = 2.0 * elements}};
                fprintf(file, "h100-sxm,%s,half,%g,%.0f,%.6g\n", names[op], ranks, elements,
                        1e3 * measure_s(w, &row, &number));
            }
    fclose(file);
}

static void write_exchanges(const struct world *w, FILE *file)
{
    static const double experts[] = {8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0};
    uint64_t number = 1000;
    fprintf(file, "hardware,hidden_size,num_token,num_topk,num_experts,dispatch_avg_t_us,combine_avg_t_us\n");
    for (int e = 0; e < 7; e++)
        for (double tokens = 1.0; tokens <= 1024.0; tokens *= 2.0) {
            const struct kerf_collective_row row = {.family = KERF_FAMILY_DISPATCH,
                                                    .exchange = {.ranks = 8.0,
                                                                 .tokens = tokens,
                                                                 .top_k = 8.0,
                                                                 .experts = experts[e],
                                                                 .bytes_per_copy = 4096.0 + 128.0 + 16.0}};
            fprintf(file, "h100-sxm,4096,%g,8,%g,%.6g,10\n", tokens, experts[e],
                    1e6 * measure_s(w, &row, &number));
        }
    fclose(file);
}

static void fit_table(struct world *w, const char *const *file, enum kerf_collective_family family,
                      struct kerf_collective_fit *fit)
{
    struct kerf_error error = {0};
    const struct kerf_collective_fit_request request = {
        .family = family, .files = 1, .file = file, .every = KERF_COLLECTIVE_HOLD_OUT, .fit = true};
    if (kerf_collective_fit(MPI_COMM_NULL, &w->catalog, &request, fit, &error) != KERF_OK)
        fail_msg("%s", error.message);
}

/* Every leaf that was fitted has the true value in its interval; errors are those of the noise (mean of
 * |2 % x normal| = 1.6 %), of fitted and of held-out rows. */
static void check_fit(const struct world *w, const struct kerf_collective_fit *fit, int leaves)
{
    assert_int_equal(fit->fitted.count, leaves);
    for (int i = 0; i < fit->fitted.count; i++) {
        const struct kerf_fitted_leaf *leaf = &fit->fitted.leaf[i];
        const struct kerf_leaf *spec = &kerf_collective_leaves.leaves[leaf->index];
        double truth = *(const double *)((const char *)&w->params + spec->offset);
        if (!(leaf->low <= truth && truth <= leaf->high))
            fail_msg("%s: %g is not in [%g, %g]", spec->key, truth, leaf->low, leaf->high);
    }
    for (int use = 0; use < KERF_COLLECTIVE_USES; use++)
        assert_true(fit->all[use].rows > 0 && fit->all[use].mean_absolute < 0.02);
}

/* Leaves of three protocols and of the switch, from a start that is 15 to 40 % away. */
static void test_ring_leaves_are_recovered(void **state)
{
    (void)state;
    char path[64];
    const char *const name = path;
    struct world *w = open_world();
    struct kerf_collective_fit *fit = malloc(sizeof *fit);
    write_sizes(w, make_table(path));
    fit_table(w, &name, KERF_FAMILY_RINGS, fit);
    check_fit(w, fit, 11);
    assert_int_equal(fit->all[KERF_COLLECTIVE_HELD].rows, fit->all[KERF_COLLECTIVE_FITTED].rows / 2);
    unlink(path);
    kerf_collective_fit_free(fit);
    free(fit);
    close_world(w);
}

/* A table of one number of ranks leaves the time per rank as it is: it cannot be told from the floor. What is
 * written reads back as an entry with the fitted values and the name of the table. */
static void test_the_entry_reads_back(void **state)
{
    (void)state;
    char path[64], entry_path[64], *text;
    const char *const name = path;
    struct kerf_yaml *yaml;
    struct kerf_leaf_set set;
    struct kerf_error error = {0};
    struct world *w = open_world();
    struct kerf_collective_fit *fit = malloc(sizeof *fit);
    write_exchanges(w, make_table(path));
    fit_table(w, &name, KERF_FAMILY_DISPATCH, fit);
    check_fit(w, fit, 4);
    FILE *file = make_table(entry_path);
    kerf_collective_fit_write(file, fit, "mine");
    fclose(file);
    if (kerf_text_file_read(MPI_COMM_NULL, entry_path, &text, &error) != KERF_OK ||
        kerf_yaml_parse(text, entry_path, &yaml, &error) != KERF_OK ||
        kerf_leaf_set_read(yaml, &kerf_collective_leaves, &set, &error) != KERF_OK)
        fail_msg("%s", error.message);
    for (int i = 0; i < kerf_collective_leaves.count; i++) {
        double value = w->part.library.leaf[i].value;
        for (int j = 0; j < fit->fitted.count; j++)
            value = fit->fitted.leaf[j].index == i ? fit->fitted.leaf[j].value : value;
        assert_true(fabs(set.leaf[i].value - value) <= 1e-8 * fabs(value));
    }
    assert_true(kerf_fitted_to(yaml, "dispatch", path));
    assert_true(kerf_fitted_to(yaml, "rings", "elsewhere/nccl_h100_sxm.csv"));
    assert_false(kerf_fitted_to(yaml, "dispatch", "elsewhere/deepep_ll_h100_sxm.csv"));
    kerf_yaml_free(yaml);
    free(text);
    unlink(path);
    unlink(entry_path);
    kerf_collective_fit_free(fit);
    free(fit);
    close_world(w);
}

static void test_what_cannot_be_fitted_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"op_name,nccl_dtype,num_gpus,message_size\nall_reduce,half,2,1\n",
         ":1: column 'latency' is missing"},
        {"op_name,nccl_dtype,num_gpus,message_size,latency\n", ":1: no rows below the header"},
        {"hardware,op_name,nccl_dtype,num_gpus,message_size,latency\nh100,alltoall,half,2,1,1\n",
         ": no rows of rings"},
        {"hardware,op_name,nccl_dtype,num_gpus,message_size,latency\nh100,all_reduce,half,2,1,1\n"
         "b200,all_reduce,half,2,1,1\n",
         "b200 runs blackwell-nccl, h100 runs hopper-nccl; tables of one library are wanted"},
        {"hardware,op_name,nccl_dtype,num_gpus,message_size,latency\nh100,all_reduce,half,2,1,1\n",
         ": 1 rows to fit 3 leaves; more rows than leaves are wanted"},
    };
    struct world *w = open_world();
    struct kerf_collective_fit *fit = malloc(sizeof *fit);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char path[64];
        const char *const name = path;
        struct kerf_error error = {0};
        const struct kerf_collective_fit_request request = {
            .family = KERF_FAMILY_RINGS, .files = 1, .file = &name, .fit = true};
        FILE *file = make_table(path);
        fputs(bad[i].text, file);
        fclose(file);
        assert_int_equal(kerf_collective_fit(MPI_COMM_NULL, &w->catalog, &request, fit, &error),
                         KERF_ERR_USAGE);
        if (!strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
        kerf_collective_fit_free(fit);
        unlink(path);
    }
    free(fit);
    close_world(w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_leaves_are_recovered),
        cmocka_unit_test(test_the_entry_reads_back),
        cmocka_unit_test(test_what_cannot_be_fitted_is_refused),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PetscBool runs;
    if (PetscInitialized(&runs) == 0 && runs)
        PetscFinalize();
    MPI_Finalize();
    return failed;
}
