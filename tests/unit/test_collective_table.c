/* Rows of collective tables are read as their measurers count, held out by ranks or experts, and predicted by
 * the library that the GPU names. */
#include "sim/study/collective_table.h"
#include "sim/study/validate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZES "device,op_name,kernel_source,nccl_dtype,num_gpus,message_size,latency\n"
#define EXCHANGES                                                                                            \
    "hardware,node_num,hidden_size,num_token,num_topk,num_experts,combine_avg_t_us,dispatch_avg_t_us\n"

static const struct kerf_cluster node = {.domain_Bps = 450e9, .nic_Bps = 50e9, .domain = 8.0};
static const struct kerf_cluster rack = {.domain_Bps = 900e9, .nic_Bps = 50e9, .domain = 72.0};

static enum kerf_status read_one(const char *text, enum kerf_collective_layout layout,
                                 const struct kerf_cluster *cluster, struct kerf_collective_row row[2],
                                 struct kerf_error *error)
{
    struct kerf_csv *csv;
    assert_int_equal(kerf_csv_parse(text, "t.csv", &csv, error), KERF_OK);
    enum kerf_status status = kerf_collective_row_read(csv, layout, 0, cluster, row, error);
    kerf_csv_free(csv);
    return status;
}

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-12 * fabs(wanted)))
        fail_msg("%.15g is not %.15g", value, wanted);
}

/* Sizes are elements, times ms; a kernel of an inference engine runs in a graph. */
static void test_sizes_are_elements(void **state)
{
    (void)state;
    struct kerf_collective_row row[2];
    struct kerf_error error;
    read_one(SIZES "NVIDIA B200,all_gather,NCCL,half,4,1024,0.01\n", KERF_COLLECTIVE_SIZES, &node, row,
             &error);
    assert_true(row->family == KERF_FAMILY_RINGS && row->call.op == KERF_COLLECTIVE_ALL_GATHER);
    assert_true(row->call.ranks == 4.0 && !row->call.in_graph && !row->refused);
    assert_near(row->call.bytes, 2048.0);
    assert_near(row->measured_s, 1e-5);
    read_one(SIZES "NVIDIA B200,alltoall,NCCL,int8,8,1024,0.01\n", KERF_COLLECTIVE_SIZES, &node, row, &error);
    assert_true(row->family == KERF_FAMILY_ALL_TO_ALL && row->call.bytes == 1024.0);
    read_one("op_name,kernel_source,allreduce_dtype,num_gpus,message_size,latency\n"
             "all_reduce,SGLang_CustomAllReduce_graph,bfloat16,8,128,0.005\n",
             KERF_COLLECTIVE_SIZES, &node, row, &error);
    assert_true(row->family == KERF_FAMILY_IN_GRAPH && row->call.in_graph && row->call.bytes == 256.0);
}

/* Dispatch sends fp8 with scales and a head, combine bf16 back: 17,024 and 32,768 bytes for one token to 8
 * experts of width 2048, which is what the tables' bandwidths say (16.485 us at 1.0327 GB/s, 16.836 us at
 * 1.9463 GB/s). A node of a rack is a tray of 4 GPUs. */
static void test_exchanges_are_two_measurements(void **state)
{
    (void)state;
    const char *text = EXCHANGES "b200,1,2048,1,8,128,16.836,16.485\n";
    struct kerf_collective_row row[2];
    struct kerf_error error;
    read_one(text, KERF_COLLECTIVE_EXCHANGES, &node, row, &error);
    assert_true(row[0].family == KERF_FAMILY_DISPATCH && row[1].family == KERF_FAMILY_COMBINE);
    assert_near(kerf_collective_row_bytes(&row[0]), 17024.0);
    assert_near(kerf_collective_row_bytes(&row[1]), 32768.0);
    assert_near(row[0].measured_s, 16.485e-6);
    assert_near(row[1].measured_s, 16.836e-6);
    assert_true(row[0].exchange.ranks == 8.0);
    read_one(text, KERF_COLLECTIVE_EXCHANGES, &rack, row, &error);
    assert_true(row[0].exchange.ranks == 4.0);
}

/* Of 2, 4 and 8 ranks those of 4 are held out; of seven numbers of experts the second and the fifth. */
static void test_middle_ranks_are_held_out(void **state)
{
    (void)state;
    static const double experts[] = {512, 8, 16, 128, 160, 256, 384};
    struct kerf_collective_row ranks[4] = {0}, exchange[7] = {0};
    for (int i = 0; i < 4; i++)
        ranks[i].call.ranks = i == 3 ? 4.0 : 2 << i;
    assert_int_equal(kerf_collective_hold_out(ranks, 4, KERF_COLLECTIVE_HOLD_OUT, NULL), KERF_OK);
    assert_true(!ranks[0].held && ranks[1].held && !ranks[2].held && ranks[3].held);
    for (int i = 0; i < 7; i++)
        exchange[i] =
            (struct kerf_collective_row){.family = KERF_FAMILY_COMBINE, .exchange.experts = experts[i]};
    assert_int_equal(kerf_collective_hold_out(exchange, 7, KERF_COLLECTIVE_HOLD_OUT, NULL), KERF_OK);
    for (int i = 0; i < 7; i++)
        assert_int_equal(exchange[i].held, experts[i] == 16 || experts[i] == 256);
}

static enum kerf_status validate(const char *text, struct kerf_validation *v, struct kerf_error *error)
{
    static const char *const catalogs[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    char path[] = "/tmp/kerf-collective-XXXXXX";
    const char *const name = path;
    const struct kerf_validation_request request = {.files = 1, .file = &name, .catalogs = catalogs};
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    FILE *file = fdopen(handle, "w");
    fputs(text, file);
    fclose(file);
    enum kerf_status status = kerf_validate(MPI_COMM_SELF, &request, v, error);
    unlink(path);
    return status;
}

/* The GPU is known by its catalog name or by what the driver calls it; every row has a prediction or a
 * reason, an exchange two. */
static void test_rows_are_predicted_by_the_library(void **state)
{
    (void)state;
    struct kerf_validation v;
    struct kerf_error error = {0};
    if (validate(SIZES "NVIDIA H100 80GB HBM3,all_reduce,NCCL,half,8,1024,0.0156\n"
                       "NVIDIA GB200,all_reduce,SGLang_CustomAllReduce_eager,half,4,1024,0.03\n",
                 &v, &error) != KERF_OK)
        fail_msg("%s", error.message);
    /* Ring by LL: launch + 14 (hop + 256 B / (450 GB/s x 0.0324)) with the leaves of hopper-nccl. */
    assert_near(v.row[0].predicted[KERF_COLUMN_NOMINAL],
                4.57e-6 + 14.0 * (0.8e-6 + 2048.0 / 8.0 / (450e9 * 0.0324)));
    assert_string_equal(v.row[0].hardware, "h100-sxm");
    assert_string_equal(v.row[0].metric, "all_reduce_s");
    assert_string_equal(v.row[1].reason, "a kernel launched outside a graph: the host decides");
    kerf_validation_free(&v);
    assert_int_equal(validate(EXCHANGES "b200,1,2048,1,8,128,16.8,16.5\n", &v, &error), KERF_OK);
    assert_int_equal(v.rows, 2);
    assert_true(strcmp(v.row[0].metric, "dispatch_s") == 0 && strcmp(v.row[1].metric, "combine_s") == 0);
    assert_true(fabs(kerf_prediction_error(&v.row[0])) < 0.5 && fabs(kerf_prediction_error(&v.row[1])) < 0.5);
    kerf_validation_free(&v);
    assert_int_equal(validate("op_name,kernel_source,num_tokens,topk,num_experts,moe_ep_size,latency\n"
                              "alltoall_dispatch,NVLinkOneSided,1,8,256,4,0.01\n",
                              &v, &error),
                     KERF_OK);
    assert_string_equal(v.row[0].reason, "TensorRT-LLM's NVLinkOneSided all-to-all is not modelled");
    kerf_validation_free(&v);
}

static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {SIZES "NVIDIA H100 80GB HBM3,all_reduce,NCCL,half,8,1024,-1\n",
         ":2: latency must be above 0, is -1"},
        {SIZES "NVIDIA H100 80GB HBM3,all_reduce,NCCL,half,8,,1\n", ":2: message_size is missing"},
        {SIZES "NVIDIA H100 80GB HBM3,all_reduce,NCCL,half,few,1024,1\n",
         ":2: num_gpus: 'few' is not a number"},
        {SIZES "NVIDIA H100 80GB HBM3,all_reduce,NCCL,bf17,8,1024,1\n",
         ":2: nccl_dtype: unknown number format 'bf17'"},
        {SIZES "NVIDIA H100 80GB HBM3,all_sort,NCCL,half,8,1024,1\n", ":2: unknown op_name 'all_sort'"},
        {SIZES "NVIDIA H100 80GB HBM3,all_reduce,MPI,half,8,1024,1\n", ":2: unknown kernel_source 'MPI'"},
        {SIZES "Voodoo 2,all_reduce,NCCL,half,8,1024,1\n",
         ":2: 'Voodoo 2' is not in the catalog under hardware"},
        {SIZES ",all_reduce,NCCL,half,8,1024,1\n", ":2: which GPU was measured?"},
        {EXCHANGES "b200,1,2048,1,8,128,slow,16.5\n", ":2: combine_avg_t_us: 'slow' is not a number"},
        {"op_name,nccl_dtype,num_gpus,latency\nall_reduce,half,8,1\n",
         ":1: column 'message_size' is missing"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kerf_validation v;
        struct kerf_error error = {0};
        assert_int_equal(validate(bad[i].text, &v, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
        kerf_validation_free(&v);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_elements),
        cmocka_unit_test(test_exchanges_are_two_measurements),
        cmocka_unit_test(test_middle_ranks_are_held_out),
        cmocka_unit_test(test_rows_are_predicted_by_the_library),
        cmocka_unit_test(test_bad_tables_are_refused),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
