/* The thermal room: the discrete heat equation on a DMDA, for steady states and transients. For heat_solve.c
 * only. */
#ifndef KERF_THERMAL_HEAT_SYSTEM_H
#define KERF_THERMAL_HEAT_SYSTEM_H

#include "models/thermal/heat.h"

#include <petscdmda.h>
#include <petscsnes.h>

/* The unknowns of a cell, in K above the coolant that comes in: so rounding is relative to what matters. */
struct kerf_heat_cell {
    PetscScalar silicon, plate;
};

struct kerf_heat_system {
    const struct kerf_heat_problem *problem;
    const double *volt_V; /* by cell of the whole mesh */
    DM da;                /* ranks have whole rows, so that the coolant's path stays on one */
    Vec base;             /* the state that the Jacobian holds at */
    Vec local;
    Mat jacobian;        /* applied without being stored: the coolant couples a cell with all before it */
    Mat conduction;      /* stored: without that coupling it is symmetric, and preconditions the other */
    PetscBool assembled; /* `conduction` holds for `per_s` at some state: enough to precondition */
    double per_s;        /* of a time step: dF/d(dT/dt) times it is in the Jacobian; 0: steady */
};

/* Makes the mesh, vectors and matrices over the ranks of `comm`. */
PetscErrorCode kerf_heat_system_make(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                     const double *volt_V, struct kerf_heat_system *system);
void kerf_heat_system_free(struct kerf_heat_system *system);

/* Residual in W of every cell: what leaves less what comes in; `rate` (dT/dt) may be NULL. *too_hot tells
 * whether a cell of this rank is above the ceiling or no number. */
PetscErrorCode kerf_heat_residual(struct kerf_heat_system *system, Vec state, Vec rate, Vec residual,
                                  PetscBool *too_hot);

/* Makes the Jacobian hold at `state` with `per_s`, and the stored matrix hold near it. */
PetscErrorCode kerf_heat_linearise(struct kerf_heat_system *system, Vec state, double per_s);

/* Between a PETSc vector of excesses and arrays of temperatures of the whole mesh on every rank. */
PetscErrorCode kerf_heat_put(const struct kerf_heat_system *system, const struct kerf_heat_field *field,
                             Vec state);
PetscErrorCode kerf_heat_get(const struct kerf_heat_system *system, Vec state, struct kerf_heat_field *field);

#endif
