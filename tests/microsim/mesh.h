/* A cycle-driven mesh of processing elements (PEs), to check the closed forms of models/device against. It
 * knows none of them.
 *
 * A PE is a core with its SRAM and a router with five ports: four links to neighbours and the ramp to the
 * core. Every cycle a link carries at most one 32-bit wavelet each way, and so does the ramp. A wavelet has a
 * colour, and a router holds for every colour one input and any outputs (copies are free); a switch moves to
 * the next input and outputs after a number of wavelets, as control wavelets make it do. Wavelets wait in
 * finite FIFOs, one a colour and input; a full one stops the router before it. The ramp takes `ramp_cycles`
 * either way, a hop one. The core runs a few threads of operations, each moving a wavelet a cycle; SRAM gives
 * 16 bytes and takes 8 in a cycle (Lie, Hot Chips 34), first come, first served in the order of the threads.
 *
 * Use: create, set routes, append operations, fill memory, run, look at memory and cycles. Mistakes of a
 * program (two inputs for one colour, too many operations) end the process. */
#ifndef KERF_MICROSIM_MESH_H
#define KERF_MICROSIM_MESH_H

#include <stdbool.h>
#include <stdint.h>

enum ms_port { MS_NORTH, MS_EAST, MS_SOUTH, MS_WEST, MS_RAMP, MS_PORTS };
enum { MS_COLOURS = 24, MS_THREADS = 5, MS_FOREVER = -1 };

struct ms_parameters {
    int rows, columns;
    int ramp_cycles;
    int fifo_depth;      /* wavelets that wait at a link; the ramp holds those under way besides */
    int memory_elements; /* 16-bit numbers in a PE; a wavelet holds two */
    int elements_per_cycle, call_cycles, cache_elements; /* vector unit: v, c_call, and what needs no SRAM */
};

struct ms_mesh;

/* What one vector instruction computes: call `call` of an operation, on the memory of a PE. */
typedef void (*ms_kernel)(float *memory, int call, const void *context);

enum ms_kind {
    MS_SEND,      /* n wavelets from memory */
    MS_RECEIVE,   /* n wavelets into memory */
    MS_ADD,       /* n wavelets added to memory */
    MS_RELAY_ADD, /* n wavelets in, added to memory's, and on as `to`; memory stays. One cycle for the
                     addition */
    MS_AXPY,      /* n calls over `length` elements, call_cycles and length / elements_per_cycle each */
    MS_IDLE,      /* n cycles */
    MS_POST,      /* semaphore `colour` up by one; takes no time */
    MS_WAIT       /* until semaphore `colour` is n, then down by n; takes no time */
};

struct ms_operation {
    enum ms_kind kind;
    int colour, to, at, n; /* `at` counts wavelets */
    int length, call_cycles;
    ms_kernel kernel;
    const void *context;
};

struct ms_outcome {
    bool deadlock;
    char blocked[160];                  /* who waits for what, after a deadlock */
    int64_t cycles;                     /* until the last operation ended */
    int64_t injected, copied, absorbed; /* wavelets from cores, made by routers, into cores */
    int64_t left;                       /* in FIFOs at the end */
    int64_t link_wavelets;              /* over links, all in all */
};

struct ms_mesh *ms_create(const struct ms_parameters *parameters);
void ms_free(struct ms_mesh *mesh);
const struct ms_parameters *ms_parameters_of(const struct ms_mesh *mesh);

/* Wavelets of `colour` go from `input` to `outputs` (bits 1 << port), `count` of them, then as the next call
 * for the same router and colour says; MS_FOREVER for the last. */
void ms_route(struct ms_mesh *mesh, int row, int column, int colour, enum ms_port input, int outputs,
              int count);

void ms_append(struct ms_mesh *mesh, int row, int column, int thread, struct ms_operation operation);
float *ms_memory(struct ms_mesh *mesh, int row, int column);

/* Until all operations have ended, or nothing can move any more. */
struct ms_outcome ms_run(struct ms_mesh *mesh);

#endif
