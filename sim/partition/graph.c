/* The partition room: partitions on rank 0, by whichever way is better, and gives all ranks the answer. */
#include "sim/partition/graph.h"

#include "sim/partition/blocks.h"
#include "sim/partition/ptscotch.h"

#include <limits.h>
#include <petscsys.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PT-Scotch's luck differs: where weights differ much the best of a few tries is often far better than one. A
 * graph of more arcs gets one, which may take seconds. */
enum { TRIES = 3, ARCS_TRIED_AGAIN = 200000 };

struct work {
    struct kerf_symmetric_graph graph;
    double *load, *load_of_part; /* of vertices, capped; of parts */
    int *other;                  /* a partition that competes with the best so far */
};

static bool make_work(struct work *work, int parts)
{
    size_t vertices = work->graph.vertices;
    work->load = malloc(vertices * sizeof *work->load);
    work->load_of_part = malloc((size_t)parts * sizeof *work->load_of_part);
    work->other = malloc(vertices * sizeof *work->other);
    return work->load && work->load_of_part && work->other;
}

static void free_work(struct work *work)
{
    kerf_symmetric_free(&work->graph);
    free(work->load);
    free(work->load_of_part);
    free(work->other);
}

/* Replaces the partition by what PT-Scotch finds if that is better; without an answer, `error` says why. */
static void try_ptscotch(struct work *work, int parts, int *part_of, struct kerf_error *error)
{
    struct kerf_partition_quality best, other;
    kerf_symmetric_quality(&work->graph, parts, part_of, work->load_of_part, &best);
    int tries = work->graph.first[work->graph.vertices] <= ARCS_TRIED_AGAIN ? TRIES : 1;
    for (int seed = 1; seed <= tries; seed++) {
        struct kerf_error why;
        if (kerf_ptscotch_partition(&work->graph, work->load, parts, seed, work->other, &why) != KERF_OK) {
            kerf_error_set(error, KERF_OK, "%s", why.message);
            return;
        }
        kerf_symmetric_quality(&work->graph, parts, work->other, work->load_of_part, &other);
        if (kerf_partition_is_better(&other, &best)) {
            best = other;
            memcpy(part_of, work->other, work->graph.vertices * sizeof *part_of);
        }
    }
}

static enum kerf_status choose(struct work *work, int parts, int *part_of, struct kerf_error *error)
{
    uint32_t vertices = work->graph.vertices;
    KERF_CHECK(make_work(work, parts), KERF_ERR_FAILURE, "no memory to partition %u vertices", vertices);
    memcpy(work->load, work->graph.load, vertices * sizeof *work->load);
    kerf_blocks_cap(work->load, vertices, parts);
    kerf_blocks_cut(work->load, vertices, parts, part_of);
    if (parts > 1 && work->graph.first[vertices] > 0)
        try_ptscotch(work, parts, part_of, error);
    return KERF_OK;
}

static enum kerf_status partition(const struct kerf_graph *graph, int parts, int *part_of,
                                  struct kerf_error *error)
{
    PetscBool ready;
    PetscInitialized(&ready);
    KERF_CHECK(ready, KERF_ERR_FAILURE, "partition: PETSc is not initialised");
    KERF_CHECK(parts >= 1, KERF_ERR_FAILURE, "partition: there must be at least 1 part (got %d)", parts);
    KERF_CHECK(graph->vertices <= INT_MAX, KERF_ERR_FAILURE, "partition: %u vertices are more than %d",
               graph->vertices, INT_MAX);
    struct work work = {0};
    KERF_TRY(kerf_symmetric_make(&work.graph, graph, error));
    enum kerf_status status = KERF_OK;
    if (graph->vertices > (uint32_t)parts)
        status = choose(&work, parts, part_of, error);
    else
        for (uint32_t u = 0; u < graph->vertices; u++)
            part_of[u] = (int)u;
    free_work(&work);
    return status;
}

enum kerf_status kerf_graph_partition(MPI_Comm comm, const struct kerf_graph *graph, int parts, int *part_of,
                                      struct kerf_error *error)
{
    struct kerf_error verdict = {.status = KERF_OK};
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0)
        verdict.status = partition(graph, parts, part_of, &verdict);
    MPI_Bcast(&verdict, sizeof verdict, MPI_BYTE, 0, comm);
    if (error)
        *error = verdict;
    if (verdict.status == KERF_OK)
        MPI_Bcast(part_of, (int)graph->vertices, MPI_INT, 0, comm);
    return verdict.status;
}
