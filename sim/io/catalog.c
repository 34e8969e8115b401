/* The io room: the catalog on disk. Knows directories, YAML and leaf tables; no formulas. */
#include "sim/io/catalog.h"

#include "sim/base/units.h"
#include "sim/engine/agree.h"
#include "sim/io/ranges.h"
#include "sim/io/text_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

static bool is_directory(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static enum kerf_status find_root(char *root, size_t root_bytes, const char *const *candidates,
                                  struct kerf_error *error)
{
    const char *wanted = getenv("KERF_CATALOG");
    if (wanted && *wanted) {
        KERF_CHECK(is_directory(wanted), KERF_ERR_USAGE, "KERF_CATALOG=%s: is not a directory", wanted);
        snprintf(root, root_bytes, "%s", wanted);
        return KERF_OK;
    }
    for (; *candidates; candidates++) {
        if (is_directory(*candidates)) {
            snprintf(root, root_bytes, "%s", *candidates);
            return KERF_OK;
        }
    }
    return kerf_error_set(
        error, KERF_ERR_FAILURE,
        "no catalog found: set KERF_CATALOG to the directory that holds hardware/ and networks/");
}

enum kerf_status kerf_catalog_open(struct kerf_catalog *catalog, MPI_Comm comm, const char *const *candidates,
                                   struct kerf_error *error)
{
    int rank = 0;
    *catalog = (struct kerf_catalog){.comm = comm};
    if (comm == MPI_COMM_NULL)
        return find_root(catalog->root, sizeof catalog->root, candidates, error);
    MPI_Comm_rank(comm, &rank);
    enum kerf_status status =
        rank == 0 ? find_root(catalog->root, sizeof catalog->root, candidates, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    MPI_Bcast(catalog->root, sizeof catalog->root, MPI_CHAR, 0, comm);
    return KERF_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum kerf_status list_here(const char *path, struct kerf_catalog_names *names,
                                  struct kerf_error *error)
{
    names->count = 0;
    DIR *directory = opendir(path);
    KERF_CHECK(directory, KERF_ERR_FAILURE, "%s: no such section in the catalog", path);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        size_t length = strlen(entry->d_name);
        bool fits = length > 5 && length - 5 < KERF_CATALOG_NAME_BYTES && names->count < KERF_CATALOG_NAMES;
        if (!fits || strcmp(entry->d_name + length - 5, ".yaml") != 0)
            continue;
        char *name = names->name[names->count++];
        memcpy(name, entry->d_name, length - 5);
        name[length - 5] = '\0';
    }
    closedir(directory);
    qsort(names->name, (size_t)names->count, sizeof names->name[0], compare_names);
    return KERF_OK;
}

enum kerf_status kerf_catalog_list(const struct kerf_catalog *catalog, const char *section,
                                   struct kerf_catalog_names *names, struct kerf_error *error)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", catalog->root, section);
    *names = (struct kerf_catalog_names){0};
    if (catalog->comm == MPI_COMM_NULL)
        return list_here(path, names, error);
    int rank;
    MPI_Comm_rank(catalog->comm, &rank);
    enum kerf_status status = rank == 0 ? list_here(path, names, error) : KERF_OK;
    KERF_TRY(kerf_error_share(catalog->comm, 0, status, error));
    MPI_Bcast(names, sizeof *names, MPI_BYTE, 0, catalog->comm);
    return KERF_OK;
}

bool kerf_catalog_lists(const struct kerf_catalog_names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return false;
}

static enum kerf_status load_file(const struct kerf_catalog *catalog, const char *section, const char *name,
                                  struct kerf_yaml **yaml, uint64_t *hash, struct kerf_error *error)
{
    char path[1300], *text;
    snprintf(path, sizeof path, "%s/%s/%s.yaml", catalog->root, section, name);
    KERF_TRY(kerf_text_file_read(catalog->comm, path, &text, error));
    enum kerf_status status = kerf_yaml_parse(text, path, yaml, error);
    *hash = XXH3_64bits_withSeed(text, strlen(text), catalog->hash);
    free(text);
    return status;
}

static bool has_alias(const struct kerf_yaml *yaml, const char *name)
{
    kerf_yaml_node *aliases = kerf_yaml_get(kerf_yaml_root(yaml), "aliases");
    char alias[KERF_CATALOG_NAME_BYTES];
    for (int i = 0; i < kerf_yaml_count(aliases); i++)
        if (kerf_yaml_text(yaml, kerf_yaml_item(aliases, i), "aliases", alias, sizeof alias, NULL) ==
                KERF_OK &&
            strcmp(alias, name) == 0)
            return true;
    return false;
}

static enum kerf_status unknown_name(const struct kerf_catalog_names *names, const char *section,
                                     const char *name, struct kerf_error *error)
{
    const char *list[KERF_CATALOG_NAMES + 1] = {0};
    char all[1500] = "";
    for (int i = 0; i < names->count; i++) {
        list[i] = names->name[i];
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", list[i]);
    }
    const char *nearest = kerf_nearest_name(name, list);
    return kerf_error_set(error, KERF_ERR_USAGE,
                          "'%s' is not in the catalog under %s;%s%s%s the catalog has %s", name, section,
                          nearest ? " did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", all);
}

enum kerf_status kerf_catalog_load(struct kerf_catalog *catalog, const char *section, const char *name,
                                   struct kerf_yaml **yaml, struct kerf_error *error)
{
    struct kerf_catalog_names names;
    uint64_t hash;
    KERF_TRY(kerf_catalog_list(catalog, section, &names, error));
    bool listed = kerf_catalog_lists(&names, name);
    for (int i = 0; i < (listed ? 1 : names.count); i++) {
        KERF_TRY(load_file(catalog, section, listed ? name : names.name[i], yaml, &hash, error));
        if (listed || has_alias(*yaml, name)) {
            catalog->hash = hash; /* what was only searched for an alias does not count */
            return KERF_OK;
        }
        kerf_yaml_free(*yaml);
        *yaml = NULL;
    }
    return unknown_name(&names, section, name, error);
}

/* Joins the list of source ids into one text, and checks that each is declared under `sources`. */
static enum kerf_status read_sources(const struct kerf_yaml *yaml, kerf_yaml_node *leaf, const char *what,
                                     struct kerf_leaf_value *value, struct kerf_error *error)
{
    kerf_yaml_node *ids = kerf_yaml_get(leaf, "source");
    kerf_yaml_node *declared = kerf_yaml_get(kerf_yaml_root(yaml), "sources");
    value->source[0] = '\0';
    if (ids && kerf_yaml_node_kind(ids) != KERF_YAML_LIST)
        return kerf_yaml_refuse(yaml, ids, error, "%s.source: a list of source ids is wanted", what);
    for (int i = 0; i < kerf_yaml_count(ids); i++) {
        char id[64];
        KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_item(ids, i), what, id, sizeof id, error));
        if (!kerf_yaml_get(declared, id))
            return kerf_yaml_refuse(yaml, kerf_yaml_item(ids, i), error,
                                    "%s: source '%s' is not under sources", what, id);
        size_t used = strlen(value->source);
        snprintf(value->source + used, sizeof value->source - used, "%s%s", i ? ", " : "", id);
    }
    if (!value->source[0] && !value->ranged)
        return kerf_yaml_refuse(yaml, leaf, error, "%s: a number without a source needs low and high", what);
    return KERF_OK;
}

static enum kerf_status read_scaled(const struct kerf_yaml *yaml, kerf_yaml_node *leaf, const char *what,
                                    const char *key, double factor, double *value, struct kerf_error *error)
{
    char path[160];
    snprintf(path, sizeof path, "%s.%s", what, key);
    KERF_TRY(kerf_yaml_quantity(yaml, kerf_yaml_get(leaf, key), path, "1", value, error));
    *value *= factor;
    return KERF_OK;
}

static enum kerf_status read_distribution(const struct kerf_yaml *yaml, kerf_yaml_node *leaf,
                                          const char *what, struct kerf_leaf_value *value,
                                          struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(leaf, "distribution");
    if (!node)
        return KERF_OK;
    if (!value->ranged)
        return kerf_yaml_refuse(yaml, node, error, "%s: a distribution needs low and high", what);
    KERF_TRY(kerf_distribution_read(yaml, node, what, &value->distribution, error));
    if (kerf_distribution_is_positive(value->distribution) && value->low <= 0.0)
        return kerf_yaml_refuse(yaml, node, error, "%s: a %s distribution needs a low end above 0", what,
                                kerf_distribution_names[value->distribution]);
    return KERF_OK;
}

static enum kerf_status read_leaf(const struct kerf_yaml *yaml, kerf_yaml_node *node,
                                  const struct kerf_leaf *spec, struct kerf_leaf_value *value,
                                  struct kerf_error *error)
{
    static const char *const keys[] = {"value",  "unit",       "low",  "high", "distribution",
                                       "source", "confidence", "note", NULL};
    static const char *const required[] = {"value", "unit", "confidence"};
    char what[96];
    struct kerf_error why;
    double factor;
    snprintf(what, sizeof what, "leaves.%s", spec->key);
    KERF_TRY(kerf_yaml_check_keys(yaml, node, what, keys, error));
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (!kerf_yaml_get(node, required[i]))
            return kerf_yaml_refuse(yaml, node, error, "%s: '%s' is missing", what, required[i]);
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(node, "unit"), what, value->unit, sizeof value->unit, error));
    if (kerf_unit_factor(value->unit, spec->unit, &factor, &why) != KERF_OK)
        return kerf_yaml_refuse(yaml, node, error, "%s: %s", what, why.message);
    KERF_TRY(read_scaled(yaml, node, what, "value", factor, &value->value, error));
    value->given = true;
    value->low = value->high = value->value;
    value->ranged = kerf_yaml_get(node, "low") || kerf_yaml_get(node, "high");
    if (value->ranged) {
        KERF_TRY(read_scaled(yaml, node, what, "low", factor, &value->low, error));
        KERF_TRY(read_scaled(yaml, node, what, "high", factor, &value->high, error));
    }
    if (!(value->low <= value->value && value->value <= value->high))
        return kerf_yaml_refuse(yaml, node, error, "%s: low <= value <= high does not hold", what);
    if (value->low < spec->least || value->high > spec->most)
        return kerf_yaml_refuse(yaml, node, error, "%s: %g is outside %g to %g %s", what,
                                value->low < spec->least ? value->low : value->high, spec->least, spec->most,
                                spec->unit);
    KERF_TRY(read_distribution(yaml, node, what, value, error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(node, "confidence"), what, value->confidence,
                            sizeof value->confidence, error));
    bool known = strcmp(value->confidence, "high") == 0 || strcmp(value->confidence, "medium") == 0 ||
                 strcmp(value->confidence, "low") == 0;
    if (!known)
        return kerf_yaml_refuse(yaml, node, error, "%s.confidence: high, medium or low is wanted", what);
    if (kerf_yaml_get(node, "note"))
        KERF_TRY(
            kerf_yaml_text(yaml, kerf_yaml_get(node, "note"), what, value->note, sizeof value->note, error));
    return read_sources(yaml, node, what, value, error);
}

static enum kerf_status check_head(const struct kerf_yaml *yaml, const struct kerf_leaf_table *table,
                                   struct kerf_leaf_set *set, struct kerf_error *error)
{
    static const char *const keys[] = {"name",    "kind",   "title",       "aliases", "note",
                                       "sources", "leaves", "collectives", "fitted",  NULL};
    kerf_yaml_node *root = kerf_yaml_root(yaml);
    char kind[32];
    KERF_TRY(kerf_yaml_check_keys(yaml, root, "catalog entry", keys, error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(root, "name"), "name", set->name, sizeof set->name, error));
    KERF_TRY(
        kerf_yaml_text(yaml, kerf_yaml_get(root, "title"), "title", set->title, sizeof set->title, error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(root, "kind"), "kind", kind, sizeof kind, error));
    if (strcmp(kind, table->kind) != 0)
        return kerf_yaml_refuse(yaml, kerf_yaml_get(root, "kind"), error,
                                "kind: '%s' is wanted here, this is '%s'", table->kind, kind);
    kerf_yaml_node *collectives = kerf_yaml_get(root, "collectives");
    bool takes = strcmp(kind, "gpu") == 0;
    if (takes != (collectives != NULL))
        return kerf_yaml_refuse(yaml, takes ? root : collectives, error,
                                takes ? "collectives: missing; a GPU names its entry of collectives/"
                                      : "collectives: only a GPU has them");
    return takes ? kerf_yaml_text(yaml, collectives, "collectives", set->collectives, sizeof set->collectives,
                                  error)
                 : KERF_OK;
}

enum kerf_status kerf_leaf_set_read(const struct kerf_yaml *yaml, const struct kerf_leaf_table *table,
                                    struct kerf_leaf_set *set, struct kerf_error *error)
{
    const char *keys[KERF_LEAVES_MAX + 1] = {0};
    kerf_yaml_node *leaves = kerf_yaml_get(kerf_yaml_root(yaml), "leaves");
    *set = (struct kerf_leaf_set){.table = table};
    KERF_CHECK(table->count <= KERF_LEAVES_MAX, KERF_ERR_FAILURE, "internal: table %s is too long",
               table->kind);
    KERF_TRY(check_head(yaml, table, set, error));
    for (int i = 0; i < table->count; i++)
        keys[i] = table->leaves[i].key;
    KERF_TRY(kerf_yaml_check_keys(yaml, leaves, "leaves", keys, error));
    for (int i = 0; i < table->count; i++) {
        const struct kerf_leaf *spec = &table->leaves[i];
        kerf_yaml_node *node = kerf_yaml_get(leaves, spec->key);
        if (node) {
            KERF_TRY(read_leaf(yaml, node, spec, &set->leaf[i], error));
            continue;
        }
        if (spec->required)
            return kerf_yaml_refuse(yaml, leaves, error, "leaves: '%s' is missing (%s, in %s)", spec->key,
                                    spec->meaning, spec->unit);
        set->leaf[i] =
            (struct kerf_leaf_value){.value = spec->missing, .low = spec->missing, .high = spec->missing};
    }
    return KERF_OK;
}

double kerf_leaf_in_column(const struct kerf_leaf_set *set, int index, enum kerf_column column)
{
    const struct kerf_leaf_value *leaf = &set->leaf[index];
    enum kerf_better better = set->table->leaves[index].better;
    if (column == KERF_COLUMN_NOMINAL || better == KERF_BETTER_NEITHER)
        return leaf->value;
    bool upper = (column == KERF_COLUMN_HIGH) == (better == KERF_BETTER_HIGHER);
    return upper ? leaf->high : leaf->low;
}

void kerf_leaf_set_fill(const struct kerf_leaf_set *set, enum kerf_column column, void *params)
{
    memset(params, 0, set->table->struct_bytes);
    for (int i = 0; i < set->table->count; i++) {
        double value = kerf_leaf_in_column(set, i, column);
        memcpy((char *)params + set->table->leaves[i].offset, &value, sizeof value);
    }
}
