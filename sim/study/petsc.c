/* The study room: starts PETSc. Knows neither graphs nor fits. The command ends it with MPI. */
#include "sim/study/petsc.h"

#include <petscsys.h>

enum kerf_status kerf_petsc_start(struct kerf_error *error)
{
    PetscBool started;
    char name[] = "kerf", option[] = "-no_signal_handler", *words[] = {name, option, NULL}, **argv = words;
    int argc = 2;
    PetscErrorCode code = PetscInitialized(&started);
    if (code == 0 && !started)
        code = PetscInitialize(&argc, &argv, NULL, NULL);
    KERF_CHECK(code == 0, KERF_ERR_FAILURE, "PETSc does not start (error %d)", (int)code);
    return KERF_OK;
}
