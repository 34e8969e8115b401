/* Settings: tables that tie the keys of a scenario section to the fields of a struct, with unit, range,
 * default and meaning.
 *
 * Reading, checking, defaults, `--set` and the print-out of `kerf check` all walk the same table: a new
 * setting is a row. */
#ifndef KERF_IO_SETTINGS_H
#define KERF_IO_SETTINGS_H

#include "sim/io/yaml.h"

#include <stddef.h>
#include <stdio.h>

enum { KERF_SETTING_TEXT_BYTES = 128 };

enum kerf_setting_type {
    KERF_SETTING_INTEGER, /* int */
    KERF_SETTING_NUMBER,  /* double, SI */
    KERF_SETTING_TEXT,    /* char[KERF_SETTING_TEXT_BYTES] */
    KERF_SETTING_CHOICE   /* int, index into `choices` */
};

struct kerf_setting {
    const char *key;
    enum kerf_setting_type type;
    const char *unit;           /* NUMBER and INTEGER: SI unit */
    double least, most;         /* NUMBER and INTEGER */
    const char *const *choices; /* CHOICE: NULL-terminated */
    size_t offset;
    const char *standard; /* default, as a person would write it; NULL: must be given */
    const char *meaning;
};

struct kerf_setting_table {
    const struct kerf_setting *setting;
    int count;
};

/* Fills the struct with defaults; settings without one become zero. */
enum kerf_status kerf_settings_defaults(const struct kerf_setting_table *table, void *target,
                                        struct kerf_error *error);

/* Reads what `map` (may be absent) gives over what *target has. Keys of the map that the table does not know
 * must be in `others` (NULL-terminated, may be NULL). */
enum kerf_status kerf_settings_read(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                    const struct kerf_setting_table *table, const char *const *others,
                                    void *target, struct kerf_error *error);

/* Refuses a section in which a setting without default is not given. */
enum kerf_status kerf_settings_require(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       const struct kerf_setting_table *table, struct kerf_error *error);

/* Defaults, then what `map` gives, then what it must give: a whole section. */
enum kerf_status kerf_settings_section(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                       const struct kerf_setting_table *table, const char *const *others,
                                       void *target, struct kerf_error *error);

/* The map of a scenario's systems: at least one, at most `most`. */
enum kerf_status kerf_settings_systems(const struct kerf_yaml *yaml, int most, kerf_yaml_node **systems,
                                       struct kerf_error *error);

/* Writes "key: value  # unit: meaning" lines, indented. */
void kerf_settings_print(FILE *out, const struct kerf_setting_table *table, const void *source, int indent);

#endif
