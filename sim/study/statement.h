/* Statements: what others claim about machines, as data that can be tested (docs/claims.md).
 *
 * A statement is a catalog file of kind `statement`: who said what and when, the scenario that has its
 * conditions, and checks. A check names a quantity of that scenario, a published figure, and what makes the
 * figure right. Who simulates is sim/study/claims. */
#ifndef KERF_STUDY_STATEMENT_H
#define KERF_STUDY_STATEMENT_H

#include "sim/io/catalog.h"

enum {
    KERF_STATEMENT_CHECKS = 6,
    KERF_STATEMENT_SETS = 16,
    KERF_STATEMENT_DRAWS = 4,
    KERF_STATEMENT_FACTS = 12,
    KERF_STATEMENT_FACTORS = 8,
    KERF_STATEMENT_AXES = 4,
    KERF_STATEMENT_NAME_BYTES = 96,
    KERF_STATEMENT_WHERE_BYTES = 1200,
};

enum kerf_statement_test { KERF_TEST_AT_LEAST, KERF_TEST_AT_MOST, KERF_TEST_ABOUT };
extern const char *const kerf_statement_test_names[]; /* NULL-terminated */

/* A number with a range: a setting of the scenario that was not disclosed, or a fact that no device has a
 * leaf for. */
struct kerf_statement_range {
    char key[KERF_STATEMENT_NAME_BYTES]; /* "systems.cs3.count"; of a fact its name */
    char unit[24];                       /* of a fact, as written */
    double low, value, high;             /* of facts SI */
    bool whole;                          /* a count: draws are rounded */
};

/* Where a check turns: one number that is moved until the outcome changes. */
struct kerf_statement_flip {
    bool given;
    char name[KERF_STATEMENT_NAME_BYTES]; /* of the axis, for people */
    int keys;                             /* of the scenario, all set to the same value; 0: a leaf moves */
    char key[KERF_STATEMENT_AXES][KERF_STATEMENT_NAME_BYTES];
    char leaf[KERF_STATEMENT_NAME_BYTES]; /* "cs-3.owner_USD_per_s" */
    char unit[24];                        /* of a leaf */
    double from, to;                      /* of leaves SI */
    double factor;                        /* SI per unit */
    bool whole;
    int sets;
    char set[KERF_STATEMENT_AXES][KERF_STATEMENT_NAME_BYTES]; /* what else differs on the way */
    char where[KERF_STATEMENT_WHERE_BYTES];
};

/* value = quantity(of) / quantity(over) x product of `times` / product of `by`. */
struct kerf_statement_check {
    char title[128];
    double figure, factor;                    /* figure in SI; SI per unit */
    char unit[24];                            /* as written */
    char quantity[KERF_STATEMENT_NAME_BYTES]; /* row of kerf_quantities, or empty: leaves and facts only */
    char of[KERF_STATEMENT_NAME_BYTES], over[KERF_STATEMENT_NAME_BYTES]; /* systems; over may be empty */
    int times, by;
    char time[KERF_STATEMENT_FACTORS][KERF_STATEMENT_NAME_BYTES]; /* numbers, "entry.leaf" or facts */
    char divisor[KERF_STATEMENT_FACTORS][KERF_STATEMENT_NAME_BYTES];
    enum kerf_statement_test test;
    double within; /* tolerance as a share: 0.1 accepts figure / 1.1 .. figure * 1.1 */
    struct kerf_statement_flip flip;
    char where[KERF_STATEMENT_WHERE_BYTES]; /* "FILE:LINE" */
};

struct kerf_statement {
    char id[8], name[KERF_CATALOG_NAME_BYTES], title[128], date[16], confidence[8];
    char statement[512], source[512], conditions[512];
    char untested[512]; /* why nothing can test it, or why Kerf cannot yet */
    bool testable;      /* false with `untested`: no figure can decide it */
    char scenario[1100], scenario_where[KERF_STATEMENT_WHERE_BYTES]; /* path of the file; empty: none */
    int sets, draws, facts, checks;
    char set[KERF_STATEMENT_SETS][2 * KERF_STATEMENT_NAME_BYTES]; /* "key=value" */
    struct kerf_statement_range draw[KERF_STATEMENT_DRAWS], fact[KERF_STATEMENT_FACTS];
    struct kerf_statement_check check[KERF_STATEMENT_CHECKS];
};

/* Whether a file of the claims is a statement: others are figures to print beside results. */
bool kerf_statement_is(const struct kerf_yaml *yaml);

/* Reads and checks one. Scenarios are files of the folder `scenarios` beside it. Messages have FILE:LINE. */
enum kerf_status kerf_statement_read(const struct kerf_yaml *yaml, struct kerf_statement *statement,
                                     struct kerf_error *error);

/* Whether a value passes the check; false for NAN. */
bool kerf_statement_holds(const struct kerf_statement_check *check, double value);

#endif
