/* Catalog leaves: the table that ties a field of a plain C struct to a key in a catalog file.
 *
 * A device's parameters are a struct of doubles in SI units. Beside it stands a table of kerf_leaf, one row a
 * field: key, unit, legal range, which way is better. sim/io reads any catalog file with such a table, checks
 * units and ranges, and can fill the struct with nominal values, or with every uncertain leaf moved to the
 * end of its range that makes the system slower or faster. Adding a parameter is adding a row. */
#ifndef KERF_DEVICE_LEAF_H
#define KERF_DEVICE_LEAF_H

#include <stdbool.h>
#include <stddef.h>

/* Which end of a leaf's range makes the system faster. KERF_BETTER_NEITHER leaves never move. */
enum kerf_better { KERF_BETTER_NEITHER, KERF_BETTER_HIGHER, KERF_BETTER_LOWER };

struct kerf_leaf {
    const char *key; /* in the catalog file, equal to the field's name */
    const char
        *unit; /* SI unit that the file's unit must reduce to: "s", "B/s", "FLOP/s", "Hz", "B", "1", "W" */
    enum kerf_better better;
    bool required; /* a missing optional leaf is `missing` */
    double missing;
    double least, most;  /* legal range of value, low and high, in SI */
    size_t offset;       /* of the double in the struct */
    const char *meaning; /* one line, printed by `kerf catalog` */
};

struct kerf_leaf_table {
    const char *kind; /* `kind:` in the catalog file: "gpu", "wafer", "link", ... */
    size_t struct_bytes;
    int count;
    const struct kerf_leaf *leaves;
};

/* The column of a comparison that parameters are filled for. */
enum kerf_column { KERF_COLUMN_LOW, KERF_COLUMN_NOMINAL, KERF_COLUMN_HIGH, KERF_COLUMN_COUNT };

#endif
