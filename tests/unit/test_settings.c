/* A table of settings reads, checks, defaults and prints a section, and what it prints reads back the same.
 */
#include "sim/io/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct toy {
    char name[KERF_SETTING_TEXT_BYTES];
    int mode, count;
    double delay_s, share;
};

static const char *const modes[] = {"slow", "fast", "fastest", NULL};
static const struct kerf_setting toy_settings[] = {
    {"name", KERF_SETTING_TEXT, "1", 0, 0, NULL, offsetof(struct toy, name), NULL, "a name"},
    {"mode", KERF_SETTING_CHOICE, "1", 0, 0, modes, offsetof(struct toy, mode), "fast", "how"},
    {"count", KERF_SETTING_INTEGER, "1", 1, 100, NULL, offsetof(struct toy, count), "7", "how many"},
    {"delay", KERF_SETTING_NUMBER, "s", 0, 10, NULL, offsetof(struct toy, delay_s), "5 ms", "how long"},
    {"share", KERF_SETTING_NUMBER, "1", 0, 1, NULL, offsetof(struct toy, share), "50 %", "how much"},
};
static const struct kerf_setting_table toy_table = {toy_settings, 5};

static enum kerf_status read_toy(const char *text, struct toy *toy, struct kerf_error *error)
{
    struct kerf_yaml *yaml = NULL;
    *toy = (struct toy){0};
    KERF_TRY(kerf_settings_defaults(&toy_table, toy, error));
    KERF_TRY(kerf_yaml_parse(text, "toy.yaml", &yaml, error));
    enum kerf_status status =
        kerf_settings_read(yaml, kerf_yaml_root(yaml), "toy", &toy_table, NULL, toy, error);
    if (status == KERF_OK)
        status = kerf_settings_require(yaml, kerf_yaml_root(yaml), "toy", &toy_table, error);
    kerf_yaml_free(yaml);
    return status;
}

/* What is not given has its default, in SI. */
static void defaults_fill_what_is_not_given(void **unused)
{
    (void)unused;
    struct toy toy;
    assert_int_equal(read_toy("name: x\n", &toy, NULL), KERF_OK);
    assert_string_equal(toy.name, "x");
    assert_true(toy.mode == 1 && toy.count == 7 && toy.delay_s == 5e-3 && toy.share == 0.5);
}

/* What is given replaces the default, whatever its unit and order. */
static void given_values_win(void **unused)
{
    (void)unused;
    struct toy toy;
    assert_int_equal(read_toy("share: 1\ndelay: 10\ncount: 1e2\nmode: fastest\nname: 'a: b'\n", &toy, NULL),
                     0);
    assert_string_equal(toy.name, "a: b");
    assert_true(toy.mode == 2 && toy.count == 100 && toy.delay_s == 10 && toy.share == 1);
}

/* A value out of range, of the wrong kind, or misspelt is refused with file, line, key and what to do. */
static void bad_values_are_refused_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"name: x\ncount: 0\n", "toy.yaml:2: toy.count: must be between 1 and 100"},
        {"name: x\ncount: -3\n", "toy.yaml:2: toy.count: must be between 1 and 100"},
        {"name: x\ncount: 1.5\n", "toy.yaml:2: toy.count: a whole number is wanted (got 1.5)"},
        {"name: x\ncount: many\n", "toy.yaml:2: toy.count: 'many' is not a number"},
        {"name: x\ncount: 3 s\n", "toy.yaml:2: toy.count: unit 's' does not fit: a unit of 1 is wanted"},
        {"name: x\n\ndelay: 10 parsec\n",
         "toy.yaml:3: toy.delay: unknown unit 'parsec' (a unit of s is wanted)"},
        {"name: x\ndelay: -1 us\n", "toy.yaml:2: toy.delay: must be between 0 and 10 s (got -1e-06)"},
        {"name: x\ndelay: 11\n", "toy.yaml:2: toy.delay: must be between 0 and 10 s (got 11)"},
        {"name: x\nmode: fastes\n",
         "toy.yaml:2: toy.mode: 'fastes' is not a choice; did you mean 'fastest'?"},
        {"name: x\nmode: purple\n",
         "toy.yaml:2: toy.mode: 'purple' is not a choice; the choices are slow, fast, fastest"},
        {"name: x\nmodus: fast\n", "toy.yaml:2: toy: unknown key 'modus'; did you mean 'mode'?"},
        {"name: [x]\n", "toy.yaml:1: toy.name: a single value is wanted"},
        {"name: {x: 1}\n", "toy.yaml:1: toy.name: a single value is wanted"},
        {"count: 3\n", "toy.yaml:1: toy: 'name' is missing (a name)"},
        {"- name\n", "toy.yaml:1: toy: a map of keys is wanted"},
        {"name: x\nname: y\n", "toy.yaml:2: YAML syntax: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct toy toy;
        struct kerf_error error = {0};
        assert_int_equal(read_toy(cases[i].text, &toy, &error), KERF_ERR_USAGE);
        if (strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("'%s' does not begin with '%s'", error.message, cases[i].message);
    }
}

/* A text fits up to 127 characters and is refused beyond. */
static void long_texts_are_refused(void **unused)
{
    (void)unused;
    struct toy toy;
    struct kerf_error error = {0};
    char text[160];
    snprintf(text, sizeof text, "name: %0127d\n", 1);
    assert_int_equal(read_toy(text, &toy, &error), KERF_OK);
    assert_int_equal(strlen(toy.name), 127);
    snprintf(text, sizeof text, "name: %0128d\n", 1);
    assert_int_equal(read_toy(text, &toy, &error), KERF_ERR_USAGE);
    assert_string_equal(error.message, "toy.yaml:1: toy.name: longer than 127 characters");
}

/* Keys of other sections are allowed when they are named, and an absent section changes nothing. */
static void other_sections_may_be_named(void **unused)
{
    (void)unused;
    static const char *const others[] = {"inner", NULL};
    struct toy toy = {.count = 5};
    struct kerf_error error = {0};
    struct kerf_yaml *yaml = NULL;
    assert_int_equal(kerf_yaml_parse("inner: {a: 1}\ncount: 9\n", "toy.yaml", &yaml, &error), KERF_OK);
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    assert_int_equal(kerf_settings_read(yaml, NULL, "toy", &toy_table, NULL, &toy, &error), KERF_OK);
    assert_int_equal(toy.count, 5);
    assert_int_equal(kerf_settings_read(yaml, root, "toy", &toy_table, NULL, &toy, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_settings_read(yaml, root, "toy", &toy_table, others, &toy, &error), KERF_OK);
    assert_int_equal(toy.count, 9);
    kerf_yaml_free(yaml);
}

/* What is printed reads back as the same values. */
static void a_printed_section_reads_back(void **unused)
{
    (void)unused;
    static const char *const names[] = {"plain name",         "",         "a: b # c", " spaces ",
                                        "\"quoted\" \\ it's", "[x, {y}]", "- item",   "*star",
                                        "gr\u00f6\u00dfer",   "# only",   "%",        "a:"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct toy given = {.mode = 2, .count = 41, .delay_s = 0.1, .share = 1.0 / 3.0};
        snprintf(given.name, sizeof given.name, "%s", names[i]);
        struct toy again;
        struct kerf_error error = {0};
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        kerf_settings_print(out, &toy_table, &given, 0);
        fclose(out);
        if (read_toy(text, &again, &error) != KERF_OK)
            fail_msg("%s in\n%s", error.message, text);
        assert_string_equal(given.name, again.name);
        assert_true(again.mode == 2 && again.count == 41 && again.delay_s == 0.1 && again.share == 1.0 / 3.0);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(given_values_win),
        cmocka_unit_test(bad_values_are_refused_with_their_line),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(other_sections_may_be_named),
        cmocka_unit_test(a_printed_section_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
