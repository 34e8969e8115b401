/* Values that are drawn together: the section `uncertainty` of a scenario.
 *
 *   uncertainty:
 *     correlated:
 *       - values: [cs-3.clock_Hz, cs-3.hop_cycles]
 *         matrix: [[1, 0.6], [0.6, 1]]
 *
 * A number is the correlation of the normal scores of two values: a Gaussian copula (Nelsen, An Introduction
 * to Copulas, 2nd edition, section 2.3), which leaves the distribution of each value as it is. */
#ifndef KERF_IO_CORRELATIONS_H
#define KERF_IO_CORRELATIONS_H

#include "sim/io/yaml.h"

enum { KERF_CORRELATED_MAX = 16, KERF_CORRELATIONS_MAX = 8 };

struct kerf_correlation {
    char where[256]; /* FILE:LINE, for messages */
    int count;
    char name[KERF_CORRELATED_MAX][128]; /* ENTRY.KEY of the catalog, or a path of the scenario */
    double factor[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX]; /* lower triangle L of the matrix L L^T */
};

struct kerf_correlations {
    int count;
    struct kerf_correlation block[KERF_CORRELATIONS_MAX];
};

/* Reads the section (absent: none). Refuses a matrix that is none of correlations: not square, not symmetric,
 * a diagonal that is not 1, a number outside -1 .. 1, or a negative eigenvalue. */
enum kerf_status kerf_correlations_read(const struct kerf_yaml *yaml, kerf_yaml_node *section,
                                        struct kerf_correlations *correlations, struct kerf_error *error);

/* Cholesky factor of a symmetric matrix that may be singular; false if it has a negative eigenvalue. Only the
 * first `count` rows and columns are looked at. */
bool kerf_correlation_factor(int count, double matrix[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX],
                             double factor[KERF_CORRELATED_MAX][KERF_CORRELATED_MAX]);

#endif
