/* Leaf files are read by their table: units become SI, columns take the right end, and every rule of
 * docs/catalog-format.md is enforced with file and line. */
#include "models/device/gpu.h"
#include "models/device/wafer.h"
#include "models/fabric/collective_library.h"
#include "models/fabric/link.h"
#include "models/training/params.h"
#include "models/workload/drafter.h"
#include "sim/io/catalog.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct toy {
    double speed_Bps, delay_s, size, spare;
};

static const struct kerf_leaf toy_leaves[] = {
    {"speed_Bps", "B/s", KERF_BETTER_HIGHER, true, 0, 1, 1e15, offsetof(struct toy, speed_Bps), "speed"},
    {"delay_s", "s", KERF_BETTER_LOWER, true, 0, 0, 1, offsetof(struct toy, delay_s), "delay"},
    {"size", "1", KERF_BETTER_NEITHER, true, 0, 1, 100, offsetof(struct toy, size), "size"},
    {"spare", "1", KERF_BETTER_HIGHER, false, 0.5, 0, 1, offsetof(struct toy, spare), "spare"},
};
static const struct kerf_leaf_table toy_table = {"toy", sizeof(struct toy), 4, toy_leaves};

#define HEAD                                                                                                 \
    "name: thing\nkind: toy\ntitle: A thing\nsources:\n  book: \"a book\"\n  page: \"a page\"\nleaves:\n"
#define SPEED                                                                                                \
    "  speed_Bps: {value: 8, low: 4, high: 16, unit: Gb/s, source: [book, page], confidence: high}\n"
#define DELAY "  delay_s: {value: 2, low: 1, high: 3, unit: us, confidence: low, note: \"a guess\"}\n"
#define SIZE "  size: {value: 10, low: 5, high: 20, unit: 1, source: [book], confidence: medium}\n"

static enum kerf_status read_text(const char *text, const struct kerf_leaf_table *table,
                                  struct kerf_leaf_set *set, struct kerf_error *error)
{
    struct kerf_yaml *yaml = NULL;
    KERF_TRY(kerf_yaml_parse(text, "thing.yaml", &yaml, error));
    enum kerf_status status = kerf_leaf_set_read(yaml, table, set, error);
    kerf_yaml_free(yaml);
    return status;
}

/* A good file gives SI values with their pedigree; an optional leaf that is left out takes its stand-in. */
static void a_good_file_is_read(void **unused)
{
    (void)unused;
    static struct kerf_leaf_set set;
    struct kerf_error error = {0};
    if (read_text(HEAD SPEED DELAY SIZE, &toy_table, &set, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_string_equal(set.name, "thing");
    assert_string_equal(set.title, "A thing");
    assert_true(set.leaf[0].value == 1e9 && set.leaf[0].low == 0.5e9 && set.leaf[0].high == 2e9);
    assert_true(set.leaf[0].given && set.leaf[0].ranged);
    assert_string_equal(set.leaf[0].source, "book, page");
    assert_string_equal(set.leaf[0].confidence, "high");
    assert_string_equal(set.leaf[0].unit, "Gb/s");
    assert_true(fabs(set.leaf[1].value - 2e-6) < 1e-20);
    assert_string_equal(set.leaf[1].source, "");
    assert_string_equal(set.leaf[1].note, "a guess");
    assert_int_equal(set.leaf[0].distribution, KERF_DISTRIBUTION_DEFAULT);
    assert_true(!set.leaf[3].given && !set.leaf[3].ranged && set.leaf[3].value == 0.5);
}

/* The low column stands at the slower end of every leaf, the high column at the faster, and a leaf that is
 * neither better nor worse stays. */
static void columns_take_the_right_end(void **unused)
{
    (void)unused;
    static struct kerf_leaf_set set;
    struct toy low, nominal, high;
    assert_int_equal(read_text(HEAD SPEED DELAY SIZE, &toy_table, &set, NULL), KERF_OK);
    kerf_leaf_set_fill(&set, KERF_COLUMN_LOW, &low);
    kerf_leaf_set_fill(&set, KERF_COLUMN_NOMINAL, &nominal);
    kerf_leaf_set_fill(&set, KERF_COLUMN_HIGH, &high);
    assert_true(low.speed_Bps == 0.5e9 && nominal.speed_Bps == 1e9 && high.speed_Bps == 2e9);
    assert_true(low.delay_s == set.leaf[1].high && high.delay_s == set.leaf[1].low);
    assert_true(low.size == 10 && nominal.size == 10 && high.size == 10);
    assert_true(low.spare == 0.5 && high.spare == 0.5);
}

/* Every broken rule is a usage error that names file, line, leaf and rule. */
static void broken_rules_are_named_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD SPEED DELAY SIZE "  sped_Bps: {value: 1, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:11: leaves: unknown key 'sped_Bps'; did you mean 'speed_Bps'?"},
        {HEAD SPEED SIZE, "'delay_s' is missing (delay, in s)"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: GB, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: unit 'GB' does not fit: a unit of B/s is wanted"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: parsec, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: unknown unit 'parsec'"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: 'unit' is missing"},
        {HEAD DELAY SIZE "  speed_Bps: {unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: 'value' is missing"},
        {HEAD DELAY SIZE "  speed_Bps: {value: fast, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps.value: 'fast' is not a number"},
        {HEAD DELAY SIZE "  speed_Bps: 8 GB/s\n", "thing.yaml:10: leaves.speed_Bps: a map of keys is wanted"},
        {HEAD DELAY SIZE
         "  speed_Bps: {value: 8, low: 9, high: 10, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: low <= value <= high does not hold"},
        {HEAD DELAY SIZE
         "  speed_Bps: {value: 8, low: 1, high: 7, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: low <= value <= high does not hold"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, low: 1, unit: B/s, source: [book], confidence: high}\n",
         "leaves.speed_Bps.high: missing"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, high: 9, unit: B/s, source: [book], confidence: high}\n",
         "leaves.speed_Bps.low: missing"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 0.5, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: 0.5 is outside 1 to 1e+15 B/s"},
        {HEAD DELAY SIZE
         "  speed_Bps: {value: 2, low: -1, high: 3, unit: B/s, source: [book], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: -1 is outside 1 to 1e+15 B/s"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: a number without a source needs low and high"},
        {HEAD "  speed_Bps: {value: 8, unit: Gb/s, distribution: normal, source: [book], confidence: high}\n",
         "leaves.speed_Bps: a distribution needs low and high"},
        {HEAD "  speed_Bps: {value: 8, low: 4, high: 9, unit: Gb/s, distribution: bell, source: [book], "
              "confidence: high}\n",
         "leaves.speed_Bps: 'bell' is not a distribution; there are default, triangular"},
        {HEAD SPEED
         "  delay_s: {value: 2, low: 0, high: 3, unit: us, distribution: lognormal, source: [book], "
         "confidence: high}\n" SIZE,
         "leaves.delay_s: a lognormal distribution needs a low end above 0"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: [], confidence: high}\n",
         "leaves.speed_Bps: a number without a source needs low and high"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: [film], confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps: source 'film' is not under sources"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: book, confidence: high}\n",
         "thing.yaml:10: leaves.speed_Bps.source: a list of source ids is wanted"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: [book]}\n",
         "thing.yaml:10: leaves.speed_Bps: 'confidence' is missing"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: [book], confidence: sure}\n",
         "thing.yaml:10: leaves.speed_Bps.confidence: high, medium or low is wanted"},
        {HEAD DELAY SIZE "  speed_Bps: {value: 8, unit: B/s, source: [book], confidence: high, noet: x}\n",
         "thing.yaml:10: leaves.speed_Bps: unknown key 'noet'; did you mean 'note'?"},
        {"name: thing\nkind: gpu\ntitle: A thing\nsources: {book: b}\nleaves:\n" SIZE,
         "thing.yaml:2: kind: 'toy' is wanted here, this is 'gpu'"},
        {"kind: toy\ntitle: A thing\nsources: {book: b}\nleaves:\n" SIZE, "thing.yaml: name: missing"},
        {"name: thing\nkind: toy\ntitle: A thing\ncolour: red\nleaves:\n" SIZE,
         "thing.yaml:4: catalog entry: unknown key 'colour'"},
        {"name: thing\nkind: toy\ntitle: A thing\n", "thing.yaml: leaves: missing"},
        {"name: thing\nkind: toy\ntitle: A thing\nleaves: [1]\n",
         "thing.yaml:4: leaves: a map of keys is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct kerf_leaf_set set;
        struct kerf_error error = {0};
        enum kerf_status status = read_text(cases[i].text, &toy_table, &set, &error);
        if (status != KERF_ERR_USAGE || !strstr(error.message, cases[i].message) ||
            strncmp(error.message, "thing.yaml", 10) != 0)
            fail_msg("case %zu: status %d, '%s' does not say '%s'", i, (int)status, error.message,
                     cases[i].message);
    }
}

static const struct kerf_leaf_table *table_of(const char *section, const char *kind)
{
    const struct kerf_leaf_table *const tables[] = {&kerf_gpu_leaves,        &kerf_wafer_leaves,
                                                    &kerf_link_leaves,       &kerf_drafter_leaves,
                                                    &kerf_collective_leaves, &kerf_training_leaves};
    (void)section;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (strcmp(tables[i]->kind, kind) == 0)
            return tables[i];
    fail_msg("no table for kind '%s'", kind);
    return NULL;
}

/* Every leaf file of the catalog is read without complaint, is named as its file, and its columns differ in
 * the right direction: no uncertain leaf makes the low column faster than the high one. */
static void the_whole_catalog_is_legal(void **unused)
{
    (void)unused;
    static const char *const sections[] = {"hardware", "links", "collectives", "training", "drafters"};
    const char *const places[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    struct kerf_catalog catalog;
    struct kerf_error error = {0};
    int entries = 0;
    assert_int_equal(kerf_catalog_open(&catalog, MPI_COMM_NULL, places, &error), KERF_OK);
    for (size_t s = 0; s < sizeof sections / sizeof sections[0]; s++) {
        static struct kerf_catalog_names names;
        assert_int_equal(kerf_catalog_list(&catalog, sections[s], &names, &error), KERF_OK);
        for (int i = 0; i < names.count; i++, entries++) {
            static struct kerf_leaf_set set;
            struct kerf_yaml *yaml = NULL;
            char kind[32];
            if (kerf_catalog_load(&catalog, sections[s], names.name[i], &yaml, &error) != KERF_OK)
                fail_msg("%s", error.message);
            assert_int_equal(kerf_yaml_text(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), "kind", kind,
                                            sizeof kind, &error),
                             KERF_OK);
            const struct kerf_leaf_table *table = table_of(sections[s], kind);
            if (kerf_leaf_set_read(yaml, table, &set, &error) != KERF_OK)
                fail_msg("%s", error.message);
            assert_string_equal(set.name, names.name[i]);
            for (int leaf = 0; leaf < table->count; leaf++) {
                double low = kerf_leaf_in_column(&set, leaf, KERF_COLUMN_LOW);
                double high = kerf_leaf_in_column(&set, leaf, KERF_COLUMN_HIGH);
                if (table->leaves[leaf].better == KERF_BETTER_HIGHER)
                    assert_true(low <= set.leaf[leaf].value && set.leaf[leaf].value <= high);
                if (table->leaves[leaf].better == KERF_BETTER_LOWER)
                    assert_true(low >= set.leaf[leaf].value && set.leaf[leaf].value >= high);
            }
            kerf_yaml_free(yaml);
        }
    }
    assert_true(entries > 20);
}

/* Every row of every table is sound: a key once, a legal range, an offset inside the struct. */
static void tables_are_sound(void **unused)
{
    (void)unused;
    const struct kerf_leaf_table *const tables[] = {&kerf_gpu_leaves,        &kerf_wafer_leaves,
                                                    &kerf_link_leaves,       &kerf_drafter_leaves,
                                                    &kerf_collective_leaves, &kerf_training_leaves};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        assert_in_range(tables[t]->count, 1, KERF_LEAVES_MAX);
        assert_int_equal(tables[t]->struct_bytes, (size_t)tables[t]->count * sizeof(double));
        for (int i = 0; i < tables[t]->count; i++) {
            const struct kerf_leaf *leaf = &tables[t]->leaves[i];
            assert_true(leaf->least <= leaf->most && leaf->offset % sizeof(double) == 0);
            assert_true(leaf->offset + sizeof(double) <= tables[t]->struct_bytes && leaf->meaning[0]);
            for (int k = 0; k < i; k++) {
                assert_string_not_equal(leaf->key, tables[t]->leaves[k].key);
                assert_true(leaf->offset != tables[t]->leaves[k].offset);
            }
        }
    }
}

/* An unknown entry is refused with the nearest name and what there is; an alias finds its entry. */
static void names_and_aliases_are_found(void **unused)
{
    (void)unused;
    const char *const places[] = {"/no/such/place", KERF_SOURCE_DIR "/models/catalog", NULL};
    struct kerf_catalog catalog;
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    assert_int_equal(kerf_catalog_open(&catalog, MPI_COMM_NULL, places, &error), KERF_OK);
    assert_int_equal(kerf_catalog_load(&catalog, "hardware", "b200", &yaml, &error), KERF_OK);
    kerf_yaml_free(yaml);
    assert_int_equal(kerf_catalog_load(&catalog, "hardware", "b200-hxg", &yaml, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "'b200-hxg' is not in the catalog under hardware"));
    assert_non_null(strstr(error.message, "did you mean 'b200-hgx'?"));
    assert_int_equal(kerf_catalog_load(&catalog, "hardware", "../networks/flux.1-dev", &yaml, &error),
                     KERF_ERR_USAGE);
    assert_int_equal(kerf_catalog_load(&catalog, "gardens", "rose", &yaml, &error), KERF_ERR_FAILURE);
    assert_non_null(strstr(error.message, "gardens: no such section"));
}

/* Without a catalog anywhere the message says what to set. */
static void a_missing_catalog_is_explained(void **unused)
{
    (void)unused;
    const char *const nowhere[] = {"/no/such/place", NULL};
    struct kerf_catalog catalog;
    struct kerf_error error = {0};
    assert_int_equal(kerf_catalog_open(&catalog, MPI_COMM_NULL, nowhere, &error), KERF_ERR_FAILURE);
    assert_non_null(strstr(error.message, "set KERF_CATALOG"));
    assert_int_equal(setenv("KERF_CATALOG", "/no/such/place", 1), 0);
    assert_int_equal(kerf_catalog_open(&catalog, MPI_COMM_NULL, nowhere, &error), KERF_ERR_USAGE);
    assert_string_equal(error.message, "KERF_CATALOG=/no/such/place: is not a directory");
    unsetenv("KERF_CATALOG");
}

int main(void)
{
    unsetenv("KERF_CATALOG");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(columns_take_the_right_end),
        cmocka_unit_test(broken_rules_are_named_with_their_line),
        cmocka_unit_test(the_whole_catalog_is_legal),
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(names_and_aliases_are_found),
        cmocka_unit_test(a_missing_catalog_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
