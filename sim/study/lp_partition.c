/* The study room: the engine's partition problem as a graph for sim/partition. */
#include "sim/study/lp_partition.h"

#include "sim/engine/agree.h"
#include "sim/partition/graph.h"
#include "sim/study/petsc.h"

#include <math.h>
#include <stdlib.h>

/* Heaviest rank over the mean: so much is better than to meet in every window. */
static const double imbalance_borne = 1.3;

struct groups {
    uint32_t count;
    uint32_t *of_lp; /* owned */
    double *load;    /* owned */
    size_t *first;   /* owned */
    uint32_t *to;    /* owned */
    double *traffic; /* owned */
    int *rank_of;    /* owned */
};

static void free_groups(struct groups *g)
{
    free(g->of_lp);
    free(g->load);
    free(g->first);
    free(g->to);
    free(g->traffic);
    free(g->rank_of);
}

static enum kerf_status allocate(struct groups *g, const struct kerf_partition_problem *p,
                                 struct kerf_error *error)
{
    size_t lps = (size_t)p->count + 1, channels = p->first[p->count] + 1;
    g->of_lp = malloc(lps * sizeof *g->of_lp);
    g->load = calloc(lps, sizeof *g->load);
    g->first = calloc(lps + 1, sizeof *g->first);
    g->to = malloc(channels * sizeof *g->to);
    g->traffic = malloc(channels * sizeof *g->traffic);
    g->rank_of = malloc(lps * sizeof *g->rank_of);
    KERF_CHECK(g->of_lp && g->load && g->first && g->to && g->traffic && g->rank_of, KERF_ERR_FAILURE,
               "out of memory to cut %u logical processes over ranks", p->count);
    return KERF_OK;
}

/* LPs that must stay together are one vertex. */
static void gather(struct groups *g, const struct kerf_partition_problem *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        bool joins = i > 0 && p->lp[i].group >= 0 && p->lp[i].group == p->lp[i - 1].group;
        if (!joins)
            g->count++;
        g->of_lp[i] = g->count - 1;
        g->load[g->count - 1] += p->lp[i].load;
    }
}

struct component {
    uint32_t root;
    double load; /* 0 for a vertex that is no root */
};

static uint32_t root_of(uint32_t *root, uint32_t i)
{
    while (root[i] != i)
        i = root[i] = root[root[i]];
    return i;
}

/* Union-find; of two roots the smaller stays, so that the result does not depend on the order of channels. */
static void find_components(const struct groups *g, uint32_t *root, struct component *component)
{
    for (uint32_t i = 0; i < g->count; i++)
        root[i] = i;
    for (uint32_t i = 0; i < g->count; i++)
        for (size_t c = g->first[i]; c < g->first[i + 1]; c++) {
            uint32_t a = root_of(root, i), b = root_of(root, g->to[c]);
            root[a > b ? a : b] = a > b ? b : a;
        }
    for (uint32_t i = 0; i < g->count; i++) {
        root[i] = root_of(root, i);
        component[i].root = i;
        component[root[i]].load += g->load[i];
    }
}

static int heavier_first(const void *left, const void *right)
{
    const struct component *a = left, *b = right;
    if (a->load != b->load)
        return a->load > b->load ? -1 : 1;
    return (a->root > b->root) - (a->root < b->root);
}

static kerf_time longest_lookahead(const struct kerf_partition_problem *p)
{
    kerf_time longest = 1;
    for (size_t c = 0; c < p->first[p->count]; c++)
        if (p->channel[c].lookahead > longest)
            longest = p->channel[c].lookahead;
    return longest;
}

/* LPs of a group follow each other, so the channels, sorted by LP, are sorted by group. */
static void connect(struct groups *g, const struct kerf_partition_problem *p)
{
    double longest = (double)longest_lookahead(p);
    for (uint32_t i = 0; i < p->count; i++)
        for (size_t c = p->first[i]; c < p->first[i + 1]; c++) {
            double events = p->lp[i].load / (double)(p->first[i + 1] - p->first[i]);
            g->to[c] = g->of_lp[p->channel[c].to];
            g->traffic[c] = events * (1.0 + longest / (double)p->channel[c].lookahead);
            g->first[g->of_lp[i] + 1] = c + 1;
        }
    for (uint32_t k = 1; k <= g->count; k++)
        if (g->first[k] < g->first[k - 1])
            g->first[k] = g->first[k - 1];
}

/* Systems that never talk to each other cost nothing to simulate on different ranks. Gives whole components
 * of the graph to ranks, the heaviest first, each to the rank with the least; true when that is balanced well
 * enough: ranks that never wait for each other bear some imbalance. */
static bool pack_components(struct groups *g, int ranks)
{
    uint32_t *root = malloc(((size_t)g->count + 1) * sizeof *root);
    struct component *component = calloc((size_t)g->count + 1, sizeof *component);
    double *on_rank = calloc((size_t)ranks, sizeof *on_rank), total = 0.0, most = 0.0;
    bool packed = root && component && on_rank;
    if (packed) {
        find_components(g, root, component);
        qsort(component, g->count, sizeof *component, heavier_first);
        for (uint32_t k = 0; k < g->count; k++) {
            int least = 0;
            for (int rank = 1; rank < ranks; rank++)
                if (on_rank[rank] < on_rank[least])
                    least = rank;
            on_rank[least] += component[k].load;
            g->rank_of[component[k].root] = least;
            total += component[k].load;
            most = fmax(most, on_rank[least]);
        }
        for (uint32_t i = 0; i < g->count; i++)
            g->rank_of[i] = g->rank_of[root[i]];
        packed = most <= total / ranks * imbalance_borne;
    }
    free(root);
    free(component);
    free(on_rank);
    return packed;
}

enum kerf_status kerf_lp_partition(void *context, MPI_Comm comm, const struct kerf_partition_problem *problem,
                                   int *rank_of, struct kerf_error *error)
{
    (void)context;
    struct groups g = {0};
    enum kerf_status status = allocate(&g, problem, error);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK) {
        gather(&g, problem);
        connect(&g, problem);
    }
    /* Every rank packs the same way, or PETSc starts on all. */
    if (status == KERF_OK && !pack_components(&g, problem->ranks)) {
        status = kerf_error_agree(comm, kerf_petsc_start(error), error);
        const struct kerf_graph graph = {.vertices = g.count,
                                         .first = g.first,
                                         .neighbour = g.to,
                                         .edge_weight = g.traffic,
                                         .vertex_weight = g.load};
        if (status == KERF_OK)
            status = kerf_graph_partition(comm, &graph, problem->ranks, g.rank_of, error);
    }
    for (uint32_t i = 0; status == KERF_OK && i < problem->count; i++)
        rank_of[i] = g.rank_of[g.of_lp[i]];
    free_groups(&g);
    return status;
}
