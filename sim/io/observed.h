/* Measurements that a posterior is to agree with: the section `observed` of a scenario.
 *
 *   observed:
 *     model_error: 0.15
 *     rows:
 *       - {row: CER-0007, system: launch, error: 0.05}
 *
 * A row is one of the catalog's measurements/serving.csv, by its id. */
#ifndef KERF_IO_OBSERVED_H
#define KERF_IO_OBSERVED_H

#include "sim/io/yaml.h"

enum { KERF_OBSERVED_MAX = 32 };

struct kerf_observed_row {
    char where[256]; /* FILE:LINE */
    char row[64], system[128];
    double error; /* standard deviation of the logarithm of what was measured */
};

struct kerf_observed {
    double model_error; /* the same of the model: what no uncertain value explains; shared by the rows of a
                           system */
    int count;
    struct kerf_observed_row row[KERF_OBSERVED_MAX];
};

/* Reads the section (absent: no rows). */
enum kerf_status kerf_observed_read(const struct kerf_yaml *yaml, kerf_yaml_node *section,
                                    struct kerf_observed *observed, struct kerf_error *error);

#endif
