/* Tables of fields: how sim/io/catalog_network.c reads a map of the file into a struct. Its own use only. */
#ifndef KERF_IO_CATALOG_NETWORK_FIELDS_H
#define KERF_IO_CATALOG_NETWORK_FIELDS_H

#include "models/network/network.h"
#include "sim/io/yaml.h"

#include <stddef.h>

enum kerf_field_kind {
    FIELD_INTEGER, /* int */
    FIELD_BOOLEAN, /* bool */
    FIELD_SHARE,   /* double from 0 to 1 */
    FIELD_NUMBER,  /* double, not negative */
    FIELD_CHOICE,  /* bool: false for names[0], true for names[1] */
    FIELD_FORMAT,  /* enum kerf_format */
    FIELD_LIST,    /* int[KERF_VISION_LEVELS_MAX], filled from the front */
    FIELD_TEXT,    /* for people: must be a scalar, is not kept */
    FIELD_NODE     /* read by other code */
};

enum kerf_field_need { OPTIONAL, REQUIRED };

struct kerf_field {
    const char *key; /* NULL ends a table */
    enum kerf_field_kind kind;
    enum kerf_field_need need;
    size_t offset;
    long long least, most;    /* INTEGER and LIST */
    const char *const *names; /* CHOICE: two */
};

enum { WIDTH_MOST = 1000000, COUNT_MOST = 100000, TOKENS_MOST = 1000000000 };

/* Rows of the tables; `member` is a place in struct kerf_network. */
/* clang-format off */
#define AT(member) offsetof(struct kerf_network, member)
#define INTEGER(need, key, member, least, most) {key, FIELD_INTEGER, need, AT(member), least, most, NULL}
#define LIST(need, key, member, least, most) {key, FIELD_LIST, need, AT(member), least, most, NULL}
#define BOOLEAN(need, key, member) {key, FIELD_BOOLEAN, need, AT(member), 0, 0, NULL}
#define SHARE(need, key, member) {key, FIELD_SHARE, need, AT(member), 0, 0, NULL}
#define NUMBER(need, key, member) {key, FIELD_NUMBER, need, AT(member), 0, 0, NULL}
#define FORMAT(need, key, member) {key, FIELD_FORMAT, need, AT(member), 0, 0, NULL}
#define CHOICE(need, key, member, names) {key, FIELD_CHOICE, need, AT(member), 0, 0, names}
#define TEXT(need, key) {key, FIELD_TEXT, need, 0, 0, 0, NULL}
#define NODE(need, key) {key, FIELD_NODE, need, 0, 0, 0, NULL}
#define FIELDS_END {NULL, FIELD_NODE, OPTIONAL, 0, 0, 0, NULL}
/* clang-format on */

/* What every reading function needs. */
struct kerf_field_reader {
    const struct kerf_yaml *yaml;
    struct kerf_error *error;
};

/* Reads the fields of `map` into the struct at `base`, and refuses other keys and missing ones; `what` is the
 * map's path, empty for the top of the file. */
enum kerf_status kerf_fields_read(const struct kerf_field_reader *reader, kerf_yaml_node *map,
                                  const char *what, const struct kerf_field *fields, void *base);

/* Reads a text that must be one of `names` (NULL-terminated); *index is its place. */
enum kerf_status kerf_field_choice(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                   const char *what, const char *const *names, int *index);

/* Reads the dimensions of a family without tokens into network->vision, by network->family. */
enum kerf_status kerf_network_read_vision(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                          struct kerf_network *network);

#endif
