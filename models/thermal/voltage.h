/* The voltage of a power grid that is fed from below through every cell and loaded by the power drawn:
 *
 *   (1 / grid_ohm) lap V + (V_supply - V) / feed_ohm_m2 = P(V) / V
 *
 * which is the heat equation of a sheet with a film (see heat.h), with current in the place of heat. The load
 * is a constant power but for leakage. */
#ifndef KERF_THERMAL_VOLTAGE_H
#define KERF_THERMAL_VOLTAGE_H

#include "models/thermal/heat.h"

#include <petscdmda.h>
#include <petscsnes.h>

/* A solver that is kept while temperatures change. */
struct kerf_voltage {
    const struct kerf_heat_problem *problem;
    struct kerf_heat_field *field;
    DM da;
    Vec local, state, residual;
    Mat matrix;
    SNES snes;
    double area, shape_x, shape_y; /* of a cell; squares between neighbours along x and y */
};

/* Over the ranks of `comm`, on the silicon_K and volt_V of a field that stays where it is. */
PetscErrorCode kerf_voltage_make(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                 struct kerf_heat_field *field, struct kerf_voltage *voltage);
void kerf_voltage_free(struct kerf_voltage *voltage);

/* field->volt_V at the temperatures of field->silicon_K; *changed_V is the most that it moved. *reason is
 * negative when the grid cannot carry the power: then the voltage has no steady state. */
PetscErrorCode kerf_voltage_solve(struct kerf_voltage *voltage, double *changed_V,
                                  struct kerf_heat_effort *effort, SNESConvergedReason *reason);

/* The error that such a reason means. */
enum kerf_status kerf_voltage_collapse(const struct kerf_heat_problem *problem, const char *reason,
                                       struct kerf_error *error);

#endif
