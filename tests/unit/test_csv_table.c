/* CSV tables keep cells by column name and know the line of the file where each row begins. */
#include "sim/io/csv_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct kerf_csv *parse(const char *text)
{
    struct kerf_csv *csv = NULL;
    struct kerf_error error = {0};
    if (kerf_csv_parse(text, "t.csv", &csv, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return csv;
}

/* Blank lines and quoted line ends count as lines of the file, not as rows; "\r\n" ends one line. */
static void test_rows_know_their_lines(void **state)
{
    (void)state;
    struct kerf_csv *csv = parse("\na,b\r\n1,2\r\n\r\n  \n\"x\ny\",3\n5,6");
    assert_int_equal(kerf_csv_rows(csv), 3);
    assert_int_equal(kerf_csv_line(csv, 0), 3);
    assert_int_equal(kerf_csv_line(csv, 1), 6);
    assert_int_equal(kerf_csv_line(csv, 2), 8);
    assert_string_equal(kerf_csv_field(csv, 1, kerf_csv_column(csv, "a")), "x\ny");
    assert_string_equal(kerf_csv_field(csv, 2, kerf_csv_column(csv, "b")), "6");
    assert_string_equal(kerf_csv_field(csv, 2, kerf_csv_column(csv, "c")), "");
    kerf_csv_free(csv);
}

static void test_damaged_tables_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "t.csv:1: the file is empty"},
        {" \n\n", "t.csv:1: the file is empty"},
        {"a,b\n1,2\n\n3\n4,5,6\n", "t.csv:4: the row has not the 2 fields of the header"},
        {"a,b\n1,2\n\"3,4\n5,6\n", "t.csv:3: not a CSV table"},
        {"a,b\n1,\"x\"y\n", "t.csv:2: not a CSV table"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kerf_csv *csv;
        struct kerf_error error = {0};
        assert_int_equal(kerf_csv_parse(bad[i].text, "t.csv", &csv, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", error.message, bad[i].says);
    }
}

/* An empty cell, or none, is no number; what is no positive number is refused. */
static void test_numbers_are_positive_or_absent(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "1x", "nan", "inf", "-1", "0"};
    double value;
    struct kerf_csv *csv = parse("a,b\n1e3,\n");
    assert_int_equal(kerf_csv_number(csv, 0, "a", &value, NULL), KERF_OK);
    assert_true(value == 1000.0);
    assert_int_equal(kerf_csv_number(csv, 0, "b", &value, NULL), KERF_OK);
    assert_true(isnan(value));
    assert_int_equal(kerf_csv_number(csv, 0, "c", &value, NULL), KERF_OK);
    assert_true(isnan(value));
    kerf_csv_free(csv);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[32];
        struct kerf_error error = {0};
        snprintf(text, sizeof text, "a,b\n\n%s,2\n", bad[i]);
        csv = parse(text);
        assert_int_equal(kerf_csv_number(csv, 0, "a", &value, &error), KERF_ERR_USAGE);
        if (strncmp(error.message, "t.csv:3: a", 10) != 0 || !strstr(error.message, bad[i]))
            fail_msg("'%s' does not name line, column and cell", error.message);
        kerf_csv_free(csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_know_their_lines),
        cmocka_unit_test(test_damaged_tables_are_refused_with_their_line),
        cmocka_unit_test(test_numbers_are_positive_or_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
