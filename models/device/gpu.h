/* A GPU: parameters of one device, its node and its software, all from one catalog file.
 *
 * An operator is one kernel (or a few that always run together) inside a captured graph. Its time is a gap, a
 * floor, and the larger of its bytes at the bandwidth and its FLOPs at the rate that such kernels reach: a
 * roofline (Williams, Waterman, Patterson, CACM 52(4), 2009) that stands on a launch floor. Matrices have
 * tiles, waves and a latency along K besides (gpu_gemm.h), and so has attention (gpu_attention.h).
 * Communication between GPUs is not here but in models/fabric. */
#ifndef KERF_DEVICE_GPU_H
#define KERF_DEVICE_GPU_H

#include "models/device/leaf.h"

/* Fields are SI; the leaf table in gpu_leaves.c gives unit, range and meaning of each. */
struct kerf_gpu_params {
    /* tensor peaks, dense; 0 where the part has no such unit */
    double peak_16bit_flops, peak_fp8_flops, peak_fp4_flops;
    double sms; /* streaming multiprocessors (compute units on AMD) */
    double hbm_bytes, hbm_usable_fraction, hbm_Bps;
    /* kernels */
    double graph_gap_s;         /* from the end of one kernel to the start of the next in a captured graph */
    double elementwise_floor_s; /* norm, activation, look-up, sampling */
    double achieved_hbm;        /* share of hbm_Bps that elementwise kernels reach */
    double achieved_gemm_hbm, gemm_tile_s, gemm_split_s; /* matrices of every format */
    double gemm_floor_16bit_s, gemm_floor_fp8_s, gemm_floor_fp8_block_s, gemm_floor_fp4_s;
    double gemm_floor_fp8_unfused_s; /* with quantising kernels of their own: for tables, not for engines */
    double gemm_k_latency_16bit_s, gemm_k_latency_fp8_s, gemm_k_latency_fp8_block_s, gemm_k_latency_fp4_s;
    double achieved_16bit, achieved_fp8, achieved_fp8_block, achieved_fp4; /* share of the peak, large GEMM */
    double achieved_convolution; /* of the rate of the product that a convolution is */
    /* attention: see gpu_attention.h */
    double l2_bytes;
    double attention_floor_16bit_s, attention_floor_fp8_s, attention_wave_16bit_s, attention_wave_fp8_s;
    double attention_query_s, attention_split_s, achieved_attention_hbm, attention_l2_Bps;
    double attention_head_wave_s, attention_head_token_s, attention_head_latency_s;
    double attention_tile_s, achieved_attention_flops, achieved_attention_fp8_flops;
    double mla_floor_16bit_s, mla_floor_fp8_s, mla_query_s, mla_split_s, mla_row_s;
    double achieved_mla_hbm, achieved_mla_fp8_hbm, mla_mid_rows_hbm;
    double mla_prefill_floor_16bit_s, mla_prefill_floor_fp8_s, mla_prefill_tile_s, mla_prefill_row_bytes;
    double achieved_mla_prefill_flops, achieved_mla_prefill_fp8_flops;
    /* experts in a format that the part multiplies; fp8 apart where it also has fp4 */
    double moe_floor_s, moe_expert_s, achieved_moe_flops;
    double moe_floor_fp8_s, moe_expert_fp8_s, achieved_moe_fp8_flops;
    double achieved_moe_hbm, moe_tile_s, moe_row_bytes, moe_token_bytes;
    double moe_dequantised_floor_s, achieved_moe_dequantised_hbm,
        achieved_moe_dequantised_flops; /* it does not */
    /* a step of the engine; used by models/node */
    double graph_launch_s;   /* once per step */
    double host_to_device_s; /* host to GPU and back, one way: doorbell or flag to visible */
    /* links */
    double nvlink_Bps, nvlink_domain; /* per direction; GPUs in the domain (xGMI on AMD) */
    double nic_Bps;                   /* per GPU and direction */
    /* power and money: carried for later */
    double tdp_W, idle_W, node_W, node_gpus, owner_USD_per_s;
    double active_W; /* power of a GPU that serves, without its arithmetic and memory traffic */
    double flop_16bit_J, flop_fp8_J, flop_fp4_J, memory_J_per_byte; /* bottom-up, chip level */
    double dynamic_power_scale;                                     /* what is measured over those */
    double facility_power_factor; /* power at the meter of the building over power of the machines (PUE) */
};

extern const struct kerf_leaf_table kerf_gpu_leaves;

#endif
