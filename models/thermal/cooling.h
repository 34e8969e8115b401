/* How an accelerator is built and cooled: the leaves of a `cooling` entry of the catalog. */
#ifndef KERF_THERMAL_COOLING_H
#define KERF_THERMAL_COOLING_H

#include "models/device/leaf.h"

/* Fields are SI; the leaf table in cooling_leaves.c gives unit, range and meaning of each. */
struct kerf_cooling {
    /* what lies on the plate */
    double die_width_m, die_height_m;
    double memory_stacks, memory_width_m, memory_height_m, memory_gap_m;
    double hot_spot_ratio;
    /* layers */
    double silicon_thickness_m, silicon_W_per_m_K, silicon_J_per_m3_K;
    double interface_K_m2_per_W, memory_interface_K_m2_per_W;
    double plate_thickness_m, plate_W_per_m_K, plate_J_per_m3_K, film_K_m2_per_W;
    double coolant_m3_per_s, coolant_J_per_m3_K, inlet_K;
    /* power */
    double package_share, memory_J_per_byte;
    double leak_fraction, leak_per_K, leak_reference_K, leak_volt_exponent, measured_K;
    /* voltage and clock */
    double supply_V, least_V, clock_Hz, volt_per_Hz, grid_ohm, feed_ohm_m2;
    /* limits */
    double die_limit_K, memory_limit_K;
};

extern const struct kerf_leaf_table kerf_cooling_leaves;

#endif
