/* Which nodes of a graph behave alike: colour refinement (1-dimensional Weisfeiler-Leman), whose result is
 * the coarsest equitable partition. A simulation folded by it runs one node of a class and counts it for all.
 *
 * A partition is equitable when all nodes of a class have the same label and, for every edge label and every
 * class, the same number of edges to it and the same number of edges from it. So between classes R and D a
 * label has k edges out of each node of R and c edges into each node of D, and |R| k = |D| c. Alike means
 * alike in these counts: a ring of 3 and a ring of 5 are one class. */
#ifndef KERF_ENGINE_COLOUR_H
#define KERF_ENGINE_COLOUR_H

#include "sim/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Equal edges count as often as they are listed, and an edge may lead to the node that it comes from. */
struct kerf_colour_edge {
    uint32_t from, to;
    uint64_t label;
};

/* Finds the coarsest equitable partition of nodes 0 .. nodes-1. Labels are numbers of the caller's choice and
 * are compared, not hashed: the result is exact, and depends neither on the order of the edges nor on the
 * values of the labels beyond their being equal.
 *   class_of   out, `nodes` of them: classes are numbered from 0 by their smallest node, rising
 *   classes    out: how many there are
 * At most 2^31 - 1 edges. Time O((nodes + edges) log nodes), memory 24 bytes per edge, 44 per node and up to
 * 32 per different edge label. Fails when memory is out or an edge has an end that is no node; class_of is
 * then undefined. Method: smaller half (Hopcroft 1971; Cardon and Crochemore, Theor. Comput. Sci. 19 (1982);
 * Paige and Tarjan, SIAM J. Comput. 16 (1987)), with counts and labels as in Berkholz, Bonsma and Grohe,
 * Theory Comput. Syst. 60 (2017). */
enum kerf_status kerf_colour_refine(const uint64_t *node_label, uint32_t nodes,
                                    const struct kerf_colour_edge *edge, size_t edges, uint32_t *class_of,
                                    uint32_t *classes, struct kerf_error *error);

/* Fails unless class_of (any numbers below `nodes`) is equitable. The message names the smallest node that
 * differs from the smallest node of its class, that one, and the edge label in which they differ. Shares no
 * step of the refinement but the lists of edges. Same limits as above; time O(edges log(largest degree)). */
enum kerf_status kerf_colour_check(const uint64_t *node_label, uint32_t nodes,
                                   const struct kerf_colour_edge *edge, size_t edges,
                                   const uint32_t *class_of, struct kerf_error *error);

#endif
