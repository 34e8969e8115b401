/* Routed experts on one GPU: a grouped GEMM over the experts that have tokens, with routing, permutation and
 * the sum of outputs around it. */
#ifndef KERF_DEVICE_GPU_EXPERTS_H
#define KERF_DEVICE_GPU_EXPERTS_H

#include "models/device/gpu.h"
#include "models/network/format.h"

enum { KERF_EXPERT_TILES = 5 };

/* Rows of the tiles that a grouped GEMM may choose. */
extern const double kerf_expert_tile_rows[KERF_EXPERT_TILES];

/* What falls on one rank, the busiest. A row is a token at one of its experts. */
struct kerf_expert_load {
    double tokens;                   /* of the whole expert-parallel group: routing sees them all */
    double local;                    /* experts of the rank */
    double touched;                  /* those of them that have rows */
    double rows;                     /* on all of them */
    double tiles[KERF_EXPERT_TILES]; /* row tiles of each size: the sum over experts of ceil(rows / size) */
};

/* Dimensions of an expert as the rank holds it: d_ff is cut where a group cuts each expert. */
struct kerf_expert_shape {
    double d_model, d_ff, matrices;
    enum kerf_format weights, activations;
};

struct kerf_experts_time {
    double software_s, compute_s, memory_s;
};

/* The load when `rows` fall on `touched` experts evenly at random: ceil() of a spread-out number is half a
 * tile more in the mean, and at least one tile for each. */
struct kerf_expert_load kerf_even_expert_load(double tokens, double local, double touched, double rows);

/* Time of a layer of experts in a format that the part multiplies:
 *
 *     gap + floor + expert_s local + D (row_bytes rows + token_bytes tokens) / hbm + intermediate bytes / hbm
 *       + sum over the products into and out of the inner width of (body^3 + weights^3)^(1/3)
 *     body = best over tiles of max(1, tiles ceil(n / 128) / SMs) (2 t 128 k SMs / (peak achieved) + tile_s)
 *
 * with D = d_model, weights = bytes of the touched experts over the achieved bandwidth. Tiles of all experts
 * are one queue, so waves are not whole. The leaves are fitted to measured tables (`kerf calibrate`). */
struct kerf_experts_time kerf_gpu_experts_time(const struct kerf_gpu_params *gpu,
                                               const struct kerf_expert_shape *shape,
                                               const struct kerf_expert_load *load);

/* As above in a format that is unpacked to 16 bit: gap + floor + bytes / (HBM achieved) + FLOPs / (peak
 * achieved), with leaves of its own. */
struct kerf_experts_time kerf_gpu_unpacked_experts_time(const struct kerf_gpu_params *gpu,
                                                        const struct kerf_expert_shape *shape,
                                                        const struct kerf_expert_load *load);

#endif
