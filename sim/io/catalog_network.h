/* Networks of the catalog: models/catalog/networks/NAME.yaml as plain dimensions (docs/catalog-format.md). */
#ifndef KERF_IO_CATALOG_NETWORK_H
#define KERF_IO_CATALOG_NETWORK_H

#include "models/network/network.h"
#include "sim/base/error.h"
#include "sim/io/yaml.h"

/* Fills `network` from a parsed document. Refuses with KERF_ERR_USAGE and file and line: unknown and missing
 * keys, sizes out of range, and dimensions that contradict each other. Not collective; `network` is defined
 * only on success. */
enum kerf_status kerf_network_read(const struct kerf_yaml *yaml, struct kerf_network *network,
                                   struct kerf_error *error);

#endif
