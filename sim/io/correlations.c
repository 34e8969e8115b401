/* The io room: correlation matrices of a scenario. */
#include "sim/io/correlations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool kerf_correlation_factor(int count, double matrix[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX],
                             double factor[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX])
{
    const double zero = 1e-12, rounding = 1e-9;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j <= i; j++) {
            double rest = matrix[i][j];
            for (int k = 0; k < j; k++)
                rest -= factor[i][k] * factor[j][k];
            if (i == j && rest < -rounding)
                return false;
            bool flat = factor[j][j] == 0.0;
            if (i != j && flat && fabs(rest) > sqrt(rounding))
                return false;
            factor[i][j] = i == j ? (rest > zero ? sqrt(rest) : 0.0) : flat ? 0.0 : rest / factor[j][j];
        }
        for (int j = i + 1; j < count; j++)
            factor[i][j] = 0.0;
    }
    return true;
}

static enum kerf_status read_row(const struct kerf_yaml *yaml, kerf_yaml_node *list, int row, int count,
                                 double *numbers, struct kerf_error *error)
{
    const char *what = "uncertainty.correlated.matrix";
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || kerf_yaml_count(list) != count)
        return kerf_yaml_refuse(yaml, list, error, "%s: row %d must have %d numbers, one per value", what,
                                row + 1, count);
    for (int i = 0; i < count; i++) {
        kerf_yaml_node *node = kerf_yaml_item(list, i);
        KERF_TRY(kerf_yaml_quantity(yaml, node, what, "1", &numbers[i], error));
        if (fabs(numbers[i]) > 1.0)
            return kerf_yaml_refuse(yaml, node, error, "%s: %g is no correlation; -1 to 1 is wanted", what,
                                    numbers[i]);
        if (i == row && numbers[i] != 1.0)
            return kerf_yaml_refuse(yaml, node, error, "%s: the diagonal must be 1 (got %g)", what,
                                    numbers[i]);
    }
    return KERF_OK;
}

static enum kerf_status read_matrix(const struct kerf_yaml *yaml, kerf_yaml_node *list,
                                    struct kerf_correlation *block, struct kerf_error *error)
{
    const char *what = "uncertainty.correlated.matrix";
    double matrix[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX];
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || kerf_yaml_count(list) != block->count)
        return kerf_yaml_refuse(yaml, list, error, "%s: %d rows are wanted, one per value", what,
                                block->count);
    for (int i = 0; i < block->count; i++)
        KERF_TRY(read_row(yaml, kerf_yaml_item(list, i), i, block->count, matrix[i], error));
    for (int i = 0; i < block->count; i++)
        for (int j = 0; j < i; j++)
            if (matrix[i][j] != matrix[j][i])
                return kerf_yaml_refuse(yaml, kerf_yaml_item(list, i), error,
                                        "%s: not symmetric: %g and %g for %s and %s", what, matrix[i][j],
                                        matrix[j][i], block->name[i], block->name[j]);
    if (!kerf_correlation_factor(block->count, matrix, block->factor))
        return kerf_yaml_refuse(yaml, list, error,
                                "%s: has a negative eigenvalue, so no values can be correlated like that; "
                                "move the numbers closer to 0",
                                what);
    return KERF_OK;
}

static bool is_known(const struct kerf_correlations *correlations, const char *name)
{
    int times = 0;
    for (int b = 0; b < correlations->count; b++)
        for (int i = 0; i < correlations->block[b].count; i++)
            times += strcmp(correlations->block[b].name[i], name) == 0;
    return times > 0;
}

static enum kerf_status read_block(const struct kerf_yaml *yaml, kerf_yaml_node *map,
                                   struct kerf_correlations *correlations, struct kerf_error *error)
{
    static const char *const keys[] = {"values", "matrix", NULL};
    const char *what = "uncertainty.correlated";
    struct kerf_correlation *block = &correlations->block[correlations->count];
    *block = (struct kerf_correlation){0};
    KERF_TRY(kerf_yaml_check_keys(yaml, map, what, keys, error));
    kerf_yaml_node *values = kerf_yaml_get(map, "values");
    kerf_yaml_where(yaml, map, block->where, sizeof block->where);
    if (kerf_yaml_node_kind(values) != KERF_YAML_LIST || kerf_yaml_count(values) < 2 ||
        kerf_yaml_count(values) > KERF_CORRELATED_MAX)
        return kerf_yaml_refuse(yaml, values ? values : map, error,
                                "%s.values: a list of 2 to %d values is wanted, such as cs-3.clock_Hz", what,
                                KERF_CORRELATED_MAX);
    correlations->count++;
    for (int i = 0; i < kerf_yaml_count(values); i++) {
        kerf_yaml_node *node = kerf_yaml_item(values, i);
        char name[sizeof block->name[0]];
        KERF_TRY(kerf_yaml_text(yaml, node, what, name, sizeof name, error));
        if (is_known(correlations, name))
            return kerf_yaml_refuse(yaml, node, error, "%s.values: %s is there twice", what, name);
        memcpy(block->name[block->count++], name, sizeof name);
    }
    return read_matrix(yaml, kerf_yaml_get(map, "matrix") ? kerf_yaml_get(map, "matrix") : map, block, error);
}

enum kerf_status kerf_correlations_read(const struct kerf_yaml *yaml, kerf_yaml_node *section,
                                        struct kerf_correlations *correlations, struct kerf_error *error)
{
    static const char *const keys[] = {"correlated", NULL};
    correlations->count = 0;
    if (!section)
        return KERF_OK;
    KERF_TRY(kerf_yaml_check_keys(yaml, section, "uncertainty", keys, error));
    kerf_yaml_node *list = kerf_yaml_get(section, "correlated");
    if (kerf_yaml_node_kind(list) != KERF_YAML_LIST || kerf_yaml_count(list) > KERF_CORRELATIONS_MAX)
        return kerf_yaml_refuse(yaml, list ? list : section, error,
                                "uncertainty.correlated: a list of at most %d blocks is wanted",
                                KERF_CORRELATIONS_MAX);
    for (int i = 0; i < kerf_yaml_count(list); i++)
        KERF_TRY(read_block(yaml, kerf_yaml_item(list, i), correlations, error));
    return KERF_OK;
}
