/* The catalog: finds the files of models/catalog and reads leaf files into plain structs
 * (docs/catalog-format.md). */
#ifndef KERF_IO_CATALOG_H
#define KERF_IO_CATALOG_H

#include "models/device/leaf.h"
#include "sim/base/distribution.h"
#include "sim/base/error.h"
#include "sim/io/yaml.h"

#include <mpi.h>
#include <stdint.h>

struct kerf_catalog {
    char root[1024];
    MPI_Comm comm; /* reads are collective on it; MPI_COMM_NULL: this process alone */
    uint64_t hash; /* of the texts of all entries that were loaded, in their order */
};

/* Chooses the catalog: `KERF_CATALOG` if set, else the first of `candidates` (NULL-terminated) that is a
 * directory. Collective on `comm`. */
enum kerf_status kerf_catalog_open(struct kerf_catalog *catalog, MPI_Comm comm, const char *const *candidates,
                                   struct kerf_error *error);

/* Loads section/name.yaml; `name` may be an alias. An unknown name fails with KERF_ERR_USAGE, the nearest
 * name and the list. Collective. The caller frees *yaml. */
enum kerf_status kerf_catalog_load(struct kerf_catalog *catalog, const char *section, const char *name,
                                   struct kerf_yaml **yaml, struct kerf_error *error);

enum { KERF_CATALOG_NAMES = 256, KERF_CATALOG_NAME_BYTES = 64 };

struct kerf_catalog_names {
    int count;
    char name[KERF_CATALOG_NAMES][KERF_CATALOG_NAME_BYTES]; /* sorted */
};

/* The entries of a section ("hardware", "networks", ...). Collective. */
enum kerf_status kerf_catalog_list(const struct kerf_catalog *catalog, const char *section,
                                   struct kerf_catalog_names *names, struct kerf_error *error);

/* Whether the list has `name`; aliases are not in it. */
bool kerf_catalog_lists(const struct kerf_catalog_names *names, const char *name);

/* One leaf as read: SI values and its pedigree. */
struct kerf_leaf_value {
    double value, low, high; /* low = value = high for an exact leaf */
    bool given, ranged;
    enum kerf_distribution distribution;                  /* of a ranged one */
    char unit[24], source[160], confidence[8], note[320]; /* as written in the file */
};

enum { KERF_LEAVES_MAX = 128 };

/* All leaves of one file, in the order of the table. */
struct kerf_leaf_set {
    const struct kerf_leaf_table *table;
    char name[KERF_CATALOG_NAME_BYTES], title[128];
    char collectives[KERF_CATALOG_NAME_BYTES]; /* of a GPU: the entry of its library; else empty */
    struct kerf_leaf_value leaf[KERF_LEAVES_MAX];
};

/* Reads and checks a leaf file against its table: keys, units, ranges, sources. */
enum kerf_status kerf_leaf_set_read(const struct kerf_yaml *yaml, const struct kerf_leaf_table *table,
                                    struct kerf_leaf_set *set, struct kerf_error *error);

/* The value of leaf `index` in a column: low is its slower end, high its faster one. */
double kerf_leaf_in_column(const struct kerf_leaf_set *set, int index, enum kerf_column column);

/* Fills the parameter struct of the table (set->table->struct_bytes bytes). */
void kerf_leaf_set_fill(const struct kerf_leaf_set *set, enum kerf_column column, void *params);

#endif
