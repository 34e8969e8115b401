/* A wafer-scale engine: parameters of one wafer and its system, all from one catalog file. */
#ifndef KERF_DEVICE_WAFER_H
#define KERF_DEVICE_WAFER_H

#include "models/device/leaf.h"

/* Fields are SI except cycles; the leaf table in wafer.c gives unit, range and meaning of each. */
struct kerf_wafer_params {
    double clock_Hz;
    double pe_rows, pe_columns;    /* the rectangle that an application may use */
    double pe_enabled;
    double pe_usable_fraction;     /* of the rectangle, for layers */
    double sram_bytes;             /* of the wafer */
    double sram_usable_fraction;
    double simd_fp16_mac_per_cycle; /* v of the closed forms: what a kernel sustains, not the datasheet peak */
    double axpy_call_cycles;        /* c_call */
    double hop_cycles, ramp_cycles; /* hop, T_R */
    double operator_software_cycles; /* o_op */
    double cannon_step_cycles;       /* o_step */
    double dequantise_cycles_per_weight; /* 4- and 8-bit weights to 16 bit, per weight and PE */
    double io_Bps, io_latency_s;     /* wafer to wafer and wafer to host, per direction */
    double token_overhead_s;         /* t_tok: outside the layers, per token */
    double system_W, idle_fraction, owner_USD_per_s;
};

#endif
