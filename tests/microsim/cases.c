/* The cases of the cycle-driven mesh. Constants are those of WSE-2 in whole cycles. */
#include "cases.h"

#include "models/device/wafer_gemv.h"
#include "programs.h"

#include <math.h>
#include <stdio.h>

enum { RAMP = 2, CALL = 10, TOKEN_CALL = 4, VECTOR = 2, CACHE = 128, STEP = 100 };

static const struct kerf_wafer_params wafer = {.hop_cycles = 1.0,
                                               .ramp_cycles = RAMP,
                                               .axpy_call_cycles = CALL,
                                               .gemm_call_fraction = (double)TOKEN_CALL / CALL,
                                               .simd_fp16_mac_per_cycle = VECTOR,
                                               .sram_read_bytes_per_cycle = 16.0,
                                               .software_cache_bytes = 2.0 * CACHE,
                                               .cannon_step_cycles = STEP};

/* A core that is not held up by its calls, so that shifts decide. */
static struct kerf_wafer_params wafer_of(const struct ms_case *one)
{
    struct kerf_wafer_params fast = wafer;
    if (one->vector > 0) {
        fast.simd_fp16_mac_per_cycle = one->vector;
        fast.gemm_call_fraction = 1.0 / CALL;
    }
    return fast;
}

static struct ms_mesh *mesh_of(int rows, int columns, int memory, int fifo_depth, int vector)
{
    const struct ms_parameters parameters = {.rows = rows,
                                             .columns = columns,
                                             .ramp_cycles = RAMP,
                                             .fifo_depth = fifo_depth,
                                             .memory_elements = memory,
                                             .elements_per_cycle = vector,
                                             .call_cycles = CALL,
                                             .cache_elements = CACHE};
    return ms_create(&parameters);
}

/* What PE i starts with in element e. */
static float start_value(int i, int e)
{
    return (float)((i * 3 + e) % 7 + 1);
}

static struct ms_mesh *filled_mesh(const struct ms_case *one, int rows, int columns, int fifo_depth)
{
    struct ms_mesh *mesh = mesh_of(rows, columns, 2 * one->B, fifo_depth, VECTOR);
    for (int i = 0; i < rows * columns; i++)
        for (int e = 0; e < 2 * one->B; e++)
            ms_memory(mesh, i / columns, i % columns)[e] = start_value(i, e);
    return mesh;
}

/* Elements of one PE that are not the sum of all, or not those of PE 0. */
static int wrong_in(struct ms_mesh *mesh, const struct ms_case *one, int pe, int pes, bool summed)
{
    int columns = ms_parameters_of(mesh)->columns, wrong = 0;
    for (int e = 0; e < 2 * one->B; e++) {
        float expected = 0.0f;
        for (int i = 0; i < (summed ? pes : 1); i++)
            expected += start_value(i, e);
        wrong += ms_memory(mesh, pe / columns, pe % columns)[e] != expected;
    }
    return wrong;
}

static struct ms_outcome finish(struct ms_mesh *mesh, const struct ms_case *one, int checked, int pes,
                                bool summed, int *wrong)
{
    struct ms_outcome outcome = ms_run(mesh);
    *wrong = 0;
    for (int pe = 0; pe < checked; pe++)
        *wrong += wrong_in(mesh, one, pe, pes, summed);
    ms_free(mesh);
    return outcome;
}

static struct ms_outcome run_broadcast(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_broadcast(&line, 0, one->P - 1, one->B, 0);
    return finish(mesh, one, one->P, one->P, false, wrong);
}

static double closed_broadcast(const struct ms_case *one)
{
    return kerf_mesh_broadcast(&wafer, one->P, one->B);
}

static struct ms_outcome run_broadcast_2d(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, one->P, one->Q, depth);
    ms_broadcast_2d(mesh, one->B, 0);
    return finish(mesh, one, one->P * one->Q, one->P * one->Q, false, wrong);
}

static double closed_broadcast_2d(const struct ms_case *one)
{
    return kerf_mesh_broadcast_2d(&wafer, one->P, one->Q, one->B);
}

static struct ms_outcome run_chain(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_chain(&line, one->B, 0);
    return finish(mesh, one, 1, one->P, true, wrong);
}

static double closed_chain(const struct ms_case *one)
{
    return kerf_mesh_chain(&wafer, one->P, one->B);
}

static struct ms_outcome run_star(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_star(&line, one->B, 0);
    return finish(mesh, one, 1, one->P, true, wrong);
}

static double closed_star(const struct ms_case *one)
{
    return kerf_mesh_star(&wafer, one->P, one->B);
}

static struct ms_outcome run_tree(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_tree(&line, one->B, 0);
    return finish(mesh, one, 1, one->P, true, wrong);
}

static double closed_tree(const struct ms_case *one)
{
    return kerf_mesh_tree(&wafer, one->P, one->B);
}

static struct ms_outcome run_two_phase(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_two_phase(&line, one->B, one->groups, 0);
    return finish(mesh, one, 1, one->P, true, wrong);
}

static double closed_two_phase(const struct ms_case *one)
{
    return kerf_mesh_two_phase(&wafer, one->P, one->B, one->groups);
}

static struct ms_outcome run_ktree(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_ktree(&line, one->B, one->groups, 0);
    return finish(mesh, one, one->P, one->P, true, wrong);
}

static double closed_ktree(const struct ms_case *one)
{
    return kerf_mesh_ktree(&wafer, one->P, one->B, one->groups);
}

/* All-reduce of a large payload: a chain to one end, then out again. */
static struct ms_outcome run_allreduce(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, 1, one->P, depth);
    struct ms_line line = ms_row(mesh, 0);
    ms_chain(&line, one->B, 0);
    ms_broadcast(&line, 0, one->P - 1, one->B, 2);
    return finish(mesh, one, one->P, one->P, true, wrong);
}

static double closed_allreduce(const struct ms_case *one)
{
    return kerf_mesh_allreduce(&wafer, one->P, one->B);
}

/* Chains along all rows, then a chain along the first column. */
static struct ms_outcome run_reduce_2d(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, one->P, one->Q, depth);
    for (int row = 0; row < one->P; row++) {
        struct ms_line line = ms_row(mesh, row);
        ms_chain(&line, one->B, 0);
    }
    struct ms_line first = ms_column(mesh, 0);
    ms_chain(&first, one->B, 2);
    return finish(mesh, one, 1, one->P * one->Q, true, wrong);
}

static double closed_reduce_2d(const struct ms_case *one)
{
    return kerf_mesh_chain(&wafer, one->P, one->B) + kerf_mesh_chain(&wafer, one->Q, one->B);
}

/* A vector in one column of P PEs moves P columns on. */
static struct ms_outcome run_transfer(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_mesh *mesh = filled_mesh(one, one->P, one->P + 1, depth);
    for (int row = 0; row < one->P; row++) {
        struct ms_line line = ms_row(mesh, row);
        ms_move(&line, 0, one->P, one->B, 0);
    }
    struct ms_outcome outcome = ms_run(mesh);
    *wrong = 0;
    for (int row = 0; row < one->P; row++)
        for (int e = 0; e < 2 * one->B; e++)
            *wrong += ms_memory(mesh, row, one->P)[e] != start_value(row * (one->P + 1), e);
    ms_free(mesh);
    return outcome;
}

static double closed_transfer(const struct ms_case *one)
{
    return kerf_mesh_transfer(&wafer, one->P, 2.0 * one->P * one->B);
}

static struct ms_outcome run_gemv(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_gemv gemv = {.M = one->M,
                           .K = one->K,
                           .N = one->N,
                           .groups = one->groups,
                           .two_phase = one->two_phase,
                           .by_tokens = one->by_tokens,
                           .token_call_cycles = TOKEN_CALL};
    const struct ms_parameters shape = {.rows = one->P, .columns = one->Q};
    struct ms_mesh *mesh = mesh_of(one->P, one->Q, ms_gemv_memory(&gemv, &shape), depth, VECTOR);
    ms_gemv(mesh, &gemv);
    struct ms_outcome outcome = ms_run(mesh);
    *wrong = ms_gemv_wrong(mesh, &gemv);
    ms_free(mesh);
    return outcome;
}

static double closed_gemv(const struct ms_case *one)
{
    struct kerf_rectangle rectangle = {one->P, one->Q};
    struct kerf_cycles cycles = kerf_gemv(&wafer, rectangle, one->M, one->K, one->N, 0);
    return kerf_cycles_total(&cycles);
}

static struct ms_outcome run_cannon(const struct ms_case *one, int depth, int *wrong)
{
    struct ms_cannon cannon = {.m = one->M / one->P,
                               .k = one->K / one->P,
                               .n = one->N / one->P,
                               .call_cycles = one->vector > 0 ? 1 : TOKEN_CALL,
                               .step_cycles = STEP};
    struct ms_mesh *mesh =
        mesh_of(one->P, one->P, ms_cannon_memory(&cannon), depth, one->vector > 0 ? one->vector : VECTOR);
    ms_cannon(mesh, &cannon);
    struct ms_outcome outcome = ms_run(mesh);
    *wrong = ms_cannon_wrong(mesh, &cannon);
    ms_free(mesh);
    return outcome;
}

static double closed_cannon(const struct ms_case *one)
{
    struct kerf_rectangle square = {one->P, one->P};
    struct kerf_wafer_params fast = wafer_of(one);
    struct kerf_cycles cycles = kerf_meshgemm(&fast, square, one->M, one->K, one->N);
    return kerf_cycles_total(&cycles);
}

#define LINE(text, pes, wavelets, group, cycles, share, name)                                                \
    {                                                                                                        \
        .form = (text), .P = (pes), .B = (wavelets), .groups = (group), .most_cycles = (cycles),             \
        .most_share = (share), .run = run_##name, .closed = closed_##name                                    \
    }
#define PLANE(text, rows, columns, wavelets, cycles, share, name)                                            \
    {                                                                                                        \
        .form = (text), .P = (rows), .Q = (columns), .B = (wavelets), .most_cycles = (cycles),               \
        .most_share = (share), .run = run_##name, .closed = closed_##name                                    \
    }
#define GEMV(text, rows, columns, group, m, k, n, tokens, two)                                               \
    {                                                                                                        \
        .form = (text), .P = (rows), .Q = (columns), .groups = (group), .M = (m), .K = (k), .N = (n),        \
        .by_tokens = (tokens), .two_phase = (two), .most_share = 0.03, .run = run_gemv,                      \
        .closed = closed_gemv                                                                                \
    }
#define MESHGEMM(text, pes, m, k, n, speed)                                                                  \
    {                                                                                                        \
        .form = (text), .P = (pes), .Q = (pes), .M = (m), .K = (k), .N = (n), .vector = (speed),             \
        .most_share = 0.03, .run = run_cannon, .closed = closed_cannon                                       \
    }

const struct ms_case ms_cases[] = {
    LINE("broadcast", 2, 1, 0, 2, 0, broadcast),
    LINE("broadcast", 64, 1, 0, 2, 0, broadcast),
    LINE("broadcast", 512, 256, 0, 2, 0, broadcast),
    PLANE("broadcast 2d", 16, 24, 16, 2, 0, broadcast_2d),
    PLANE("broadcast 2d", 64, 64, 64, 2, 0, broadcast_2d),
    LINE("chain", 2, 1, 0, 2, 0, chain),
    LINE("chain", 64, 64, 0, 2, 0, chain),
    LINE("chain", 512, 256, 0, 2, 0, chain),
    LINE("star", 8, 1, 0, 2, 0, star),
    LINE("star", 64, 16, 0, 2, 0, star),
    LINE("tree", 16, 1, 0, 4, 0, tree),
    LINE("tree", 64, 64, 0, 6, 0, tree),
    LINE("tree", 512, 16, 0, 9, 0, tree),
    LINE("two_phase", 64, 16, 8, 3, 0.01, two_phase),
    LINE("two_phase", 484, 1, 22, 3, 0.01, two_phase),
    LINE("two_phase", 484, 256, 22, 3, 0.01, two_phase),
    LINE("ktree", 60, 1, 5, 3, 0.01, ktree),
    LINE("ktree", 64, 16, 9, 3, 0.01, ktree),
    LINE("ktree", 420, 5, 21, 3, 0.01, ktree),
    LINE("ktree", 480, 16, 21, 3, 0.01, ktree),
    LINE("ktree", 512, 4, 23, 3, 0.01, ktree),
    LINE("allreduce", 16, 512, 0, 3, 0.01, allreduce),
    PLANE("reduce 2d", 24, 40, 32, 3, 0.01, reduce_2d),
    LINE("transfer", 48, 24, 0, 2, 0, transfer),
    GEMV("gemv", 16, 16, 5, 1, 64, 128, false, false),
    GEMV("gemv", 32, 24, 5, 1, 512, 576, false, false),
    GEMV("gemv", 32, 32, 6, 4, 256, 512, false, true),
    GEMV("gemv over tokens", 16, 16, 4, 32, 64, 64, true, true),
    MESHGEMM("meshgemm, products decide", 8, 64, 64, 64, 0),
    MESHGEMM("meshgemm, products decide", 16, 64, 128, 96, 0),
    MESHGEMM("meshgemm, shifts decide", 8, 256, 64, 16, 8),
    MESHGEMM("meshgemm, shifts decide", 16, 256, 256, 32, 8),
    MESHGEMM("meshgemm, shifts decide", 16, 256, 64, 16, 8),
};

const int ms_case_count = sizeof ms_cases / sizeof ms_cases[0];

void ms_case_describe(const struct ms_case *one, char *text, int length)
{
    if (one->M > 0)
        snprintf(text, (size_t)length, "%d x %d PEs, M %d, K %d, N %d", one->P, one->Q, one->M, one->K,
                 one->N);
    else if (one->Q > 0)
        snprintf(text, (size_t)length, "%d x %d PEs, B %d", one->P, one->Q, one->B);
    else if (one->groups > 0)
        snprintf(text, (size_t)length, "%d PEs, B %d, groups %d", one->P, one->B, one->groups);
    else
        snprintf(text, (size_t)length, "%d PEs, B %d", one->P, one->B);
}
