/* The partition room: gives the vertices of a weighted graph to parts of about equal weight with little
 * weight on the edges between parts. It knows graphs, MPI and PETSc, and nothing of what the vertices stand
 * for.
 *
 * kerf_graph_partition() is what most want; kerf_graph_quality() measures any partition, also another's. */
#ifndef KERF_PARTITION_GRAPH_H
#define KERF_PARTITION_GRAPH_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The arcs of vertex i are first[i] .. first[i + 1] - 1. An arc may stand in one direction or in both: the
 * weights of all arcs between two vertices add up to that of one edge. Arcs from a vertex to itself are
 * ignored. Weights are finite and not negative, in any unit. */
struct kerf_graph {
    uint32_t vertices;
    const size_t *first; /* vertices + 1 of them */
    const uint32_t *neighbour;
    const double *edge_weight;   /* of arcs; NULL: 1 each */
    const double *vertex_weight; /* NULL: 1 each */
};

struct kerf_partition_quality {
    double load_most, load_mean;     /* vertex weight of the heaviest part, and of all parts on average */
    double cut_weight, total_weight; /* of edges between parts, and of all edges */
    size_t cut_edges;                /* pairs of neighbours in different parts */
    int empty_parts;                 /* parts without a vertex */
};

/* Gives every vertex a part, 0 .. parts - 1: by PT-Scotch (Chevalier and Pellegrini, Parallel Computing 34,
 * 2008; a small graph up to three times) or by consecutive blocks of about equal weight, whichever is best by
 * kerf_partition_is_better(). Blocks serve also where PT-Scotch fails: the status is KERF_OK then, and
 * error->message, else empty, says why. As many parts as vertices or more give every vertex a part of its
 * own, whatever is cut.
 *
 * Collective; the graph and `parts` are the same on every rank. Rank 0 computes, all get its
 * part_of[vertices]. Equal calls have equal results. PETSc must be initialised on rank 0; PETSc's
 * options for MatPartitioning are heeded. While PT-Scotch works, the environment variable
 * SCOTCH_PTHREAD_NUMBER is set, so no other thread may use the environment. Millions of edges take seconds,
 * but minutes if they join vertices at random. */
enum kerf_status kerf_graph_partition(MPI_Comm comm, const struct kerf_graph *graph, int parts, int *part_of,
                                      struct kerf_error *error);

/* Measures a partition into parts 0 .. parts - 1. Not collective. Fails if a part_of is out of range. */
enum kerf_status kerf_graph_quality(const struct kerf_graph *graph, int parts, const int *part_of,
                                    struct kerf_partition_quality *quality, struct kerf_error *error);

/* Whether partition `a` is better than `b` of the same graph: it has fewer empty parts; or else its heaviest
 * part is not within 10 % of the other's, and lighter; or else it cuts less weight; or else its heaviest part
 * is lighter. */
bool kerf_partition_is_better(const struct kerf_partition_quality *a, const struct kerf_partition_quality *b);

#endif
