/* Collectives on a line or rectangle of processing elements (PEs): closed forms in cycles.
 *
 * P, Q are PEs along a line, B 32-bit wavelets per PE, T_R the ramp between a core and its router, hop the
 * router-to-router latency. A router passes one wavelet per link and cycle and may copy one to several links
 * for free. A line of one PE, or nothing to send, costs 0. Forms and their measurement: Luczynski et al.,
 * Near-Optimal Wafer-Scale Reduce, HPDC'24 (arXiv 2404.15888); the two-level tree: WaferLLM, OSDI'25
 * (arXiv 2502.04563). Use kerf_mesh_allreduce unless a form is wanted by name. */
#ifndef KERF_DEVICE_WAFER_MESH_H
#define KERF_DEVICE_WAFER_MESH_H

#include "models/device/wafer.h"

/* Cycles of one piece of work by where they go, and the wavelets it sends. Memory cycles are those that the
 * SRAM adds to the arithmetic. */
struct kerf_cycles {
    double compute, memory, fabric, software;
    double wavelets; /* counted at their sources, broadcasts once per line */
};

double kerf_cycles_total(const struct kerf_cycles *cycles);
void kerf_cycles_add(struct kerf_cycles *sum, const struct kerf_cycles *cycles);
struct kerf_cycles kerf_cycles_times(struct kerf_cycles cycles, double count);
/* The one with fewer cycles in all; the first when they tie. */
struct kerf_cycles kerf_cycles_less(const struct kerf_cycles *a, const struct kerf_cycles *b);

/* One PE to all P of a line, or to all of P x Q. */
double kerf_mesh_broadcast(const struct kerf_wafer_params *wafer, double P, double B);
double kerf_mesh_broadcast_2d(const struct kerf_wafer_params *wafer, double P, double Q, double B);

/* Sums of P vectors into one end of a line. chain: PE to PE. star: all straight to the root. tree: log2 P
 * rounds of pairs. two_phase: S chains side by side, then a chain of their roots; _best takes S near sqrt P.
 */
double kerf_mesh_chain(const struct kerf_wafer_params *wafer, double P, double B);
double kerf_mesh_star(const struct kerf_wafer_params *wafer, double P, double B);
double kerf_mesh_tree(const struct kerf_wafer_params *wafer, double P, double B);
double kerf_mesh_two_phase(const struct kerf_wafer_params *wafer, double P, double B, double S);
double kerf_mesh_two_phase_best(const struct kerf_wafer_params *wafer, double P, double B);

/* The fastest of the four. */
double kerf_mesh_reduce(const struct kerf_wafer_params *wafer, double P, double B);
double kerf_mesh_reduce_2d(const struct kerf_wafer_params *wafer, double P, double Q, double B);

/* WaferLLM's all-reduce in G groups: both halves of each group to its centre, the centres to the middle of
 * the line, then both ways out. G is odd, so that the middle is a group's centre: with an even one the way is
 * a group longer. The way is P hops in all, and the additions that wait for each other are those of half a
 * group and of half the groups (checked by the cycle-driven mesh in tests/microsim). _best takes the G that
 * minimises it. */
double kerf_mesh_ktree(const struct kerf_wafer_params *wafer, double P, double B, double G);
double kerf_mesh_ktree_best(const struct kerf_wafer_params *wafer, double P, double B);

/* All-reduce on a line: the two-level tree, or reduce and broadcast where the payload is large. */
double kerf_mesh_allreduce(const struct kerf_wafer_params *wafer, double P, double B);

/* A vector of `elements` 16-bit elements, spread over the lines of P PEs, moves the length of the line: from
 * one layout, or one rectangle, to the next. */
double kerf_mesh_transfer(const struct kerf_wafer_params *wafer, double P, double elements);

/* An all-reduce on each of `lines` lines at once, as cycles. */
struct kerf_cycles kerf_mesh_allreduce_cycles(const struct kerf_wafer_params *wafer, double P, double lines,
                                              double B);

#endif
