/* What a catalog entry says of the tables that its leaves were fitted to. */
#ifndef KERF_STUDY_FITTED_TABLES_H
#define KERF_STUDY_FITTED_TABLES_H

#include "sim/io/yaml.h"

#include <stdbool.h>
#include <stdio.h>

/* Whether `fitted:` of the entry names the file (without its folder) under `what`, an operator or a family of
 * collectives. */
bool kerf_fitted_to(const struct kerf_yaml *entry, const char *what, const char *file);

/* Writes `fitted:` of an entry that was fitted to `files` under `what`: the other tables of `entry` stay,
 * those under `what` are replaced. */
void kerf_fitted_write(FILE *out, const struct kerf_yaml *entry, const char *what, int files,
                       const char *const *file);

#endif
