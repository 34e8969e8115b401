/* The io room: maps of a network file into structs, by tables. Knows kinds of fields, not their meaning. */
#include "sim/io/catalog_network_fields.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 40, WHAT_BYTES = 128, TEXT_BYTES = 1024 };

enum kerf_status kerf_field_choice(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                   const char *what, const char *const *names, int *index)
{
    char text[WHAT_BYTES];
    KERF_TRY(kerf_yaml_text(reader->yaml, node, what, text, sizeof text, reader->error));
    for (*index = 0; names[*index]; ++*index)
        if (strcmp(names[*index], text) == 0)
            return KERF_OK;
    const char *nearest = kerf_nearest_name(text, names);
    if (nearest)
        return kerf_yaml_refuse(reader->yaml, node, reader->error, "%s: unknown '%s'; did you mean '%s'?",
                                what, text, nearest);
    char list[TEXT_BYTES] = "";
    for (int i = 0; names[i]; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i == 0 ? "" : ", ", names[i]);
    return kerf_yaml_refuse(reader->yaml, node, reader->error, "%s: unknown '%s'; known are %s", what, text,
                            list);
}

static enum kerf_status read_format(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                    const char *what, enum kerf_format *format)
{
    char text[WHAT_BYTES];
    KERF_TRY(kerf_yaml_text(reader->yaml, node, what, text, sizeof text, reader->error));
    if (kerf_format_find(text, format))
        return KERF_OK;
    const char *names[KERF_FORMAT_COUNT + 1] = {NULL};
    for (int i = 0; i < KERF_FORMAT_COUNT; i++)
        names[i] = kerf_format_facts((enum kerf_format)i)->name;
    int unused;
    return kerf_field_choice(reader, node, what, names, &unused); /* fails, and says what is known */
}

static enum kerf_status read_integer(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                     const char *what, const struct kerf_field *field, int *value)
{
    long long number;
    KERF_TRY(kerf_yaml_integer(reader->yaml, node, what, field->least, field->most, &number, reader->error));
    *value = (int)number;
    return KERF_OK;
}

/* Fills places from the front; how many are needed is the caller's to check. */
static enum kerf_status read_list(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                  const char *what, const struct kerf_field *field, int *values)
{
    int count = kerf_yaml_count(node);
    if (kerf_yaml_node_kind(node) != KERF_YAML_LIST || count > KERF_VISION_LEVELS_MAX)
        return kerf_yaml_refuse(reader->yaml, node, reader->error,
                                "%s: a list of at most %d numbers is wanted", what, KERF_VISION_LEVELS_MAX);
    for (int i = 0; i < count; i++)
        KERF_TRY(read_integer(reader, kerf_yaml_item(node, i), what, field, &values[i]));
    return KERF_OK;
}

static enum kerf_status read_number(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                    const char *what, double most, double *value)
{
    KERF_TRY(kerf_yaml_quantity(reader->yaml, node, what, "1", value, reader->error));
    if (*value < 0.0 || *value > most)
        return kerf_yaml_refuse(reader->yaml, node, reader->error, "%s: must be between 0 and %g (got %g)",
                                what, most, *value);
    return KERF_OK;
}

static enum kerf_status read_field(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                   const char *what, const struct kerf_field *field, char *base)
{
    char text[TEXT_BYTES];
    void *place = base + field->offset;
    int choice = 0;
    switch (field->kind) {
    case FIELD_INTEGER:
        return read_integer(reader, node, what, field, place);
    case FIELD_BOOLEAN:
        return kerf_yaml_boolean(reader->yaml, node, what, place, reader->error);
    case FIELD_SHARE:
        return read_number(reader, node, what, 1.0, place);
    case FIELD_NUMBER:
        return read_number(reader, node, what, 1e18, place);
    case FIELD_CHOICE:
        KERF_TRY(kerf_field_choice(reader, node, what, field->names, &choice));
        *(bool *)place = choice == 1;
        return KERF_OK;
    case FIELD_FORMAT:
        return read_format(reader, node, what, place);
    case FIELD_LIST:
        return read_list(reader, node, what, field, place);
    case FIELD_TEXT:
        return kerf_yaml_text(reader->yaml, node, what, text, sizeof text, reader->error);
    case FIELD_NODE:
        break;
    }
    return KERF_OK;
}

enum kerf_status kerf_fields_read(const struct kerf_field_reader *reader, kerf_yaml_node *map,
                                  const char *what, const struct kerf_field *fields, void *base)
{
    const char *keys[FIELDS_MAX] = {NULL};
    for (int i = 0; fields[i].key && i + 1 < FIELDS_MAX; i++)
        keys[i] = fields[i].key;
    KERF_TRY(kerf_yaml_check_keys(reader->yaml, map, *what ? what : "network", keys, reader->error));
    for (const struct kerf_field *field = fields; field->key; field++) {
        char path[WHAT_BYTES];
        snprintf(path, sizeof path, "%s%s%s", what, *what ? "." : "", field->key);
        kerf_yaml_node *node = kerf_yaml_get(map, field->key);
        if (!node && field->need == REQUIRED)
            return kerf_yaml_refuse(reader->yaml, map, reader->error, "%s: missing", path);
        if (node)
            KERF_TRY(read_field(reader, node, path, field, base));
    }
    return KERF_OK;
}
