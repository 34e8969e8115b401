/* kerf validate knows a table by its columns and answers every row: with a prediction or with a reason. */
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

static const char *const catalogs[] = {KERF_SOURCE_DIR "/models/catalog", NULL};

#define SERVING                                                                                              \
    "id,network,hardware,count,tp,engine,concurrency,input_tokens,output_tokens,metric,value,use\n"
#define TRAINING "id,model,hardware,measured_metric,value\n"

static void write_file(char *path, const char *text)
{
    strcpy(path, "/tmp/kerf-validate-XXXXXX");
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    FILE *file = fdopen(handle, "w");
    fputs(text, file);
    fclose(file);
}

static enum kerf_status validate(int files, const char *const *text, struct kerf_validation *v,
                                 struct kerf_error *error)
{
    char path[4][64];
    const char *name[4];
    const struct kerf_engine_calls calls = {0};
    for (int i = 0; i < files; i++) {
        write_file(path[i], text[i]);
        name[i] = path[i];
    }
    const struct kerf_validation_request request = {
        .files = files, .file = name, .catalogs = catalogs, .hardware = "h100-sxm", .calls = &calls};
    enum kerf_status status = kerf_validate(MPI_COMM_SELF, &request, v, error);
    for (int i = 0; i < files; i++)
        unlink(path[i]);
    return status;
}

/* Tables of several kinds make one list in the order of the rows, none is left out, and a prediction lies in
 * its range. */
static void test_every_row_has_an_answer(void **state)
{
    (void)state;
    static const char *const text[] = {
        SERVING "a,llama-3.1-8b,h100-sxm,1,1,vLLM,1,128,16,tpot_s,0.01,fit\n"
                "b,llama-3.1-8b,h100-sxm,1,1,vLLM,1,128,16,joules,3,\n"
                "c,nonesuch,h100-sxm,1,1,vLLM,1,128,16,tpot_s,0.01,\n",
        TRAINING "t,GPT 1T,a100-80gb-sxm,step_time_s,2.5\n",
    };
    struct kerf_validation v;
    struct kerf_error error = {0};
    double low, high;
    if (validate(2, text, &v, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_int_equal(v.rows, 4);
    assert_string_equal(v.row[0].id, "a");
    assert_string_equal(v.row[0].use, "fit");
    assert_string_equal(v.row[0].software, "vLLM");
    assert_true(kerf_prediction_made(&v.row[0]));
    kerf_prediction_range(&v.row[0], &low, &high);
    assert_true(low < v.row[0].predicted[KERF_COLUMN_NOMINAL] &&
                v.row[0].predicted[KERF_COLUMN_NOMINAL] < high);
    assert_string_equal(v.row[1].reason, "metric joules is not predicted yet");
    assert_string_equal(v.row[2].reason, "network not in the catalog: nonesuch");
    assert_string_equal(v.row[3].id, "t");
    assert_string_equal(v.row[3].subject, "GPT 1T");
    assert_true(v.row[3].measured == 2.5);
    kerf_validation_free(&v);
}

/* What a GPU's own leaves predict comes back without error. */
static void test_kernels_are_predicted(void **state)
{
    (void)state;
    char text[256] = "gemm_dtype,m,n,k,latency\nbfloat16,16,4096,4096,1\n";
    const char *const texts[] = {text};
    struct kerf_validation v;
    struct kerf_error error = {0};
    if (validate(1, texts, &v, &error) != KERF_OK)
        fail_msg("%s", error.message);
    double s = v.row[0].predicted[KERF_COLUMN_NOMINAL];
    assert_true(strstr(v.row[0].id, ":2") && strcmp(v.row[0].metric, "gemm_s") == 0);
    assert_string_equal(v.row[0].subject, "bf16");
    assert_string_equal(v.row[0].hardware, "h100-sxm");
    assert_true(v.row[0].measured == 1e-3 && s > 1e-6 && s < 1e-3);
    kerf_validation_free(&v);
    snprintf(text, sizeof text, "dtype,m,n,k,latency,use\n\nbf16,16,4096,4096,%.9g,fit\n", 1e3 * s);
    assert_int_equal(validate(1, texts, &v, &error), KERF_OK);
    assert_true(fabs(kerf_prediction_error(&v.row[0])) < 1e-6);
    assert_string_equal(v.row[0].use, "fit");
    assert_non_null(strstr(v.row[0].id, ":3"));
    kerf_validation_free(&v);
}

/* The range spans all three columns, whichever is the slow one. */
static void test_range_is_sorted_by_value(void **state)
{
    (void)state;
    double low, high;
    const struct kerf_prediction time = {.predicted = {3.0, 2.0, 1.0}}, kink = {.predicted = {1.0, 3.0, 2.0}};
    kerf_prediction_range(&time, &low, &high);
    assert_true(low == 1.0 && high == 3.0);
    kerf_prediction_range(&kink, &low, &high);
    assert_true(low == 1.0 && high == 3.0);
}

/* What is wrong with a table is said with the kind that it resembles most. */
static void test_bad_tables_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", ":1: the file is empty"},
        {TRAINING, ":1: no rows below the header"},
        {"id,network,hardware,metric\na,b,c,d\n", ":1: column 'value' is missing for a table of serving"},
        {"id,model,hardware,value\na,b,c,1\n",
         ":1: column 'measured_metric' is missing for a table of training"},
        {SERVING "a,b,c,1,1,,1,1,1,tpot_s,quick,\n", ":2: value: 'quick' is not a number"},
        {"x,y\n1,2\n", ":1: a table of no known kind; kinds and their columns: serving (id, network"},
        {"dtype,m,n,latency\nbf16,1,2,3\n", ":1: column 'k' is missing for a table of gemm"},
        {"dtype,m,n,k,latency\nbf17,1,2,3,4\n", ":2: unknown number format 'bf17'"},
        {"dtype,m,n,k,latency\nbf16,1,2,3,-4\n", ":2: latency must be above 0, is -4"},
        {TRAINING "a,b,c,step_time_s,fast\n", ":2: value: 'fast' is not a number"},
        {TRAINING "a,b,c,step_time_s,1\na,b,c,step_time_s,-1\n", ":3: value must be above 0, is -1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kerf_validation v;
        struct kerf_error error = {0};
        assert_int_equal(validate(1, &bad[i].text, &v, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
        kerf_validation_free(&v);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_has_an_answer),
        cmocka_unit_test(test_kernels_are_predicted),
        cmocka_unit_test(test_range_is_sorted_by_value),
        cmocka_unit_test(test_bad_tables_are_refused),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
