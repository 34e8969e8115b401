/* Rows of training tables: what is read from a row, what is refused and why, and what is chosen where it is
 * silent. */
#include "sim/study/training_choice.h"
#include "sim/study/training_machine.h"
#include "test_gpu_params.h"

#include <string.h>

static const char header[] =
    "id,source,model,params,layers,hidden,heads,kv_heads,ffn,vocab,seq,moe_experts,moe_topk,hardware,n_"
    "accelerators,"
    "dtype,TP,PP,VPP,CP,EP,DP,micro_batch,global_batch,recompute,measured_metric,value,notes\n";

static struct kerf_catalog open_catalog(void)
{
    static const char *const places[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    struct kerf_catalog catalog;
    struct kerf_error error = {0};
    if (kerf_catalog_open(&catalog, MPI_COMM_NULL, places, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return catalog;
}

/* Reads one row; `row` must stay where it is: its job points into it. */
static void read_row(const char *line, struct kerf_training_row *row)
{
    struct kerf_catalog catalog = open_catalog();
    struct kerf_csv *csv = NULL;
    struct kerf_error error = {0};
    char text[2048];
    snprintf(text, sizeof text, "%s%s\n", header, line);
    if (kerf_csv_parse(text, "rows.csv", &csv, &error) != KERF_OK ||
        kerf_training_row_read(csv, 0, &catalog, row, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_csv_free(csv);
}

static void a_row_becomes_a_job(void **state)
{
    struct kerf_training_row row;
    (void)state;
    read_row("X1,Megatron-LM:tables,GPT "
             "3.6B,3.6B,30,3072,32,32,12288,51200,2048,,,a100-80gb-sxm,64,fp16,2,1,,,,32,16,512,"
             "full,tflops_per_gpu,138,",
             &row);
    assert_string_equal(row.reason, "");
    assert_string_equal(row.software, "megatron-2021");
    assert_string_equal(row.job.precision->name, "fp16");
    assert_int_equal(row.job.layout.tensor, 2);
    assert_int_equal(row.job.layout.micro_batch, 16);
    assert_true(row.counts_recompute && !row.open_split && !row.open_micro_batch && !row.open_recompute);
    assert_false(row.network.decoder.gated_ffn);
    assert_int_equal(row.network.decoder.attention.head_dim, 96);
}

static void a_catalog_network_and_a_release_are_found(void **state)
{
    struct kerf_training_row row;
    (void)state;
    read_row("X2,Megatron-Bridge:summary [26.06 release],Qwen3_30B_a3B,30B,48,2048,32,4,moe "
             "768,151936,4096,128,8,gb300-nvl72,8,"
             "MXFP8,1,1,,1,8,8,8,512,,tokens/s/gpu,1,forced",
             &row);
    assert_string_equal(row.reason, "");
    assert_string_equal(row.network.name, "qwen3-30b-a3b");
    assert_string_equal(row.software, "megatron-bridge-26.06");
    assert_string_equal(row.job.precision->name, "mxfp8");
    assert_true(row.job.balanced && row.open_recompute);
    assert_int_equal(row.job.layout.expert, 8);
}

static void what_is_no_job_has_a_reason(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        {"X3,Megatron-LM,GPT,1B,24,2048,16,16,8192,51200,2048,,,a100-80gb-sxm,8,fp16,1,1,,,,8,1,8,,pct_peak,"
         "1,",
         "context"},
        {"X4,Megatron-LM,GPT,1B,24,2048,16,16,8192,51200,2048,,,tpu-v5p,8,fp16,1,1,,,,8,1,8,,step_time_s,1,",
         "kernels"},
        {"X5,Megatron-LM,ResNet,25M,,,,,,,,,,a100-80gb-sxm,8,fp16,1,1,,,,8,1,8,,step_time_s,1,",
         "not a decoder"},
        {"X6,a blog,GPT,1B,24,2048,16,16,8192,51200,2048,,,a100-80gb-sxm,8,fp16,1,1,,,,8,1,8,,step_time_s,1,",
         "software"},
        {"X7,Megatron-LM,GPT,1B,24,2048,16,16,8192,51200,2048,,,a100-80gb-sxm,8,fp16,1,1,,,,8,1,,,step_time_"
         "s,1,",
         "no batch"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_training_row row;
        read_row(cases[i].line, &row);
        if (!strstr(row.reason, cases[i].reason))
            fail_msg("case %zu: '%s' does not say '%s'", i, row.reason, cases[i].reason);
    }
}

static void open_machine(const char *hardware, struct kerf_training_machine *machine)
{
    struct kerf_catalog catalog = open_catalog();
    struct kerf_training_entries *entries = malloc(sizeof *entries);
    struct kerf_error error = {0};
    assert_non_null(entries);
    if (kerf_training_entries_read(&catalog, hardware, entries, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_training_entries_fill(entries, KERF_COLUMN_NOMINAL, machine);
    free(entries);
}

/* Of what a row leaves open a choice is taken that fits, and none that fits is faster by much: the choice is
 * in closed form, the step exact. */
static void the_fastest_that_fits_is_chosen(void **state)
{
    struct kerf_training_row row;
    struct kerf_training_machine machine;
    struct kerf_training_step step, other;
    struct kerf_error error = {0};
    (void)state;
    read_row("X8,Megatron-LM,GPT "
             "39.1B,39.1B,48,8192,64,64,32768,51200,2048,,,a100-80gb-sxm,512,fp16,,,,,,32,,1536,full,"
             "tflops_per_gpu,1,model-parallel size 16",
             &row);
    open_machine("a100-80gb-sxm", &machine);
    assert_true(row.open_split && row.model_parallel == 16);
    if (kerf_training_choose(&machine, &row, &step, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_true(step.memory.fits);
    assert_int_equal(row.job.layout.tensor * row.job.layout.pipeline, 16);
    for (int tensor = 1; tensor <= 8; tensor *= 2)
        for (int micro_batch = 1; micro_batch <= 16; micro_batch *= 2) {
            struct kerf_training_job job = row.job;
            job.layout.tensor = tensor;
            job.layout.pipeline = 16 / tensor;
            job.layout.micro_batch = micro_batch;
            job.layout.data = 0;
            if (kerf_training_step(&machine, &job, &other, &error) == KERF_OK && other.memory.fits)
                assert_true(other.step_s > 0.98 * step.step_s);
        }
}

static void a_row_without_a_legal_choice_is_refused(void **state)
{
    struct kerf_training_row row;
    struct kerf_training_machine machine;
    struct kerf_training_step step;
    struct kerf_error error = {0};
    (void)state;
    read_row("X9,Megatron-LM,GPT,1B,24,2048,16,16,8192,51200,2048,,,a100-80gb-sxm,10,fp16,4,1,,,,,1,8,,step_"
             "time_s,1,",
             &row);
    open_machine("a100-80gb-sxm", &machine);
    assert_int_equal(kerf_training_choose(&machine, &row, &step, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "gpus (10) cannot be divided"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_becomes_a_job),
        cmocka_unit_test(a_catalog_network_and_a_release_are_found),
        cmocka_unit_test(what_is_no_job_has_a_reason),
        cmocka_unit_test(the_fastest_that_fits_is_chosen),
        cmocka_unit_test(a_row_without_a_legal_choice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
