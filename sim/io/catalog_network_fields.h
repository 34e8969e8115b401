/* Tables of fields: how sim/io/catalog_network.c reads a map of the file into a struct. Its own use only. */
#ifndef KERF_IO_CATALOG_NETWORK_FIELDS_H
#define KERF_IO_CATALOG_NETWORK_FIELDS_H

#include "models/network/network.h"
#include "sim/io/yaml.h"

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

#endif
