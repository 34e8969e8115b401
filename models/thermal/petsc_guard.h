/* The thermal room: PETSc's errors as Kerf's. PETSc neither prints nor aborts between open and close. */
#ifndef KERF_THERMAL_PETSC_GUARD_H
#define KERF_THERMAL_PETSC_GUARD_H

#include "sim/base/error.h"

#include <petscksp.h>

struct kerf_petsc_guard {
    char message[KERF_ERROR_MESSAGE_BYTES / 2];
};

void kerf_petsc_guard_open(struct kerf_petsc_guard *guard);

/* Turns PETSc's code into a status; `what` was being done. */
enum kerf_status kerf_petsc_guard_close(struct kerf_petsc_guard *guard, PetscErrorCode code, const char *what,
                                        struct kerf_error *error);

/* The preconditioner for a symmetric matrix of diffusion: hypre's BoomerAMG where PETSc has it, else GAMG
 * (BoomerAMG takes a sixth of GAMG's iterations on heat in two dimensions). Options with `prefix` have the
 * last word, such as -heat_pc_type gamg in PETSC_OPTIONS. */
PetscErrorCode kerf_diffusion_preconditioner(KSP ksp);

#endif
