/* The voltage of a power grid that is fed from below through every cell and loaded by the power drawn:
 *
 *   (1 / grid_ohm) lap V + (V_supply - V) / feed_ohm_m2 = P(V) / V
 *
 * which is the heat equation of a sheet with a film (see heat.h), with current in the place of heat. The load
 * is a constant power but for leakage. */
#ifndef KERF_THERMAL_VOLTAGE_H
#define KERF_THERMAL_VOLTAGE_H

#include "models/thermal/heat.h"

/* field->volt_V at the temperatures of field->silicon_K, from field->volt_V as a first guess; *changed_V is
 * the most that it moved. KERF_ERR_USAGE when the grid cannot carry the power: then the voltage has no steady
 * state. Collective on `comm`. */
enum kerf_status kerf_voltage_solve(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                    struct kerf_heat_field *field, double *changed_V,
                                    struct kerf_heat_effort *effort, struct kerf_error *error);

#endif
