/* The thermal room: IR drop by Newton's method; its Jacobian is symmetric, so CG solves it. */
#include "models/thermal/voltage.h"
#include "models/thermal/petsc_guard.h"

#include <math.h>
#include <petscdmda.h>
#include <petscsnes.h>
#include <stdbool.h>

/* Below this share of the supply a load of constant power has no stable voltage: matched to a resistance it
 * collapses at a half (maximum power transfer). */
#define COLLAPSE 0.5

/* Current density of the load and its slope with voltage. */
static double load(const struct kerf_voltage *g, size_t cell, double volt_V, double *slope)
{
    const struct kerf_heat_problem *p = g->problem;
    const struct kerf_heat_material *material = &p->material[p->material_of ? p->material_of[cell] : 0];
    double unused, leak = kerf_heat_leak(p, material, g->field->silicon_K[cell], volt_V, &unused);
    double power = p->power_W_per_m2[cell] + leak;
    *slope = (leak * p->leak_volt_exponent - power) / (volt_V * volt_V);
    return power / volt_V;
}

static void corners(const struct kerf_voltage *g, PetscInt *first, PetscInt *end)
{
    PetscInt count;
    DMDAGetCorners(g->da, NULL, first, NULL, NULL, &count, NULL);
    *end = *first + count;
}

/* Conductances to the left, right, lower and upper neighbour; 0 outside. */
static void conductances(const struct kerf_voltage *g, PetscInt r, PetscInt c, double out[4])
{
    const struct kerf_heat_problem *p = g->problem;
    out[0] = c > 0 ? g->shape_x / p->grid_ohm : 0.0;
    out[1] = c + 1 < p->columns ? g->shape_x / p->grid_ohm : 0.0;
    out[2] = r > 0 ? g->shape_y / p->grid_ohm : 0.0;
    out[3] = r + 1 < p->rows ? g->shape_y / p->grid_ohm : 0.0;
}

static const int along_row[4] = {0, 0, -1, 1}, along_column[4] = {-1, 1, 0, 0};

static PetscErrorCode residual(SNES snes, Vec state, Vec out, void *context)
{
    struct kerf_voltage *g = context;
    const struct kerf_heat_problem *p = g->problem;
    PetscScalar **v, **f;
    PetscInt first, end;
    PetscBool collapsed = PETSC_FALSE;
    corners(g, &first, &end);
    PetscCall(DMGlobalToLocal(g->da, state, INSERT_VALUES, g->local));
    PetscCall(DMDAVecGetArrayRead(g->da, g->local, &v));
    PetscCall(DMDAVecGetArray(g->da, out, &f));
    for (PetscInt r = first; r < end; r++)
        for (PetscInt c = 0; c < p->columns; c++) {
            double to[4], slope;
            conductances(g, r, c, to);
            if (!(v[r][c] > COLLAPSE * p->nominal_V))
                collapsed = PETSC_TRUE;
            double volt_V = fmax(v[r][c], COLLAPSE * p->nominal_V);
            f[r][c] = g->area * ((v[r][c] - p->nominal_V) / p->feed_ohm_m2 +
                                 load(g, (size_t)r * (size_t)p->columns + (size_t)c, volt_V, &slope));
            for (int k = 0; k < 4; k++)
                if (to[k] > 0.0)
                    f[r][c] += to[k] * (v[r][c] - v[r + along_row[k]][c + along_column[k]]);
        }
    PetscCall(DMDAVecRestoreArray(g->da, out, &f));
    PetscCall(DMDAVecRestoreArrayRead(g->da, g->local, &v));
    /* PETSc takes the verdict of each rank for its own, and then ranks would part. */
    PetscCallMPI(
        MPI_Allreduce(MPI_IN_PLACE, &collapsed, 1, MPIU_BOOL, MPI_LOR, PetscObjectComm((PetscObject)out)));
    if (collapsed)
        PetscCall(SNESSetFunctionDomainError(snes));
    return 0;
}

static PetscErrorCode jacobian(SNES snes, Vec state, Mat matrix, Mat same, void *context)
{
    struct kerf_voltage *g = context;
    const struct kerf_heat_problem *p = g->problem;
    PetscScalar **v;
    PetscInt first, end;
    (void)snes, (void)same;
    corners(g, &first, &end);
    PetscCall(DMDAVecGetArrayRead(g->da, state, &v));
    for (PetscInt r = first; r < end; r++)
        for (PetscInt c = 0; c < p->columns; c++) {
            MatStencil row = {.j = r, .i = c}, column[5];
            PetscScalar value[5];
            double to[4], slope;
            int count = 0;
            load(g, (size_t)r * (size_t)p->columns + (size_t)c, v[r][c], &slope);
            double sum = g->area * (1.0 / p->feed_ohm_m2 + slope);
            conductances(g, r, c, to);
            for (int k = 0; k < 4; k++)
                if (to[k] > 0.0) {
                    column[count] = (MatStencil){.j = r + along_row[k], .i = c + along_column[k]};
                    value[count++] = -to[k];
                    sum += to[k];
                }
            column[count] = row;
            value[count++] = sum;
            PetscCall(MatSetValuesStencil(matrix, 1, &row, count, column, value, INSERT_VALUES));
        }
    PetscCall(DMDAVecRestoreArrayRead(g->da, state, &v));
    PetscCall(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
    return 0;
}

PetscErrorCode kerf_voltage_make(MPI_Comm comm, const struct kerf_heat_problem *p,
                                 struct kerf_heat_field *field, struct kerf_voltage *g)
{
    double dx = p->width_m / p->columns, dy = p->height_m / p->rows;
    PetscMPIInt ranks;
    KSP ksp;
    *g = (struct kerf_voltage){
        .problem = p, .field = field, .area = dx * dy, .shape_x = dy / dx, .shape_y = dx / dy};
    double current_A = p->nominal_V / p->feed_ohm_m2 * g->area * sqrt((double)p->columns * p->rows);
    MPI_Comm_size(comm, &ranks);
    PetscCall(DMDACreate2d(comm, DM_BOUNDARY_NONE, DM_BOUNDARY_NONE, DMDA_STENCIL_STAR, p->columns, p->rows,
                           1, ranks, 1, 1, NULL, NULL, &g->da));
    PetscCall(DMSetUp(g->da));
    PetscCall(DMSetMatType(g->da, MATAIJ));
    PetscCall(DMCreateLocalVector(g->da, &g->local));
    PetscCall(DMCreateGlobalVector(g->da, &g->state));
    PetscCall(VecDuplicate(g->state, &g->residual));
    PetscCall(DMCreateMatrix(g->da, &g->matrix));
    PetscCall(SNESCreate(comm, &g->snes));
    PetscCall(SNESSetOptionsPrefix(g->snes, "volt_"));
    PetscCall(SNESSetFunction(g->snes, g->residual, residual, g));
    PetscCall(SNESSetJacobian(g->snes, g->matrix, g->matrix, jacobian, g));
    PetscCall(SNESSetTolerances(g->snes, 1e-11 * current_A, 0.0, 1e-13, 30, 10000));
    PetscCall(SNESSetLagPreconditioner(g->snes, -2)); /* the grid stays, and the load is small beside it */
    PetscCall(SNESSetLagPreconditionerPersists(g->snes, PETSC_TRUE));
    PetscCall(SNESGetKSP(g->snes, &ksp));
    PetscCall(KSPSetType(ksp, KSPCG));
    PetscCall(KSPSetTolerances(ksp, 1e-3, PETSC_DEFAULT, PETSC_DEFAULT, 500));
    PetscCall(kerf_diffusion_preconditioner(ksp));
    PetscCall(SNESSetFromOptions(g->snes));
    return 0;
}

void kerf_voltage_free(struct kerf_voltage *g)
{
    (void)SNESDestroy(&g->snes);
    (void)MatDestroy(&g->matrix);
    (void)VecDestroy(&g->residual);
    (void)VecDestroy(&g->state);
    (void)VecDestroy(&g->local);
    (void)DMDestroy(&g->da);
}

static PetscErrorCode copy_in(struct kerf_voltage *g, Vec state)
{
    const struct kerf_heat_problem *p = g->problem;
    PetscScalar **v;
    PetscInt first, end;
    corners(g, &first, &end);
    PetscCall(DMDAVecGetArray(g->da, state, &v));
    for (PetscInt r = first; r < end; r++)
        for (PetscInt c = 0; c < p->columns; c++)
            v[r][c] = g->field->volt_V[(size_t)r * (size_t)p->columns + (size_t)c];
    PetscCall(DMDAVecRestoreArray(g->da, state, &v));
    return 0;
}

/* Every rank adds its rows to zeros: exact in any order. */
static PetscErrorCode copy_out(struct kerf_voltage *g, Vec state, struct kerf_heat_field *field,
                               double *changed_V)
{
    const struct kerf_heat_problem *p = g->problem;
    PetscScalar **v;
    PetscInt first, end;
    size_t cells = (size_t)p->columns * (size_t)p->rows;
    MPI_Comm comm = PetscObjectComm((PetscObject)g->da);
    double here_V = 0.0;
    corners(g, &first, &end);
    PetscCall(DMDAVecGetArrayRead(g->da, state, &v));
    for (PetscInt r = 0; r < p->rows; r++)
        for (PetscInt c = 0; c < p->columns; c++) {
            double *volt_V = &field->volt_V[(size_t)r * (size_t)p->columns + (size_t)c];
            bool mine = r >= first && r < end;
            here_V = mine ? fmax(here_V, fabs(v[r][c] - *volt_V)) : here_V;
            *volt_V = mine ? v[r][c] : 0.0;
        }
    PetscCall(DMDAVecRestoreArrayRead(g->da, state, &v));
    MPI_Allreduce(MPI_IN_PLACE, field->volt_V, (int)cells, MPI_DOUBLE, MPI_SUM, comm);
    MPI_Allreduce(&here_V, changed_V, 1, MPI_DOUBLE, MPI_MAX, comm);
    return 0;
}

PetscErrorCode kerf_voltage_solve(struct kerf_voltage *g, double *changed_V, struct kerf_heat_effort *effort,
                                  SNESConvergedReason *reason)
{
    PetscInt iterations;
    PetscCall(copy_in(g, g->state));
    PetscCall(SNESSolve(g->snes, NULL, g->state));
    PetscCall(SNESGetConvergedReason(g->snes, reason));
    PetscCall(SNESGetLinearSolveIterations(g->snes, &iterations));
    effort->linear_iterations += (int)iterations;
    if (*reason > 0)
        PetscCall(copy_out(g, g->state, g->field, changed_V));
    return 0;
}

enum kerf_status kerf_voltage_collapse(const struct kerf_heat_problem *p, const char *reason,
                                       struct kerf_error *error)
{
    return kerf_error_set(
        error, KERF_ERR_USAGE,
        "voltage: a grid of %g ohm a square, fed through %g ohm m2 at %g V, cannot carry the "
        "power: the voltage collapses (%s)",
        p->grid_ohm, p->feed_ohm_m2, p->nominal_V, reason);
}
