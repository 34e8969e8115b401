/* The partition room: checks a graph and makes its symmetric form, in time linear in its arcs. */
#include "sim/partition/symmetric.h"

#include <math.h>
#include <stdlib.h>

static enum kerf_status check_weights(const double *weight, size_t count, const char *what,
                                      struct kerf_error *error)
{
    double total = 0.0;
    for (size_t i = 0; weight && i < count; i++) {
        KERF_CHECK(isfinite(weight[i]) && weight[i] >= 0.0, KERF_ERR_FAILURE,
                   "graph: the weight of %s %zu must be finite and not negative (got %g)", what, i,
                   weight[i]);
        total += weight[i];
    }
    KERF_CHECK(isfinite(total), KERF_ERR_FAILURE, "graph: the weights from %s 0 on have no finite sum", what);
    return KERF_OK;
}

static enum kerf_status check_graph(const struct kerf_graph *graph, struct kerf_error *error)
{
    uint32_t vertices = graph->vertices;
    KERF_CHECK(graph->first[0] == 0, KERF_ERR_FAILURE, "graph: the arcs must start at 0 (got %zu)",
               graph->first[0]);
    for (uint32_t u = 0; u < vertices; u++) {
        KERF_CHECK(graph->first[u] <= graph->first[u + 1], KERF_ERR_FAILURE,
                   "graph: the arcs of vertex %u end before they start", u);
        for (size_t k = graph->first[u]; k < graph->first[u + 1]; k++)
            KERF_CHECK(graph->neighbour[k] < vertices, KERF_ERR_FAILURE,
                       "graph: vertex %u has the neighbour %u, but there are %u vertices", u,
                       graph->neighbour[k], vertices);
    }
    KERF_TRY(check_weights(graph->edge_weight, graph->first[vertices], "arc", error));
    return check_weights(graph->vertex_weight, vertices, "vertex", error);
}

/* Lists of neighbours while they are made; `next` is where the next one of a vertex goes. */
struct lists {
    size_t *first, *next;
    uint32_t *neighbour;
    double *weight;
};

static void free_lists(struct lists *lists)
{
    free(lists->first);
    free(lists->next);
    free(lists->neighbour);
    free(lists->weight);
}

static bool make_lists(struct lists *lists, uint32_t vertices, size_t arcs)
{
    lists->first = calloc((size_t)vertices + 1, sizeof *lists->first);
    lists->next = calloc((size_t)vertices + 1, sizeof *lists->next);
    lists->neighbour = malloc((arcs + 1) * sizeof *lists->neighbour);
    lists->weight = malloc((arcs + 1) * sizeof *lists->weight);
    return lists->first && lists->next && lists->neighbour && lists->weight;
}

static void append(struct lists *lists, uint32_t u, uint32_t v, double weight)
{
    size_t at = lists->next[u]++;
    lists->neighbour[at] = v;
    lists->weight[at] = weight;
}

/* Puts every arc into the lists of both its ends, in the order of the arcs: so the weights between two
 * vertices add up in one order at both, to the same bits. */
static void add_arcs(struct lists *lists, const struct kerf_graph *graph)
{
    for (uint32_t u = 0; u < graph->vertices; u++)
        for (size_t k = graph->first[u]; k < graph->first[u + 1]; k++)
            if (graph->neighbour[k] != u) {
                lists->first[u + 1]++;
                lists->first[graph->neighbour[k] + 1]++;
            }
    for (uint32_t u = 0; u < graph->vertices; u++) {
        lists->first[u + 1] += lists->first[u];
        lists->next[u] = lists->first[u];
    }
    for (uint32_t u = 0; u < graph->vertices; u++)
        for (size_t k = graph->first[u]; k < graph->first[u + 1]; k++)
            if (graph->neighbour[k] != u) {
                double weight = graph->edge_weight ? graph->edge_weight[k] : 1.0;
                append(lists, u, graph->neighbour[k], weight);
                append(lists, graph->neighbour[k], u, weight);
            }
}

/* Makes one of entries with the same neighbour; the lists close up to the front. */
static void merge(struct lists *lists, uint32_t vertices)
{
    size_t *seen = lists->next; /* 1 + where a neighbour stands; up to `row` it is from an earlier vertex */
    size_t end = 0, start = 0;
    for (uint32_t u = 0; u < vertices; u++)
        seen[u] = 0;
    for (uint32_t u = 0; u < vertices; u++) {
        size_t row = end;
        for (size_t k = start; k < lists->first[u + 1]; k++) {
            uint32_t v = lists->neighbour[k];
            if (seen[v] > row) {
                lists->weight[seen[v] - 1] += lists->weight[k];
                continue;
            }
            lists->neighbour[end] = v;
            lists->weight[end] = lists->weight[k];
            seen[v] = ++end;
        }
        start = lists->first[u + 1];
        lists->first[u + 1] = end;
    }
}

/* Copies the lists so that neighbours ascend: who is symmetric is its own transpose, and transposing sorts.
 */
static bool sort(struct lists *sorted, const struct lists *lists, uint32_t vertices)
{
    if (!make_lists(sorted, vertices, lists->first[vertices]))
        return false;
    for (uint32_t u = 0; u < vertices; u++) {
        sorted->first[u + 1] = lists->first[u + 1];
        sorted->next[u] = lists->first[u];
    }
    for (uint32_t u = 0; u < vertices; u++)
        for (size_t k = lists->first[u]; k < lists->first[u + 1]; k++)
            append(sorted, lists->neighbour[k], u, lists->weight[k]);
    return true;
}

static bool make_symmetric(struct kerf_symmetric_graph *symmetric, const struct kerf_graph *graph)
{
    uint32_t vertices = graph->vertices;
    struct lists lists = {0}, sorted = {0};
    double *load = malloc(((size_t)vertices + 1) * sizeof *load);
    bool made = load && make_lists(&lists, vertices, 2 * graph->first[vertices]);
    if (made) {
        add_arcs(&lists, graph);
        merge(&lists, vertices);
        made = sort(&sorted, &lists, vertices);
    }
    free_lists(&lists);
    if (!made) {
        free_lists(&sorted);
        free(load);
        return false;
    }
    for (uint32_t u = 0; u < vertices; u++)
        load[u] = graph->vertex_weight ? graph->vertex_weight[u] : 1.0;
    free(sorted.next);
    *symmetric = (struct kerf_symmetric_graph){.vertices = vertices,
                                               .first = sorted.first,
                                               .neighbour = sorted.neighbour,
                                               .weight = sorted.weight,
                                               .load = load};
    return true;
}

enum kerf_status kerf_symmetric_make(struct kerf_symmetric_graph *symmetric, const struct kerf_graph *graph,
                                     struct kerf_error *error)
{
    KERF_TRY(check_graph(graph, error));
    KERF_CHECK(make_symmetric(symmetric, graph), KERF_ERR_FAILURE,
               "no memory for a graph of %u vertices and %zu arcs", graph->vertices,
               graph->first[graph->vertices]);
    return KERF_OK;
}

void kerf_symmetric_free(struct kerf_symmetric_graph *symmetric)
{
    free(symmetric->first);
    free(symmetric->neighbour);
    free(symmetric->weight);
    free(symmetric->load);
}
