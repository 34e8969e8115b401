/* The device room: joules of a GPU. */
#include "models/device/gpu_energy.h"

#include "models/device/gpu_gemm.h"

#include <math.h>

bool kerf_gpu_has_energy(const struct kerf_gpu_params *gpu)
{
    return gpu->active_W > 0.0 && gpu->memory_J_per_byte > 0.0 && gpu->flop_16bit_J > 0.0 &&
           gpu->dynamic_power_scale > 0.0;
}

double kerf_gpu_flop_J(const struct kerf_gpu_params *gpu, enum kerf_format format)
{
    switch (kerf_gpu_arithmetic(gpu, format)) {
    case KERF_MATH_FP8:
        return gpu->flop_fp8_J > 0.0 ? gpu->flop_fp8_J : 0.5 * gpu->flop_16bit_J;
    case KERF_MATH_FP4:
        return gpu->flop_fp4_J > 0.0 ? gpu->flop_fp4_J : 0.25 * gpu->flop_16bit_J;
    default:
        return gpu->flop_16bit_J;
    }
}

double kerf_gpu_dynamic_J(const struct kerf_gpu_params *gpu, const struct kerf_cost *cost,
                          enum kerf_format format)
{
    if (!kerf_gpu_has_energy(gpu))
        return 0.0;
    return gpu->dynamic_power_scale *
           (cost->flops * kerf_gpu_flop_J(gpu, format) + cost->bytes * gpu->memory_J_per_byte);
}

double kerf_gpu_host_W(const struct kerf_gpu_params *gpu)
{
    return gpu->node_gpus > 0.0 ? fmax(gpu->node_W / gpu->node_gpus - gpu->tdp_W, 0.0) : 0.0;
}
