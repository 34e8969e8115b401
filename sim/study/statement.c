/* The study room: statement files. Knows their keys; who acts on them is sim/study/claims. */
#include "sim/study/statement.h"

#include "sim/base/units.h"
#include "sim/study/quantity.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

const char *const kerf_statement_test_names[] = {
    [KERF_TEST_AT_LEAST] = "at-least", [KERF_TEST_AT_MOST] = "at-most", [KERF_TEST_ABOUT] = "about", NULL};

bool kerf_statement_is(const struct kerf_yaml *yaml)
{
    char kind[32] = "";
    kerf_yaml_text(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), "kind", kind, sizeof kind, NULL);
    return strcmp(kind, "statement") == 0;
}

bool kerf_statement_holds(const struct kerf_statement_check *check, double value)
{
    double slack = 1.0 + check->within;
    bool enough = value >= check->figure / slack, little = value <= check->figure * slack;
    return check->test == KERF_TEST_AT_LEAST  ? enough
           : check->test == KERF_TEST_AT_MOST ? little
                                              : enough && little;
}

/* A text that may be absent. */
static enum kerf_status read_text(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *key,
                                  bool wanted, char *text, size_t bytes, struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, key);
    if (node)
        return kerf_yaml_text(yaml, node, key, text, bytes, error);
    return wanted ? kerf_yaml_refuse(yaml, map, error, "%s: missing", key) : KERF_OK;
}

static enum kerf_status read_texts(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *key,
                                   char *texts, int most, size_t bytes, int *count, struct kerf_error *error)
{
    kerf_yaml_node *list = kerf_yaml_get(map, key);
    *count = kerf_yaml_count(list);
    if (list && (kerf_yaml_node_kind(list) != KERF_YAML_LIST || *count > most))
        return kerf_yaml_refuse(yaml, list, error, "%s: a list of at most %d is wanted", key, most);
    for (int i = 0; i < *count; i++)
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_item(list, i), key, texts + (size_t)i * bytes, bytes, error));
    return KERF_OK;
}

/* The SI unit that a written unit reduces to. */
static enum kerf_status find_factor(const char *unit, const char *si_unit, double *factor,
                                    struct kerf_error *error)
{
    static const char *const known[] = {
        "1",     "s",       "m",   "FLOP",  "B",         "B/s",     "FLOP/s",  "W",        "J", "m^2",
        "token", "token/s", "USD", "USD/s", "USD/token", "token/J", "J/token", "FLOP/s/W", "Hz"};
    if (si_unit)
        return kerf_unit_factor(unit, si_unit, factor, error);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (kerf_unit_factor(unit, known[i], factor, NULL) == KERF_OK)
            return KERF_OK;
    return kerf_error_set(error, KERF_ERR_USAGE, "'%s' is no unit of a claim", unit);
}

static enum kerf_status read_number(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *key,
                                    double *value, struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, key);
    return node ? kerf_yaml_quantity(yaml, node, key, "1", value, error)
                : kerf_yaml_refuse(yaml, map, error, "%s: missing", key);
}

static bool is_whole(const struct kerf_statement_range *range)
{
    return range->low == floor(range->low) && range->value == floor(range->value) &&
           range->high == floor(range->high);
}

/* {value, low, high} of a setting or a fact. */
static enum kerf_status read_range(const struct kerf_yaml *yaml, kerf_yaml_node *map, bool is_fact,
                                   struct kerf_statement_range *range, struct kerf_error *error)
{
    static const char *const keys[] = {"value", "low", "high", "unit", "source", "note", NULL};
    char source[256] = "";
    double factor = 1.0;
    KERF_TRY(kerf_yaml_check_keys(yaml, map, range->key, keys, error));
    KERF_TRY(read_number(yaml, map, "value", &range->value, error));
    KERF_TRY(read_text(yaml, map, "source", false, source, sizeof source, error));
    bool bounded = kerf_yaml_get(map, "low") && kerf_yaml_get(map, "high");
    if (!bounded && (!is_fact || !source[0]))
        return kerf_yaml_refuse(yaml, map, error, "%s: a distribution needs its bounds: give low and high%s",
                                range->key, is_fact ? ", or a source for an exact value" : "");
    range->low = range->high = range->value;
    if (bounded) {
        KERF_TRY(read_number(yaml, map, "low", &range->low, error));
        KERF_TRY(read_number(yaml, map, "high", &range->high, error));
    }
    if (!(range->low <= range->value && range->value <= range->high))
        return kerf_yaml_refuse(yaml, map, error, "%s: low <= value <= high is wanted", range->key);
    range->whole = !is_fact && is_whole(range);
    if (is_fact) {
        KERF_TRY(read_text(yaml, map, "unit", true, range->unit, sizeof range->unit, error));
        if (find_factor(range->unit, NULL, &factor, error) != KERF_OK)
            return kerf_yaml_refuse(yaml, map, error, "%s.unit: '%s' is no unit", range->key, range->unit);
    }
    range->low *= factor;
    range->value *= factor;
    range->high *= factor;
    return KERF_OK;
}

static enum kerf_status read_ranges(const struct kerf_yaml *yaml, const char *key, bool are_facts, int most,
                                    struct kerf_statement_range *range, int *count, struct kerf_error *error)
{
    kerf_yaml_node *map = kerf_yaml_get(kerf_yaml_root(yaml), key);
    *count = kerf_yaml_count(map);
    if (map && (kerf_yaml_node_kind(map) != KERF_YAML_MAP || *count > most))
        return kerf_yaml_refuse(yaml, map, error, "%s: a map of at most %d is wanted", key, most);
    for (int i = 0; i < *count; i++) {
        kerf_yaml_key(map, i, range[i].key, sizeof range[i].key);
        KERF_TRY(read_range(yaml, kerf_yaml_item(map, i), are_facts, &range[i], error));
    }
    return KERF_OK;
}

static enum kerf_status read_flip(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                  struct kerf_statement_flip *flip, struct kerf_error *error)
{
    static const char *const keys[] = {"axis", "keys", "leaf", "unit", "from", "to", "set", NULL};
    if (!map)
        return KERF_OK;
    flip->given = true;
    flip->factor = 1.0;
    kerf_yaml_where(yaml, map, flip->where, sizeof flip->where);
    KERF_TRY(kerf_yaml_check_keys(yaml, map, "flip", keys, error));
    KERF_TRY(read_text(yaml, map, "axis", true, flip->name, sizeof flip->name, error));
    KERF_TRY(read_texts(yaml, map, "keys", flip->key[0], KERF_STATEMENT_AXES, sizeof flip->key[0],
                        &flip->keys, error));
    KERF_TRY(read_texts(yaml, map, "set", flip->set[0], KERF_STATEMENT_AXES, sizeof flip->set[0], &flip->sets,
                        error));
    KERF_TRY(read_text(yaml, map, "leaf", false, flip->leaf, sizeof flip->leaf, error));
    KERF_TRY(read_text(yaml, map, "unit", false, flip->unit, sizeof flip->unit, error));
    KERF_TRY(read_number(yaml, map, "from", &flip->from, error));
    KERF_TRY(read_number(yaml, map, "to", &flip->to, error));
    if ((flip->keys > 0) == (flip->leaf[0] != '\0'))
        return kerf_yaml_refuse(yaml, map, error, "flip: give either keys of the scenario or a leaf");
    if (!(flip->from > 0.0 && flip->from < flip->to))
        return kerf_yaml_refuse(yaml, map, error, "flip: 0 < from < to is wanted");
    if (flip->unit[0] && find_factor(flip->unit, NULL, &flip->factor, error) != KERF_OK)
        return kerf_yaml_refuse(yaml, map, error, "flip.unit: '%s' is no unit", flip->unit);
    flip->whole = flip->keys > 0 && flip->from == floor(flip->from) && flip->to == floor(flip->to);
    flip->from *= flip->factor;
    flip->to *= flip->factor;
    return KERF_OK;
}

static enum kerf_status read_observer(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                      struct kerf_statement_check *check, struct kerf_error *error)
{
    static const char *const keys[] = {"quantity", "of", "over", "times", "by", NULL};
    KERF_TRY(kerf_yaml_check_keys(yaml, map, "observer", keys, error));
    KERF_TRY(read_text(yaml, map, "quantity", false, check->quantity, sizeof check->quantity, error));
    KERF_TRY(read_text(yaml, map, "of", check->quantity[0], check->of, sizeof check->of, error));
    KERF_TRY(read_text(yaml, map, "over", false, check->over, sizeof check->over, error));
    KERF_TRY(read_texts(yaml, map, "times", check->time[0], KERF_STATEMENT_FACTORS, sizeof check->time[0],
                        &check->times, error));
    KERF_TRY(read_texts(yaml, map, "by", check->divisor[0], KERF_STATEMENT_FACTORS, sizeof check->divisor[0],
                        &check->by, error));
    if (!check->quantity[0] && check->times == 0)
        return kerf_yaml_refuse(yaml, map, error,
                                "observer: give a quantity of the scenario, or times: leaves and facts");
    if (check->quantity[0] && !kerf_quantity_find(check->quantity)) {
        const char *names[KERF_QUANTITIES_MAX + 1];
        kerf_quantity_names(names);
        const char *nearest = kerf_nearest_name(check->quantity, names);
        return kerf_yaml_refuse(
            yaml, kerf_yaml_get(map, "quantity"), error, "observer: '%s' is no quantity%s%s%s",
            check->quantity, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    return KERF_OK;
}

static enum kerf_status read_figure(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                    struct kerf_statement_check *check, struct kerf_error *error)
{
    static const char *const keys[] = {"value", "unit", NULL};
    const struct kerf_quantity *quantity = kerf_quantity_find(check->quantity);
    bool plain = quantity && !check->over[0] && check->times == 0 && check->by == 0;
    KERF_TRY(kerf_yaml_check_keys(yaml, map, "figure", keys, error));
    KERF_TRY(read_number(yaml, map, "value", &check->figure, error));
    KERF_TRY(read_text(yaml, map, "unit", true, check->unit, sizeof check->unit, error));
    if (find_factor(check->unit, plain ? quantity->unit : NULL, &check->factor, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: figure.unit: ", check->where);
    check->figure *= check->factor;
    if (!(check->figure > 0.0))
        return kerf_yaml_refuse(yaml, map, error, "figure: a number above 0 is wanted");
    return KERF_OK;
}

static enum kerf_status read_check(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                   struct kerf_statement_check *check, struct kerf_error *error)
{
    static const char *const keys[] = {"title", "figure", "observer", "test", "within", "flip", NULL};
    char test[32];
    int which = 0;
    kerf_yaml_where(yaml, map, check->where, sizeof check->where);
    KERF_TRY(kerf_yaml_check_keys(yaml, map, "checks", keys, error));
    KERF_TRY(read_text(yaml, map, "title", true, check->title, sizeof check->title, error));
    KERF_TRY(read_observer(yaml, kerf_yaml_get(map, "observer"), check, error));
    KERF_TRY(read_figure(yaml, kerf_yaml_get(map, "figure"), check, error));
    KERF_TRY(read_text(yaml, map, "test", true, test, sizeof test, error));
    while (kerf_statement_test_names[which] && strcmp(kerf_statement_test_names[which], test) != 0)
        which++;
    if (!kerf_statement_test_names[which])
        return kerf_yaml_refuse(yaml, kerf_yaml_get(map, "test"), error,
                                "test: '%s' is none of at-least, at-most, about", test);
    check->test = (enum kerf_statement_test)which;
    if (kerf_yaml_get(map, "within"))
        KERF_TRY(read_number(yaml, map, "within", &check->within, error));
    if (check->within < 0.0 || (check->test == KERF_TEST_ABOUT && check->within == 0.0))
        return kerf_yaml_refuse(yaml, map, error, "within: a share above 0 is wanted for the test %s", test);
    return read_flip(yaml, kerf_yaml_get(map, "flip"), &check->flip, error);
}

/* The settings over the scenario: a map of dotted keys, kept as after --set. */
static enum kerf_status read_sets(const struct kerf_yaml *yaml, struct kerf_statement *s,
                                  struct kerf_error *error)
{
    kerf_yaml_node *map = kerf_yaml_get(kerf_yaml_root(yaml), "set");
    s->sets = kerf_yaml_count(map);
    if (map && (kerf_yaml_node_kind(map) != KERF_YAML_MAP || s->sets > KERF_STATEMENT_SETS))
        return kerf_yaml_refuse(yaml, map, error, "set: a map of at most %d is wanted", KERF_STATEMENT_SETS);
    for (int i = 0; i < s->sets; i++) {
        char key[KERF_STATEMENT_NAME_BYTES], value[KERF_STATEMENT_NAME_BYTES];
        kerf_yaml_key(map, i, key, sizeof key);
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_item(map, i), key, value, sizeof value, error));
        snprintf(s->set[i], sizeof s->set[i], "%s=%s", key, value);
    }
    return KERF_OK;
}

static enum kerf_status read_scenario(const struct kerf_yaml *yaml, struct kerf_statement *s,
                                      struct kerf_error *error)
{
    char name[KERF_CATALOG_NAME_BYTES] = "";
    const char *file = kerf_yaml_file(yaml), *slash = strrchr(file, '/');
    int folder = slash ? (int)(slash - file) : 1;
    kerf_yaml_node *root = kerf_yaml_root(yaml), *node = kerf_yaml_get(root, "scenario");
    KERF_TRY(read_text(yaml, root, "scenario", false, name, sizeof name, error));
    kerf_yaml_where(yaml, node, s->scenario_where, sizeof s->scenario_where);
    if (name[0])
        snprintf(s->scenario, sizeof s->scenario, "%.*s/scenarios/%s.yaml", folder, slash ? file : ".", name);
    if (name[0] && access(s->scenario, R_OK) != 0)
        return kerf_yaml_refuse(yaml, node, error, "scenario: '%s' is missing: there is no file %s", name,
                                s->scenario);
    if (!name[0] && (kerf_yaml_get(root, "set") || kerf_yaml_get(root, "draws")))
        return kerf_yaml_refuse(yaml, root, error, "set, draws: without a scenario they have no effect");
    return read_sets(yaml, s, error);
}

static enum kerf_status read_checks(const struct kerf_yaml *yaml, struct kerf_statement *s,
                                    struct kerf_error *error)
{
    kerf_yaml_node *root = kerf_yaml_root(yaml), *list = kerf_yaml_get(root, "checks");
    s->checks = kerf_yaml_count(list);
    if (s->untested[0])
        return list ? kerf_yaml_refuse(yaml, list, error, "checks: what is not tested has none") : KERF_OK;
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || s->checks == 0 || s->checks > KERF_STATEMENT_CHECKS)
        return kerf_yaml_refuse(yaml, list ? list : root, error,
                                "checks: a list of 1 to %d is wanted, or not_testable or not_computed: why",
                                KERF_STATEMENT_CHECKS);
    for (int i = 0; i < s->checks; i++) {
        KERF_TRY(read_check(yaml, kerf_yaml_item(list, i), &s->check[i], error));
        if (s->check[i].quantity[0] && !s->scenario[0])
            return kerf_yaml_refuse(yaml, kerf_yaml_item(list, i), error,
                                    "observer: %s is a quantity of a scenario, and the scenario is missing",
                                    s->check[i].quantity);
    }
    return KERF_OK;
}

enum kerf_status kerf_statement_read(const struct kerf_yaml *yaml, struct kerf_statement *s,
                                     struct kerf_error *error)
{
    static const char *const keys[] = {
        "name",  "kind",       "id",         "title",        "statement",    "source",
        "date",  "confidence", "conditions", "note",         "scenario",     "set",
        "draws", "facts",      "checks",     "not_testable", "not_computed", NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    *s = (struct kerf_statement){.testable = kerf_yaml_get(root, "not_testable") == NULL};
    KERF_TRY(kerf_yaml_check_keys(yaml, root, "statement", keys, error));
    const struct {
        const char *key;
        bool wanted;
        char *text;
        size_t bytes;
    } texts[] = {{"name", true, s->name, sizeof s->name},
                 {"id", true, s->id, sizeof s->id},
                 {"title", true, s->title, sizeof s->title},
                 {"statement", true, s->statement, sizeof s->statement},
                 {"source", true, s->source, sizeof s->source},
                 {"date", true, s->date, sizeof s->date},
                 {"confidence", true, s->confidence, sizeof s->confidence},
                 {"conditions", false, s->conditions, sizeof s->conditions},
                 {"not_testable", false, s->untested, sizeof s->untested},
                 {"not_computed", false, s->untested, sizeof s->untested}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        KERF_TRY(read_text(yaml, root, texts[i].key, texts[i].wanted, texts[i].text, texts[i].bytes, error));
    KERF_TRY(read_scenario(yaml, s, error));
    KERF_TRY(read_ranges(yaml, "draws", false, KERF_STATEMENT_DRAWS, s->draw, &s->draws, error));
    KERF_TRY(read_ranges(yaml, "facts", true, KERF_STATEMENT_FACTS, s->fact, &s->facts, error));
    return read_checks(yaml, s, error);
}
