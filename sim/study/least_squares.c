/* The study room: least squares by PETSc TAO. Knows nothing of what is fitted. */
#include "sim/study/least_squares.h"

#include "sim/study/petsc.h"

#include <math.h>
#include <petsctao.h>
#include <string.h>

/* POUNDERS begins with steps of 0.1 and refuses a start that has no room for one. */
static const double start_room = 0.15;
static const double difference_step = 1e-4; /* of parameters that are logarithms */

struct solver {
    const struct kerf_least_squares *problem;
    Tao tao;
    Vec x, lower, upper, residual, moved;
    Mat jacobian;
    int evaluations;
};

static PetscErrorCode evaluate(struct solver *s, Vec x, Vec residual)
{
    const PetscScalar *at;
    PetscScalar *out;
    PetscCall(VecGetArrayRead(x, &at));
    PetscCall(VecGetArrayWrite(residual, &out));
    s->problem->residual(s->problem->context, at, out);
    s->evaluations++;
    PetscCall(VecRestoreArrayWrite(residual, &out));
    PetscCall(VecRestoreArrayRead(x, &at));
    return 0;
}

static PetscErrorCode residual_routine(Tao tao, Vec x, Vec residual, void *context)
{
    (void)tao;
    return evaluate(context, x, residual);
}

/* Forward differences, a column per parameter; backward where the upper bound is near. */
static PetscErrorCode jacobian_routine(Tao tao, Vec x, Mat jacobian, Mat preconditioner, void *context)
{
    struct solver *s = context;
    PetscScalar *column;
    Vec base, step_x;
    (void)tao;
    (void)preconditioner;
    PetscCall(VecDuplicate(s->residual, &base));
    PetscCall(VecDuplicate(x, &step_x));
    PetscCall(evaluate(s, x, base));
    for (PetscInt j = 0; j < s->problem->parameters; j++) {
        const PetscScalar *at;
        PetscScalar moved;
        PetscCall(VecGetArrayRead(x, &at));
        double step = at[j] + difference_step > s->problem->upper[j] ? -difference_step : difference_step;
        moved = at[j] + step;
        PetscCall(VecRestoreArrayRead(x, &at));
        PetscCall(VecCopy(x, step_x));
        PetscCall(VecSetValue(step_x, j, moved, INSERT_VALUES));
        PetscCall(VecAssemblyBegin(step_x));
        PetscCall(VecAssemblyEnd(step_x));
        PetscCall(evaluate(s, step_x, s->moved));
        PetscCall(VecAXPBY(s->moved, -1.0 / step, 1.0 / step, base));
        PetscCall(MatDenseGetColumn(jacobian, j, &column));
        const PetscScalar *slope;
        PetscCall(VecGetArrayRead(s->moved, &slope));
        memcpy(column, slope, (size_t)s->problem->residuals * sizeof *column);
        PetscCall(VecRestoreArrayRead(s->moved, &slope));
        PetscCall(MatDenseRestoreColumn(jacobian, &column));
    }
    PetscCall(MatAssemblyBegin(jacobian, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(jacobian, MAT_FINAL_ASSEMBLY));
    PetscCall(VecDestroy(&base));
    PetscCall(VecDestroy(&step_x));
    return 0;
}

static PetscErrorCode make_vector(Vec like, const double *values, PetscInt count, Vec *vector)
{
    PetscScalar *at;
    if (like)
        PetscCall(VecDuplicate(like, vector));
    else
        PetscCall(VecCreateSeq(PETSC_COMM_SELF, count, vector));
    PetscCall(VecGetArrayWrite(*vector, &at));
    memcpy(at, values, (size_t)count * sizeof *at);
    PetscCall(VecRestoreArrayWrite(*vector, &at));
    return 0;
}

static PetscErrorCode prepare(struct solver *s, const double *x)
{
    PetscInt parameters = s->problem->parameters, residuals = s->problem->residuals;
    PetscCall(make_vector(NULL, x, parameters, &s->x));
    PetscCall(make_vector(s->x, s->problem->lower, parameters, &s->lower));
    PetscCall(make_vector(s->x, s->problem->upper, parameters, &s->upper));
    PetscCall(VecCreateSeq(PETSC_COMM_SELF, residuals, &s->residual));
    PetscCall(VecDuplicate(s->residual, &s->moved));
    PetscCall(TaoCreate(PETSC_COMM_SELF, &s->tao));
    PetscCall(TaoSetType(s->tao, s->problem->smooth ? TAOBRGN : TAOPOUNDERS));
    PetscCall(TaoSetSolution(s->tao, s->x));
    PetscCall(TaoSetVariableBounds(s->tao, s->lower, s->upper));
    PetscCall(TaoSetResidualRoutine(s->tao, s->residual, residual_routine, s));
    if (s->problem->smooth) {
        PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, residuals, parameters, NULL, &s->jacobian));
        PetscCall(TaoSetJacobianResidualRoutine(s->tao, s->jacobian, s->jacobian, jacobian_routine, s));
    }
    PetscCall(TaoSetMaximumFunctionEvaluations(s->tao, s->problem->evaluations_most));
    PetscCall(TaoSetTolerances(s->tao, 1e-6, 1e-9, 0.0));
    PetscCall(TaoSetFromOptions(s->tao));
    return 0;
}

/* Moves a start that lies on a bound inside, at most to the middle. */
static void make_room(const struct kerf_least_squares *problem, double *x)
{
    for (int j = 0; j < problem->parameters; j++) {
        double room = fmin(start_room, (problem->upper[j] - problem->lower[j]) / 2.0);
        x[j] = fmax(problem->lower[j] + room, fmin(x[j], problem->upper[j] - room));
    }
}

static PetscErrorCode solve(struct solver *s, double *x)
{
    const PetscScalar *at;
    make_room(s->problem, x);
    PetscCall(prepare(s, x));
    PetscCall(TaoSolve(s->tao));
    PetscCall(VecGetArrayRead(s->x, &at));
    memcpy(x, at, (size_t)s->problem->parameters * sizeof *x);
    PetscCall(VecRestoreArrayRead(s->x, &at));
    return 0;
}

static void release(struct solver *s)
{
    TaoDestroy(&s->tao);
    MatDestroy(&s->jacobian);
    VecDestroy(&s->x);
    VecDestroy(&s->lower);
    VecDestroy(&s->upper);
    VecDestroy(&s->residual);
    VecDestroy(&s->moved);
}

enum kerf_status kerf_least_squares_solve(const struct kerf_least_squares *problem, double *x,
                                          int *evaluations, struct kerf_error *error)
{
    struct solver s = {.problem = problem};
    KERF_TRY(kerf_petsc_start(error));
    PetscErrorCode code = solve(&s, x);
    release(&s);
    *evaluations = s.evaluations;
    KERF_CHECK(code == 0, KERF_ERR_FAILURE, "PETSc TAO fails (error %d)", (int)code);
    return KERF_OK;
}
