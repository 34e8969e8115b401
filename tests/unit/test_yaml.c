/* YAML documents are read with file and line in every message, and overrides act like the file. */
#include "sim/io/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct kerf_yaml *parsed(const char *text)
{
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    if (kerf_yaml_parse(text, "file.yaml", &yaml, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return yaml;
}

static void assert_says(const struct kerf_error *error, const char *message)
{
    if (!strstr(error->message, message))
        fail_msg("'%s' does not say '%s'", error->message, message);
}

/* What is no YAML document is a usage error with the file and, where there is one, the line. */
static void bad_documents_are_refused_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "file.yaml: not a YAML document (is it empty?)"},
        {"# only a comment\n", "file.yaml: not a YAML document (is it empty?)"},
        {"a: 1\nb: 2\na: 3\n", "file.yaml:3: YAML syntax: "},
        {"a:\n  b: 1\n  c: 2\n  b: 3\n", "file.yaml:4: YAML syntax: "},
        {"a: 1\nb: [1, 2\n", "file.yaml:"},
        {"a: 1\nb: {c: 1\nd: 2\n", "file.yaml:"},
        {"a: 1\n\tb: 2\n", "file.yaml:"},
        {"a: \"unclosed\nb: 2\n", "file.yaml:"},
        {"a: 1\n b: 2\n", "file.yaml:1: YAML syntax: "},
        {"a: 1\nb: \xff\xfe\n", "file.yaml:2: byte 0xff is not UTF-8 text"},
        {"\xc3\x28: 1\n", "file.yaml:1: byte 0xc3 is not UTF-8 text"},
        {"a: \xc0\xaf\n", "file.yaml:1: byte 0xc0 is not UTF-8 text"},
        {"a: 1\n\nb: \xed\xa0\x80\n", "file.yaml:3: byte 0xed is not UTF-8 text"},
        {"a: \xe2\x82\n", "file.yaml:1: byte 0xe2 is not UTF-8 text"},
        {"a: *nowhere\n", "file.yaml:1: YAML syntax: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_yaml *yaml = NULL;
        struct kerf_error error = {0};
        enum kerf_status status = kerf_yaml_parse(cases[i].text, "file.yaml", &yaml, &error);
        if (status != KERF_ERR_USAGE)
            fail_msg("case %zu: status %d, '%s'", i, (int)status, error.message);
        if (!strstr(error.message, cases[i].message))
            fail_msg("case %zu: '%s' does not say '%s'", i, error.message, cases[i].message);
    }
}

/* A document nested far deeper than any scenario is refused or read, but does not end the program. */
static void deep_nesting_is_survived(void **unused)
{
    (void)unused;
    static char text[20002];
    memset(text, '[', sizeof text - 1);
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_yaml_parse(text, "file.yaml", &yaml, &error), KERF_ERR_USAGE);
    assert_says(&error, "file.yaml:");
}

/* Every cut of a good document is read or refused, never a crash: 0, 1, 2, ... of its bytes. */
static void every_cut_of_a_document_is_survived(void **unused)
{
    (void)unused;
    static const char text[] =
        "title: \"a: b\"\nlist: [1, {x: 2}]\nmap: {a: 1, b: [c]}\nsystems:\n  one:\n    "
        "count: 3 # three\n    name: 'it''s'\n...\n";
    char cut[sizeof text];
    for (size_t length = 0; length < sizeof text; length++) {
        struct kerf_yaml *yaml = NULL;
        struct kerf_error error = {0};
        memcpy(cut, text, length);
        cut[length] = '\0';
        enum kerf_status status = kerf_yaml_parse(cut, "file.yaml", &yaml, &error);
        assert_true(status == KERF_OK ? yaml != NULL : error.message[0] != '\0');
        if (status == KERF_OK)
            kerf_yaml_free(yaml);
    }
}

/* Keys, items and lines of a document are those of its text; what is absent is absent. */
static void nodes_know_their_place(void **unused)
{
    (void)unused;
    struct kerf_yaml *yaml = parsed("# head\nfirst: 1\nsecond:\n  inner: two\n  list:\n  - x\n  - y\n");
    kerf_yaml_node *root = kerf_yaml_root(yaml), *second = kerf_yaml_get(root, "second");
    kerf_yaml_node *list = kerf_yaml_get(second, "list");
    char key[16];
    assert_int_equal(kerf_yaml_node_kind(root), KERF_YAML_MAP);
    assert_int_equal(kerf_yaml_node_kind(list), KERF_YAML_LIST);
    assert_int_equal(kerf_yaml_node_kind(kerf_yaml_item(list, 1)), KERF_YAML_SCALAR);
    assert_int_equal(kerf_yaml_node_kind(kerf_yaml_get(root, "third")), KERF_YAML_ABSENT);
    assert_null(kerf_yaml_get(list, "x"));
    assert_null(kerf_yaml_get(NULL, "x"));
    assert_int_equal(kerf_yaml_count(root), 2);
    assert_int_equal(kerf_yaml_count(list), 2);
    assert_int_equal(kerf_yaml_count(NULL), 0);
    kerf_yaml_key(root, 1, key, sizeof key);
    assert_string_equal(key, "second");
    kerf_yaml_key(root, 1, key, 4);
    assert_string_equal(key, "sec");
    assert_int_equal(kerf_yaml_line(kerf_yaml_get(root, "first")), 2);
    assert_int_equal(kerf_yaml_line(kerf_yaml_get(second, "inner")), 4);
    assert_int_equal(kerf_yaml_line(kerf_yaml_item(list, 1)), 7);
    assert_int_equal(kerf_yaml_line(NULL), 0);
    assert_string_equal(kerf_yaml_file(yaml), "file.yaml");
    kerf_yaml_free(yaml);
}

/* Scalars are read as text, quantities, whole numbers and truth values. */
static void good_scalars_are_read(void **unused)
{
    (void)unused;
    struct kerf_yaml *yaml =
        parsed("text: 'it''s: 1'\nquantity: 3 us\nwhole: 42\nlarge: 1e6\nyes: yes\nno: false\n");
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    char text[16];
    double value;
    long long whole;
    bool truth;
    assert_int_equal(kerf_yaml_text(yaml, kerf_yaml_get(root, "text"), "text", text, sizeof text, NULL), 0);
    assert_string_equal(text, "it's: 1");
    assert_int_equal(kerf_yaml_quantity(yaml, kerf_yaml_get(root, "quantity"), "q", "s", &value, NULL), 0);
    assert_true(value == 3e-6 || value == 3 * 1e-6);
    assert_int_equal(kerf_yaml_integer(yaml, kerf_yaml_get(root, "whole"), "w", 42, 42, &whole, NULL), 0);
    assert_int_equal(whole, 42);
    assert_int_equal(kerf_yaml_integer(yaml, kerf_yaml_get(root, "large"), "w", 0, 9000000, &whole, NULL), 0);
    assert_int_equal(whole, 1000000);
    assert_int_equal(kerf_yaml_boolean(yaml, kerf_yaml_get(root, "yes"), "y", &truth, NULL), 0);
    assert_true(truth);
    assert_int_equal(kerf_yaml_boolean(yaml, kerf_yaml_get(root, "no"), "n", &truth, NULL), 0);
    assert_false(truth);
    kerf_yaml_free(yaml);
}

enum reader { READ_TEXT, READ_QUANTITY, READ_INTEGER, READ_BOOLEAN };

static enum kerf_status read_as(enum reader reader, const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                struct kerf_error *error)
{
    char text[8];
    double value;
    long long whole;
    bool truth;
    switch (reader) {
    case READ_TEXT:
        return kerf_yaml_text(yaml, node, "a.b", text, sizeof text, error);
    case READ_QUANTITY:
        return kerf_yaml_quantity(yaml, node, "a.b", "token/s", &value, error);
    case READ_INTEGER:
        return kerf_yaml_integer(yaml, node, "a.b", 1, 10, &whole, error);
    default:
        return kerf_yaml_boolean(yaml, node, "a.b", &truth, error);
    }
}

/* A value of the wrong kind is refused with file, line, the path of the key and what is wanted. */
static void bad_scalars_are_refused_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        enum reader reader;
        const char *text, *message;
    } cases[] = {
        {READ_TEXT, "x: 1\nb: [1]\n", "file.yaml:2: a.b: a single value is wanted"},
        {READ_TEXT, "x: 1\nb: {c: 1}\n", "file.yaml:2: a.b: a single value is wanted"},
        {READ_TEXT, "x: 1\n", "file.yaml: a.b: missing"},
        {READ_TEXT, "x: 1\n\nb: seventeen\n", "file.yaml:3: a.b: longer than 7 characters"},
        {READ_QUANTITY, "b: 5 GB\n", "file.yaml:1: a.b: unit 'GB' does not fit: a unit of token/s is wanted"},
        {READ_QUANTITY, "x: 1\nb:\n", "file.yaml:2: a.b: '' is not a number"} /* an empty value */,
        {READ_INTEGER, "b: 2.5\n", "file.yaml:1: a.b: a whole number is wanted"},
        {READ_INTEGER, "b: 1e300\n", "file.yaml:1: a.b: a whole number is wanted"},
        {READ_INTEGER, "b: 0\n", "file.yaml:1: a.b: must be between 1 and 10 (got 0)"},
        {READ_INTEGER, "b: -11\n", "file.yaml:1: a.b: must be between 1 and 10 (got -11)"},
        {READ_INTEGER, "b: 11\n", "file.yaml:1: a.b: must be between 1 and 10 (got 11)"},
        {READ_BOOLEAN, "b: maybe\n", "file.yaml:1: a.b: true or false is wanted (got 'maybe')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_yaml *yaml = parsed(cases[i].text);
        struct kerf_error error = {0};
        kerf_yaml_node *node = kerf_yaml_get(kerf_yaml_root(yaml), "b");
        assert_int_equal(read_as(cases[i].reader, yaml, node, &error), KERF_ERR_USAGE);
        if (strstr(error.message, cases[i].message) != error.message)
            fail_msg("'%s' does not begin with '%s'", error.message, cases[i].message);
        kerf_yaml_free(yaml);
    }
}

/* An unknown key is refused with its line: a near one is suggested, else all are listed. */
static void unknown_keys_are_refused_with_a_hint(void **unused)
{
    (void)unused;
    static const char *const allowed[] = {"hardware", "count", "replicas", NULL};
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"count: 1\nhardwre: 2\n", "file.yaml:2: here: unknown key 'hardwre'; did you mean 'hardware'?"},
        {"Count: 1\n", "file.yaml:1: here: unknown key 'Count'; did you mean 'count'?"},
        {"zebra: 1\n", "file.yaml:1: here: unknown key 'zebra'; known keys are hardware, count, replicas"},
        {"- 1\n- 2\n", "file.yaml:1: here: a map of keys is wanted"},
        {"word\n", "file.yaml:1: here: a map of keys is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_yaml *yaml = parsed(cases[i].text);
        struct kerf_error error = {0};
        assert_int_equal(kerf_yaml_check_keys(yaml, kerf_yaml_root(yaml), "here", allowed, &error),
                         KERF_ERR_USAGE);
        assert_string_equal(error.message, cases[i].message);
        kerf_yaml_free(yaml);
    }
    struct kerf_yaml *good = parsed("count: 1\nhardware: x\n");
    assert_int_equal(kerf_yaml_check_keys(good, kerf_yaml_root(good), "here", allowed, NULL), KERF_OK);
    kerf_yaml_free(good);
}

/* A slip of one or two letters finds its name; another word, or one of absurd length, finds none. */
static void the_nearest_name_is_near(void **unused)
{
    (void)unused;
    static const char *const names[] = {"b200-hgx", "b300-hgx", "cs-3", "ttft", NULL};
    static char endless[4096];
    memset(endless, 'a', sizeof endless - 1);
    assert_string_equal(kerf_nearest_name("b200-hxg", names), "b200-hgx");
    assert_string_equal(kerf_nearest_name("cs3", names), "cs-3");
    assert_string_equal(kerf_nearest_name("tft", names), "ttft");
    assert_null(kerf_nearest_name("elephant", names));
    assert_null(kerf_nearest_name(endless, names));
}

/* An override replaces, adds, and makes maps on the way; the rest of the document stays. */
static void overrides_reach_nested_keys(void **unused)
{
    (void)unused;
    struct kerf_yaml *yaml = parsed("a: 1\nsystems:\n  one: {count: 2}\n  two:\n    count: 3\n");
    struct kerf_error error = {0};
    static const char *const paths[][2] = {
        {"a", "9"}, {"systems.one.count", "20"}, {"systems.two.new", "x"}, {"made.on.the.way", "4 us"}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(kerf_yaml_set(yaml, paths[i][0], paths[i][1], &error), KERF_OK);
    static const struct {
        const char *path[4], *text;
    } expected[] = {{{"a"}, "9"},
                    {{"systems", "one", "count"}, "20"},
                    {{"systems", "two", "count"}, "3"},
                    {{"systems", "two", "new"}, "x"},
                    {{"made", "on", "the", "way"}, "4 us"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        kerf_yaml_node *node = kerf_yaml_root(yaml);
        char text[16];
        for (int k = 0; k < 4 && expected[i].path[k]; k++)
            node = kerf_yaml_get(node, expected[i].path[k]);
        assert_int_equal(kerf_yaml_text(yaml, node, "x", text, sizeof text, NULL), KERF_OK);
        assert_string_equal(text, expected[i].text);
    }
    kerf_yaml_free(yaml);
}

/* A message about an overridden value names the override instead of a line of the file. */
static void messages_name_the_override(void **unused)
{
    (void)unused;
    struct kerf_yaml *yaml = parsed("systems:\n  one: {count: 2}\n");
    struct kerf_error error = {0};
    long long value;
    assert_int_equal(kerf_yaml_set(yaml, "systems.one.count", "0", &error), KERF_OK);
    kerf_yaml_node *one = kerf_yaml_get(kerf_yaml_get(kerf_yaml_root(yaml), "systems"), "one");
    assert_int_equal(kerf_yaml_integer(yaml, kerf_yaml_get(one, "count"), "count", 1, 9, &value, &error),
                     KERF_ERR_USAGE);
    assert_true(strncmp(error.message, "--set", 5) == 0);
    assert_says(&error, "count: must be between 1 and 9 (got 0)");
    kerf_yaml_free(yaml);
}

/* An override that leads through a value, or has no key, is refused. */
static void bad_overrides_are_refused(void **unused)
{
    (void)unused;
    struct kerf_yaml *yaml = parsed("a: 1\nlist: [1, 2]\nmap: {b: 1}\n");
    struct kerf_error error = {0};
    char long_path[400];
    memset(long_path, 'k', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    const char *const paths[] = {"", "a.b", "list.x", "map.b.c", "map.", "a.", long_path};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        error.message[0] = '\0';
        if (kerf_yaml_set(yaml, paths[i], "1", &error) != KERF_ERR_USAGE)
            fail_msg("'%s' was taken", paths[i]);
        assert_says(&error, "--set ");
    }
    kerf_yaml_free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_documents_are_refused_with_their_line),
        cmocka_unit_test(deep_nesting_is_survived),
        cmocka_unit_test(every_cut_of_a_document_is_survived),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(good_scalars_are_read),
        cmocka_unit_test(bad_scalars_are_refused_with_their_line),
        cmocka_unit_test(unknown_keys_are_refused_with_a_hint),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(overrides_reach_nested_keys),
        cmocka_unit_test(messages_name_the_override),
        cmocka_unit_test(bad_overrides_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
