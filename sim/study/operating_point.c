/* The study room: hardware at another clock. */
#include "sim/study/operating_point.h"

#include <math.h>

double kerf_volt_share(const struct kerf_cooling *cooling, double clock_share)
{
    double volts = cooling->supply_V - cooling->volt_per_Hz * cooling->clock_Hz * (1.0 - clock_share);
    return fmax(volts, fmin(cooling->least_V, cooling->supply_V)) / cooling->supply_V;
}

void kerf_operate_gpu(const struct kerf_operating_point *point, struct kerf_gpu_params *gpu)
{
    if (point->clock_share <= 0.0)
        return;
    double *const rates[] = {&gpu->peak_16bit_flops, &gpu->peak_fp8_flops, &gpu->peak_fp4_flops,
                             &gpu->attention_l2_Bps};
    double *const latencies[] = {&gpu->gemm_k_latency_16bit_s, &gpu->gemm_k_latency_fp8_s,
                                 &gpu->gemm_k_latency_fp8_block_s, &gpu->gemm_k_latency_fp4_s};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        *rates[i] *= point->clock_share;
    for (size_t i = 0; i < sizeof latencies / sizeof latencies[0]; i++)
        *latencies[i] /= point->clock_share;
    gpu->dynamic_power_scale *= point->volt_share * point->volt_share;
    gpu->active_W = point->base_W;
    gpu->node_W -= gpu->node_gpus * (gpu->tdp_W - point->limit_W); /* the host draws what it drew */
    gpu->tdp_W = point->limit_W;
}

void kerf_operate_wafer(const struct kerf_operating_point *point, struct kerf_wafer_params *wafer)
{
    if (point->clock_share <= 0.0)
        return;
    double energy = point->volt_share * point->volt_share;
    wafer->clock_Hz *= point->clock_share;
    wafer->flop_J *= energy;
    wafer->sram_J_per_byte *= energy;
    wafer->hop_J *= energy;
    wafer->idle_fraction = point->base_W / point->limit_W;
    wafer->system_W = point->limit_W;
}
