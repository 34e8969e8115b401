/* Energy of a GPU: what its arithmetic and its memory traffic take on top of what it draws in service anyway.
 */
#ifndef KERF_DEVICE_GPU_ENERGY_H
#define KERF_DEVICE_GPU_ENERGY_H

#include "models/device/cost.h"
#include "models/device/gpu.h"
#include "models/network/format.h"

#include <stdbool.h>

/* Whether the catalog says enough of this GPU's energy. */
bool kerf_gpu_has_energy(const struct kerf_gpu_params *gpu);

/* Energy of one FLOP in the arithmetic of `format`, J, before dynamic_power_scale. */
double kerf_gpu_flop_J(const struct kerf_gpu_params *gpu, enum kerf_format format);

/* Dynamic energy of a cost whose FLOPs are in the arithmetic of `format`, J: FLOPs, and bytes moved. 0 where
 * the catalog does not say enough. */
double kerf_gpu_dynamic_J(const struct kerf_gpu_params *gpu, const struct kerf_cost *cost,
                          enum kerf_format format);

/* Power of the host, switches and fans that go with one GPU, W: node_W / node_gpus less the GPU itself. */
double kerf_gpu_host_W(const struct kerf_gpu_params *gpu);

#endif
