/* PETSc, started when it is first needed. */
#ifndef KERF_STUDY_PETSC_H
#define KERF_STUDY_PETSC_H

#include "sim/base/error.h"

/* Starts PETSc unless it runs, without its signal handlers: they would swallow the signals that ask for a
 * checkpoint. Collective on MPI_COMM_WORLD. */
enum kerf_status kerf_petsc_start(struct kerf_error *error);

#endif
