/* Catalog entries for people. */
#ifndef KERF_STUDY_CATALOG_TEXT_H
#define KERF_STUDY_CATALOG_TEXT_H

#include "sim/io/yaml.h"

#include <stdio.h>

/* Checks a file of leaves of any kind and prints each leaf with unit, range, meaning, source and confidence;
 * `out` may be NULL to check only. */
enum kerf_status kerf_leaves_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error);

/* Prints a network's counts beside the published ones and, for a decoder, the work of each operator per
 * token. */
enum kerf_status kerf_network_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error);

/* Prints a claim: its figures and where they come from. */
enum kerf_status kerf_claim_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error);

#endif
