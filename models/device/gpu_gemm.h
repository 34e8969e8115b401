/* Matrix multiplication on a GPU, by mechanism: tiles in waves over the SMs, a chain of loads and multiplies
 * along K in each tile, split-K where tiles are few, weights and activations from memory, a launch floor.
 *
 * The leaves that it reads are fitted to tables of measured kernels (`kerf calibrate`); none of them is a
 * table. */
#ifndef KERF_DEVICE_GPU_GEMM_H
#define KERF_DEVICE_GPU_GEMM_H

#include "models/device/gpu.h"
#include "models/network/format.h"

#include <stdbool.h>

/* `batch` products of m x k by k x n. */
struct kerf_gemm {
    double m, n, k, batch;
    enum kerf_format weights, activations;
    /* Distinct elements of all left and all right sides, where a kernel gathers them from fewer (an implicit
     * GEMM of a convolution reads a pixel once for all taps); 0: batch m k and batch k n. */
    double left_elements, right_elements;
    double splits_most; /* of K; 0: as the libraries do for products of activations and weights */
};

/* How one kind of matrix kernel performs on this part. */
struct kerf_gemm_kernel {
    double floor_s, k_latency_s, peak_flops, achieved;
    bool quantises; /* activations, in a pass of its own */
    bool splits_k;
};

/* Where the time goes: the floor with its gap, the quantising, and what decides the rest. */
struct kerf_gemm_time {
    double software_s, quantise_s, compute_s, memory_s;
};

/* Peak of an arithmetic in FLOP/s; 0 where the part has no such unit. */
double kerf_gpu_peak_flops(const struct kerf_gpu_params *gpu, enum kerf_arithmetic arithmetic);

/* Whether the part multiplies the format as it is stored. What it does not is unpacked to 16 bit on the way
 * to the tensor unit: its bytes stay small, its FLOPs run at the 16-bit rate. */
bool kerf_gpu_is_native(const struct kerf_gpu_params *gpu, enum kerf_format format);

/* The arithmetic that weights or a cache of `format` are multiplied in. */
enum kerf_arithmetic kerf_gpu_arithmetic(const struct kerf_gpu_params *gpu, enum kerf_format format);

/* The kernel for a weight format. */
struct kerf_gemm_kernel kerf_gpu_gemm_kernel(const struct kerf_gpu_params *gpu, enum kerf_format weights);

/* Time of the product:
 *
 *     gap + floor + quantise + min over tiles and splits of [ (body^3 + memory^3)^(1/3) + split ]
 *     body = waves ((multiply^3 + (k_latency K/s)^3)^(1/3) + tile_s)
 *
 * with waves = ceil(tiles s / SMs), multiply = 2 t_m t_n K/s over an SM's share of the achieved peak, memory
 * = bytes over the achieved bandwidth, split = split_s + 8 m n s bytes (partial sums, written and read in 32
 * bit) for s > 1. The cubic mean stands for overlap that is good but not perfect: of two equal terms the sum
 * is 26 % longer than each. Never falls when m, n or k grow. */
struct kerf_gemm_time kerf_gpu_gemm_time(const struct kerf_gpu_params *gpu,
                                         const struct kerf_gemm_kernel *kernel, const struct kerf_gemm *gemm);

/* The sum of the parts. */
double kerf_gemm_total_s(const struct kerf_gemm_time *time);

#endif
