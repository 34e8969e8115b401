/* Systems of equal power or cost: how many accelerators come up to those of another system. */
#ifndef KERF_STUDY_EQUAL_H
#define KERF_STUDY_EQUAL_H

#include "sim/io/catalog.h"
#include "sim/io/equal.h"
#include "sim/io/settings.h"

/* What one accelerator draws at its limit, at the meter of the building, or costs its owner per second, with
 * what stands beside it; nominal leaves. Wafers count with the hosts of their store when they train.
 * KERF_ERR_USAGE: the catalog does not say. Collective on the catalog's communicator. */
enum kerf_status kerf_equal_each(struct kerf_catalog *catalog, const char *hardware, enum kerf_equal equal,
                                 bool trains, double *each, struct kerf_error *error);

/* One system that may have to be sized. */
struct kerf_equal_system {
    const char *name, *hardware, *where;
    int *count; /* 0: to be found */
    /* Whether so many are a legal system; NULL: any number is. */
    bool (*is_legal)(const void *context, int count);
    const void *context;
};

/* Sets every count that is 0 to the legal one whose power (cost) is nearest, as a ratio, to that of the
 * system `baseline` (empty: the first that has a count). KERF_ERR_USAGE with file and line. Collective. */
enum kerf_status kerf_equal_counts(struct kerf_catalog *catalog, enum kerf_equal equal, bool trains,
                                   char *baseline, struct kerf_equal_system *system, int systems,
                                   struct kerf_error *error);

#endif
