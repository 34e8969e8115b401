/* Matrix times vector, and matrix times a tile of vectors, on a rectangle of PEs: closed forms in cycles.
 *
 * Weights are stationary. A K x N matrix lies with K over the rows and N over the columns, so that a PE holds
 * kt x nt of it; the result is summed along the rows' axis by an all-reduce. M tokens pass one after the
 * other, or together as tiles that Cannon's algorithm shifts. Sources: WaferLLM, OSDI'25 (arXiv 2502.04563),
 * sections on MeshGEMV and MeshGEMM, and its published kernels. */
#ifndef KERF_DEVICE_WAFER_GEMV_H
#define KERF_DEVICE_WAFER_GEMV_H

#include "models/device/wafer_mesh.h"

struct kerf_rectangle {
    double rows, columns; /* PEs */
};

/* `calls` vector instructions in a row, each y += a x over `length` 16-bit elements: c_call of start-up and v
 * elements a cycle, or fewer where the SRAM cannot feed them. */
struct kerf_cycles kerf_axpy(const struct kerf_wafer_params *wafer, double calls, double length,
                             double call_cycles);

/* The part of a PE: M tokens through kt x nt weights. Either one AXPY of length nt per token and input, or
 * one of length M per weight, whichever is faster. */
struct kerf_cycles kerf_gemv_local(const struct kerf_wafer_params *wafer, double M, double kt, double nt);

/* Like it, for the product of m x k and k x n where nothing is stationary (attention): AXPYs along the
 * longest of the three. */
struct kerf_cycles kerf_matrix_local(const struct kerf_wafer_params *wafer, double m, double k, double n);

/* Turning kt x nt weights of `bytes_per_element` into 16 bit, once a pass; 0 where they are 16 bit or more.
 */
struct kerf_cycles kerf_dequantise(const struct kerf_wafer_params *wafer, double weights,
                                   double bytes_per_element);

/* M tokens through K x N weights on a rectangle, token by token, and the all-reduce of the results. A matrix
 * that rides on its neighbour shares the all-reduce and adds its payload only. */
struct kerf_cycles kerf_gemv(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle, double M,
                             double K, double N, int rides);

/* M x K by K x N with Cannon's algorithm (WaferLLM's MeshGEMM, two-hop interleaving), on the square that has
 * as many PEs as the rectangle. The per-step software is part of it. */
struct kerf_cycles kerf_meshgemm(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                                 double M, double K, double N);

#endif
