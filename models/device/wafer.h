/* A wafer-scale engine: parameters of one wafer and its system, all from one catalog file, and the device
 * table that turns operators into time on a rectangle of processing elements (PEs).
 *
 * The closed forms live beside it, one idea a file: wafer_mesh (collectives on lines and rectangles),
 * wafer_gemv (matrix times vector or tile), wafer_attention, wafer_moe. They count cycles; wafer.c maps
 * operators to them and divides by the clock. */
#ifndef KERF_DEVICE_WAFER_H
#define KERF_DEVICE_WAFER_H

#include "models/device/device.h"
#include "models/device/leaf.h"

/* Fields are SI except cycles; the leaf table in wafer.c gives unit, range and meaning of each. */
struct kerf_wafer_params {
    double clock_Hz;
    double pe_rows, pe_columns; /* the rectangle that an application may use */
    double pe_enabled;
    double pe_usable_fraction; /* of the rectangle, for layers */
    double sram_bytes;         /* of the wafer */
    double sram_usable_fraction;
    double sram_read_bytes_per_cycle; /* per PE */
    double software_cache_bytes;      /* per PE: an accumulator that fits is not read from SRAM */
    double
        simd_fp16_mac_per_cycle; /* v of the closed forms: what a kernel sustains, not the datasheet peak */
    double axpy_call_cycles;     /* c_call */
    double gemm_call_fraction;   /* of c_call, when one call follows another of the same shape */
    double hop_cycles, ramp_cycles;  /* hop, T_R */
    double operator_software_cycles; /* o_op */
    double cannon_step_cycles;       /* o_step */
    double tiled_prompts; /* 1: prompts always run as Cannon tiles, as in WaferLLM; 0: the faster form */
    double dequantise_cycles_per_weight;             /* 4- and 8-bit weights to 16 bit, per weight and PE */
    double io_Bps, io_latency_s;                     /* wafer to wafer and wafer to host, per direction */
    double host_kv_bytes;                            /* of the wafer's host, for cache that does not fit */
    double token_overhead_s;                         /* t_tok: outside the layers, per token */
    double system_W, idle_fraction, owner_USD_per_s; /* of one wafer's share of its system */
    double flop_J, sram_J_per_byte, hop_J; /* dynamic: 16-bit FLOP, byte of SRAM, wavelet over a link */
    double facility_power_factor; /* power at the meter of the building over power of the system (PUE) */
};

extern const struct kerf_leaf_table kerf_wafer_leaves;

/* Cost of handing `tokens` tokens of `d_model` 16-bit elements to the rectangle next door, from one stage of
 * a pipeline to the next on the same wafer. All of it is fabric time; 0 tokens cost nothing. Pure. */
struct kerf_cost kerf_wafer_handover_cost(const struct kerf_wafer_params *wafer,
                                          const struct kerf_slice *slice, double tokens, double d_model);

#endif
