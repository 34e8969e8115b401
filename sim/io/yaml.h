/* YAML with good manners: a thin layer over libfyaml that keeps file and line for every message.
 *
 * libfyaml and not libcyaml: it keeps the line and column of every node, reports syntax errors with a
 * position, rejects duplicate keys, and leaves the schema to us, so that an unknown key can suggest the
 * nearest known one and a value can carry a unit. */
#ifndef KERF_IO_YAML_H
#define KERF_IO_YAML_H

#include "sim/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct kerf_yaml; /* a parsed document; owns its nodes */
struct fy_node;
typedef struct fy_node kerf_yaml_node; /* libfyaml's node; NULL means absent */

enum kerf_yaml_kind { KERF_YAML_ABSENT, KERF_YAML_SCALAR, KERF_YAML_LIST, KERF_YAML_MAP };

/* Parses `text`; `file` is the name used in messages. On success the caller frees *yaml. */
enum kerf_status kerf_yaml_parse(const char *text, const char *file, struct kerf_yaml **yaml,
                                 struct kerf_error *error);
void kerf_yaml_free(struct kerf_yaml *yaml);

const char *kerf_yaml_file(const struct kerf_yaml *yaml);
kerf_yaml_node *kerf_yaml_root(const struct kerf_yaml *yaml);

enum kerf_yaml_kind kerf_yaml_node_kind(kerf_yaml_node *node);
int kerf_yaml_line(kerf_yaml_node *node); /* 1-based; 0 for an absent node */

/* Items of a map or list, in file order. */
int kerf_yaml_count(kerf_yaml_node *node);
kerf_yaml_node *kerf_yaml_item(kerf_yaml_node *node, int index); /* value of entry `index` */
/* Key of entry `index` of a map, copied into `key` (cut to fit). */
void kerf_yaml_key(kerf_yaml_node *map, int index, char *key, size_t key_bytes);
kerf_yaml_node *kerf_yaml_get(kerf_yaml_node *map, const char *key); /* NULL if absent */

/* Scalar readers. They fail with "FILE:LINE: ..." and name `what` (the key path). */
enum kerf_status kerf_yaml_text(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                char *text, size_t text_bytes, struct kerf_error *error);
/* A number with an optional unit, in SI of `si_unit`. */
enum kerf_status kerf_yaml_quantity(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                    const char *si_unit, double *value, struct kerf_error *error);
enum kerf_status kerf_yaml_integer(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                   long long least, long long most, long long *value,
                                   struct kerf_error *error);
enum kerf_status kerf_yaml_boolean(const struct kerf_yaml *yaml, kerf_yaml_node *node, const char *what,
                                   bool *value, struct kerf_error *error);

/* Refuses a node that is not a map, or has a key not in `allowed` (NULL-terminated): the message names the
 * line and the nearest allowed key. */
enum kerf_status kerf_yaml_check_keys(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *what,
                                      const char *const *allowed, struct kerf_error *error);

/* Sets what stands at a dotted path ("systems.cs3.count") to the YAML text `value`, making maps on the way;
 * messages about it name the path instead of a line. */
enum kerf_status kerf_yaml_set(struct kerf_yaml *yaml, const char *path, const char *value,
                               struct kerf_error *error);

/* The same for a value that stands in line `line` of the file, which messages about it then name. */
enum kerf_status kerf_yaml_place(struct kerf_yaml *yaml, const char *path, const char *value, int line,
                                 struct kerf_error *error);

/* Takes the entry with that key out of a map, if there is one. */
void kerf_yaml_remove(kerf_yaml_node *map, const char *key);

/* kerf_yaml_set for texts "key.path=value", as after --set. */
enum kerf_status kerf_yaml_override(struct kerf_yaml *yaml, const char *const *sets, int set_count,
                                    struct kerf_error *error);

/* "FILE:LINE", "FILE" or "--set": where a node stands, for messages. */
void kerf_yaml_where(const struct kerf_yaml *yaml, kerf_yaml_node *node, char *where, size_t where_bytes);

/* Fails with KERF_ERR_USAGE and "WHERE: message". Always returns a failure. */
enum kerf_status kerf_yaml_refuse(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                  struct kerf_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The nearest of `names` (NULL-terminated) to `name` by edit distance, or NULL if none is near. */
const char *kerf_nearest_name(const char *name, const char *const *names);

#endif
