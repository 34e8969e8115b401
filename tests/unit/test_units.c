/* Quantities with units become SI values, and what does not fit is refused with a reason. */
#include "sim/base/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Every symbol, prefix and operator gives the factor of its definition (SI brochure; IEC 80000-13). */
static void good_quantities_become_si(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *si_unit;
        double value;
    } cases[] = {
        {"10 us", "s", 10e-6},
        {"10us", "s", 10e-6},
        {"2.5", "s", 2.5},
        {"-3 ms", "s", -3e-3},
        {"1e-3 ks", "s", 1.0},
        {"2 min", "s", 120.0},
        {"2 h", "s", 7200.0},
        {"1 d", "s", 86400.0},
        {"7 ns", "s", 7e-9},
        {"7 ps", "s", 7e-12},
        {"1.1 GHz", "Hz", 1.1e9},
        {"1.1 GHz", "1/s", 1.1e9},
        {"20 1/s", "1/s", 20.0},
        {"1.2 Tb/s", "B/s", 0.15e12},
        {"8 bit", "B", 1.0},
        {"44 GB", "B", 44e9},
        {"3 KiB", "B", 3072.0},
        {"16 MiB", "B", 16777216.0},
        {"16 GiB", "B", 17179869184.0},
        {"1 TiB", "B", 1099511627776.0},
        {"1 Kib/s", "B/s", 128.0},
        {"3 MAC", "FLOP", 6.0},
        {"125 PFLOP/s", "FLOP/s", 125e15},
        {"1 EFLOP/s", "FLOP/s", 1e18},
        {"4 MAC/cycle", "MAC/cycle", 4.0},
        {"3 kW", "J/s", 3000.0},
        {"2 kW*h", "J", 7.2e6},
        {"5 W", "W", 5.0},
        {"4 km^2", "m^2", 4e6},
        {"3 mm", "m", 3e-3},
        {"300 K", "K", 300.0},
        {"3.6 USD/h", "USD/s", 1e-3},
        {"2 tokens", "token", 2.0},
        {"60 tokens/min", "token/s", 1.0},
        {"9 cycles", "cycle", 9.0},
        {"95 %", "1", 0.95},
        {"750 PE", "1", 750.0},
        {"3 1", "1", 3.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = NAN;
        struct kerf_error error = {0};
        if (kerf_quantity_parse(cases[i].text, cases[i].si_unit, &value, &error) != KERF_OK)
            fail_msg("'%s': %s", cases[i].text, error.message);
        if (fabs(value - cases[i].value) > 1e-14 * fabs(cases[i].value))
            fail_msg("'%s' is %.17g, %.17g is wanted", cases[i].text, value, cases[i].value);
    }
}

/* What is no number, has no such unit, or has another dimension is a usage error that says what is wanted. */
static void bad_quantities_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *si_unit, *message;
    } cases[] = {
        {"", "s", "'' is not a number with a unit of s"},
        {"fast", "s", "'fast' is not a number with a unit of s"},
        {"us", "s", "'us' is not a number"},
        {"nan", "1", "'nan' is not a number"},
        {"inf", "1", "'inf' is not a number"},
        {"1e999 s", "s", "'1e999 s' is not a number"},
        {"1e300 EB", "B", "'1e300 EB' is too large"},
        {"10 parsec", "m", "unknown unit 'parsec' (a unit of m is wanted)"},
        {"5 GB", "token/s", "unit 'GB' does not fit: a unit of token/s is wanted"},
        {"5 s", "1/s", "unit 's' does not fit"},
        {"5 s^2", "s", "unit 's^2' does not fit"},
        {"5 %", "s", "unit '%' does not fit"},
        {"5 S", "s", "unknown unit 'S'"},
        {"5 Us", "s", "unknown unit 'Us'"},
        {"5 kmin", "s", "unknown unit 'kmin'"},
        {"5 kus", "s", "unknown unit 'kus'"},
        {"5 s 3", "s", "unknown unit 's 3'"},
        {"5 s/", "s", "unknown unit 's/'"},
        {"5 /s", "1/s", "unknown unit '/s'"},
        {"5 s//s", "s", "unknown unit 's//s'"},
        {"5 s**s", "s^2", "unknown unit 's**s'"},
        {"5 s^", "s", "unknown unit 's^'"},
        {"5 s^x", "s", "unknown unit 's^x'"},
        {"5 s^-1", "1/s", "unknown unit 's^-1'"},
        {"5 s^2s", "s", "unknown unit 's^2s'"},
        {"1,5 s", "s", "unknown unit ',5 s'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 0.0;
        struct kerf_error error = {0};
        assert_int_equal(kerf_quantity_parse(cases[i].text, cases[i].si_unit, &value, &error),
                         KERF_ERR_USAGE);
        assert_int_equal(error.status, KERF_ERR_USAGE);
        if (!strstr(error.message, cases[i].message))
            fail_msg("'%s': '%s' does not say '%s'", cases[i].text, error.message, cases[i].message);
    }
}

/* A factor turns the unit into the wanted one, both ways. */
static void factors_invert(void **unused)
{
    (void)unused;
    static const char *const pairs[][2] = {{"us", "s"},     {"GB", "B"},        {"Tb/s", "B/s"},
                                           {"MAC", "FLOP"}, {"h", "ms"},        {"W*h", "J"},
                                           {"m^2", "mm^2"}, {"USD/h", "USD/s"}, {"%", "1"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        double there, back;
        assert_int_equal(kerf_unit_factor(pairs[i][0], pairs[i][1], &there, NULL), KERF_OK);
        assert_int_equal(kerf_unit_factor(pairs[i][1], pairs[i][0], &back, NULL), KERF_OK);
        assert_true(fabs(there * back - 1.0) < 1e-14);
    }
}

/* A caller that wants no message may pass no error. */
static void an_error_may_be_left_out(void **unused)
{
    (void)unused;
    double value;
    assert_int_equal(kerf_quantity_parse("5 GB", "s", &value, NULL), KERF_ERR_USAGE);
    assert_int_equal(kerf_unit_factor("", "s", &value, NULL), KERF_ERR_USAGE);
}

/* Messages are cut to fit, never overrun: a text much longer than a message is quoted in part. */
static void long_texts_are_cut(void **unused)
{
    (void)unused;
    static char text[3 * KERF_ERROR_MESSAGE_BYTES];
    double value;
    struct kerf_error error;
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(kerf_quantity_parse(text, "s", &value, &error), KERF_ERR_USAGE);
    assert_int_equal(strlen(error.message), KERF_ERROR_MESSAGE_BYTES - 1);
    assert_int_equal(kerf_error_prefix(&error, "%s: ", text), KERF_ERR_USAGE);
    assert_int_equal(strlen(error.message), KERF_ERROR_MESSAGE_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_quantities_become_si),
        cmocka_unit_test(bad_quantities_are_refused),
        cmocka_unit_test(factors_invert),
        cmocka_unit_test(an_error_may_be_left_out),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
