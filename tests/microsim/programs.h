/* Collectives and matrix products for the cycle-driven mesh: routes, operations and, for the matrices, the
 * numbers in memory. Programs on a line append to thread 0 of its PEs, one behind the other. */
#ifndef KERF_MICROSIM_PROGRAMS_H
#define KERF_MICROSIM_PROGRAMS_H

#include "mesh.h"

/* PEs in a row (`along` is MS_EAST) or a column (MS_SOUTH), numbered from (row, column) on. */
struct ms_line {
    struct ms_mesh *mesh;
    int row, column, length;
    enum ms_port along;
};

struct ms_line ms_row(struct ms_mesh *mesh, int row);
struct ms_line ms_column(struct ms_mesh *mesh, int column);

/* B wavelets from `root` to all PEs up to `last`, on one colour. */
void ms_broadcast(const struct ms_line *line, int root, int last, int B, int colour);
void ms_broadcast_2d(struct ms_mesh *mesh, int B, int colour);
/* B wavelets of PE `from` to PE `to`. */
void ms_move(const struct ms_line *line, int from, int to, int B, int colour);

/* Sums of B wavelets into PE 0 (chain, star, tree, two-phase with groups of S), or into every PE (ktree in G
 * groups, an odd number). `colour` is the first of 2, 1, log2 P, 4 and 10 that they use. */
void ms_chain(const struct ms_line *line, int B, int colour);
void ms_star(const struct ms_line *line, int B, int colour);
void ms_tree(const struct ms_line *line, int B, int colour);
void ms_two_phase(const struct ms_line *line, int B, int S, int colour);
void ms_ktree(const struct ms_line *line, int B, int G, int colour);

/* y = W x on the whole mesh: K over the rows, N over the columns, M tokens, then a ktree in G groups along
 * every column. By outputs: calls of length N/columns; by tokens: of length M with `token_call_cycles`. Puts
 * whole numbers into memory; ms_gemv_wrong counts the results that are not the sums. K, N are multiples of
 * rows and columns, M N/columns is even. */
struct ms_gemv {
    int M, K, N, groups;
    bool two_phase; /* all-reduce: false: ktree; true: two-phase reduce and broadcast */
    bool by_tokens;
    int token_call_cycles;
    int kt, nt;        /* filled in */
    int y, x, weights; /* first elements in memory, filled in */
};
int ms_gemv_memory(const struct ms_gemv *gemv, const struct ms_parameters *parameters);
void ms_gemv(struct ms_mesh *mesh, struct ms_gemv *gemv);
int ms_gemv_wrong(struct ms_mesh *mesh, const struct ms_gemv *gemv);

/* C = A B with Cannon's algorithm on a square of P x P, P even, rings laid so that ring neighbours are two
 * PEs apart: skewing the tiles into place, then P steps of product beside shift, and `step_cycles` of
 * software each. Tiles of m x k and k x n elements, both products even. */
struct ms_cannon {
    int m, k, n, call_cycles, step_cycles;
    int c, a[2], b[2]; /* first elements in memory, filled in */
    struct ms_cannon_pair {
        const struct ms_cannon *whole;
        int a, b;
    } pair[4]; /* context of the kernel: which buffers it reads, filled in */
};
int ms_cannon_memory(const struct ms_cannon *cannon);
void ms_cannon(struct ms_mesh *mesh, struct ms_cannon *cannon);
int ms_cannon_wrong(struct ms_mesh *mesh, const struct ms_cannon *cannon);

#endif
