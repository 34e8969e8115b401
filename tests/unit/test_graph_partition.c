/* Graphs are cut evenly where little is cut: against the known best cuts of rings, grids, cliques; ordinary
 * and odd graphs get legal parts; equal calls have equal results; failures fall back to blocks or come back.
 */
#include "sim/partition/blocks.h"
#include "sim/partition/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <petscsys.h>

enum { VERTICES_MOST = 4096, EDGES_MOST = 16 * VERTICES_MOST };

/* A list of edges, and the graph made of it with each edge in one direction. */
struct sample {
    uint32_t from[EDGES_MOST], to[EDGES_MOST], neighbour[EDGES_MOST];
    double weight[EDGES_MOST], edge_weight[EDGES_MOST], vertex_weight[VERTICES_MOST];
    size_t first[VERTICES_MOST + 1], edges;
    int part_of[VERTICES_MOST];
    struct kerf_graph graph;
    struct kerf_partition_quality quality;
    struct kerf_error error;
};

static struct sample *new_sample(void)
{
    struct sample *sample = calloc(1, sizeof *sample);
    assert_non_null(sample);
    return sample;
}

static void add_edge(struct sample *sample, uint32_t from, uint32_t to, double weight)
{
    assert_true(sample->edges < EDGES_MOST);
    sample->from[sample->edges] = from;
    sample->to[sample->edges] = to;
    sample->weight[sample->edges++] = weight;
}

/* Sorts the edges by where they start (counting sort), as struct kerf_graph wants them. */
static void close_sample(struct sample *sample, uint32_t vertices)
{
    memset(sample->first, 0, sizeof sample->first);
    for (size_t e = 0; e < sample->edges; e++)
        sample->first[sample->from[e] + 1]++;
    for (uint32_t u = 0; u < vertices; u++)
        sample->first[u + 1] += sample->first[u];
    size_t next[VERTICES_MOST + 1];
    memcpy(next, sample->first, sizeof next);
    for (size_t e = 0; e < sample->edges; e++) {
        size_t at = next[sample->from[e]]++;
        sample->neighbour[at] = sample->to[e];
        sample->edge_weight[at] = sample->weight[e];
    }
    sample->graph =
        (struct kerf_graph){vertices, sample->first, sample->neighbour, sample->edge_weight, NULL};
}

/* Partitions, checks that every part is legal and measures. */
static void split(struct sample *sample, int parts)
{
    memset(sample->part_of, -1, sizeof sample->part_of);
    assert_int_equal(
        kerf_graph_partition(MPI_COMM_SELF, &sample->graph, parts, sample->part_of, &sample->error), KERF_OK);
    assert_string_equal(sample->error.message, "");
    for (uint32_t u = 0; u < sample->graph.vertices; u++)
        assert_in_range(sample->part_of[u], 0, parts - 1);
    assert_int_equal(
        kerf_graph_quality(&sample->graph, parts, sample->part_of, &sample->quality, &sample->error),
        KERF_OK);
}

static struct sample *ring(uint32_t vertices)
{
    struct sample *sample = new_sample();
    for (uint32_t u = 0; u < vertices; u++)
        add_edge(sample, u, (u + 1) % vertices, 1.0);
    close_sample(sample, vertices);
    return sample;
}

/* width * height points; across_weight is of edges along x, so of those that a cut between columns cuts. */
static struct sample *grid(uint32_t width, uint32_t height, double across_weight)
{
    struct sample *sample = new_sample();
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            if (x + 1 < width)
                add_edge(sample, y * width + x, y * width + x + 1, across_weight);
            if (y + 1 < height)
                add_edge(sample, y * width + x, (y + 1) * width + x, 1.0);
        }
    close_sample(sample, width * height);
    return sample;
}

/* Before main() initialises PETSc: an error with a message, no abort. */
static void petsc_must_be_initialised(void **unused)
{
    (void)unused;
    struct sample *sample = ring(8);
    assert_int_equal(kerf_graph_partition(MPI_COMM_SELF, &sample->graph, 2, sample->part_of, &sample->error),
                     KERF_ERR_FAILURE);
    assert_non_null(strstr(sample->error.message, "PETSc is not initialised"));
    free(sample);
}

static int initialise_petsc(void **unused)
{
    (void)unused;
    return PetscInitializeNoArguments();
}

static int finalise_petsc(void **unused)
{
    (void)unused;
    return PetscFinalize();
}

/* By hand: the triangle 0, 1, 2 with arcs both ways between 0 and 1, a loop at 2, and 3 alone. */
static void quality_is_that_counted_by_hand(void **unused)
{
    (void)unused;
    struct sample *sample = new_sample();
    const double vertex_weight[] = {1, 2, 4, 0};
    const int part_of[] = {0, 1, 1, 3};
    add_edge(sample, 0, 1, 3.0);
    add_edge(sample, 1, 0, 5.0);
    add_edge(sample, 1, 2, 16.0);
    add_edge(sample, 2, 0, 32.0);
    add_edge(sample, 2, 2, 100.0);
    close_sample(sample, 4);
    sample->graph.vertex_weight = vertex_weight;
    struct kerf_partition_quality quality;
    assert_int_equal(kerf_graph_quality(&sample->graph, 4, part_of, &quality, &sample->error), KERF_OK);
    assert_true(quality.load_most == 6.0 && quality.load_mean == 7.0 / 4);
    assert_true(quality.cut_weight == 40.0 && quality.total_weight == 56.0);
    assert_int_equal(quality.cut_edges, 2);
    assert_int_equal(quality.empty_parts, 1); /* part 2; part 3 has a vertex, if without weight */
    assert_int_equal(kerf_graph_quality(&sample->graph, 3, part_of, &quality, &sample->error),
                     KERF_ERR_FAILURE);
    free(sample);
}

/* A ring falls into p pieces by p cuts, and no fewer edges will do. */
static void a_ring_is_cut_once_a_part(void **unused)
{
    (void)unused;
    struct sample *sample = ring(960);
    for (int parts = 2; parts <= 16; parts++) {
        split(sample, parts);
        assert_in_range(sample->quality.cut_edges, parts, parts + parts / 4);
        assert_int_equal(sample->quality.empty_parts, 0);
        assert_true(sample->quality.load_most <= 1.05 * sample->quality.load_mean + 1.0);
    }
    free(sample);
}

/* Numbers the vertices of a sample anew, so that blocks of consecutive ones are worth nothing. */
static void shuffle(struct sample *sample, uint32_t vertices, uint32_t stride)
{
    for (size_t e = 0; e < sample->edges; e++) {
        sample->from[e] = (uint32_t)((uint64_t)sample->from[e] * stride % vertices);
        sample->to[e] = (uint32_t)((uint64_t)sample->to[e] * stride % vertices);
    }
    close_sample(sample, vertices);
}

/* Also when neighbours have far numbers: then PT-Scotch has to find them. */
static void numbers_of_vertices_tell_nothing(void **unused)
{
    (void)unused;
    struct sample *sample = ring(1000);
    shuffle(sample, 1000, 387);
    split(sample, 5);
    assert_in_range(sample->quality.cut_edges, 5, 7);
    assert_true(sample->quality.load_most <= 1.05 * sample->quality.load_mean);
    free(sample);
}

/* Four squares of 32 by 32 cut 128 edges of a 64 by 64 grid; blocks of rows cut 192. */
static void a_grid_is_cut_into_squares(void **unused)
{
    (void)unused;
    struct sample *sample = grid(64, 64, 1.0);
    split(sample, 4);
    assert_true(sample->quality.cut_weight <= 1.25 * 128.0);
    assert_true(sample->quality.load_most <= 1.05 * sample->quality.load_mean);
    shuffle(sample, 4096, 1237);
    split(sample, 4);
    assert_true(sample->quality.cut_weight <= 1.25 * 128.0);
    free(sample);
}

/* Heavy edges along x: bands of rows cut 3 * 64 light edges, anything else cuts heavy ones. */
static void heavy_edges_are_spared(void **unused)
{
    (void)unused;
    struct sample *sample = grid(64, 64, 1000.5);
    shuffle(sample, 4096, 1237);
    split(sample, 4);
    assert_true(sample->quality.cut_weight < 1.25 * 192.0);
    free(sample);
}

/* Two cliques of 40 joined by one edge, numbered in turns: the joint is the only edge cut. */
static void cliques_stay_whole(void **unused)
{
    (void)unused;
    struct sample *sample = new_sample();
    for (uint32_t u = 0; u < 80; u++)
        for (uint32_t v = u + 2; v < 80; v += 2)
            add_edge(sample, u, v, 1.0);
    add_edge(sample, 6, 33, 1.0);
    close_sample(sample, 80);
    split(sample, 2);
    assert_int_equal(sample->quality.cut_edges, 1);
    for (uint32_t u = 2; u < 80; u++)
        assert_int_equal(sample->part_of[u], sample->part_of[u % 2]);
    free(sample);
}

/* Vertex weights of 1 to 9.5 in a pattern: no part far above the mean, though halves of the grid differ. */
static void vertex_weights_are_shared_evenly(void **unused)
{
    (void)unused;
    struct sample *sample = grid(48, 48, 1.0);
    for (uint32_t u = 0; u < 48 * 48; u++)
        sample->vertex_weight[u] = u % 48 < 12 ? 9.5 : 1.0;
    sample->graph.vertex_weight = sample->vertex_weight;
    for (int parts = 2; parts <= 12; parts += 5) {
        split(sample, parts);
        assert_true(sample->quality.load_most <= 1.1 * sample->quality.load_mean);
    }
    free(sample);
}

/* A directed and an undirected graph of the same sums are cut alike, and loops count for nothing. */
static void arcs_of_both_directions_add_up(void **unused)
{
    (void)unused;
    struct sample *one = grid(30, 30, 6.0), *two = new_sample();
    for (size_t e = 0; e < one->edges; e++) {
        add_edge(two, one->from[e], one->to[e], one->weight[e] / 4);
        add_edge(two, one->to[e], one->from[e], one->weight[e] / 2);
        add_edge(two, one->to[e], one->from[e], one->weight[e] / 4);
        add_edge(two, one->to[e], one->to[e], 1e6);
    }
    close_sample(two, 900);
    split(one, 3);
    split(two, 3);
    assert_memory_equal(one->part_of, two->part_of, sizeof one->part_of);
    assert_true(one->quality.cut_weight == two->quality.cut_weight);
    assert_true(one->quality.total_weight == two->quality.total_weight);
    free(one);
    free(two);
}

/* Random numbers that went on, or threads that raced, would change this graph's partition. */
static void equal_calls_have_equal_results(void **unused)
{
    (void)unused;
    struct sample *sample = grid(64, 64, 1.5);
    int before[VERTICES_MOST];
    for (int round = 0; round < 6; round++) {
        split(sample, 5);
        if (round > 0)
            assert_memory_equal(sample->part_of, before, sizeof before);
        memcpy(before, sample->part_of, sizeof before);
        struct sample *between = ring(500);
        split(between, 3);
        free(between);
    }
    free(sample);
}

/* What the environment said about Scotch's threads is what it says afterwards. */
static void the_environment_is_as_before(void **unused)
{
    (void)unused;
    struct sample *sample = ring(100);
    unsetenv("SCOTCH_PTHREAD_NUMBER");
    split(sample, 3);
    assert_null(getenv("SCOTCH_PTHREAD_NUMBER"));
    setenv("SCOTCH_PTHREAD_NUMBER", "2", 1);
    split(sample, 3);
    assert_string_equal(getenv("SCOTCH_PTHREAD_NUMBER"), "2");
    unsetenv("SCOTCH_PTHREAD_NUMBER");
    free(sample);
}

/* As many parts as vertices, or more: no vertex shares a part. One part: all share it. None: nothing to do.
 */
static void many_parts_and_one_part(void **unused)
{
    (void)unused;
    struct sample *sample = ring(12);
    for (int parts = 12; parts <= 40; parts += 14) {
        split(sample, parts);
        assert_true(sample->quality.load_most == 1.0);
        assert_int_equal(sample->quality.empty_parts, parts - 12);
    }
    split(sample, 1);
    assert_true(sample->quality.load_most == 12.0 && sample->quality.cut_weight == 0.0);
    close_sample(sample, 12);
    sample->graph.vertices = 0;
    split(sample, 3);
    assert_int_equal(sample->quality.empty_parts, 3);
    free(sample);
}

/* The centre of a star is cut from most leaves whatever one does; parts are even and none is empty. */
static void a_star_is_shared(void **unused)
{
    (void)unused;
    struct sample *sample = new_sample();
    for (uint32_t leaf = 1; leaf < 2000; leaf++)
        add_edge(sample, 0, leaf, 1.0);
    close_sample(sample, 2000);
    split(sample, 8);
    assert_int_equal(sample->quality.empty_parts, 0);
    assert_true(sample->quality.load_most <= 1.1 * 250);
    assert_true(sample->quality.cut_edges >= 1999 - sample->quality.load_most);
    free(sample);
}

/* 16 rings over 4 parts: nothing need be cut. Vertices without edges fit anywhere. */
static void pieces_stay_whole(void **unused)
{
    (void)unused;
    struct sample *sample = new_sample();
    for (uint32_t u = 0; u < 1600; u++)
        add_edge(sample, u, (u / 16 + 1) % 100 * 16 + u % 16, 1.0);
    close_sample(sample, 1600);
    split(sample, 4);
    assert_true(sample->quality.cut_edges <= 8);
    assert_true(sample->quality.load_most <= 1.1 * 400);
    sample->edges = 0;
    close_sample(sample, 1600);
    split(sample, 4);
    assert_true(sample->quality.load_most == 400.0 && sample->quality.total_weight == 0.0);
    free(sample);
}

/* Weights of 0, of vertices, of edges, of all and of some. */
static void weights_may_be_zero(void **unused)
{
    (void)unused;
    struct sample *sample = grid(20, 20, 0.0);
    split(sample, 4); /* the edges along x cost nothing: columns fall apart, 20 of 20 */
    assert_true(sample->quality.cut_weight == 0.0);
    assert_true(sample->quality.load_most <= 1.1 * 100);
    sample->graph.vertex_weight = sample->vertex_weight; /* all 0: vertices count */
    split(sample, 4);
    assert_int_equal(sample->quality.empty_parts, 0);
    assert_true(sample->quality.load_most == 0.0);
    for (uint32_t u = 0; u < 400; u += 2)
        sample->vertex_weight[u] = 1.0;
    split(sample, 4);
    assert_true(sample->quality.load_most <= 1.1 * 50);
    memset(sample->edge_weight, 0, sizeof sample->edge_weight);
    split(sample, 4);
    assert_true(sample->quality.load_most <= 1.1 * 50);
    free(sample);
}

/* One vertex heavier than all others together has a part to itself, and the others share the rest evenly. */
static void a_huge_vertex_stands_alone(void **unused)
{
    (void)unused;
    struct sample *sample = grid(40, 40, 1.0);
    for (uint32_t u = 0; u < 1600; u++)
        sample->vertex_weight[u] = 1.0;
    sample->vertex_weight[777] = 1e12;
    sample->graph.vertex_weight = sample->vertex_weight;
    split(sample, 5);
    int alone = sample->part_of[777], with[5] = {0};
    for (uint32_t u = 0; u < 1600; u++)
        with[sample->part_of[u]]++;
    for (int part = 0; part < 5; part++)
        assert_in_range(with[part], part == alone ? 1 : 350, part == alone ? 40 : 450);
    free(sample);
}

/* Sums far beyond 2^31, and weights from 1e-300 to 1e300: scaled, not overflown. */
static void any_range_of_weights_is_scaled(void **unused)
{
    (void)unused;
    struct sample *sample = grid(40, 40, 3e11);
    for (uint32_t u = 0; u < 1600; u++)
        sample->vertex_weight[u] = 7e12;
    sample->graph.vertex_weight = sample->vertex_weight;
    split(sample, 4);
    assert_true(sample->quality.load_most <= 1.1 * sample->quality.load_mean);
    assert_true(sample->quality.cut_weight < 3e11); /* bands of rows: no heavy edge */
    for (uint32_t u = 0; u < 1600; u++)
        sample->vertex_weight[u] = u % 2 ? 1e300 : 1e-300;
    split(sample, 4);
    assert_true(sample->quality.load_most <= 1.1 * sample->quality.load_mean);
    for (uint32_t u = 0; u < 1600; u++)
        sample->vertex_weight[u] = 1e-310 * (1 + u % 3);
    split(sample, 4);
    assert_true(sample->quality.load_most <= 1.1 * sample->quality.load_mean);
    free(sample);
}

static void set_partitioner(const char *name)
{
    assert_int_equal(name ? PetscOptionsSetValue(NULL, "-mat_partitioning_type", name)
                          : PetscOptionsClearValue(NULL, "-mat_partitioning_type"),
                     0);
}

/* A partitioner that refuses 5 parts: blocks come instead, and the message has PETSc's words. */
static void blocks_stand_in_when_the_partitioner_fails(void **unused)
{
    (void)unused;
    struct sample *sample = grid(64, 64, 1.0);
    set_partitioner("square");
    enum kerf_status status =
        kerf_graph_partition(MPI_COMM_SELF, &sample->graph, 5, sample->part_of, &sample->error);
    set_partitioner(NULL);
    assert_int_equal(status, KERF_OK);
    assert_non_null(strstr(sample->error.message, "MatPartitioningApply_Square"));
    for (int u = 0; u < 4096; u++)
        assert_int_equal(sample->part_of[u], (2 * u + 1) * 5 / 8192);
    split(sample, 4); /* and the next call is as if nothing had happened */
    assert_true(sample->quality.cut_weight <= 1.25 * 128.0);
    free(sample);
}

/* Blocks leave no part empty while there are vertices, whatever the loads; a share is not above the cap. */
static void blocks_fill_every_part(void **unused)
{
    (void)unused;
    for (uint32_t count = 1; count <= 40; count++)
        for (int parts = 1; parts <= (int)count; parts++)
            for (uint32_t heavy = 0; heavy < count; heavy += 3) {
                double load[40];
                int part_of[40];
                for (uint32_t u = 0; u < count; u++)
                    load[u] = u == heavy ? 1e9 : u % 3;
                kerf_blocks_cap(load, count, parts);
                kerf_blocks_cut(load, count, parts, part_of);
                assert_int_equal(part_of[0], 0);
                for (uint32_t u = 1; u < count; u++)
                    assert_in_range(part_of[u], part_of[u - 1], part_of[u - 1] + 1);
                assert_int_equal(part_of[count - 1], parts - 1);
            }
}

/* 90 beside 12 times 1 over 4 parts: the 12 share 3 parts, 4 each, and the heavy one counts as 4. */
static void the_cap_is_the_share_of_the_rest(void **unused)
{
    (void)unused;
    double load[13] = {90}, none[3] = {0};
    for (int u = 1; u < 13; u++)
        load[u] = 1.0;
    kerf_blocks_cap(load, 13, 4);
    assert_true(load[0] == 4.0 && load[1] == 1.0 && load[12] == 1.0);
    kerf_blocks_cap(none, 3, 2);
    assert_true(none[0] == 1.0 && none[2] == 1.0);
}

/* The rule of kerf_partition_is_better(), clause by clause; nothing is better than itself. */
static void the_better_partition_is_by_rule(void **unused)
{
    (void)unused;
    const struct kerf_partition_quality base = {.load_most = 100, .load_mean = 90, .cut_weight = 50};
    struct kerf_partition_quality other = base;
    assert_false(kerf_partition_is_better(&base, &other));
    other.load_most = 99; /* a tie in the cut */
    assert_true(kerf_partition_is_better(&other, &base) && !kerf_partition_is_better(&base, &other));
    other.cut_weight = 51; /* cuts more, little lighter */
    assert_false(kerf_partition_is_better(&other, &base));
    other.load_most = 90; /* cuts more, but the other is far heavier */
    assert_true(kerf_partition_is_better(&other, &base) && !kerf_partition_is_better(&base, &other));
    other = base;
    other.cut_weight = 1, other.load_most = 109;
    assert_true(kerf_partition_is_better(&other, &base));
    other.load_most = 111;
    assert_false(kerf_partition_is_better(&other, &base));
    other.load_most = 100, other.empty_parts = 1;
    assert_false(kerf_partition_is_better(&other, &base));
}

static void expect_refusal(struct sample *sample, int parts, const char *words)
{
    assert_int_equal(
        kerf_graph_partition(MPI_COMM_SELF, &sample->graph, parts, sample->part_of, &sample->error),
        KERF_ERR_FAILURE);
    if (!strstr(sample->error.message, words))
        fail_msg("'%s' is not in '%s'", words, sample->error.message);
}

static void what_is_no_graph_is_refused(void **unused)
{
    (void)unused;
    struct sample *sample = ring(10);
    expect_refusal(sample, 0, "at least 1 part (got 0)");
    sample->edge_weight[4] = -1.0;
    expect_refusal(sample, 2, "arc 4 must be finite and not negative (got -1)");
    sample->edge_weight[4] = 1e308, sample->edge_weight[5] = 1e308;
    expect_refusal(sample, 2, "no finite sum");
    sample->graph.edge_weight = NULL;
    sample->graph.vertex_weight = sample->vertex_weight;
    sample->vertex_weight[3] = 0.0 / sample->vertex_weight[3];
    expect_refusal(sample, 2, "vertex 3 must be finite");
    sample->graph.vertex_weight = NULL;
    sample->neighbour[2] = 10;
    expect_refusal(sample, 2, "vertex 2 has the neighbour 10");
    sample->first[3] = 9;
    expect_refusal(sample, 2, "vertex 2 has the neighbour 10");
    sample->neighbour[2] = 3;
    expect_refusal(sample, 2, "vertex 3 end before they start");
    free(sample);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest without_petsc[] = {cmocka_unit_test(petsc_must_be_initialised)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quality_is_that_counted_by_hand),
        cmocka_unit_test(a_ring_is_cut_once_a_part),
        cmocka_unit_test(numbers_of_vertices_tell_nothing),
        cmocka_unit_test(a_grid_is_cut_into_squares),
        cmocka_unit_test(heavy_edges_are_spared),
        cmocka_unit_test(cliques_stay_whole),
        cmocka_unit_test(vertex_weights_are_shared_evenly),
        cmocka_unit_test(arcs_of_both_directions_add_up),
        cmocka_unit_test(equal_calls_have_equal_results),
        cmocka_unit_test(the_environment_is_as_before),
        cmocka_unit_test(many_parts_and_one_part),
        cmocka_unit_test(a_star_is_shared),
        cmocka_unit_test(pieces_stay_whole),
        cmocka_unit_test(weights_may_be_zero),
        cmocka_unit_test(a_huge_vertex_stands_alone),
        cmocka_unit_test(any_range_of_weights_is_scaled),
        cmocka_unit_test(blocks_stand_in_when_the_partitioner_fails),
        cmocka_unit_test(blocks_fill_every_part),
        cmocka_unit_test(the_cap_is_the_share_of_the_rest),
        cmocka_unit_test(the_better_partition_is_by_rule),
        cmocka_unit_test(what_is_no_graph_is_refused),
    };
    int failures = cmocka_run_group_tests(without_petsc, NULL, NULL);
    failures += cmocka_run_group_tests(tests, initialise_petsc, finalise_petsc);
    MPI_Finalize();
    return failures;
}
