/* A GPU: parameters of one device, its node and its software, all from one catalog file. */
#ifndef KERF_DEVICE_GPU_H
#define KERF_DEVICE_GPU_H

#include "models/device/leaf.h"

/* Fields are SI; the leaf table in gpu.c gives unit, range and meaning of each. */
struct kerf_gpu_params {
    /* tensor peaks, dense; 0 where the part has no such unit */
    double peak_16bit_flops, peak_fp8_flops, peak_fp4_flops;
    double achieved_16bit, achieved_fp8, achieved_fp4; /* large-GEMM fraction of the peak */
    double hbm_bytes, hbm_usable_fraction, hbm_Bps, achieved_hbm, l2_bytes;
    double sm_count, clock_Hz;
    /* kernels: floor of one launch inside a graph, serial latency per element of K */
    double gemm_floor_16bit_s, gemm_floor_fp8_s, gemm_floor_fp8_block_s, gemm_floor_fp4_s;
    double gemm_k_latency_16bit_s, gemm_k_latency_fp8_s, gemm_k_latency_fp4_s;
    double attention_floor_s, achieved_attention_hbm, achieved_attention_flops;
    double moe_floor_s, achieved_moe_hbm;
    double elementwise_floor_s; /* norm, rotary, activation, KV write, sampling */
    double graph_gap_s;         /* between two kernels of a captured graph */
    double graph_launch_s;      /* once per step */
    double host_step_s;         /* scheduler and sampler per step ... */
    double host_overlap;        /* ... and the share of it hidden behind the GPU */
    /* links */
    double nvlink_Bps, nvlink_domain; /* per direction; GPUs in the domain */
    double nic_Bps;                   /* per GPU and direction */
    double allreduce_floor_s, allreduce_floor_per_doubling_s, allreduce_measured_ranks, achieved_nvlink;
    double alltoall_floor_s, alltoall_floor_per_doubling_s;
    double host_to_device_s; /* host to GPU and back, one way: PCIe or C2C doorbell to visible */
    /* power and money: carried for later */
    double tdp_W, idle_W, node_W, node_gpus, owner_USD_per_s;
};

#endif
