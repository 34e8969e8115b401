/* Colour refinement finds the coarsest equitable partition, and the check knows an equitable one from others.
 */
#include "sim/engine/colour.h"
#include "sim/engine/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NODES_MOST = 1200, EDGES_MOST = 40000, SMALL = 40, LABELS_MOST = 3 };

struct drawing {
    uint32_t nodes;
    size_t edges;
    uint64_t node_label[NODES_MOST];
    struct kerf_colour_edge edge[EDGES_MOST];
};

/* A graph without edges, all nodes labelled 0. The test frees it. */
static struct drawing *draw_nodes(uint32_t nodes)
{
    struct drawing *drawing = calloc(1, sizeof *drawing);
    assert_non_null(drawing);
    assert_in_range(nodes, 0, NODES_MOST);
    drawing->nodes = nodes;
    return drawing;
}

static void draw_edge(struct drawing *drawing, uint32_t from, uint32_t to, uint64_t label)
{
    assert_true(drawing->edges < EDGES_MOST);
    drawing->edge[drawing->edges++] = (struct kerf_colour_edge){from, to, label};
}

static void draw_both_ways(struct drawing *drawing, uint32_t one, uint32_t other, uint64_t label)
{
    draw_edge(drawing, one, other, label);
    draw_edge(drawing, other, one, label);
}

static enum kerf_status check(const struct drawing *drawing, const uint32_t *class_of,
                              struct kerf_error *error)
{
    return kerf_colour_check(drawing->node_label, drawing->nodes, drawing->edge, drawing->edges, class_of,
                             error);
}

/* Returns the number of classes. Whatever is refined must be equitable. */
static uint32_t refine(const struct drawing *drawing, uint32_t *class_of)
{
    struct kerf_error error = {0};
    uint32_t classes = UINT32_MAX;
    assert_int_equal(kerf_colour_refine(drawing->node_label, drawing->nodes, drawing->edge, drawing->edges,
                                        class_of, &classes, &error),
                     KERF_OK);
    assert_int_equal(check(drawing, class_of, &error), KERF_OK);
    return classes;
}

static uint32_t count_classes(const struct drawing *drawing)
{
    uint32_t class_of[NODES_MOST];
    return refine(drawing, class_of);
}

static void expect_classes(const struct drawing *drawing, const uint32_t *expected)
{
    uint32_t class_of[NODES_MOST], classes = refine(drawing, class_of), most = 0;
    for (uint32_t i = 0; i < drawing->nodes; i++) {
        assert_int_equal(class_of[i], expected[i]);
        most = expected[i] > most ? expected[i] : most;
    }
    assert_int_equal(classes, most + 1);
}

static struct drawing *draw_ring(uint32_t nodes)
{
    struct drawing *ring = draw_nodes(nodes);
    for (uint32_t i = 0; i < nodes; i++)
        draw_edge(ring, i, (i + 1) % nodes, 5);
    return ring;
}

static struct drawing *draw_hypercube(uint32_t dimensions)
{
    struct drawing *cube = draw_nodes(1u << dimensions);
    for (uint32_t i = 0; i < cube->nodes; i++)
        for (uint32_t d = 0; d < dimensions; d++)
            draw_edge(cube, i, i ^ (1u << d), 1);
    return cube;
}

/* Graphs whose automorphisms take every node to every other have one class. */
static void regular_graphs_have_one_class(void **unused)
{
    (void)unused;
    for (uint32_t nodes = 1; nodes < 70; nodes++) {
        struct drawing *ring = draw_ring(nodes), *complete = draw_nodes(nodes);
        for (uint32_t i = 0; i < nodes; i++)
            for (uint32_t j = 0; j < nodes; j++)
                if (i != j)
                    draw_edge(complete, i, j, 0);
        assert_int_equal(count_classes(ring), 1);
        assert_int_equal(count_classes(complete), 1);
        free(ring);
        free(complete);
    }
    struct drawing *torus = draw_nodes(24 * 17), *cube = draw_hypercube(9);
    for (uint32_t x = 0; x < 24; x++)
        for (uint32_t y = 0; y < 17; y++) {
            draw_both_ways(torus, x * 17 + y, (x + 1) % 24 * 17 + y, 1);
            draw_both_ways(torus, x * 17 + y, x * 17 + (y + 1) % 17, 2);
        }
    assert_int_equal(count_classes(torus), 1);
    assert_int_equal(count_classes(cube), 1);
    free(torus);
    free(cube);
}

/* On a path with edges both ways a node is told by its distance to the nearer end; on a directed one by its
 * distance to the first node. */
static void paths_are_told_by_the_distance_to_an_end(void **unused)
{
    (void)unused;
    for (uint32_t nodes = 1; nodes <= NODES_MOST; nodes += nodes < 30 ? 1 : 117) {
        struct drawing *both_ways = draw_nodes(nodes), *directed = draw_nodes(nodes);
        uint32_t mirrored[NODES_MOST], own[NODES_MOST];
        for (uint32_t i = 0; i < nodes; i++) {
            mirrored[i] = i < nodes - 1 - i ? i : nodes - 1 - i;
            own[i] = i;
            if (i + 1 < nodes) {
                draw_both_ways(both_ways, i, i + 1, 8);
                draw_edge(directed, i, i + 1, 8);
            }
        }
        assert_int_equal(count_classes(both_ways), (nodes + 1) / 2);
        expect_classes(both_ways, mirrored);
        expect_classes(directed, own);
        free(both_ways);
        free(directed);
    }
}

/* A star has a centre and leaves; a complete binary tree has its levels; a hypercube with one node marked has
 * the distances from that node (it is distance-regular). */
static void other_shapes_have_the_classes_of_the_textbook(void **unused)
{
    (void)unused;
    struct drawing *star = draw_nodes(1000), *tree = draw_nodes(1023), *cube = draw_hypercube(8);
    uint32_t expected[NODES_MOST];
    for (uint32_t i = 1; i < star->nodes; i++)
        draw_edge(star, i, 0, 3);
    for (uint32_t i = 0; i < star->nodes; i++)
        expected[i] = i > 0;
    expect_classes(star, expected);
    for (uint32_t i = 1; i < tree->nodes; i++)
        draw_both_ways(tree, i, (i - 1) / 2, 3);
    for (uint32_t i = 0, level = 0; i < tree->nodes; i++) {
        level += i + 1 == 2u << level;
        expected[i] = level;
    }
    expect_classes(tree, expected);
    cube->node_label[0] = 1;
    expected[0] = 0; /* distance d is first met at node 2^d - 1, so classes are numbered by it */
    for (uint32_t i = 1; i < cube->nodes; i++)
        expected[i] = expected[i / 2] + i % 2;
    expect_classes(cube, expected);
    free(star);
    free(tree);
    free(cube);
}

/* Counts do not tell a ring of 5 from one of 8, nor from one of 1: still equitable. */
static void rings_of_different_size_are_alike(void **unused)
{
    (void)unused;
    struct drawing *rings = draw_nodes(14);
    for (uint32_t i = 0; i < 5; i++)
        draw_edge(rings, i, (i + 1) % 5, 1);
    for (uint32_t i = 0; i < 8; i++)
        draw_edge(rings, 5 + i, 5 + (i + 1) % 8, 1);
    draw_edge(rings, 13, 13, 1);
    assert_int_equal(count_classes(rings), 1);
    free(rings);
}

/* Without edges the classes are the labels, numbered by their first node. Labels that differ in one bit only,
 * or in the upper half only, differ. */
static void node_labels_are_never_joined(void **unused)
{
    (void)unused;
    struct drawing *drawing = draw_nodes(8);
    const uint64_t label[] = {7, UINT64_MAX, 7, 0, UINT64_C(7) << 32, UINT64_MAX, UINT64_MAX - 1, 0};
    const uint32_t expected[] = {0, 1, 0, 2, 3, 1, 4, 2};
    memcpy(drawing->node_label, label, sizeof label);
    expect_classes(drawing, expected);
    free(drawing);
    struct drawing *ring = draw_ring(12);
    for (uint32_t i = 0; i < 12; i += 3)
        ring->node_label[i] = 4; /* every third: the nodes behind it and before it differ by direction */
    const uint32_t thirds[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
    expect_classes(ring, thirds);
    free(ring);
}

/* 0 sends to 2 and 3, 1 sends to 4. Nodes 2, 3, 4 each hear from one sender, so it takes the count of edges
 * out to tell 0 from 1, and then the edges in to tell 4 from 2 and 3. */
static void edges_out_and_in_both_count(void **unused)
{
    (void)unused;
    struct drawing *senders = draw_nodes(5), *receivers = draw_nodes(5);
    const uint32_t pair[][2] = {{0, 2}, {0, 3}, {1, 4}}, expected[] = {0, 1, 2, 2, 3};
    for (int e = 0; e < 3; e++) {
        draw_edge(senders, pair[e][0], pair[e][1], 1);
        draw_edge(receivers, pair[e][1], pair[e][0], 1);
    }
    expect_classes(senders, expected);
    expect_classes(receivers, expected);
    free(senders);
    free(receivers);
}

/* Two edges are not one, a second label is not the first one twice, and a loop is an edge. */
static void equal_edges_and_loops_count(void **unused)
{
    (void)unused;
    struct drawing *drawing = draw_nodes(8);
    draw_edge(drawing, 0, 1, 1);
    draw_edge(drawing, 2, 3, 1);
    draw_edge(drawing, 2, 3, 1);
    draw_edge(drawing, 4, 5, 1);
    draw_edge(drawing, 4, 5, 2);
    draw_edge(drawing, 6, 6, 1);
    const uint32_t expected[] = {0, 1, 2, 3, 4, 5, 6, 7};
    expect_classes(drawing, expected);
    free(drawing);
}

enum { REPLICAS = 4, STAGES = 3, FORWARD = 1, BACKWARD = 2, REDUCE = 3 };

/* Node 3 * replica + stage. Each replica is a pipeline; the wiring between replicas is the test's. */
static struct drawing *draw_pipelines(uint32_t nodes)
{
    struct drawing *grid = draw_nodes(nodes);
    for (uint32_t d = 0; d < REPLICAS; d++)
        for (uint32_t p = 0; p + 1 < STAGES; p++) {
            draw_edge(grid, d * STAGES + p, d * STAGES + p + 1, FORWARD);
            draw_edge(grid, d * STAGES + p + 1, d * STAGES + p, BACKWARD);
        }
    return grid;
}

/* Gradients go round a ring in each stage: in a directed one every replica stands at a distance of its own
 * behind the straggler; in one with both directions the two neighbours of the straggler's replica are alike.
 */
static void a_straggler_splits_a_grid_of_rings(void **unused)
{
    (void)unused;
    for (int directions = 1; directions <= 2; directions++) {
        struct drawing *grid = draw_pipelines(REPLICAS * STAGES);
        for (uint32_t d = 0; d < REPLICAS; d++)
            for (uint32_t p = 0; p < STAGES; p++) {
                uint32_t node = d * STAGES + p, next = (d + 1) % REPLICAS * STAGES + p;
                draw_edge(grid, node, next, REDUCE);
                if (directions == 2)
                    draw_edge(grid, next, node, REDUCE);
            }
        const uint32_t even[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
        expect_classes(grid, even);
        grid->node_label[1 * STAGES + 1] = 99;
        const uint32_t one_way[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        const uint32_t two_ways[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 6, 7, 8};
        expect_classes(grid, directions == 1 ? one_way : two_ways);
        free(grid);
    }
}

/* Gradients go over a switch for each stage: only the replica with the straggler, or with the link that is
 * unlike the others, comes out of the class. */
static void a_straggler_splits_off_its_replica_behind_switches(void **unused)
{
    (void)unused;
    const uint32_t even[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5};
    const uint32_t replica_1_differs[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2, 6, 7, 8};
    const uint32_t replica_2_differs[] = {0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2, 6, 7, 8};
    struct drawing *grid = draw_pipelines(REPLICAS * STAGES + STAGES);
    for (uint32_t d = 0; d < REPLICAS; d++)
        for (uint32_t p = 0; p < STAGES; p++)
            draw_both_ways(grid, d * STAGES + p, REPLICAS * STAGES + p, REDUCE);
    expect_classes(grid, even);
    grid->node_label[1 * STAGES + 2] = 99;
    expect_classes(grid, replica_1_differs);
    grid->node_label[1 * STAGES + 2] = 0;
    for (size_t e = 0; e < grid->edges; e++)
        if (grid->edge[e].from == 2 * STAGES && grid->edge[e].label == FORWARD)
            grid->edge[e].label = 77;
    expect_classes(grid, replica_2_differs);
    free(grid);
}

static uint32_t draw(uint64_t seed, uint64_t *counter, uint32_t below)
{
    return (uint32_t)(kerf_random_uniform(seed, 4, (*counter)++) * below);
}

/* Edges at random: mostly many small classes. */
static struct drawing *draw_at_random(uint64_t seed)
{
    uint64_t counter = 0;
    struct drawing *drawing = draw_nodes(1 + draw(seed, &counter, SMALL));
    uint32_t labels = 1 + draw(seed, &counter, LABELS_MOST), marks = draw(seed, &counter, 3);
    size_t edges = draw(seed, &counter, 2 * drawing->nodes);
    for (uint32_t i = 0; i < drawing->nodes; i++)
        drawing->node_label[i] = marks ? draw(seed, &counter, marks) : 0;
    for (size_t e = 0; e < edges; e++)
        draw_edge(drawing, draw(seed, &counter, drawing->nodes), draw(seed, &counter, drawing->nodes),
                  draw(seed, &counter, labels));
    return drawing;
}

/* A small random graph, covered several times: each of its edges becomes a random matching between the copies
 * of its ends, so the copies of a node are alike. Every other one is disturbed by one edge more. */
static struct drawing *draw_cover(uint64_t seed)
{
    uint64_t counter = 0;
    uint32_t base = 1 + draw(seed, &counter, 8), copies = 1 + draw(seed, &counter, 5);
    uint32_t labels = 1 + draw(seed, &counter, LABELS_MOST), edges = draw(seed, &counter, 3 * base);
    struct drawing *drawing = draw_nodes(base * copies);
    for (uint32_t e = 0; e < edges; e++) {
        uint32_t from = draw(seed, &counter, base), to = draw(seed, &counter, base), matched[5];
        uint64_t label = draw(seed, &counter, labels);
        for (uint32_t c = 0; c < copies; c++) {
            uint32_t swap = draw(seed, &counter, c + 1);
            matched[c] = swap < c ? matched[swap] : c;
            matched[swap] = c;
        }
        for (uint32_t c = 0; c < copies; c++)
            draw_edge(drawing, c * base + from, matched[c] * base + to, label);
    }
    if (seed % 2)
        draw_edge(drawing, draw(seed, &counter, drawing->nodes), draw(seed, &counter, drawing->nodes), 0);
    return drawing;
}

/* The oracle: the definition, round by round. Two nodes stay together if they were and their edges out and in
 * are as many, for each label and each class of the round before. Classes are called by their first node. */
static uint32_t refine_by_rounds(const struct drawing *drawing, uint32_t *class_of)
{
    uint32_t nodes = drawing->nodes, classes = 0, before;
    for (uint32_t i = 0; i < nodes; i++) {
        class_of[i] = 0;
        while (drawing->node_label[class_of[i]] != drawing->node_label[i])
            class_of[i]++;
    }
    do {
        unsigned count[SMALL][2][LABELS_MOST][SMALL] = {0};
        for (size_t e = 0; e < drawing->edges; e++) {
            const struct kerf_colour_edge *edge = &drawing->edge[e];
            count[edge->from][0][edge->label][class_of[edge->to]]++;
            count[edge->to][1][edge->label][class_of[edge->from]]++;
        }
        uint32_t old[SMALL];
        memcpy(old, class_of, nodes * sizeof *old);
        before = classes;
        classes = 0;
        for (uint32_t i = 0; i < nodes; i++) {
            uint32_t first = 0;
            while (old[first] != old[i] || memcmp(count[first], count[i], sizeof count[i]) != 0)
                first++;
            class_of[i] = first;
            classes += first == i;
        }
    } while (classes > before);
    return classes;
}

/* From classes called by their first node to classes numbered by it. */
static void number_classes(uint32_t *class_of, uint32_t nodes)
{
    uint32_t number[SMALL], numbered = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        if (class_of[i] == i)
            number[i] = numbered++;
        class_of[i] = number[class_of[i]];
    }
}

/* No node fits into another class than its own: every equitable partition is a refinement of the coarsest. */
static void expect_no_node_to_fit_elsewhere(const struct drawing *drawing, uint32_t *class_of,
                                            uint32_t classes)
{
    struct kerf_error error = {0};
    for (uint32_t i = 0; i < drawing->nodes; i++) {
        uint32_t own = class_of[i];
        for (class_of[i] = 0; class_of[i] < classes; class_of[i]++)
            if (class_of[i] != own)
                assert_int_equal(check(drawing, class_of, &error), KERF_ERR_FAILURE);
        class_of[i] = own;
    }
}

static void random_graphs_are_refined_as_by_rounds(void **unused)
{
    (void)unused;
    int told = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct drawing *drawing = seed < 150 ? draw_at_random(seed) : draw_cover(seed);
        uint32_t class_of[NODES_MOST], expected[SMALL];
        uint32_t classes = refine(drawing, class_of);
        assert_int_equal(classes, refine_by_rounds(drawing, expected));
        number_classes(expected, drawing->nodes);
        for (uint32_t i = 0; i < drawing->nodes; i++)
            assert_int_equal(class_of[i], expected[i]);
        expect_no_node_to_fit_elsewhere(drawing, class_of, classes);
        told += classes > 1 && classes < drawing->nodes;
        free(drawing);
    }
    assert_in_range(told, 90, 300); /* else the graphs are too easy */
}

/* Listing the edges in another order, or calling labels by other numbers, changes nothing. */
static void order_and_values_of_labels_do_not_matter(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct drawing *drawing = seed < 50 ? draw_at_random(seed) : draw_cover(seed);
        uint32_t class_of[NODES_MOST];
        refine(drawing, class_of);
        for (uint32_t i = 0; i < drawing->nodes; i++)
            drawing->node_label[i] = ~drawing->node_label[i] << 40;
        for (size_t e = 0; e < drawing->edges; e++)
            drawing->edge[e].label = (9 - drawing->edge[e].label) << 50;
        for (size_t e = 0; e < drawing->edges / 2; e++) {
            struct kerf_colour_edge *last = &drawing->edge[drawing->edges - 1 - e], kept = *last;
            *last = drawing->edge[e];
            drawing->edge[e] = kept;
        }
        expect_classes(drawing, class_of);
        free(drawing);
    }
}

/* Each edge of a ring has a label of its own, so the table of labels grows often. */
static void every_edge_may_have_its_own_label(void **unused)
{
    (void)unused;
    struct drawing *ring = draw_ring(NODES_MOST);
    for (size_t e = 0; e < ring->edges; e++)
        ring->edge[e].label = (e % 600) * UINT64_C(0x100000001);
    uint32_t expected[NODES_MOST];
    for (uint32_t i = 0; i < NODES_MOST; i++)
        expected[i] = i % 600;
    expect_classes(ring, expected);
    free(ring);
}

static void expect_message(const struct drawing *drawing, const uint32_t *class_of, const char *message)
{
    struct kerf_error error = {0};
    assert_int_equal(check(drawing, class_of, &error), KERF_ERR_FAILURE);
    assert_string_equal(error.message, message);
    assert_int_equal(check(drawing, class_of, NULL), KERF_ERR_FAILURE);
}

static void the_check_names_nodes_and_label(void **unused)
{
    (void)unused;
    struct drawing *path = draw_nodes(5);
    for (uint32_t i = 0; i + 1 < 5; i++)
        draw_edge(path, i, i + 1, 70 + i / 3); /* 0 -70-> 1 -70-> 2 -70-> 3 -71-> 4 */
    const uint32_t inner[] = {0, 1, 1, 1, 2}, ends[] = {0, 1, 2, 3, 0}, second[] = {0, 1, 1, 2, 3};
    const uint32_t no_class[] = {0, 1, 5, 3, 4}, own[] = {4, 3, 2, 1, 0};
    struct kerf_error error = {0};
    assert_int_equal(check(path, own, &error), KERF_OK);
    expect_message(path, inner,
                   "internal: nodes 1 and 2 are not alike: 1 and 0 edges with label 70 from class 0");
    expect_message(path, ends,
                   "internal: nodes 0 and 4 are not alike: 1 and 0 edges with label 70 to class 1");
    expect_message(path, second,
                   "internal: nodes 1 and 2 are not alike: 1 and 0 edges with label 70 to class 1");
    expect_message(path, no_class, "internal: node 2 is in class 5, but there are 5 nodes");
    path->edges = 0;
    path->node_label[3] = 6;
    expect_message(path, inner, "internal: nodes 1 and 3 are not alike: their labels are 0 and 6");
    free(path);
}

static void an_edge_to_no_node_is_an_error(void **unused)
{
    (void)unused;
    const uint64_t label[3] = {0};
    const uint32_t own[] = {0, 1, 2};
    for (int end = 0; end < 2; end++) {
        const struct kerf_colour_edge edge[] = {{0, 1, 1}, {end ? 2 : 3, end ? 3 : 2, 1}};
        const char *message =
            end ? "internal: edge 1 of a graph to colour leads from node 2 to node 3, but there are 3 nodes"
                : "internal: edge 1 of a graph to colour leads from node 3 to node 2, but there are 3 nodes";
        struct kerf_error error = {0};
        uint32_t class_of[3], classes;
        assert_int_equal(kerf_colour_refine(label, 3, edge, 2, class_of, &classes, &error), KERF_ERR_FAILURE);
        assert_string_equal(error.message, message);
        assert_int_equal(kerf_colour_check(label, 3, edge, 2, own, &error), KERF_ERR_FAILURE);
        assert_string_equal(error.message, message);
    }
}

static void no_nodes_are_no_classes_and_too_many_edges_an_error(void **unused)
{
    (void)unused;
    struct kerf_error error = {0};
    uint32_t class_of[1], classes = 9;
    assert_int_equal(kerf_colour_refine(NULL, 0, NULL, 0, class_of, &classes, &error), KERF_OK);
    assert_int_equal(classes, 0);
    assert_int_equal(kerf_colour_check(NULL, 0, NULL, 0, class_of, &error), KERF_OK);
    assert_int_equal(kerf_colour_refine(NULL, 0, NULL, (size_t)1 << 31, class_of, &classes, &error),
                     KERF_ERR_FAILURE);
    assert_string_equal(error.message,
                        "internal: 2147483648 edges in a graph to colour (at most 2147483647)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_graphs_have_one_class),
        cmocka_unit_test(paths_are_told_by_the_distance_to_an_end),
        cmocka_unit_test(other_shapes_have_the_classes_of_the_textbook),
        cmocka_unit_test(rings_of_different_size_are_alike),
        cmocka_unit_test(node_labels_are_never_joined),
        cmocka_unit_test(edges_out_and_in_both_count),
        cmocka_unit_test(equal_edges_and_loops_count),
        cmocka_unit_test(a_straggler_splits_a_grid_of_rings),
        cmocka_unit_test(a_straggler_splits_off_its_replica_behind_switches),
        cmocka_unit_test(random_graphs_are_refined_as_by_rounds),
        cmocka_unit_test(order_and_values_of_labels_do_not_matter),
        cmocka_unit_test(every_edge_may_have_its_own_label),
        cmocka_unit_test(the_check_names_nodes_and_label),
        cmocka_unit_test(an_edge_to_no_node_is_an_error),
        cmocka_unit_test(no_nodes_are_no_classes_and_too_many_edges_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
