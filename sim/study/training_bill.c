/* The study room: what training draws and costs. */
#include "sim/study/training_bill.h"

#include "models/device/gpu_energy.h"

#include <math.h>

static double or_missing(bool known, double value)
{
    return known ? value : NAN;
}

struct kerf_training_bill kerf_training_bill_of_gpus(const struct kerf_gpu_params *gpu,
                                                     enum kerf_format matrices,
                                                     const struct kerf_training_step *step, double gpus)
{
    double memory_s = step->part_s[KERF_STEP_ELEMENTWISE] + step->part_s[KERF_STEP_OPTIMIZER];
    const struct kerf_cost cost = {.flops = step->hardware_flops_gpu * step->step_s,
                                   .bytes = memory_s * gpu->achieved_hbm * gpu->hbm_Bps};
    double busy_W = gpu->active_W + kerf_gpu_dynamic_J(gpu, &cost, matrices) / step->step_s;
    bool known = kerf_gpu_has_energy(gpu), housed = gpu->facility_power_factor > 0.0;
    double each_W = fmin(busy_W, gpu->tdp_W), host_W = kerf_gpu_host_W(gpu);
    return (struct kerf_training_bill){
        .accelerator_W = or_missing(known, gpus * each_W),
        .facility_W = or_missing(known && housed, gpus * (each_W + host_W) * gpu->facility_power_factor),
        .rated_W = or_missing(housed, gpus * (gpu->tdp_W + host_W) * gpu->facility_power_factor),
        .USD_per_s = or_missing(gpu->owner_USD_per_s > 0.0, gpus * gpu->owner_USD_per_s)};
}

struct kerf_training_bill kerf_training_bill_of_wafers(const struct kerf_wafer_params *wafer,
                                                       const struct kerf_streaming_params *streaming,
                                                       double hardware_flops_per_wafer, double wafers)
{
    /* two 16-bit numbers in and one out for every multiply-add */
    enum { SRAM_BYTES_PER_FLOP = 3 };
    double dynamic_W =
        hardware_flops_per_wafer * (wafer->flop_J + SRAM_BYTES_PER_FLOP * wafer->sram_J_per_byte);
    double each_W = fmin(wafer->idle_fraction * wafer->system_W + dynamic_W, wafer->system_W);
    bool housed = wafer->facility_power_factor > 0.0;
    return (struct kerf_training_bill){
        .accelerator_W = wafers * each_W,
        .facility_W =
            or_missing(housed, wafers * (each_W + streaming->hosts_W) * wafer->facility_power_factor),
        .rated_W = or_missing(housed,
                              wafers * (wafer->system_W + streaming->hosts_W) * wafer->facility_power_factor),
        .USD_per_s = or_missing(wafer->owner_USD_per_s > 0.0, wafers * wafer->owner_USD_per_s)};
}
