/* The io room: sections of a scenario by table. */
#include "sim/io/settings.h"

#include "sim/base/units.h"
#include "sim/io/ranges.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64 };

static enum kerf_status assign(const struct kerf_setting *setting, const char *text, void *target,
                               struct kerf_error *error)
{
    char *field = (char *)target + setting->offset;
    double number = 0.0;
    int index = 0;
    switch (setting->type) {
    case KERF_SETTING_TEXT:
        KERF_CHECK(strlen(text) < KERF_SETTING_TEXT_BYTES, KERF_ERR_USAGE, "longer than %d characters",
                   KERF_SETTING_TEXT_BYTES - 1);
        memset(field, 0, KERF_SETTING_TEXT_BYTES);
        memcpy(field, text, strlen(text));
        return KERF_OK;
    case KERF_SETTING_CHOICE:
        while (setting->choices[index] && strcmp(setting->choices[index], text) != 0)
            index++;
        if (!setting->choices[index]) {
            const char *nearest = kerf_nearest_name(text, setting->choices);
            char all[256] = "";
            for (const char *const *choice = setting->choices; *choice; choice++)
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? ", " : "", *choice);
            KERF_CHECK(!nearest, KERF_ERR_USAGE, "'%s' is not a choice; did you mean '%s'?", text, nearest);
            return kerf_error_set(error, KERF_ERR_USAGE, "'%s' is not a choice; the choices are %s", text,
                                  all);
        }
        memcpy(field, &index, sizeof index);
        return KERF_OK;
    default:
        break;
    }
    KERF_TRY(kerf_quantity_parse(text, setting->unit, &number, error));
    KERF_CHECK(number >= setting->least && number <= setting->most, KERF_ERR_USAGE,
               "must be between %g and %g%s%s (got %g)", setting->least, setting->most,
               strcmp(setting->unit, "1") == 0 ? "" : " ",
               strcmp(setting->unit, "1") == 0 ? "" : setting->unit, number);
    if (setting->type == KERF_SETTING_NUMBER) {
        memcpy(field, &number, sizeof number);
        return KERF_OK;
    }
    KERF_CHECK(number == floor(number), KERF_ERR_USAGE, "a whole number is wanted (got %g)", number);
    index = (int)number;
    memcpy(field, &index, sizeof index);
    return KERF_OK;
}

enum kerf_status kerf_settings_defaults(const struct kerf_setting_table *table, void *target,
                                        struct kerf_error *error)
{
    for (int i = 0; i < table->count; i++)
        if (table->setting[i].standard)
            KERF_TRY(assign(&table->setting[i], table->setting[i].standard, target, error));
    return KERF_OK;
}

/* An uncertain value: both its ends, or all its choices, must be legal; the struct gets its nominal one. */
static enum kerf_status read_range(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *path,
                                   const struct kerf_setting *setting, void *target, struct kerf_error *error)
{
    struct kerf_range range;
    struct kerf_error why;
    KERF_TRY(kerf_range_read(yaml, node, path, &range, error));
    const double ends[] = {range.low, range.high};
    int values = range.choices > 0 ? range.choices : 2;
    for (int i = 0; i <= values; i++) {
        double value = i == values ? range.value : range.choices > 0 ? i : ends[i];
        char text[KERF_SETTING_TEXT_BYTES];
        kerf_range_text(&range, value, text, sizeof text);
        if (assign(setting, text, target, &why) != KERF_OK)
            return kerf_yaml_refuse(yaml, node, error, "%s: %s", path, why.message);
    }
    return KERF_OK;
}

enum kerf_status kerf_settings_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                    const struct kerf_setting_table *table, const char *const *others,
                                    void *target, struct kerf_error *error)
{
    const char *keys[KEYS_MAX + 1] = {0};
    int count = 0;
    for (; others && *others && count < KEYS_MAX; others++)
        keys[count++] = *others;
    for (int i = 0; i < table->count && count < KEYS_MAX; i++)
        keys[count++] = table->setting[i].key;
    if (!map)
        return KERF_OK;
    KERF_TRY(kerf_yaml_check_keys(yaml, map, what, keys, error));
    for (int i = 0; i < table->count; i++) {
        char path[192], text[512];
        struct kerf_error why;
        kerf_yaml_node *node = kerf_yaml_get(map, table->setting[i].key);
        snprintf(path, sizeof path, "%s.%s", what, table->setting[i].key);
        if (!node)
            continue;
        if (kerf_range_is_one(node)) {
            KERF_TRY(read_range(yaml, node, path, &table->setting[i], target, error));
            continue;
        }
        KERF_TRY(kerf_yaml_text(yaml, node, path, text, sizeof text, error));
        if (assign(&table->setting[i], text, target, &why) != KERF_OK)
            return kerf_yaml_refuse(yaml, node, error, "%s: %s", path, why.message);
    }
    return KERF_OK;
}

enum kerf_status kerf_settings_require(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       const struct kerf_setting_table *table, struct kerf_error *error)
{
    for (int i = 0; i < table->count; i++)
        if (!table->setting[i].standard && !kerf_yaml_get(map, table->setting[i].key))
            return kerf_yaml_refuse(yaml, map, error, "%s: '%s' is missing (%s)", what, table->setting[i].key,
                                    table->setting[i].meaning);
    return KERF_OK;
}

enum kerf_status kerf_settings_section(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       const struct kerf_setting_table *table, const char *const *others,
                                       void *target, struct kerf_error *error)
{
    KERF_TRY(kerf_settings_defaults(table, target, error));
    KERF_TRY(kerf_settings_read(yaml, map, what, table, others, target, error));
    return kerf_settings_require(yaml, map, what, table, error);
}

enum kerf_status kerf_settings_systems(const struct kerf_yaml *yaml, int most, kerf_yaml_node **systems,
                                       struct kerf_error *error)
{
    kerf_yaml_node *map = *systems = kerf_yaml_get(kerf_yaml_root(yaml), "systems");
    if (kerf_yaml_node_kind(map) != KERF_YAML_MAP || kerf_yaml_count(map) == 0)
        return kerf_yaml_refuse(yaml, map, error, "systems: %s",
                                map ? "a map of systems is wanted" : "missing");
    if (kerf_yaml_count(map) > most)
        return kerf_yaml_refuse(yaml, map, error, "systems: at most %d", most);
    return KERF_OK;
}

/* A text as YAML reads it back: in quotes unless it is plain words. */
static void print_text(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-,()/+";
    size_t length = strlen(text);
    if (length > 0 && isalnum((unsigned char)text[0]) && text[length - 1] != ' ' &&
        strspn(text, plain) == length) {
        fprintf(out, "%s", text);
        return;
    }
    fputc('"', out);
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", out);
        else
            fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fputc('"', out);
}

/* The shortest digits that read back as the same number. */
static void print_number(FILE *out, double number)
{
    char text[40];
    for (int digits = 9; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    fprintf(out, "%s", text);
}

static void print_value(FILE *out, const struct kerf_setting *setting, const void *source)
{
    const char *field = (const char *)source + setting->offset;
    double number;
    int index;
    switch (setting->type) {
    case KERF_SETTING_TEXT:
        print_text(out, field);
        break;
    case KERF_SETTING_CHOICE:
        memcpy(&index, field, sizeof index);
        fprintf(out, "%s", setting->choices[index]);
        break;
    case KERF_SETTING_INTEGER:
        memcpy(&index, field, sizeof index);
        fprintf(out, "%d", index);
        break;
    case KERF_SETTING_NUMBER:
        memcpy(&number, field, sizeof number);
        print_number(out, number);
        fprintf(out, "%s%s", strcmp(setting->unit, "1") == 0 ? "" : " ",
                strcmp(setting->unit, "1") == 0 ? "" : setting->unit);
        break;
    }
}

void kerf_settings_print(FILE *out, const struct kerf_setting_table *table, const void *source, int indent)
{
    for (int i = 0; i < table->count; i++) {
        fprintf(out, "%*s%s: ", indent, "", table->setting[i].key);
        print_value(out, &table->setting[i], source);
        fprintf(out, "  # %s\n", table->setting[i].meaning);
    }
}
