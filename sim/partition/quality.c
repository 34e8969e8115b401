/* The partition room: how even a partition is, what it cuts, and which of two is better. */
#include "sim/partition/symmetric.h"

#include <stdlib.h>

enum { LOAD_TOLERANCE_PERCENT = 10 };

static void measure_loads(const struct kerf_symmetric_graph *symmetric, int parts, const int *part_of,
                          double *load_of_part, struct kerf_partition_quality *quality)
{
    double total = 0.0;
    for (int part = 0; part < parts; part++)
        load_of_part[part] = -1.0; /* no vertex yet: also one without weight fills a part */
    for (uint32_t u = 0; u < symmetric->vertices; u++) {
        double *load = &load_of_part[part_of[u]];
        *load = (*load < 0.0 ? 0.0 : *load) + symmetric->load[u];
        total += symmetric->load[u];
    }
    for (int part = 0; part < parts; part++) {
        quality->empty_parts += load_of_part[part] < 0.0;
        if (load_of_part[part] > quality->load_most)
            quality->load_most = load_of_part[part];
    }
    quality->load_mean = total / parts;
}

void kerf_symmetric_quality(const struct kerf_symmetric_graph *symmetric, int parts, const int *part_of,
                            double *load_of_part, struct kerf_partition_quality *quality)
{
    *quality = (struct kerf_partition_quality){0};
    measure_loads(symmetric, parts, part_of, load_of_part, quality);
    for (uint32_t u = 0; u < symmetric->vertices; u++)
        for (size_t k = symmetric->first[u]; k < symmetric->first[u + 1] && symmetric->neighbour[k] < u;
             k++) {
            quality->total_weight += symmetric->weight[k];
            if (part_of[u] != part_of[symmetric->neighbour[k]]) {
                quality->cut_weight += symmetric->weight[k];
                quality->cut_edges++;
            }
        }
}

enum kerf_status kerf_graph_quality(const struct kerf_graph *graph, int parts, const int *part_of,
                                    struct kerf_partition_quality *quality, struct kerf_error *error)
{
    KERF_CHECK(parts >= 1, KERF_ERR_FAILURE, "partition: there must be at least 1 part (got %d)", parts);
    for (uint32_t u = 0; u < graph->vertices; u++)
        KERF_CHECK(part_of[u] >= 0 && part_of[u] < parts, KERF_ERR_FAILURE,
                   "partition: vertex %u is in part %d of %d", u, part_of[u], parts);
    struct kerf_symmetric_graph symmetric;
    KERF_TRY(kerf_symmetric_make(&symmetric, graph, error));
    double *load_of_part = malloc((size_t)parts * sizeof *load_of_part);
    if (load_of_part)
        kerf_symmetric_quality(&symmetric, parts, part_of, load_of_part, quality);
    kerf_symmetric_free(&symmetric);
    KERF_CHECK(load_of_part, KERF_ERR_FAILURE, "no memory for the loads of %d parts", parts);
    free(load_of_part);
    return KERF_OK;
}

bool kerf_partition_is_better(const struct kerf_partition_quality *a, const struct kerf_partition_quality *b)
{
    const double within = 1.0 + LOAD_TOLERANCE_PERCENT / 100.0;
    if (a->empty_parts != b->empty_parts)
        return a->empty_parts < b->empty_parts;
    if (a->load_most > b->load_most * within || b->load_most > a->load_most * within)
        return a->load_most < b->load_most;
    if (a->cut_weight != b->cut_weight)
        return a->cut_weight < b->cut_weight;
    return a->load_most < b->load_most;
}
