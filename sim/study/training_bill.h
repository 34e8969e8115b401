/* Watts and dollars of a training step. */
#ifndef KERF_STUDY_TRAINING_BILL_H
#define KERF_STUDY_TRAINING_BILL_H

#include "models/device/gpu.h"
#include "models/device/wafer.h"
#include "models/network/format.h"
#include "models/training/step.h"
#include "models/training/weight_streaming.h"

/* Of all accelerators of a system. What the catalog does not say is NAN. */
struct kerf_training_bill {
    double accelerator_W; /* mean power of the accelerators alone, */
    double facility_W;    /* of hosts, switches and cooling too */
    double rated_W;       /* the same with every accelerator at its limit: what a site must have */
    double USD_per_s;     /* of the owner: machines and power */
};

/* GPUs: power in service, FLOPs, and the memory traffic of what the memory bounds; at most the power limit.
 */
struct kerf_training_bill kerf_training_bill_of_gpus(const struct kerf_gpu_params *gpu,
                                                     enum kerf_format matrices,
                                                     const struct kerf_training_step *step, double gpus);

/* Wafers: idle power, FLOPs with the SRAM that a multiply-add reads and writes; hosts are those of the store.
 */
struct kerf_training_bill kerf_training_bill_of_wafers(const struct kerf_wafer_params *wafer,
                                                       const struct kerf_streaming_params *streaming,
                                                       double hardware_flops_per_wafer, double wafers);

#endif
