/* The graph that partitioners want: every edge in both directions with one weight, neighbours in order. */
#ifndef KERF_PARTITION_SYMMETRIC_H
#define KERF_PARTITION_SYMMETRIC_H

#include "sim/partition/graph.h"

struct kerf_symmetric_graph {
    uint32_t vertices;
    size_t *first;       /* vertices + 1 of them; first[vertices] is twice the number of edges */
    uint32_t *neighbour; /* ascending for each vertex, without itself */
    double *weight;      /* of edges, the same bits in both directions */
    double *load;        /* of vertices */
};

/* Refuses what is no graph: arcs out of order or to nowhere, weights that are negative or not finite, sums of
 * them beyond the range of a double. On success the caller frees it with kerf_symmetric_free(). */
enum kerf_status kerf_symmetric_make(struct kerf_symmetric_graph *symmetric, const struct kerf_graph *graph,
                                     struct kerf_error *error);
void kerf_symmetric_free(struct kerf_symmetric_graph *symmetric);

/* As kerf_graph_quality(); every part_of is in range. load_of_part has room for `parts`. */
void kerf_symmetric_quality(const struct kerf_symmetric_graph *symmetric, int parts, const int *part_of,
                            double *load_of_part, struct kerf_partition_quality *quality);

#endif
