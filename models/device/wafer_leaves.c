/* The device room: the leaves of a wafer's catalog file. */
#include "models/device/wafer.h"

#define LEAF(field, si_unit, end, must, otherwise, smallest, largest, text)                                  \
    {                                                                                                        \
        .key = #field, .unit = (si_unit), .better = (end), .required = (must), .missing = (otherwise),       \
        .least = (smallest), .most = (largest), .offset = offsetof(struct kerf_wafer_params, field),         \
        .meaning = (text)                                                                                    \
    }

static const struct kerf_leaf wafer_leaves[] = {
    LEAF(clock_Hz, "Hz", KERF_BETTER_HIGHER, true, 0.0, 1e8, 1e10, "clock of cores and routers"),
    LEAF(pe_rows, "PE", KERF_BETTER_NEITHER, true, 0.0, 1.0, 1e4, "rows of the application's rectangle"),
    LEAF(pe_columns, "PE", KERF_BETTER_NEITHER, true, 0.0, 1.0, 1e4,
         "columns of the application's rectangle"),
    LEAF(pe_enabled, "PE", KERF_BETTER_NEITHER, true, 0.0, 1.0, 1e8, "processing elements that work"),
    /* More PEs to a layer hold more but take longer to cross: neither end is the faster one. */
    LEAF(pe_usable_fraction, "1", KERF_BETTER_NEITHER, true, 0.0, 0.0, 1.0,
         "share of the rectangle that layers occupy"),
    /* Capacity says whether a network fits, not how fast it runs: all columns place it alike. */
    LEAF(sram_bytes, "B", KERF_BETTER_NEITHER, true, 0.0, 1.0, 1e13, "SRAM of the wafer"),
    LEAF(sram_usable_fraction, "1", KERF_BETTER_NEITHER, true, 0.0, 0.0, 1.0,
         "share of the SRAM left for weights, cache and activations"),
    LEAF(sram_read_bytes_per_cycle, "B/cycle", KERF_BETTER_HIGHER, true, 0.0, 1.0, 1e4,
         "SRAM reads of one PE"),
    LEAF(software_cache_bytes, "B", KERF_BETTER_HIGHER, false, 0.0, 0.0, 1e6,
         "accumulators up to this size are not read from SRAM"),
    LEAF(simd_fp16_mac_per_cycle, "MAC/cycle", KERF_BETTER_HIGHER, true, 0.0, 0.1, 64.0,
         "v: multiply-accumulates that a kernel sustains in one PE"),
    LEAF(axpy_call_cycles, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.0, 1e4,
         "c_call: start-up of one vector instruction"),
    LEAF(gemm_call_fraction, "1", KERF_BETTER_LOWER, true, 0.0, 0.0, 1.0,
         "share of c_call that remains when calls of one shape follow each other"),
    LEAF(hop_cycles, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.1, 100.0, "router to router"),
    LEAF(ramp_cycles, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.0, 100.0, "T_R: core to router, one way"),
    LEAF(operator_software_cycles, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.0, 1e6,
         "o_op: software of one operator with a collective"),
    LEAF(cannon_step_cycles, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.0, 1e6,
         "o_step: software of one shift of a tiled matrix product"),
    LEAF(tiled_prompts, "1", KERF_BETTER_NEITHER, false, 0.0, 0.0, 1.0,
         "1: software runs prompts as shifted tiles; 0: in the fastest form"),
    LEAF(dequantise_cycles_per_weight, "cycle", KERF_BETTER_LOWER, true, 0.0, 0.0, 100.0,
         "4- and 8-bit weights to 16 bit, in one PE"),
    LEAF(io_Bps, "B/s", KERF_BETTER_HIGHER, true, 0.0, 1e6, 1e15, "wafer to wafer or host, per direction"),
    LEAF(io_latency_s, "s", KERF_BETTER_LOWER, true, 0.0, 1e-12, 1.0, "wafer to wafer or host"),
    LEAF(host_kv_bytes, "B", KERF_BETTER_NEITHER, false, 0.0, 0.0, 1e16,
         "memory of the wafer's host for KV cache that overflows"),
    LEAF(token_overhead_s, "s", KERF_BETTER_LOWER, true, 0.0, 0.0, 1.0,
         "t_tok: per generated token, outside the layers"),
    LEAF(system_W, "W", KERF_BETTER_LOWER, false, 0.0, 0.0, 1e7,
         "power of one wafer's share of the system, busy"),
    LEAF(idle_fraction, "1", KERF_BETTER_LOWER, false, 0.0, 0.0, 1.0, "of that power when idle"),
    LEAF(flop_J, "J/FLOP", KERF_BETTER_LOWER, false, 0.0, 0.0, 1e-9, "energy of 16-bit arithmetic in a PE"),
    LEAF(sram_J_per_byte, "J/B", KERF_BETTER_LOWER, false, 0.0, 0.0, 1e-9, "energy of a byte of a PE's SRAM"),
    LEAF(hop_J, "J", KERF_BETTER_LOWER, false, 0.0, 0.0, 1e-9,
         "energy of a wavelet over one link with its router"),
    LEAF(facility_power_factor, "1", KERF_BETTER_LOWER, false, 1.0, 1.0, 3.0,
         "power of the building over power of its machines"),
    LEAF(owner_USD_per_s, "USD/s", KERF_BETTER_LOWER, false, 0.0, 0.0, 1e3, "cost of owning one wafer"),
};

const struct kerf_leaf_table kerf_wafer_leaves = {.kind = "wafer",
                                                  .struct_bytes = sizeof(struct kerf_wafer_params),
                                                  .count = sizeof wafer_leaves / sizeof wafer_leaves[0],
                                                  .leaves = wafer_leaves};
