/* The io room: YAML documents with file and line in every message. Knows libfyaml; nobody else does. */
#include "sim/io/yaml_document.h"

#include "sim/base/units.h"

#include <errno.h>
#include <iconv.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libfyaml's first collected error as our message. */
static enum kerf_status syntax_error(struct fy_diag *diag, const char *file, struct kerf_error *error)
{
    void *iterator = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &iterator);
    if (!first)
        return kerf_error_set(error, KERF_ERR_USAGE, "%s: not a YAML document (is it empty?)", file);
    return kerf_error_set(error, KERF_ERR_USAGE, "%s:%d: YAML syntax: %s", file, first->line, first->msg);
}

/* Errors are collected and become messages of ours; libfyaml itself stays silent. */
static void discard_output(struct fy_diag *diag, void *user, const char *buffer, size_t length)
{
    (void)diag, (void)user, (void)buffer, (void)length;
}

/* libfyaml takes any bytes; what is not text must not reach tables and result files. */
static enum kerf_status check_text(const char *text, const char *file, struct kerf_error *error)
{
    char *at = (char *)text; /* iconv's prototype lacks the const; it does not write */
    size_t left = strlen(text);
    iconv_t converter = iconv_open("UTF-32", "UTF-8");
    KERF_CHECK(converter != (iconv_t)-1, KERF_ERR_FAILURE, "%s: this system cannot check UTF-8", file);
    bool good = true;
    while (left > 0 && good) {
        char room[4096], *out = room;
        size_t room_left = sizeof room;
        good = iconv(converter, &at, &left, &out, &room_left) != (size_t)-1 || errno == E2BIG;
    }
    iconv_close(converter);
    int line = 1;
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    KERF_CHECK(good, KERF_ERR_USAGE, "%s:%d: byte 0x%02x is not UTF-8 text", file, line, (unsigned char)*at);
    return KERF_OK;
}

enum kerf_status kerf_yaml_parse(const char *text, const char *file, struct kerf_yaml **yaml,
                                 struct kerf_error *error)
{
    KERF_TRY(check_text(text, file, error));
    struct kerf_yaml *made = calloc(1, sizeof *made);
    KERF_CHECK(made, KERF_ERR_FAILURE, "%s: out of memory", file);
    made->text = strdup(text);
    if (!made->text) {
        kerf_yaml_free(made);
        return kerf_error_set(error, KERF_ERR_FAILURE, "%s: out of memory", file);
    }
    snprintf(made->file, sizeof made->file, "%s", file);
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.output_fn = discard_output;
    made->diag = fy_diag_create(&quiet);
    fy_diag_set_collect_errors(made->diag, true);
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET | FYPCF_RESOLVE_DOCUMENT, .diag = made->diag};
    made->document = fy_document_build_from_string(&config, made->text, FY_NT);
    if (!made->document || !fy_document_root(made->document)) {
        syntax_error(made->diag, file, error);
        kerf_yaml_free(made);
        return KERF_ERR_USAGE;
    }
    *yaml = made;
    return KERF_OK;
}

void kerf_yaml_free(struct kerf_yaml *yaml)
{
    if (!yaml)
        return;
    if (yaml->document)
        fy_document_destroy(yaml->document);
    if (yaml->diag)
        fy_diag_destroy(yaml->diag);
    free(yaml->text);
    free(yaml);
}

const char *kerf_yaml_file(const struct kerf_yaml *yaml)
{
    return yaml->file;
}

kerf_yaml_node *kerf_yaml_root(const struct kerf_yaml *yaml)
{
    return fy_document_root(yaml->document);
}

enum kerf_yaml_kind kerf_yaml_node_kind(kerf_yaml_node *node)
{
    if (!node)
        return KERF_YAML_ABSENT;
    if (fy_node_is_mapping(node))
        return KERF_YAML_MAP;
    return fy_node_is_sequence(node) ? KERF_YAML_LIST : KERF_YAML_SCALAR;
}

/* The key that an empty value stands after. */
static struct fy_node *key_of(struct fy_node *value)
{
    struct fy_node *map = fy_node_get_parent(value);
    void *iterator = NULL;
    if (!map || !fy_node_is_mapping(map))
        return NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(map, &iterator)) != NULL;)
        if (fy_node_pair_value(pair) == value)
            return fy_node_pair_key(pair);
    return NULL;
}

/* libfyaml keeps positions on scalars only: a map or list is where its first scalar is. */
int kerf_yaml_line(kerf_yaml_node *node)
{
    if (!node)
        return 0;
    void *iterator = NULL;
    if (fy_node_is_mapping(node)) {
        struct fy_node_pair *pair = fy_node_mapping_iterate(node, &iterator);
        return pair ? kerf_yaml_line(fy_node_pair_key(pair)) : 0;
    }
    if (fy_node_is_sequence(node))
        return kerf_yaml_line(fy_node_sequence_iterate(node, &iterator));
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    return mark ? mark->line + 1 : kerf_yaml_line(key_of(node));
}

void kerf_yaml_name_place(const struct kerf_yaml *yaml, int line, char *where, size_t where_bytes)
{
    if (line > 0)
        snprintf(where, where_bytes, "%s:%d", yaml->file, line);
    else
        snprintf(where, where_bytes, "--set");
}

void kerf_yaml_where(const struct kerf_yaml *yaml, kerf_yaml_node *node, char *where, size_t where_bytes)
{
    for (int i = 0; i < yaml->override_count; i++) {
        if (yaml->overrides[i] == node) {
            kerf_yaml_name_place(yaml, yaml->override_line[i], where, where_bytes);
            return;
        }
    }
    int line = kerf_yaml_line(node);
    if (line > 0)
        snprintf(where, where_bytes, "%s:%d", yaml->file, line);
    else
        snprintf(where, where_bytes, "%s", yaml->file);
}

enum kerf_status kerf_yaml_refuse(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                  struct kerf_error *error, const char *format, ...)
{
    char where[1200], message[KERF_ERROR_MESSAGE_BYTES];
    kerf_yaml_where(yaml, node, where, sizeof where);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return kerf_error_set(error, KERF_ERR_USAGE, "%s: %s", where, message);
}

int kerf_yaml_count(kerf_yaml_node *node)
{
    if (node && fy_node_is_mapping(node))
        return fy_node_mapping_item_count(node);
    if (node && fy_node_is_sequence(node))
        return fy_node_sequence_item_count(node);
    return 0;
}

kerf_yaml_node *kerf_yaml_item(kerf_yaml_node *node, int index)
{
    if (fy_node_is_sequence(node))
        return fy_node_sequence_get_by_index(node, index);
    struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, index);
    return pair ? fy_node_pair_value(pair) : NULL;
}

static void copy_scalar(struct fy_node *node, char *text, size_t text_bytes)
{
    size_t length = 0;
    const char *scalar = node ? fy_node_get_scalar(node, &length) : NULL;
    if (!scalar)
        length = 0;
    if (length >= text_bytes)
        length = text_bytes - 1;
    if (length > 0)
        memcpy(text, scalar, length);
    text[length] = '\0';
}

void kerf_yaml_key(kerf_yaml_node *map, int index, char *key, size_t key_bytes)
{
    struct fy_node_pair *pair = fy_node_mapping_get_by_index(map, index);
    copy_scalar(pair ? fy_node_pair_key(pair) : NULL, key, key_bytes);
}

kerf_yaml_node *kerf_yaml_get(kerf_yaml_node *map, const char *key)
{
    if (!map || !fy_node_is_mapping(map))
        return NULL;
    return fy_node_mapping_lookup_by_string(map, key, FY_NT);
}

enum kerf_status kerf_yaml_text(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                char *text, size_t text_bytes, struct kerf_error *error)
{
    if (kerf_yaml_node_kind(node) != KERF_YAML_SCALAR)
        return kerf_yaml_refuse(yaml, node, error, "%s: %s", what,
                                node ? "a single value is wanted" : "missing");
    size_t length = 0;
    fy_node_get_scalar(node, &length);
    if (length >= text_bytes)
        return kerf_yaml_refuse(yaml, node, error, "%s: longer than %zu characters", what, text_bytes - 1);
    copy_scalar(node, text, text_bytes);
    return KERF_OK;
}

enum kerf_status kerf_yaml_quantity(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                    const char *si_unit, double *value, struct kerf_error *error)
{
    char text[KERF_YAML_TEXT_BYTES];
    struct kerf_error why;
    KERF_TRY(kerf_yaml_text(yaml, node, what, text, sizeof text, error));
    if (kerf_quantity_parse(text, si_unit, value, &why) != KERF_OK)
        return kerf_yaml_refuse(yaml, node, error, "%s: %s", what, why.message);
    return KERF_OK;
}

enum kerf_status kerf_yaml_integer(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                   long long least, long long most, long long *value,
                                   struct kerf_error *error)
{
    double number;
    KERF_TRY(kerf_yaml_quantity(yaml, node, what, "1", &number, error));
    if (number != floor(number) || fabs(number) > 9e15)
        return kerf_yaml_refuse(yaml, node, error, "%s: a whole number is wanted", what);
    *value = (long long)number;
    if (*value < least || *value > most)
        return kerf_yaml_refuse(yaml, node, error, "%s: must be between %lld and %lld (got %lld)", what,
                                least, most, *value);
    return KERF_OK;
}

enum kerf_status kerf_yaml_boolean(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                   bool *value, struct kerf_error *error)
{
    char text[KERF_YAML_TEXT_BYTES];
    KERF_TRY(kerf_yaml_text(yaml, node, what, text, sizeof text, error));
    *value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    if (!*value && strcmp(text, "false") != 0 && strcmp(text, "no") != 0)
        return kerf_yaml_refuse(yaml, node, error, "%s: true or false is wanted (got '%s')", what, text);
    return KERF_OK;
}

/* Levenshtein distance, two rows; names longer than the row are "far". */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 96 };
    size_t la = strlen(a), lb = strlen(b), row[LONGEST + 1];
    if (la > LONGEST || lb > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *kerf_nearest_name(const char *name, const char *const *names)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 3 + 2; /* further than this is another word, not a slip */
    for (; *names; names++) {
        size_t distance = edit_distance(name, *names);
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

enum kerf_status kerf_yaml_check_keys(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                      const char *const *allowed, struct kerf_error *error)
{
    if (kerf_yaml_node_kind(map) != KERF_YAML_MAP)
        return kerf_yaml_refuse(yaml, map, error, "%s: %s", what,
                                map ? "a map of keys is wanted" : "missing");
    void *iterator = NULL;
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(map, &iterator)) != NULL;) {
        char key[KERF_YAML_TEXT_BYTES];
        copy_scalar(fy_node_pair_key(pair), key, sizeof key);
        bool known = false;
        for (const char *const *name = allowed; *name && !known; name++)
            known = strcmp(*name, key) == 0;
        if (known)
            continue;
        const char *nearest = kerf_nearest_name(key, allowed);
        if (nearest)
            return kerf_yaml_refuse(yaml, fy_node_pair_key(pair), error,
                                    "%s: unknown key '%s'; did you mean '%s'?", what, key, nearest);
        char list[KERF_YAML_TEXT_BYTES] = "";
        for (const char *const *name = allowed; *name; name++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", name == allowed ? "" : ", ",
                     *name);
        return kerf_yaml_refuse(yaml, fy_node_pair_key(pair), error,
                                "%s: unknown key '%s'; known keys are %s", what, key, list);
    }
    return KERF_OK;
}
