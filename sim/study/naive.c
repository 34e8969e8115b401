/* The study room: the naive baseline of a validation. */
#include "sim/study/naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has_constant(const struct kerf_prediction *p)
{
    return p->naive.power != 0 && isfinite(p->measured) && isfinite(p->naive.value) && p->naive.value > 0.0;
}

static int by_pool_and_value(const void *left, const void *right)
{
    const struct kerf_naive *a = &(*(struct kerf_prediction *const *)left)->naive;
    const struct kerf_naive *b = &(*(struct kerf_prediction *const *)right)->naive;
    int pools = strcmp(a->pool, b->pool);
    return pools ? pools : (a->value > b->value) - (a->value < b->value);
}

/* Median of a sorted pool without its member `out`. */
static double median_without(struct kerf_prediction *const *pool, int count, int out)
{
    int lower = (count - 2) / 2, upper = (count - 1) / 2;
    return 0.5 * (pool[lower + (lower >= out)]->naive.value + pool[upper + (upper >= out)]->naive.value);
}

enum kerf_status kerf_naive_predict(struct kerf_prediction *row, int rows, struct kerf_error *error)
{
    struct kerf_prediction **sorted = malloc(((size_t)rows + 1) * sizeof *sorted);
    KERF_CHECK(sorted, KERF_ERR_FAILURE, "out of memory for %d rows", rows);
    int members = 0;
    for (int i = 0; i < rows; i++) {
        row[i].naive.predicted = NAN;
        if (has_constant(&row[i]))
            sorted[members++] = &row[i];
    }
    qsort(sorted, (size_t)members, sizeof(struct kerf_prediction *), by_pool_and_value);
    for (int first = 0, next; first < members; first = next) {
        next = first + 1;
        while (next < members && strcmp(sorted[next]->naive.pool, sorted[first]->naive.pool) == 0)
            next++;
        for (int i = first; i < next && next - first > 1; i++) {
            struct kerf_prediction *p = sorted[i];
            double constant = median_without(sorted + first, next - first, i - first);
            p->naive.predicted = p->measured * pow(constant / p->naive.value, p->naive.power);
        }
    }
    free(sorted);
    return KERF_OK;
}
