/* Watts and dollars of accelerators whose work is known in closed form: training steps, passes of images. */
#ifndef KERF_STUDY_BILL_H
#define KERF_STUDY_BILL_H

#include "models/device/gpu.h"
#include "models/device/wafer.h"
#include "models/network/format.h"

/* Of all accelerators of a system. What the catalog does not say is NAN. */
struct kerf_bill {
    double accelerator_W; /* mean power of the accelerators alone, */
    double facility_W;    /* of hosts, switches and cooling too */
    double rated_W;       /* the same with every accelerator at its limit: what a site must have */
    double USD_per_s;     /* of the owner: machines and power */
};

/* Power in service, FLOPs in `format` and bytes of HBM, both per second and GPU; at most the power limit. */
struct kerf_bill kerf_bill_of_gpus(const struct kerf_gpu_params *gpu, enum kerf_format format, double flops,
                                   double bytes, double gpus);

/* Idle power, and FLOPs per second and wafer with the SRAM that a multiply-add reads and writes. hosts_W: of
 * what stands beside one wafer. */
struct kerf_bill kerf_bill_of_wafers(const struct kerf_wafer_params *wafer, double hosts_W, double flops,
                                     double wafers);

/* A bill of which nothing is known. */
struct kerf_bill kerf_bill_missing(void);

#endif
