/* The study room: what accelerators draw and cost. */
#include "sim/study/bill.h"

#include "models/device/gpu_energy.h"

#include <math.h>

static double or_missing(bool known, double value)
{
    return known ? value : NAN;
}

struct kerf_bill kerf_bill_missing(void)
{
    return (struct kerf_bill){NAN, NAN, NAN, NAN};
}

struct kerf_bill kerf_bill_of_gpus(const struct kerf_gpu_params *gpu, enum kerf_format format, double flops,
                                   double bytes, double gpus)
{
    const struct kerf_cost second = {.flops = flops, .bytes = bytes};
    double busy_W = gpu->active_W + kerf_gpu_dynamic_J(gpu, &second, format);
    bool known = kerf_gpu_has_energy(gpu), housed = gpu->facility_power_factor > 0.0;
    double each_W = fmin(busy_W, gpu->tdp_W), host_W = kerf_gpu_host_W(gpu);
    return (struct kerf_bill){
        .accelerator_W = or_missing(known, gpus * each_W),
        .facility_W = or_missing(known && housed, gpus * (each_W + host_W) * gpu->facility_power_factor),
        .rated_W = or_missing(housed, gpus * (gpu->tdp_W + host_W) * gpu->facility_power_factor),
        .USD_per_s = or_missing(gpu->owner_USD_per_s > 0.0, gpus * gpu->owner_USD_per_s)};
}

struct kerf_bill kerf_bill_of_wafers(const struct kerf_wafer_params *wafer, double hosts_W, double flops,
                                     double wafers)
{
    /* two 16-bit numbers in and one out for every multiply-add */
    enum { SRAM_BYTES_PER_FLOP = 3 };
    double dynamic_W = flops * (wafer->flop_J + SRAM_BYTES_PER_FLOP * wafer->sram_J_per_byte);
    double each_W = fmin(wafer->idle_fraction * wafer->system_W + dynamic_W, wafer->system_W);
    double factor = wafer->facility_power_factor;
    return (struct kerf_bill){
        .accelerator_W = wafers * each_W,
        .facility_W = or_missing(factor > 0.0, wafers * (each_W + hosts_W) * factor),
        .rated_W = or_missing(factor > 0.0, wafers * (wafer->system_W + hosts_W) * factor),
        .USD_per_s = or_missing(wafer->owner_USD_per_s > 0.0, wafers * wafer->owner_USD_per_s)};
}
