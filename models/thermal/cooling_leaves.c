/* The thermal room: the leaves of a cooling file. None has a better end: heat is worked out at nominal
 * values, and columns of a comparison do not move it. */
#include "models/thermal/cooling.h"

#define LEAF(field, si_unit, must, otherwise, smallest, largest, text)                                       \
    {                                                                                                        \
        .key = #field, .unit = (si_unit), .better = KERF_BETTER_NEITHER, .required = (must),                 \
        .missing = (otherwise), .least = (smallest), .most = (largest),                                      \
        .offset = offsetof(struct kerf_cooling, field), .meaning = (text)                                    \
    }

static const struct kerf_leaf leaves[] = {
    LEAF(die_width_m, "m", true, 0.0, 1e-3, 1.0, "die or wafer, across the flow of the coolant's columns"),
    LEAF(die_height_m, "m", true, 0.0, 1e-3, 1.0, "die or wafer, the other way"),
    LEAF(memory_stacks, "1", false, 0.0, 0.0, 64.0, "stacks of memory beside the die, half on either side"),
    LEAF(memory_width_m, "m", false, 11e-3, 1e-3, 0.1, "of a stack, away from the die"),
    LEAF(memory_height_m, "m", false, 10e-3, 1e-3, 0.1, "of a stack, along the die"),
    LEAF(memory_gap_m, "m", false, 1e-3, 0.0, 0.1, "between die and stacks"),
    LEAF(hot_spot_ratio, "1", true, 0.0, 1.0, 20.0,
         "power of arithmetic where it is densest over its mean on the die, or on a stage of a wafer"),
    LEAF(silicon_thickness_m, "m", true, 0.0, 1e-5, 1e-2, "of die or wafer"),
    LEAF(silicon_W_per_m_K, "W/m/K", true, 0.0, 1.0, 1e3, "conductivity of silicon at working temperature"),
    LEAF(silicon_J_per_m3_K, "J/m^3/K", true, 0.0, 1e5, 1e7, "heat capacity of silicon"),
    LEAF(interface_K_m2_per_W, "K*m^2/W", true, 0.0, 1e-8, 1e-2, "from silicon to plate"),
    LEAF(memory_interface_K_m2_per_W, "K*m^2/W", false, 1e-5, 1e-8, 1e-2,
         "from the layer of a stack that draws the power to the plate"),
    LEAF(plate_thickness_m, "m", true, 0.0, 0.0, 0.1, "base of cold plate or heat sink"),
    LEAF(plate_W_per_m_K, "W/m/K", true, 0.0, 1.0, 1e4, "its conductivity"),
    LEAF(plate_J_per_m3_K, "J/m^3/K", true, 0.0, 1e5, 1e8, "its heat capacity"),
    LEAF(film_K_m2_per_W, "K*m^2/W", true, 0.0, 1e-8, 1e-2,
         "from plate to coolant, fins included, for the area of the die"),
    LEAF(coolant_m3_per_s, "m^3/s", true, 0.0, 1e-9, 1.0, "flow over one accelerator"),
    LEAF(coolant_J_per_m3_K, "J/m^3/K", true, 0.0, 100.0, 1e7, "heat capacity of the coolant"),
    LEAF(inlet_K, "K", true, 0.0, 200.0, 400.0, "of the coolant that comes in"),
    LEAF(package_share, "1", true, 0.0, 0.1, 1.0,
         "of the accelerator's power, what becomes heat in die and memory, not in its converters"),
    LEAF(memory_J_per_byte, "J/B", false, 0.0, 0.0, 1e-9,
         "of the energy of a byte, what is spent in the stacks"),
    LEAF(leak_fraction, "1", true, 0.0, 0.0, 0.9,
         "leakage at the reference temperature over the accelerator's power limit"),
    LEAF(leak_per_K, "1/K", true, 0.0, 0.0, 0.2, "a: leakage grows by exp(a dT)"),
    LEAF(leak_reference_K, "K", true, 0.0, 200.0, 500.0, "T_ref"),
    LEAF(leak_volt_exponent, "1", true, 0.0, 0.0, 10.0, "n: leakage grows as V^n"),
    LEAF(measured_K, "K", true, 0.0, 200.0, 500.0,
         "of the die when the power of the catalog's hardware entry was measured"),
    LEAF(supply_V, "V", true, 0.0, 0.1, 5.0, "nominal, where it enters the grid"),
    LEAF(least_V, "V", true, 0.0, 0.1, 5.0, "that the clock may be lowered to"),
    LEAF(clock_Hz, "Hz", true, 0.0, 1e7, 1e11, "at the nominal voltage"),
    LEAF(volt_per_Hz, "V/Hz", true, 0.0, 0.0, 1e-6, "slope of the voltage with the clock"),
    LEAF(grid_ohm, "ohm", true, 0.0, 0.0, 1.0, "of a square of the power grid; 0: no drop"),
    LEAF(feed_ohm_m2, "ohm*m^2", true, 0.0, 0.0, 1e-3, "of the way from the supply through board or wafer"),
    LEAF(die_limit_K, "K", true, 0.0, 250.0, 500.0, "above it the die lowers its clock"),
    LEAF(memory_limit_K, "K", false, 368.15, 250.0, 500.0, "the same for memory"),
};

const struct kerf_leaf_table kerf_cooling_leaves = {.kind = "cooling",
                                                    .struct_bytes = sizeof(struct kerf_cooling),
                                                    .count = sizeof leaves / sizeof leaves[0],
                                                    .leaves = leaves};
