/* Where an accelerator works when its clock is lowered: what that does to the leaves of its hardware. */
#ifndef KERF_STUDY_OPERATING_POINT_H
#define KERF_STUDY_OPERATING_POINT_H

#include "models/device/gpu.h"
#include "models/device/wafer.h"
#include "models/thermal/cooling.h"

struct kerf_operating_point {
    double clock_share; /* of the catalog's clock; 0: the catalog's, and nothing else holds */
    double volt_share;  /* of the nominal voltage */
    double base_W;      /* drawn in service without work, at the temperature that was found */
    double limit_W;     /* mean power at most, there */
    double catalog_base_W, catalog_limit_W; /* the same two in the catalog */
    double silicon_K, drawn_W; /* what was found there: hottest, of the accelerator that draws most */
};

/* The voltage that goes with a clock, as a share of the nominal: linear (dV/df), not below the least. */
double kerf_volt_share(const struct kerf_cooling *cooling, double clock_share);

/* Moves the leaves of a GPU or a wafer there. Rates of arithmetic, L2 and mesh go with the clock, dynamic
 * energy with the square of the voltage (P = C V^2 f); memory, links and host keep theirs. */
void kerf_operate_gpu(const struct kerf_operating_point *point, struct kerf_gpu_params *gpu);
void kerf_operate_wafer(const struct kerf_operating_point *point, struct kerf_wafer_params *wafer);

#endif
