/* The io room: the section `observed` of a scenario. */
#include "sim/io/observed.h"

#include <string.h>

static enum kerf_status read_error(const struct kerf_yaml *yaml, kerf_yaml_node *map, const char *key,
                                   double standard, double *error_of, struct kerf_error *error)
{
    kerf_yaml_node *node = kerf_yaml_get(map, key);
    *error_of = standard;
    if (!node)
        return KERF_OK;
    KERF_TRY(kerf_yaml_quantity(yaml, node, key, "1", error_of, error));
    if (!(*error_of > 0.0 && *error_of <= 2.0))
        return kerf_yaml_refuse(yaml, node, error, "observed: %s must be above 0 and at most 2 (got %g)", key,
                                *error_of);
    return KERF_OK;
}

static enum kerf_status read_row(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                 struct kerf_observed_row *row, struct kerf_error *error)
{
    static const char *const keys[] = {"row", "system", "error", NULL};
    const double standard = 0.05;
    KERF_TRY(kerf_yaml_check_keys(yaml, map, "observed.rows", keys, error));
    kerf_yaml_where(yaml, map, row->where, sizeof row->where);
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(map, "row"), "observed.rows.row", row->row, sizeof row->row,
                            error));
    KERF_TRY(kerf_yaml_text(yaml, kerf_yaml_get(map, "system"), "observed.rows.system", row->system,
                            sizeof row->system, error));
    return read_error(yaml, map, "error", standard, &row->error, error);
}

enum kerf_status kerf_observed_read(const struct kerf_yaml *yaml, kerf_yaml_node *section,
                                    struct kerf_observed *observed, struct kerf_error *error)
{
    static const char *const keys[] = {"model_error", "rows", NULL};
    const double standard = 0.15;
    *observed = (struct kerf_observed){.model_error = standard};
    if (!section)
        return KERF_OK;
    KERF_TRY(kerf_yaml_check_keys(yaml, section, "observed", keys, error));
    KERF_TRY(read_error(yaml, section, "model_error", standard, &observed->model_error, error));
    kerf_yaml_node *rows = kerf_yaml_get(section, "rows");
    if (kerf_yaml_node_kind(rows) != KERF_YAML_LIST || kerf_yaml_count(rows) < 1 ||
        kerf_yaml_count(rows) > KERF_OBSERVED_MAX)
        return kerf_yaml_refuse(yaml, rows ? rows : section, error,
                                "observed.rows: a list of 1 to %d measurements is wanted", KERF_OBSERVED_MAX);
    for (int i = 0; i < kerf_yaml_count(rows); i++)
        KERF_TRY(read_row(yaml, kerf_yaml_item(rows, i), &observed->row[observed->count++], error));
    return KERF_OK;
}
