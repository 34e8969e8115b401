/* Public request traces are read as they were published, and what is wrong with them is told by line. */
#include "sim/io/trace_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads a trace with this text; the file is gone afterwards. */
static enum kerf_status read_text(const char *text, const struct kerf_trace_options *options,
                                  struct kerf_trace *trace, struct kerf_error *error)
{
    char path[] = "/tmp/kerf-trace-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    enum kerf_status status = kerf_trace_read(MPI_COMM_NULL, path, options, trace, error);
    char *where = strstr(error->message, path);
    if (status != KERF_OK && where) /* the name differs from run to run */
        memmove(where, where + strlen(path), strlen(where + strlen(path)) + 1);
    unlink(path);
    return status;
}

static struct kerf_trace good(const char *text, enum kerf_trace_format format)
{
    struct kerf_trace trace;
    struct kerf_error error = {0};
    const struct kerf_trace_options options = {.format = format, .rate_scale = 1.0};
    if (read_text(text, &options, &trace, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return trace;
}

static void assert_request(const struct kerf_trace *trace, int request, kerf_time at, uint32_t prompt,
                           uint32_t output)
{
    assert_int_equal(trace->request[request].at, at);
    assert_int_equal(trace->request[request].prompt_tokens, prompt);
    assert_int_equal(trace->request[request].output_tokens, output);
}

/* Azure 2023: seven places of a second, no zone; midnight, a month's end and a leap year are crossed. */
static void azure_2023_is_read(void **unused)
{
    (void)unused;
    struct kerf_trace trace = good("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                                   "2024-02-28 23:59:59.9799600,4808,10\r\n"
                                   "2024-02-29 00:00:00.0319600,3180,8\n"
                                   "2024-03-01 00:00:00.0000000,110,27",
                                   KERF_TRACE_AZURE_2023);
    assert_int_equal(trace.requests, 3);
    assert_request(&trace, 0, 0, 4808, 10);
    assert_request(&trace, 1, 52000000000, 3180, 8);
    assert_request(&trace, 2, 86400020040000000, 110, 27);
    kerf_trace_free(&trace);
}

/* Azure 2024: with a zone, with and without a fraction. */
static void azure_2024_is_read(void **unused)
{
    (void)unused;
    struct kerf_trace trace = good("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                                   "2024-05-10 00:00:00.009930+00:00,2162,5\n"
                                   "2024-05-10 00:00:01+00:00,2399,6\n"
                                   "2024-05-10 02:00:01.5+02:00,76,15\n",
                                   KERF_TRACE_AZURE_2024);
    assert_int_equal(trace.requests, 3);
    assert_request(&trace, 1, 990070000000, 2399, 6);
    assert_request(&trace, 2, 1490070000000, 76, 15);
    kerf_trace_free(&trace);
}

/* BurstGPT: columns by name, for releases differ in them; answers of no token are failures and no requests.
 */
static void burstgpt_is_read(void **unused)
{
    (void)unused;
    struct kerf_trace trace = good("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                                   "5,ChatGPT,472,18,490,Conversation log\n"
                                   "45,GPT-4,1087,0,1087,\"API log, failed\"\n"
                                   "118.5,GPT-4,417,276,693,API log\n",
                                   KERF_TRACE_BURSTGPT);
    assert_int_equal(trace.requests, 2);
    assert_request(&trace, 0, 0, 472, 18);
    assert_request(&trace, 1, 113500000000000, 417, 276);
    kerf_trace_free(&trace);
    trace =
        good("Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
             "7,1,0.5,GPT-4,11,12,23,API log\n",
             KERF_TRACE_BURSTGPT);
    assert_request(&trace, 0, 0, 11, 12);
    kerf_trace_free(&trace);
}

/* Mooncake: JSON lines with names of blocks of 512 tokens. */
static void mooncake_is_read(void **unused)
{
    (void)unused;
    struct kerf_trace trace =
        good("{\"timestamp\": 0, \"input_length\": 1100, \"output_length\": 52, \"hash_ids\": [46, 47, 48]}\n"
             "{\"timestamp\": 3000, \"input_length\": 600, \"output_length\": 26, \"hash_ids\": [46, 999]}\n",
             KERF_TRACE_MOONCAKE);
    assert_int_equal(trace.requests, 2);
    assert_int_equal(trace.block_tokens, 512);
    assert_request(&trace, 1, 3000000000000, 600, 26);
    assert_int_equal(trace.first_block[1], 3);
    assert_int_equal(trace.first_block[2], 5);
    assert_int_equal(trace.block[0], 46);
    assert_int_equal(trace.block[3], 46);
    assert_int_equal(trace.block[4], 999);
    kerf_trace_free(&trace);
}

/* Where blocks are only counted, as many leading ones come again as the file says, and the others are new. */
static void counted_blocks_come_again(void **unused)
{
    (void)unused;
    static const int seen[] = {0, 1, 3, 2, 1};
    struct kerf_trace trace = good("timestamp_ms,input_length,output_length,n_blocks,prefix_hit_blocks_inf\n"
                                   "0,2000,500,4,0\n0,7322,490,15,1\n10,7236,794,15,3\n20,2290,316,5,2\n"
                                   "30,600,3,2,1\n",
                                   KERF_TRACE_MOONCAKE_CSV);
    assert_int_equal(trace.requests, 5);
    for (int i = 0; i < 5; i++)
        for (int64_t k = trace.first_block[i]; k < trace.first_block[i + 1]; k++) {
            bool before = false;
            for (int64_t other = 0; other < trace.first_block[i]; other++)
                before = before || trace.block[other] == trace.block[k];
            assert_int_equal(before, k - trace.first_block[i] < seen[i]);
        }
    kerf_trace_free(&trace);
}

/* A scale of 2 halves the gaps; a limit ends early. */
static void rate_and_limit_are_heeded(void **unused)
{
    (void)unused;
    struct kerf_trace trace;
    struct kerf_error error = {0};
    const struct kerf_trace_options options = {.format = KERF_TRACE_BURSTGPT, .rate_scale = 2.0, .limit = 2};
    assert_int_equal(read_text("Timestamp,Request tokens,Response tokens\n1,1,1\n4,1,1\n5,1,1\n", &options,
                               &trace, &error),
                     KERF_OK);
    assert_int_equal(trace.requests, 2);
    assert_request(&trace, 1, 1500000000000, 1, 1);
    kerf_trace_free(&trace);
}

#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\n"
#define GOOD "2023-11-16 18:17:03.9,10,10\n"
#define JSON(text) "{\"timestamp\": 0, \"input_length\": 9, \"output_length\": 2, \"hash_ids\": [1]}\n" text

/* What is wrong is told with its line; with skip_bad_lines it is counted and left out. */
static void bad_lines_are_told_or_counted(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
        enum kerf_trace_format format;
    } cases[] = {
        {AZURE GOOD "2023-11-16,10,10\n", ":3: time: a date like", KERF_TRACE_AZURE_2023},
        {AZURE GOOD "2023-13-16 18:17:03.9,10,10\n", ":3: time: a date like", KERF_TRACE_AZURE_2023},
        {AZURE GOOD "2023-11-16 18:17:04.9,ten,10\n", ":3: ContextTokens: a whole number",
         KERF_TRACE_AZURE_2023},
        {AZURE GOOD "2023-11-16 18:17:04.9,-1,10\n", ":3: ContextTokens: a whole number",
         KERF_TRACE_AZURE_2023},
        {AZURE GOOD "2023-11-16 18:17:04.9,0,10\n", ":3: a prompt of 0 tokens", KERF_TRACE_AZURE_2023},
        {AZURE GOOD "\n\n2023-11-16 18:17:04.9,10\n", ":5: has 2 fields, too few", KERF_TRACE_AZURE_2023},
        {AZURE GOOD "2023-11-16 18:17:02.4,10,10\n", ":3: its time is 1.500000 s before",
         KERF_TRACE_AZURE_2023},
        {AZURE GOOD "\"2023-11-16 18:17:04.9,10,10\n", ":3: has 1 fields, too few", KERF_TRACE_AZURE_2023},
        {JSON("{\"timestamp\": 5\n"), ":2: is no JSON object", KERF_TRACE_MOONCAKE},
        {JSON("{\"timestamp\": 5, \"input_length\": 3, \"output_length\": 1}\n"), ":2: hash_ids: a list",
         KERF_TRACE_MOONCAKE},
        {JSON("{\"timestamp\": 5, \"input_length\": 3, \"output_length\": 1, \"hash_ids\": [-4]}\n"),
         ":2: hash_ids: whole numbers", KERF_TRACE_MOONCAKE},
        {JSON("{\"input_length\": 3, \"output_length\": 1, \"hash_ids\": []}\n"), ":2: timestamp: a number",
         KERF_TRACE_MOONCAKE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_trace trace;
        struct kerf_error error = {0};
        struct kerf_trace_options options = {.format = cases[i].format, .rate_scale = 1.0};
        assert_int_equal(read_text(cases[i].text, &options, &trace, &error), KERF_ERR_USAGE);
        kerf_trace_free(&trace);
        if (strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0 ||
            !strstr(error.message, "--skip-bad-lines"))
            fail_msg("'%s' and not '%s'", error.message, cases[i].message);
        options.skip_bad_lines = true;
        assert_int_equal(read_text(cases[i].text, &options, &trace, &error), KERF_OK);
        assert_int_equal(trace.requests, 1);
        assert_int_equal(trace.bad_lines, 1);
        kerf_trace_free(&trace);
    }
}

/* A file of another format, or without any request, is refused whatever is skipped. */
static void files_without_requests_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
    } cases[] = {{"", ": has no request that was answered (0 lines, 0 of them bad)"},
                 {AZURE, ": has no request that was answered (1 lines, 0 of them bad)"},
                 {AZURE "x\ny\n", ": has no request that was answered (3 lines, 2 of them bad)"},
                 {"a,b,c\n" GOOD, ":1: a trace of format azure-2023 has a column 'TIMESTAMP'"}};
    const struct kerf_trace_options options = {
        .format = KERF_TRACE_AZURE_2023, .rate_scale = 1.0, .skip_bad_lines = true};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_trace trace;
        struct kerf_error error = {0};
        assert_int_equal(read_text(cases[i].text, &options, &trace, &error), KERF_ERR_USAGE);
        kerf_trace_free(&trace);
        if (strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s' and not '%s'", error.message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(azure_2023_is_read),
        cmocka_unit_test(azure_2024_is_read),
        cmocka_unit_test(burstgpt_is_read),
        cmocka_unit_test(mooncake_is_read),
        cmocka_unit_test(counted_blocks_come_again),
        cmocka_unit_test(rate_and_limit_are_heeded),
        cmocka_unit_test(bad_lines_are_told_or_counted),
        cmocka_unit_test(files_without_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
