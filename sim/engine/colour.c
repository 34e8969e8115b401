/* The engine room: colour refinement by the smaller half. Knows graphs with labels, and no LPs: who folds a
 * simulation says what a node is. An edge is two arcs, one in the list of each of its ends, with tags that
 * tell them apart, so that refining by edges out and by edges in is one loop. */
#include "sim/engine/colour.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Numbers different labels 0, 1, ... in the order in which they appear. The hash says where to look, equality
 * of the labels decides. */
struct label_set {
    uint64_t *label;
    uint32_t *slot; /* 0 is free, else the number of a label, plus 1 */
    size_t slots;   /* a power of two */
    uint32_t count;
};

/* The slot that has this label, or the free one where it belongs. */
static uint32_t *label_slot(const struct label_set *set, uint64_t label)
{
    size_t at = XXH3_64bits(&label, sizeof label) & (set->slots - 1);
    while (set->slot[at] && set->label[set->slot[at] - 1] != label)
        at = (at + 1) & (set->slots - 1);
    return &set->slot[at];
}

/* Keeps the slots at most half full. Returns false when memory is out. */
static bool label_set_grow(struct label_set *set)
{
    size_t slots = set->slots ? 2 * set->slots : 16;
    uint64_t *label = realloc(set->label, slots / 2 * sizeof *label);
    if (!label)
        return false;
    set->label = label;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (!slot)
        return false;
    free(set->slot);
    set->slot = slot;
    set->slots = slots;
    for (uint32_t i = 0; i < set->count; i++)
        *label_slot(set, label[i]) = i + 1;
    return true;
}

static bool label_number(struct label_set *set, uint64_t label, uint32_t *number)
{
    if (set->count >= set->slots / 2 && !label_set_grow(set))
        return false;
    uint32_t *slot = label_slot(set, label);
    if (!*slot) {
        set->label[set->count++] = label;
        *slot = set->count;
    }
    *number = *slot - 1;
    return true;
}

static void label_set_free(struct label_set *set)
{
    free(set->label);
    free(set->slot);
}

/* A large graph spends its time waiting for memory, so loops fetch what they need this many turns later. */
enum { AHEAD = 12 };

struct arc {
    uint32_t node; /* the other end */
    uint32_t tag;  /* twice the number of the label, plus 1 in the list of the node that the edge enters */
};

struct graph {
    uint32_t nodes;
    uint32_t *first; /* arcs of node i: first[i] .. first[i + 1] - 1 */
    struct arc *arc;
    struct label_set labels;
};

static void graph_free(struct graph *graph)
{
    free(graph->first);
    free(graph->arc);
    label_set_free(&graph->labels);
}

/* Puts the arcs into lists. Returns false when memory is out. */
static bool graph_fill(struct graph *graph, const struct kerf_colour_edge *edge, size_t edges)
{
    /* Each start is counted up one place ahead, so that filling the lists moves it to where it belongs. */
    uint32_t *next = graph->first + 1, number;
    for (size_t e = 0; e < edges; e++) {
        next[edge[e].from + 1]++;
        next[edge[e].to + 1]++;
    }
    for (size_t i = 1; i <= graph->nodes; i++)
        next[i] += next[i - 1];
    for (size_t e = 0; e < edges; e++) {
        if (e + 2 * AHEAD < edges) {
            __builtin_prefetch(&next[edge[e + 2 * AHEAD].from]);
            __builtin_prefetch(&next[edge[e + 2 * AHEAD].to]);
            __builtin_prefetch(&graph->arc[next[edge[e + AHEAD].from]], 1);
            __builtin_prefetch(&graph->arc[next[edge[e + AHEAD].to]], 1);
        }
        if (!label_number(&graph->labels, edge[e].label, &number))
            return false;
        graph->arc[next[edge[e].from]++] = (struct arc){edge[e].to, 2 * number};
        graph->arc[next[edge[e].to]++] = (struct arc){edge[e].from, 2 * number + 1};
    }
    free(graph->labels.slot); /* no more labels come */
    graph->labels.slot = NULL;
    return true;
}

static enum kerf_status graph_make(struct graph *graph, uint32_t nodes, const struct kerf_colour_edge *edge,
                                   size_t edges, struct kerf_error *error)
{
    KERF_CHECK(edges <= UINT32_MAX / 2, KERF_ERR_FAILURE,
               "internal: %zu edges in a graph to colour (at most %" PRIu32 ")", edges, UINT32_MAX / 2);
    for (size_t e = 0; e < edges; e++)
        KERF_CHECK(edge[e].from < nodes && edge[e].to < nodes, KERF_ERR_FAILURE,
                   "internal: edge %zu of a graph to colour leads from node %" PRIu32 " to node %" PRIu32
                   ", but there are %" PRIu32 " nodes",
                   e, edge[e].from, edge[e].to, nodes);
    graph->nodes = nodes;
    graph->first = calloc((size_t)nodes + 2, sizeof *graph->first);
    graph->arc = malloc((2 * edges + 1) * sizeof *graph->arc);
    KERF_CHECK(graph->first && graph->arc && graph_fill(graph, edge, edges), KERF_ERR_FAILURE,
               "out of memory for a graph of %" PRIu32 " nodes and %zu edges to colour", nodes, edges);
    return KERF_OK;
}

struct node {
    uint32_t class;
    uint32_t place; /* in `member` */
    uint32_t count; /* of the splitter's arcs with the tag at hand, how many lead here */
};

/* A class while it may still be split. */
struct cell {
    uint32_t start, size; /* in `member` */
    uint32_t hits;        /* how many of its nodes have a count; they stand first */
};

/* What the refinement works on. Members of a class stand side by side in `member`. Invariant between two
 * splitters: every class that does not wait is, with some that wait, a set by which no class can be split. */
struct refinement {
    const struct graph *graph;
    struct node *node;
    struct cell *cell;
    uint32_t classes;
    uint32_t *member;                        /* the nodes, class by class */
    uint32_t *waiting, waiting_count;        /* classes to split by, a stack */
    uint32_t *hit_class, hit_classes;        /* classes that have hits */
    uint32_t *tag_end, *seen_tag, seen_tags; /* arcs of the splitter by tag: where they end in `neighbour` */
    uint32_t *neighbour;
    uint32_t *sorted, *tally; /* for sorting nodes by count */
    uint32_t *memory;         /* that these lists live in */
};

static bool refinement_make(struct refinement *r, const struct graph *graph)
{
    size_t nodes = graph->nodes, arcs = graph->first[nodes], tags = 2 * (size_t)graph->labels.count;
    size_t degree = 0; /* the largest */
    for (size_t i = 0; i < nodes; i++)
        if (graph->first[i + 1] - graph->first[i] > degree)
            degree = graph->first[i + 1] - graph->first[i];
    r->graph = graph;
    r->node = calloc(nodes + 1, sizeof *r->node);
    r->cell = calloc(nodes + 1, sizeof *r->cell);
    r->memory = calloc(4 * nodes + 2 * tags + arcs + degree + 1, sizeof *r->memory);
    if (!r->node || !r->cell || !r->memory)
        return false;
    r->member = r->memory;
    r->waiting = r->member + nodes;
    r->hit_class = r->waiting + nodes;
    r->sorted = r->hit_class + nodes;
    r->tag_end = r->sorted + nodes;
    r->seen_tag = r->tag_end + tags;
    r->neighbour = r->seen_tag + tags;
    r->tally = r->neighbour + arcs;
    return true;
}

/* One class for each node label. A largest one need not wait: all nodes together are the first splitter. */
static bool start_with_node_labels(struct refinement *r, const uint64_t *node_label)
{
    uint32_t nodes = r->graph->nodes;
    struct label_set labels = {0};
    bool numbered = true;
    for (uint32_t i = 0; i < nodes && numbered; i++)
        numbered = label_number(&labels, node_label[i], &r->node[i].class);
    r->classes = labels.count;
    label_set_free(&labels);
    if (!numbered)
        return false;
    for (uint32_t i = 0; i < nodes; i++)
        r->cell[r->node[i].class].size++;
    uint32_t largest = 0;
    for (uint32_t c = 0, before = 0; c < r->classes; c++) {
        r->cell[c].start = before;
        before += r->cell[c].size;
        if (r->cell[c].size > r->cell[largest].size)
            largest = c;
    }
    for (uint32_t c = 0; c < r->classes; c++)
        if (c != largest)
            r->waiting[r->waiting_count++] = c;
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t class = r->node[i].class;
        r->node[i].place = r->cell[class].start + r->cell[class].hits++;
        r->member[r->node[i].place] = i;
    }
    for (uint32_t c = 0; c < r->classes; c++)
        r->cell[c].hits = 0;
    return true;
}

/* Lists the neighbours of the splitter's members, tag by tag. They are listed before anything is split, so
 * that the splitter may split itself. To all nodes together, a node has the arcs that it has: these are
 * listed without going there. */
static void gather(struct refinement *r, const uint32_t *member, uint32_t members)
{
    const struct graph *graph = r->graph;
    bool all = members == graph->nodes;
    r->seen_tags = 0;
    for (uint32_t i = 0; i < members; i++)
        for (uint32_t a = graph->first[member[i]]; a < graph->first[member[i] + 1]; a++)
            if (r->tag_end[graph->arc[a].tag]++ == 0)
                r->seen_tag[r->seen_tags++] = graph->arc[a].tag;
    for (uint32_t t = 0, before = 0; t < r->seen_tags; t++) {
        uint32_t arcs = r->tag_end[r->seen_tag[t]];
        r->tag_end[r->seen_tag[t]] = before;
        before += arcs;
    }
    for (uint32_t i = 0; i < members; i++)
        for (uint32_t a = graph->first[member[i]]; a < graph->first[member[i] + 1]; a++)
            r->neighbour[r->tag_end[graph->arc[a].tag]++] = all ? member[i] : graph->arc[a].node;
}

/* Moves a node to the front of its class, behind those that were hit before. */
static void hit(struct refinement *r, uint32_t node)
{
    uint32_t class = r->node[node].class;
    struct cell *cell = &r->cell[class];
    if (cell->size == 1)
        return;
    if (cell->hits == 0)
        r->hit_class[r->hit_classes++] = class;
    uint32_t to = cell->start + cell->hits++, from = r->node[node].place, other = r->member[to];
    r->member[to] = node;
    r->node[node].place = to;
    r->member[from] = other;
    r->node[other].place = from;
}

/* Counting sort of `nodes` nodes from place `first` on; counts lie between least and most. Takes
 * O(nodes + most) steps, which is no more than the arcs that made the counts. */
static void sort_by_count(struct refinement *r, uint32_t first, uint32_t nodes, uint32_t least, uint32_t most)
{
    uint32_t *member = r->member + first;
    for (uint32_t i = 0; i < nodes; i++)
        r->tally[r->node[member[i]].count - least]++;
    for (uint32_t k = 0, before = 0; k <= most - least; k++) {
        uint32_t of_this = r->tally[k];
        r->tally[k] = before;
        before += of_this;
    }
    for (uint32_t i = 0; i < nodes; i++)
        r->sorted[r->tally[r->node[member[i]].count - least]++] = member[i];
    for (uint32_t i = 0; i < nodes; i++) {
        member[i] = r->sorted[i];
        r->node[member[i]].place = first + i;
    }
    memset(r->tally, 0, (most - least + (size_t)1) * sizeof *r->tally);
}

/* Where the nodes end that have the same count as the one at `begin`. Nodes from hit_end on have none. */
static uint32_t group_end(const struct refinement *r, uint32_t begin, uint32_t hit_end, uint32_t end)
{
    if (begin >= hit_end)
        return end;
    uint32_t at = begin + 1;
    while (at < hit_end && r->node[r->member[at]].count == r->node[r->member[begin]].count)
        at++;
    return at;
}

static void new_class(struct refinement *r, uint32_t begin, uint32_t end)
{
    uint32_t class = r->classes++;
    r->cell[class] = (struct cell){.start = begin, .size = end - begin};
    for (uint32_t at = begin; at < end; at++)
        r->node[r->member[at]].class = class;
    r->waiting[r->waiting_count++] = class;
}

/* Splits a class by count. The largest part keeps the number, and waits only if the class did: counts to it
 * follow from the counts to the whole and to the other parts, which all wait. So whenever a node is in a
 * splitter again, that one is at most half as large as the one before: log2(nodes) times at the most. */
static void split_class(struct refinement *r, uint32_t class)
{
    struct cell *cell = &r->cell[class];
    uint32_t first = cell->start, hit_end = first + cell->hits, end = first + cell->size;
    uint32_t least = UINT32_MAX, most = 0;
    for (uint32_t at = first; at < hit_end; at++) {
        uint32_t count = r->node[r->member[at]].count;
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    cell->hits = 0;
    if (least == most && hit_end == end)
        return;
    if (least < most)
        sort_by_count(r, first, hit_end - first, least, most);
    uint32_t kept = first, kept_end = first;
    for (uint32_t begin = first, next; begin < end; begin = next) {
        next = group_end(r, begin, hit_end, end);
        if (next - begin > kept_end - kept) {
            kept = begin;
            kept_end = next;
        }
    }
    for (uint32_t begin = first, next; begin < end; begin = next) {
        next = group_end(r, begin, hit_end, end);
        if (begin != kept)
            new_class(r, begin, next);
    }
    cell->start = kept;
    cell->size = kept_end - kept;
}

/* Splits all classes by how often their nodes occur among the neighbours. */
static void split_by_tag(struct refinement *r, const uint32_t *neighbour, uint32_t neighbours)
{
    r->hit_classes = 0;
    for (uint32_t i = 0; i < neighbours; i++) {
        if (neighbours - i > 2 * AHEAD) {
            __builtin_prefetch(&r->node[neighbour[i + 2 * AHEAD]]);
            __builtin_prefetch(&r->cell[r->node[neighbour[i + AHEAD]].class]);
        }
        if (r->node[neighbour[i]].count++ == 0)
            hit(r, neighbour[i]);
    }
    for (uint32_t i = 0; i < r->hit_classes; i++)
        split_class(r, r->hit_class[i]);
    for (uint32_t i = 0; i < neighbours; i++)
        r->node[neighbour[i]].count = 0;
}

/* Splits all classes until their nodes have the same counts to the splitter. */
static void split_by(struct refinement *r, uint32_t start, uint32_t size)
{
    gather(r, r->member + start, size);
    for (uint32_t t = 0, begin = 0; t < r->seen_tags; t++) {
        uint32_t end = r->tag_end[r->seen_tag[t]];
        r->tag_end[r->seen_tag[t]] = 0;
        split_by_tag(r, r->neighbour + begin, end - begin);
        begin = end;
    }
}

static void refine(struct refinement *r)
{
    split_by(r, 0, r->graph->nodes);
    while (r->waiting_count > 0 && r->classes < r->graph->nodes) {
        const struct cell *splitter = &r->cell[r->waiting[--r->waiting_count]];
        split_by(r, splitter->start, splitter->size);
    }
}

/* The partition is unique, this makes the numbers of its classes so. */
static void number_by_smallest_node(const struct refinement *r, uint32_t *class_of)
{
    uint32_t *number = r->sorted, numbered = 0; /* number[class] is the new one plus 1 */
    memset(number, 0, r->classes * sizeof *number);
    for (uint32_t i = 0; i < r->graph->nodes; i++) {
        uint32_t class = r->node[i].class;
        if (!number[class])
            number[class] = ++numbered;
        class_of[i] = number[class] - 1;
    }
}

enum kerf_status kerf_colour_refine(const uint64_t *node_label, uint32_t nodes,
                                    const struct kerf_colour_edge *edge, size_t edges, uint32_t *class_of,
                                    uint32_t *classes, struct kerf_error *error)
{
    struct graph graph = {0};
    struct refinement r = {0};
    enum kerf_status status = graph_make(&graph, nodes, edge, edges, error);
    if (status == KERF_OK) {
        if (refinement_make(&r, &graph) && start_with_node_labels(&r, node_label)) {
            refine(&r);
            number_by_smallest_node(&r, class_of);
            *classes = r.classes;
        } else {
            status = kerf_error_set(error, KERF_ERR_FAILURE,
                                    "out of memory for the classes of %" PRIu32 " nodes", nodes);
        }
    }
    free(r.node);
    free(r.cell);
    free(r.memory);
    graph_free(&graph);
    return status;
}

static int by_tag_then_class(const void *left, const void *right)
{
    const struct arc *a = left, *b = right;
    if (a->tag != b->tag)
        return a->tag < b->tag ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

/* Replaces the other end of each arc by its class and sorts each list: nodes alike have equal lists. */
static void sort_arcs_by_class(struct graph *graph, const uint32_t *class_of)
{
    for (size_t a = 0; a < graph->first[graph->nodes]; a++)
        graph->arc[a].node = class_of[graph->arc[a].node];
    for (size_t i = 0; i < graph->nodes; i++)
        qsort(graph->arc + graph->first[i], graph->first[i + 1] - graph->first[i], sizeof *graph->arc,
              by_tag_then_class);
}

/* How many arcs of a node are equal to this one. */
static uint32_t equal_arcs(const struct graph *graph, uint32_t node, const struct arc *arc)
{
    uint32_t equal = 0;
    for (uint32_t a = graph->first[node]; a < graph->first[node + 1]; a++)
        equal += by_tag_then_class(&graph->arc[a], arc) == 0;
    return equal;
}

/* Compares the sorted lists of two nodes of a class. */
static enum kerf_status compare_nodes(const struct graph *graph, uint32_t node, uint32_t other,
                                      struct kerf_error *error)
{
    const struct arc *left = graph->arc + graph->first[node], *left_end = graph->arc + graph->first[node + 1];
    const struct arc *right = graph->arc + graph->first[other];
    const struct arc *right_end = graph->arc + graph->first[other + 1];
    while (left < left_end && right < right_end && by_tag_then_class(left, right) == 0) {
        left++;
        right++;
    }
    if (left == left_end && right == right_end)
        return KERF_OK;
    const struct arc *missing = left; /* the lesser of the two is what one list has more of */
    if (left == left_end || (right < right_end && by_tag_then_class(right, left) < 0))
        missing = right;
    return kerf_error_set(error, KERF_ERR_FAILURE,
                          "internal: nodes %" PRIu32 " and %" PRIu32 " are not alike: %" PRIu32
                          " and %" PRIu32 " edges with label %" PRIu64 " %s class %" PRIu32,
                          node, other, equal_arcs(graph, node, missing), equal_arcs(graph, other, missing),
                          graph->labels.label[missing->tag / 2], missing->tag % 2 ? "from" : "to",
                          missing->node);
}

/* Compares each node with the smallest of its class; the scratch smallest[class] starts as 0, and then holds
 * that node plus 1. */
static enum kerf_status compare_all(const struct graph *graph, const uint64_t *node_label,
                                    const uint32_t *class_of, uint32_t *smallest, struct kerf_error *error)
{
    for (uint32_t i = 0; i < graph->nodes; i++) {
        uint32_t *of_class = &smallest[class_of[i]];
        if (!*of_class)
            *of_class = i + 1;
        uint32_t least = *of_class - 1;
        KERF_CHECK(node_label[i] == node_label[least], KERF_ERR_FAILURE,
                   "internal: nodes %" PRIu32 " and %" PRIu32 " are not alike: their labels are %" PRIu64
                   " and %" PRIu64,
                   least, i, node_label[least], node_label[i]);
        KERF_TRY(compare_nodes(graph, least, i, error));
    }
    return KERF_OK;
}

enum kerf_status kerf_colour_check(const uint64_t *node_label, uint32_t nodes,
                                   const struct kerf_colour_edge *edge, size_t edges,
                                   const uint32_t *class_of, struct kerf_error *error)
{
    for (uint32_t i = 0; i < nodes; i++)
        KERF_CHECK(class_of[i] < nodes, KERF_ERR_FAILURE,
                   "internal: node %" PRIu32 " is in class %" PRIu32 ", but there are %" PRIu32 " nodes", i,
                   class_of[i], nodes);
    struct graph graph = {0};
    uint32_t *smallest = calloc((size_t)nodes + 1, sizeof *smallest);
    enum kerf_status status = graph_make(&graph, nodes, edge, edges, error);
    if (status == KERF_OK && !smallest)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the classes of %" PRIu32 " nodes",
                                nodes);
    if (status == KERF_OK) {
        sort_arcs_by_class(&graph, class_of);
        status = compare_all(&graph, node_label, class_of, smallest, error);
    }
    free(smallest);
    graph_free(&graph);
    return status;
}
