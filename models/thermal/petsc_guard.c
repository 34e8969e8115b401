/* The thermal room: what its solvers share of PETSc. */
#include "models/thermal/petsc_guard.h"

#include <stdio.h>

/* PETSc calls it where an error arises and again in every caller; the first call has the message. */
static PetscErrorCode keep_message(MPI_Comm comm, int line, const char *function, const char *file,
                                   PetscErrorCode code, PetscErrorType type, const char *message,
                                   void *context)
{
    struct kerf_petsc_guard *guard = context;
    (void)comm, (void)line, (void)file;
    if (type == PETSC_ERROR_INITIAL)
        snprintf(guard->message, sizeof guard->message, "%s: %s", function, message ? message : "");
    return code;
}

void kerf_petsc_guard_open(struct kerf_petsc_guard *guard)
{
    guard->message[0] = '\0';
    PetscPushErrorHandler(keep_message, guard);
}

enum kerf_status kerf_petsc_guard_close(struct kerf_petsc_guard *guard, PetscErrorCode code, const char *what,
                                        struct kerf_error *error)
{
    PetscPopErrorHandler();
    KERF_CHECK(code == 0, KERF_ERR_FAILURE, "%s: PETSc error %d in %s", what, (int)code, guard->message);
    return KERF_OK;
}

PetscErrorCode kerf_diffusion_preconditioner(KSP ksp)
{
    PC pc;
    PetscCall(KSPGetPC(ksp, &pc));
#if defined(PETSC_HAVE_HYPRE)
    PetscCall(PCSetType(pc, PCHYPRE));
    PetscCall(PCHYPRESetType(pc, "boomeramg"));
#else
    PetscCall(PCSetType(pc, PCGAMG));
#endif
    return 0;
}
