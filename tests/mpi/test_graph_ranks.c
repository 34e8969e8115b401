/* Every rank gets the partition that rank 0 alone computes, and its errors. Run under mpirun; every verdict
 * is agreed among the ranks, and rank 0 prints it. */
#include "sim/partition/graph.h"
#include "tests/support/everywhere.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <petscsys.h>

enum { VERTICES = 600, PARTS = 3 };

/* A ring whose neighbours have far numbers, so that blocks are no answer. */
static struct kerf_graph ring(size_t *first, uint32_t *neighbour)
{
    for (uint32_t u = 0; u < VERTICES; u++) {
        first[u] = u;
        neighbour[u] = (u + 7 * 11) % VERTICES;
    }
    first[VERTICES] = VERTICES;
    return (struct kerf_graph){VERTICES, first, neighbour, NULL, NULL};
}

static void all_ranks_have_one_answer(void **unused)
{
    (void)unused;
    size_t first[VERTICES + 1];
    uint32_t neighbour[VERTICES];
    int part_of[VERTICES], of_root[VERTICES], alone[VERTICES];
    struct kerf_error error;
    struct kerf_partition_quality quality;
    const struct kerf_graph graph = ring(first, neighbour);
    memset(part_of, -1, sizeof part_of);
    ASSERT_EVERYWHERE(kerf_graph_partition(MPI_COMM_WORLD, &graph, PARTS, part_of, &error) == KERF_OK);
    memcpy(of_root, part_of, sizeof of_root);
    MPI_Bcast(of_root, VERTICES, MPI_INT, 0, MPI_COMM_WORLD);
    ASSERT_EVERYWHERE(memcmp(part_of, of_root, sizeof part_of) == 0);
    ASSERT_EVERYWHERE(kerf_graph_partition(MPI_COMM_SELF, &graph, PARTS, alone, &error) == KERF_OK);
    ASSERT_EVERYWHERE(memcmp(part_of, alone, sizeof part_of) == 0);
    ASSERT_EVERYWHERE(kerf_graph_quality(&graph, PARTS, part_of, &quality, &error) == KERF_OK);
    ASSERT_EVERYWHERE(quality.cut_edges <= 5 && quality.load_most <= 1.1 * VERTICES / PARTS);
}

static void all_ranks_have_one_error(void **unused)
{
    (void)unused;
    size_t first[VERTICES + 1];
    uint32_t neighbour[VERTICES];
    int part_of[VERTICES];
    struct kerf_error error = {0};
    const struct kerf_graph graph = ring(first, neighbour);
    neighbour[5] = VERTICES;
    ASSERT_EVERYWHERE(kerf_graph_partition(MPI_COMM_WORLD, &graph, PARTS, part_of, &error) ==
                      KERF_ERR_FAILURE);
    ASSERT_EVERYWHERE(strstr(error.message, "vertex 5 has the neighbour 600"));
}

int main(int argc, char **argv)
{
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    if (PetscInitializeNoArguments() != 0 || (rank != 0 && !freopen("/dev/null", "w", stdout)))
        MPI_Abort(MPI_COMM_WORLD, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ranks_have_one_answer),
        cmocka_unit_test(all_ranks_have_one_error),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    PetscFinalize();
    MPI_Finalize();
    return failures;
}
