/* The partition room: asks PT-Scotch, in whole numbers that fit its 32 bits, and turns PETSc's errors into
 * Kerf's. */
#include "sim/partition/ptscotch.h"

#include <math.h>
#include <petscmat.h>
#include <scotch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Weights are scaled to a sum of UNITS_MOST at the most. Rounding up to 1 adds less than one unit for each of
 * ARCS_MOST, so sums stay below 2^31; finer units make PT-Scotch slower for hardly a better cut. */
#define UNITS_MOST 16777216.0
#define ARCS_MOST ((size_t)1 << 30)

/* How much heavier than the mean a part may be: at PETSc's 1 % whole clusters of vertices no longer fit. */
#define IMBALANCE 0.05

static const char threads_name[] = "SCOTCH_PTHREAD_NUMBER";

struct job {
    PetscInt *first, *neighbour, *edge_units, *vertex_units;
    Mat adjacency;
    MatPartitioning partitioning;
    IS answer;
};

/* Turns positive weights into whole numbers of at least 1: as they are if they are small whole numbers, 1
 * each if they are equal, else in proportion. */
static void weights_to_units(const double *weight, size_t count, PetscInt *units)
{
    double total = 0.0;
    bool equal = true, whole = true;
    for (size_t i = 0; i < count; i++) {
        total += weight[i];
        equal = equal && weight[i] == weight[0];
        whole = whole && weight[i] >= 1.0 && weight[i] == floor(weight[i]);
    }
    for (size_t i = 0; i < count; i++) {
        double scaled = whole && total <= UNITS_MOST ? weight[i] : weight[i] / total * UNITS_MOST;
        units[i] = equal || scaled < 1.0 ? 1 : (PetscInt)lround(scaled);
    }
}

/* Copies the graph without edges of weight 0, which PT-Scotch refuses and which cost nothing to cut. */
static PetscErrorCode fill_adjacency(struct job *job, const struct kerf_symmetric_graph *symmetric,
                                     double *kept_weight)
{
    size_t kept = 0;
    PetscCall(PetscMalloc1((size_t)symmetric->vertices + 1, &job->first));
    PetscCall(PetscMalloc1(symmetric->first[symmetric->vertices], &job->neighbour));
    PetscCall(PetscMalloc1(symmetric->first[symmetric->vertices], &job->edge_units));
    for (uint32_t u = 0; u < symmetric->vertices; u++) {
        job->first[u] = (PetscInt)kept;
        for (size_t k = symmetric->first[u]; k < symmetric->first[u + 1]; k++)
            if (symmetric->weight[k] > 0.0) {
                kept_weight[kept] = symmetric->weight[k];
                job->neighbour[kept++] = (PetscInt)symmetric->neighbour[k];
            }
    }
    job->first[symmetric->vertices] = (PetscInt)kept;
    weights_to_units(kept_weight, kept, job->edge_units);
    return 0;
}

static PetscErrorCode make_adjacency(struct job *job, PetscInt vertices)
{
    PetscInt *first = job->first, *neighbour = job->neighbour, *edge_units = job->edge_units;
    job->first = job->neighbour = job->edge_units = NULL; /* the matrix frees them */
    PetscCall(
        MatCreateMPIAdj(PETSC_COMM_SELF, vertices, vertices, first, neighbour, edge_units, &job->adjacency));
    return 0;
}

static PetscErrorCode set_up(struct job *job, const double *load, PetscInt vertices, PetscInt parts)
{
    PetscCall(MatPartitioningCreate(PETSC_COMM_SELF, &job->partitioning));
    PetscCall(MatPartitioningSetAdjacency(job->partitioning, job->adjacency));
    PetscCall(MatPartitioningSetNParts(job->partitioning, parts));
    PetscCall(MatPartitioningSetUseEdgeWeights(job->partitioning, PETSC_TRUE));
    PetscCall(PetscMalloc1(vertices, &job->vertex_units));
    weights_to_units(load, (size_t)vertices, job->vertex_units);
    PetscInt *vertex_units = job->vertex_units;
    job->vertex_units = NULL; /* the partitioning frees them */
    PetscCall(MatPartitioningSetVertexWeights(job->partitioning, vertex_units));
    PetscCall(MatPartitioningSetType(job->partitioning, MATPARTITIONINGPTSCOTCH));
    PetscCall(MatPartitioningPTScotchSetStrategy(job->partitioning, MP_PTSCOTCH_SPEED));
    PetscCall(MatPartitioningPTScotchSetImbalance(job->partitioning, IMBALANCE));
    PetscCall(MatPartitioningSetFromOptions(job->partitioning));
    return 0;
}

static PetscErrorCode read_answer(struct job *job, PetscInt vertices, PetscInt parts, int *part_of)
{
    const PetscInt *part;
    PetscCall(ISGetIndices(job->answer, &part));
    PetscInt bad = 0;
    for (PetscInt u = 0; u < vertices; u++) {
        bad += part[u] < 0 || part[u] >= parts;
        part_of[u] = (int)part[u];
    }
    PetscCall(ISRestoreIndices(job->answer, &part));
    PetscCheck(bad == 0, PETSC_COMM_SELF, PETSC_ERR_LIB, "%d vertices have no legal part", (int)bad);
    return 0;
}

/* Scotch's threads race, and its random numbers go on from call to call: either changes the partition. */
static PetscErrorCode apply(struct job *job, int seed)
{
    const char *before = getenv(threads_name);
    char *kept = before ? strdup(before) : NULL;
    setenv(threads_name, "1", 1);
    SCOTCH_randomSeed(seed);
    SCOTCH_randomReset();
    PetscErrorCode code = MatPartitioningApply(job->partitioning, &job->answer);
    if (kept)
        setenv(threads_name, kept, 1);
    else
        unsetenv(threads_name);
    free(kept);
    return code;
}

static PetscErrorCode run(struct job *job, const struct kerf_symmetric_graph *symmetric, const double *load,
                          PetscInt parts, int seed, double *kept_weight, int *part_of)
{
    PetscInt vertices = (PetscInt)symmetric->vertices;
    PetscCall(fill_adjacency(job, symmetric, kept_weight));
    PetscCall(make_adjacency(job, vertices));
    PetscCall(set_up(job, load, vertices, parts));
    PetscCall(apply(job, seed));
    PetscCall(read_answer(job, vertices, parts, part_of));
    return 0;
}

static void free_job(struct job *job)
{
    (void)ISDestroy(&job->answer);
    (void)MatPartitioningDestroy(&job->partitioning);
    (void)MatDestroy(&job->adjacency);
    (void)PetscFree(job->first);
    (void)PetscFree(job->neighbour);
    (void)PetscFree(job->edge_units);
    (void)PetscFree(job->vertex_units);
}

/* PETSc calls it where an error arises and again in every caller; the first call has the message. */
static PetscErrorCode keep_message(MPI_Comm comm, int line, const char *function, const char *file,
                                   PetscErrorCode code, PetscErrorType type, const char *message,
                                   void *context)
{
    (void)comm, (void)line, (void)file;
    if (type == PETSC_ERROR_INITIAL)
        snprintf(context, KERF_ERROR_MESSAGE_BYTES / 2, "%s: %s", function, message ? message : "");
    return code;
}

enum kerf_status kerf_ptscotch_partition(const struct kerf_symmetric_graph *symmetric, const double *load,
                                         int parts, int seed, int *part_of, struct kerf_error *error)
{
    size_t arcs = symmetric->first[symmetric->vertices];
    KERF_CHECK(arcs <= ARCS_MOST && symmetric->vertices <= ARCS_MOST, KERF_ERR_FAILURE,
               "PT-Scotch: a graph of %u vertices and %zu edges is too large", symmetric->vertices, arcs / 2);
    double *kept_weight = malloc(arcs * sizeof *kept_weight);
    KERF_CHECK(kept_weight, KERF_ERR_FAILURE, "PT-Scotch: no memory for %zu edges", arcs / 2);
    struct job job = {0};
    char message[KERF_ERROR_MESSAGE_BYTES / 2] = "";
    PetscPushErrorHandler(keep_message, message);
    PetscErrorCode code = run(&job, symmetric, load, parts, seed, kept_weight, part_of);
    free_job(&job);
    PetscPopErrorHandler();
    free(kept_weight);
    KERF_CHECK(code == 0, KERF_ERR_FAILURE, "PT-Scotch: PETSc error %d in %s", (int)code, message);
    return KERF_OK;
}
