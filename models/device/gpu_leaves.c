/* The device room: the leaves of a GPU's catalog file, in SI. Ranges are what is physically sensible, so that
 * a slip of a unit is caught; the uncertainty of a value stands in the catalog. */
#include "models/device/gpu.h"

#include <stddef.h>

#define LEAF(field, unit_, better_, required_, least_, most_, meaning_)                                      \
    {                                                                                                        \
        .key = #field, .unit = unit_, .better = KERF_BETTER_##better_, .required = required_,                \
        .least = least_, .most = most_, .offset = offsetof(struct kerf_gpu_params, field),                   \
        .meaning = meaning_                                                                                  \
    }
#define FLOPS(field, required, meaning) LEAF(field, "FLOP/s", NEITHER, required, 0.0, 1e18, meaning)
#define SHARE(field, required, meaning) LEAF(field, "1", HIGHER, required, 0.0, 1.2, meaning)
#define FLOOR(field, required, meaning) LEAF(field, "s", LOWER, required, 0.0, 1e-3, meaning)

static const struct kerf_leaf leaves[] = {
    FLOPS(peak_16bit_flops, true, "dense tensor peak, bf16 or fp16"),
    FLOPS(peak_fp8_flops, false, "dense tensor peak, fp8; absent: the part has no such unit"),
    FLOPS(peak_fp4_flops, false, "dense tensor peak, fp4; absent: the part has no such unit"),
    LEAF(sms, "1", NEITHER, true, 1.0, 4096.0, "streaming multiprocessors, or compute units"),
    LEAF(hbm_bytes, "B", NEITHER, true, 1e9, 1e12, "memory of one GPU"),
    /* Capacity says whether a network fits, not how fast it runs: it does not move with the columns. */
    LEAF(hbm_usable_fraction, "1", NEITHER, true, 0.0, 1.0,
         "of the memory, for weights, KV cache and activations"),
    LEAF(hbm_Bps, "B/s", NEITHER, true, 1e11, 1e14, "memory bandwidth, datasheet"),
    FLOOR(graph_gap_s, true, "end of a kernel to start of the next in a captured graph"),
    FLOOR(elementwise_floor_s, true, "shortest norm, activation, look-up or sampling kernel"),
    SHARE(achieved_hbm, true, "of hbm_Bps, elementwise kernels"),
    SHARE(achieved_gemm_hbm, true, "of hbm_Bps, GEMM"),
    FLOOR(gemm_tile_s, true, "GEMM: start and end of a tile, per wave"),
    FLOOR(gemm_split_s, true, "GEMM: adding up partial sums when K is split"),
    FLOOR(gemm_floor_16bit_s, true, "shortest 16-bit GEMM"),
    FLOOR(gemm_floor_fp8_s, false, "shortest fp8 GEMM with per-tensor scales, with its quantising kernels"),
    /* Serving never runs it: it does not move with the columns. */
    LEAF(gemm_floor_fp8_unfused_s, "s", NEITHER, false, 0.0, 1e-3,
         "as gemm_floor_fp8_s with separate quantising kernels, as in kernel tables; engines fuse them"),
    FLOOR(gemm_floor_fp8_block_s, false, "shortest fp8 GEMM with block scales, with its quantising kernel"),
    FLOOR(gemm_floor_fp4_s, false, "shortest fp4 GEMM, with its quantising kernel"),
    LEAF(gemm_k_latency_16bit_s, "s", LOWER, true, 0.0, 1e-7, "16-bit GEMM: latency per element of K"),
    LEAF(gemm_k_latency_fp8_s, "s", LOWER, false, 0.0, 1e-7, "fp8 GEMM: latency per element of K"),
    LEAF(gemm_k_latency_fp8_block_s, "s", LOWER, false, 0.0, 1e-7, "block fp8: latency per element of K"),
    LEAF(gemm_k_latency_fp4_s, "s", LOWER, false, 0.0, 1e-7, "fp4 GEMM: latency per element of K"),
    SHARE(achieved_16bit, true, "of peak_16bit_flops, tiles of a GEMM"),
    SHARE(achieved_fp8, false, "of peak_fp8_flops, large GEMM with per-tensor scales"),
    SHARE(achieved_fp8_block, false, "of peak_fp8_flops, large GEMM with block scales"),
    SHARE(achieved_fp4, false, "of peak_fp4_flops, large GEMM"),
    SHARE(achieved_convolution, true,
          "of the rate of a GEMM of the same shape, convolution as implicit GEMM"),
    FLOOR(attention_floor_s, true, "shortest attention with rotary embedding and KV write"),
    SHARE(achieved_attention_hbm, true, "of hbm_Bps, decode attention"),
    SHARE(achieved_attention_flops, true, "of the peak of the cache's arithmetic, attention"),
    FLOOR(mla_floor_s, true, "shortest absorbed MLA decode with rotary embedding and KV write"),
    SHARE(achieved_mla_hbm, true, "of hbm_Bps, absorbed MLA decode"),
    FLOOR(mla_ramp_s, true, "absorbed MLA: time that long reads lose until all SMs stream"),
    LEAF(mla_ramp_bytes, "B", HIGHER, true, 1e3, 1e10,
         "absorbed MLA: bytes read at which half of it is lost"),
    FLOOR(moe_floor_s, true, "shortest MoE with routing, permutation and the sum of outputs"),
    SHARE(achieved_moe_hbm, true, "of hbm_Bps, weights of touched experts"),
    SHARE(achieved_moe_flops, true, "of the peak, tiles of a grouped GEMM"),
    FLOOR(moe_expert_s, true, "MoE: more of the floor per expert on the GPU"),
    FLOOR(moe_floor_fp8_s, false, "as moe_floor_s in fp8; absent: the same"),
    FLOOR(moe_expert_fp8_s, false, "as moe_expert_s in fp8"),
    SHARE(achieved_moe_fp8_flops, false, "as achieved_moe_flops in fp8"),
    FLOOR(moe_tile_s, true, "MoE: start and end of a tile"),
    LEAF(moe_row_bytes, "B", LOWER, true, 0.1, 1e3,
         "MoE: bytes moved per element of d_model and row at an expert: permuting, quantising, adding up"),
    LEAF(moe_token_bytes, "B", LOWER, true, 0.1, 1e3,
         "MoE: bytes moved per element of d_model and token of the group"),
    FLOOR(moe_dequantised_floor_s, true, "as moe_floor_s, weights unpacked to 16 bit"),
    SHARE(achieved_moe_dequantised_hbm, true, "as achieved_moe_hbm, weights unpacked to 16 bit"),
    SHARE(achieved_moe_dequantised_flops, true, "of peak_16bit_flops, grouped GEMM on unpacked weights"),
    FLOOR(graph_launch_s, true, "start of the graph of a step"),
    /* lookahead: the engine needs one */
    LEAF(host_to_device_s, "s", LOWER, true, 1e-12, 1e-3, "host to GPU or back, one way, small message"),
    LEAF(nvlink_Bps, "B/s", HIGHER, true, 1e9, 1e13, "link to the domain, per GPU and direction"),
    LEAF(nvlink_domain, "1", NEITHER, true, 1.0, 1024.0, "GPUs in the domain"),
    LEAF(nic_Bps, "B/s", HIGHER, true, 1e8, 1e12, "network, per GPU and direction"),
    LEAF(tdp_W, "W", NEITHER, true, 50.0, 1e4, "power limit of one GPU"),
    LEAF(idle_W, "W", NEITHER, false, 0.0, 1e4, "idle power of one GPU"),
    LEAF(active_W, "W", LOWER, false, 0.0, 1e4,
         "power of one GPU in service, less arithmetic and memory traffic"),
    LEAF(flop_16bit_J, "J/FLOP", LOWER, false, 0.0, 1e-10,
         "energy of a FLOP of a large 16-bit GEMM, whole chip"),
    LEAF(flop_fp8_J, "J/FLOP", LOWER, false, 0.0, 1e-10, "the same in fp8; absent: half"),
    LEAF(flop_fp4_J, "J/FLOP", LOWER, false, 0.0, 1e-10, "the same in fp4; absent: a quarter"),
    LEAF(memory_J_per_byte, "J/B", LOWER, false, 0.0, 1e-8, "energy of a byte from HBM to the SMs"),
    LEAF(dynamic_power_scale, "1", LOWER, false, 0.1, 10.0,
         "measured energy over that of the four leaves before"),
    LEAF(facility_power_factor, "1", LOWER, false, 1.0, 3.0,
         "power of the building over power of its machines"),
    LEAF(node_W, "W", NEITHER, false, 0.0, 1e6, "power of the node or rack under load"),
    LEAF(node_gpus, "1", NEITHER, false, 0.0, 1024.0, "GPUs that share node_W"),
    LEAF(owner_USD_per_s, "USD/s", LOWER, false, 0.0, 1.0, "cost of owning one GPU: capital, power, space"),
};

const struct kerf_leaf_table kerf_gpu_leaves = {
    .kind = "gpu",
    .struct_bytes = sizeof(struct kerf_gpu_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};
