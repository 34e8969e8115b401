/* The greatest flow between two sets of endpoints of a topology: augmenting paths (Edmonds and Karp, JACM
 * 19(2), 1972). By max-flow min-cut it is the capacity of the narrowest cut between them; an oracle for
 * tests, slow. */
#ifndef KERF_TEST_MAX_FLOW_H
#define KERF_TEST_MAX_FLOW_H

#include "models/fabric/topology.h"

#include <math.h>
#include <stdlib.h>

/* One augmenting path from a source to a sink, breadth first: what it carries, 0 if there is none. `left` is
 * what links may still carry, `by` the link over which a vertex was found (against it: odd and even are
 * twins). */
static inline double max_flow_augment(const struct kerf_topology *t, const bool *source, const bool *sink,
                                      double *left, uint32_t *by, uint32_t *queue)
{
    uint32_t head = 0, tail = 0, end = KERF_NO_VERTEX;
    for (uint32_t v = 0; v < t->vertices; v++) {
        by[v] = source[v] ? KERF_NO_LINK - 1 : KERF_NO_LINK;
        if (source[v])
            queue[tail++] = v;
    }
    while (head < tail && end == KERF_NO_VERTEX) {
        uint32_t at = queue[head++];
        for (uint32_t i = t->out_first[at]; i < t->out_first[at + 1] && end == KERF_NO_VERTEX; i++) {
            uint32_t l = t->out[i], to = t->link[l].to;
            if (left[l] <= 1e-6 || by[to] != KERF_NO_LINK)
                continue;
            by[to] = l;
            if (sink[to])
                end = to;
            queue[tail++] = to;
        }
    }
    if (end == KERF_NO_VERTEX)
        return 0.0;
    double most = INFINITY;
    for (uint32_t v = end; by[v] != KERF_NO_LINK - 1; v = t->link[by[v]].from)
        most = fmin(most, left[by[v]]);
    for (uint32_t v = end; by[v] != KERF_NO_LINK - 1; v = t->link[by[v]].from) {
        left[by[v]] -= most;
        left[by[v] ^ 1] += most;
    }
    return most;
}

/* B/s from the endpoints with number < half to the others; endpoints do not forward, as they are all ends. */
static inline double max_flow_Bps(const struct kerf_topology *t, uint32_t half)
{
    bool *source = calloc(2 * (size_t)t->vertices, sizeof *source), *sink = source + t->vertices;
    double *left = malloc(t->links * sizeof *left), sum = 0.0, more;
    uint32_t *by = malloc(2 * (size_t)t->vertices * sizeof *by);
    for (uint32_t e = 0; e < t->endpoints; e++)
        *(e < half ? &source[e] : &sink[e]) = true;
    for (uint32_t l = 0; l < t->links; l++)
        left[l] = t->link[l].capacity_Bps * t->link[l].factor;
    while ((more = max_flow_augment(t, source, sink, left, by, by + t->vertices)) > 0.0)
        sum += more;
    free(source);
    free(left);
    free(by);
    return sum;
}

#endif
