/* Durations are read as Slurm writes them, and everything else is refused. */
#include "sim/base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void durations_are_seconds(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"90", 90},           {"0.05", 0.05},        {".5", 0.5},           {"1e3", 1000},
                 {"2:30", 150},        {"0:45", 45},          {"90:00", 5400},       {"1:00:00", 3600},
                 {"48:00:01", 172801}, {"1-00:00:00", 86400}, {"7-23:59:59", 691199}};
    struct kerf_error error;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double seconds;
        assert_int_equal(kerf_duration_read(cases[i].text, "--time-limit", &seconds, &error), KERF_OK);
        assert_true(seconds == cases[i].seconds);
    }
}

static void other_texts_are_refused(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "",       "0",   "-5",  "0:00",  "5m",   "1:60",      "1:2:3:4", ":30", "1:",     "1-5", "1-24:00:00",
        "1-2:00", "inf", "nan", "1e300", "0x10", "UNLIMITED", " 5",      "5 ",  "1.5:00", "--5"};
    struct kerf_error error;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double seconds;
        assert_int_equal(kerf_duration_read(cases[i], "--time-limit", &seconds, &error), KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, "--time-limit"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(durations_are_seconds),
                                       cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
