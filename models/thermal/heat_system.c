/* The thermal room: residual and Jacobian of the heat equation in finite volumes. */
#include "models/thermal/heat_system.h"

#include <math.h>

/* The rows that this rank works on, and what is the same for all cells. */
struct block {
    PetscInt first_row, end_row, columns, rows;
    double dx, dy, area, flow_W_per_K, gain_W_per_K; /* of one row; what a cell's coolant takes per kelvin */
};

static struct block block_of(const struct kerf_heat_system *system)
{
    const struct kerf_heat_problem *p = system->problem;
    struct block b = {.columns = p->columns, .rows = p->rows};
    PetscInt count;
    DMDAGetCorners(system->da, NULL, &b.first_row, NULL, NULL, &count, NULL);
    b.end_row = b.first_row + count;
    b.dx = p->width_m / p->columns;
    b.dy = p->height_m / p->rows;
    b.area = b.dx * b.dy;
    b.flow_W_per_K = p->coolant_W_per_K / p->rows;
    double film = b.area * p->film_W_per_m2_K;
    b.gain_W_per_K = isinf(b.flow_W_per_K) ? film : -b.flow_W_per_K * expm1(-film / b.flow_W_per_K);
    return b;
}

static const struct kerf_heat_material *material_of(const struct kerf_heat_problem *p, PetscInt r, PetscInt c)
{
    return &p->material[p->material_of ? p->material_of[(size_t)r * (size_t)p->columns + (size_t)c] : 0];
}

/* Two half cells in series. */
static double between(double a, double b)
{
    return a > 0.0 && b > 0.0 ? 2.0 * a * b / (a + b) : 0.0;
}

/* The neighbours of a cell inside the mesh, with the conductances to them. */
struct neighbour {
    PetscInt row, column;
    double silicon_W_per_K, plate_W_per_K;
};

static int neighbours_of(const struct kerf_heat_problem *p, const struct block *b, PetscInt r, PetscInt c,
                         struct neighbour found[4])
{
    static const int step[4][2] = {{-1, 0}, {0, -1}, {0, 1}, {1, 0}};
    double here = material_of(p, r, c)->sheet_W_per_K;
    int count = 0;
    for (int k = 0; k < 4; k++) {
        PetscInt row = r + step[k][0], column = c + step[k][1];
        if (row < 0 || row >= b->rows || column < 0 || column >= b->columns)
            continue;
        double shape = step[k][0] ? b->dx / b->dy : b->dy / b->dx;
        found[count++] =
            (struct neighbour){row, column, shape * between(here, material_of(p, row, column)->sheet_W_per_K),
                               shape * p->plate_W_per_K};
    }
    return count;
}

/* What conducts: leaves a cell for its neighbours and for the other layer. Linear. */
static void conduct(const struct kerf_heat_problem *p, const struct block *b, struct kerf_heat_cell **t,
                    PetscInt r, PetscInt c, struct kerf_heat_cell *out)
{
    struct neighbour near[4];
    int count = neighbours_of(p, b, r, c, near);
    double across = b->area / material_of(p, r, c)->interface_K_m2_per_W * (t[r][c].silicon - t[r][c].plate);
    out->silicon = across;
    out->plate = -across;
    for (int k = 0; k < count; k++) {
        const struct kerf_heat_cell *other = &t[near[k].row][near[k].column];
        out->silicon += near[k].silicon_W_per_K * (t[r][c].silicon - other->silicon);
        out->plate += near[k].plate_W_per_K * (t[r][c].plate - other->plate);
    }
}

/* Heat of the plate's cell to the coolant, which comes out warmer. */
static double to_coolant(const struct block *b, double plate_K, double *coolant_K)
{
    double heat_W = b->gain_W_per_K * (plate_K - *coolant_K);
    *coolant_K += heat_W / b->flow_W_per_K;
    return heat_W;
}

PetscErrorCode kerf_heat_residual(struct kerf_heat_system *system, Vec state, Vec rate, Vec residual,
                                  PetscBool *too_hot)
{
    const struct kerf_heat_problem *p = system->problem;
    struct block b = block_of(system);
    struct kerf_heat_cell **t, **f, **dt = NULL;
    *too_hot = PETSC_FALSE;
    PetscCall(DMGlobalToLocal(system->da, state, INSERT_VALUES, system->local));
    PetscCall(DMDAVecGetArrayRead(system->da, system->local, &t));
    PetscCall(DMDAVecGetArray(system->da, residual, &f));
    if (rate)
        PetscCall(DMDAVecGetArrayRead(system->da, rate, &dt));
    for (PetscInt r = b.first_row; r < b.end_row; r++) {
        double coolant_K = 0.0, slope;
        for (PetscInt c = 0; c < b.columns; c++) {
            const struct kerf_heat_material *material = material_of(p, r, c);
            size_t i = (size_t)r * (size_t)b.columns + (size_t)c;
            double leak =
                kerf_heat_leak(p, material, p->inlet_K + t[r][c].silicon, system->volt_V[i], &slope);
            conduct(p, &b, t, r, c, &f[r][c]);
            f[r][c].silicon -= b.area * (p->power_W_per_m2[i] + leak);
            f[r][c].plate += to_coolant(&b, t[r][c].plate, &coolant_K);
            if (rate) {
                f[r][c].silicon += b.area * material->heat_J_per_m2_K * dt[r][c].silicon;
                f[r][c].plate += b.area * p->plate_heat_J_per_m2_K * dt[r][c].plate;
            }
            if (!(p->inlet_K + t[r][c].silicon <= p->ceiling_K))
                *too_hot = PETSC_TRUE;
        }
    }
    if (rate)
        PetscCall(DMDAVecRestoreArrayRead(system->da, rate, &dt));
    PetscCall(DMDAVecRestoreArray(system->da, residual, &f));
    PetscCall(DMDAVecRestoreArrayRead(system->da, system->local, &t));
    /* PETSc takes the verdict of each rank for its own, and then ranks would part. */
    PetscCallMPI(
        MPI_Allreduce(MPI_IN_PLACE, too_hot, 1, MPIU_BOOL, MPI_LOR, PetscObjectComm((PetscObject)residual)));
    return 0;
}

/* What a change of a cell's own silicon or plate adds besides conduction. */
static struct kerf_heat_cell own_slope(const struct kerf_heat_system *system, const struct block *b,
                                       double excess_K, PetscInt r, PetscInt c)
{
    const struct kerf_heat_problem *p = system->problem;
    const struct kerf_heat_material *material = material_of(p, r, c);
    double slope;
    kerf_heat_leak(p, material, p->inlet_K + excess_K,
                   system->volt_V[(size_t)r * (size_t)b->columns + (size_t)c], &slope);
    return (struct kerf_heat_cell){.silicon = b->area * (system->per_s * material->heat_J_per_m2_K - slope),
                                   .plate = b->area * system->per_s * p->plate_heat_J_per_m2_K};
}

/* The Jacobian times a change of the state. */
static PetscErrorCode apply(Mat jacobian, Vec change, Vec product)
{
    struct kerf_heat_system *system;
    PetscCall(MatShellGetContext(jacobian, &system));
    const struct kerf_heat_problem *p = system->problem;
    struct block b = block_of(system);
    struct kerf_heat_cell **t, **d, **f;
    PetscCall(DMGlobalToLocal(system->da, change, INSERT_VALUES, system->local));
    PetscCall(DMDAVecGetArrayRead(system->da, system->local, &d));
    PetscCall(DMDAVecGetArrayRead(system->da, system->base, &t));
    PetscCall(DMDAVecGetArray(system->da, product, &f));
    for (PetscInt r = b.first_row; r < b.end_row; r++) {
        double warmer_K = 0.0;
        for (PetscInt c = 0; c < b.columns; c++) {
            struct kerf_heat_cell own = own_slope(system, &b, t[r][c].silicon, r, c);
            conduct(p, &b, d, r, c, &f[r][c]);
            f[r][c].silicon += own.silicon * d[r][c].silicon;
            f[r][c].plate += own.plate * d[r][c].plate + to_coolant(&b, d[r][c].plate, &warmer_K);
        }
    }
    PetscCall(DMDAVecRestoreArray(system->da, product, &f));
    PetscCall(DMDAVecRestoreArrayRead(system->da, system->base, &t));
    PetscCall(DMDAVecRestoreArrayRead(system->da, system->local, &d));
    return 0;
}

enum { SILICON, PLATE };

/* One row of the stored matrix: a cell's silicon or its plate. */
static PetscErrorCode set_row(struct kerf_heat_system *system, const struct block *b, PetscInt r, PetscInt c,
                              int layer, double own)
{
    const struct kerf_heat_problem *p = system->problem;
    struct neighbour near[4];
    MatStencil row = {.j = r, .i = c, .c = layer}, column[6];
    PetscScalar value[6];
    int count = neighbours_of(p, b, r, c, near);
    double across = b->area / material_of(p, r, c)->interface_K_m2_per_W, sum = across + own;
    for (int k = 0; k < count; k++) {
        double to = layer == SILICON ? near[k].silicon_W_per_K : near[k].plate_W_per_K;
        column[k] = (MatStencil){.j = near[k].row, .i = near[k].column, .c = layer};
        value[k] = -to;
        sum += to;
    }
    column[count] = (MatStencil){.j = r, .i = c, .c = layer == SILICON ? PLATE : SILICON};
    value[count] = -across;
    column[count + 1] = row;
    value[count + 1] = sum;
    return MatSetValuesStencil(system->conduction, 1, &row, count + 2, column, value, INSERT_VALUES);
}

PetscErrorCode kerf_heat_linearise(struct kerf_heat_system *system, Vec state, double per_s)
{
    struct block b = block_of(system);
    struct kerf_heat_cell **t;
    PetscBool enough = system->assembled && system->per_s == per_s;
    system->per_s = per_s;
    PetscCall(VecCopy(state, system->base));
    PetscCall(MatAssemblyBegin(system->jacobian, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(system->jacobian, MAT_FINAL_ASSEMBLY));
    if (enough)
        return 0;
    PetscCall(DMDAVecGetArrayRead(system->da, system->base, &t));
    for (PetscInt r = b.first_row; r < b.end_row; r++)
        for (PetscInt c = 0; c < b.columns; c++) {
            struct kerf_heat_cell own = own_slope(system, &b, t[r][c].silicon, r, c);
            PetscCall(set_row(system, &b, r, c, SILICON, own.silicon));
            PetscCall(set_row(system, &b, r, c, PLATE, own.plate + b.gain_W_per_K));
        }
    PetscCall(DMDAVecRestoreArrayRead(system->da, system->base, &t));
    PetscCall(MatAssemblyBegin(system->conduction, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(system->conduction, MAT_FINAL_ASSEMBLY));
    system->assembled = PETSC_TRUE;
    return 0;
}

PetscErrorCode kerf_heat_system_make(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                     const double *volt_V, struct kerf_heat_system *system)
{
    /* The layers of a cell meet; with its neighbours each layer is alone. */
    static const PetscInt inside[] = {1, 1, 1, 1}, beside[] = {1, 0, 0, 1};
    PetscMPIInt ranks;
    PetscInt here;
    *system = (struct kerf_heat_system){.problem = problem, .volt_V = volt_V};
    MPI_Comm_size(comm, &ranks);
    PetscCall(DMDACreate2d(comm, DM_BOUNDARY_NONE, DM_BOUNDARY_NONE, DMDA_STENCIL_STAR, problem->columns,
                           problem->rows, 1, ranks, 2, 1, NULL, NULL, &system->da));
    PetscCall(DMSetUp(system->da));
    PetscCall(DMSetMatType(system->da, MATAIJ));
    PetscCall(DMDASetBlockFills(system->da, inside, beside));
    PetscCall(DMCreateGlobalVector(system->da, &system->base));
    PetscCall(DMCreateLocalVector(system->da, &system->local));
    PetscCall(DMCreateMatrix(system->da, &system->conduction));
    PetscCall(VecGetLocalSize(system->base, &here));
    PetscCall(MatCreateShell(comm, here, here, PETSC_DETERMINE, PETSC_DETERMINE, system, &system->jacobian));
    PetscCall(MatShellSetOperation(system->jacobian, MATOP_MULT, (void (*)(void))apply));
    return 0;
}

void kerf_heat_system_free(struct kerf_heat_system *system)
{
    (void)MatDestroy(&system->jacobian);
    (void)MatDestroy(&system->conduction);
    (void)VecDestroy(&system->local);
    (void)VecDestroy(&system->base);
    (void)DMDestroy(&system->da);
}

PetscErrorCode kerf_heat_put(const struct kerf_heat_system *system, const struct kerf_heat_field *field,
                             Vec state)
{
    const struct kerf_heat_problem *p = system->problem;
    struct block b = block_of(system);
    struct kerf_heat_cell **t;
    PetscCall(DMDAVecGetArray(system->da, state, &t));
    for (PetscInt r = b.first_row; r < b.end_row; r++)
        for (PetscInt c = 0; c < b.columns; c++) {
            size_t i = (size_t)r * (size_t)b.columns + (size_t)c;
            t[r][c] =
                (struct kerf_heat_cell){field->silicon_K[i] - p->inlet_K, field->plate_K[i] - p->inlet_K};
        }
    PetscCall(DMDAVecRestoreArray(system->da, state, &t));
    return 0;
}

/* Every rank adds its rows to zeros: exact in any order. */
PetscErrorCode kerf_heat_get(const struct kerf_heat_system *system, Vec state, struct kerf_heat_field *field)
{
    const struct kerf_heat_problem *p = system->problem;
    struct block b = block_of(system);
    struct kerf_heat_cell **t;
    size_t cells = (size_t)p->columns * (size_t)p->rows;
    PetscCall(PetscArrayzero(field->silicon_K, cells));
    PetscCall(PetscArrayzero(field->plate_K, cells));
    PetscCall(DMDAVecGetArrayRead(system->da, state, &t));
    for (PetscInt r = b.first_row; r < b.end_row; r++)
        for (PetscInt c = 0; c < b.columns; c++) {
            size_t i = (size_t)r * (size_t)b.columns + (size_t)c;
            field->silicon_K[i] = p->inlet_K + t[r][c].silicon;
            field->plate_K[i] = p->inlet_K + t[r][c].plate;
        }
    PetscCall(DMDAVecRestoreArrayRead(system->da, state, &t));
    MPI_Comm comm = PetscObjectComm((PetscObject)system->da);
    MPI_Allreduce(MPI_IN_PLACE, field->silicon_K, (int)cells, MPI_DOUBLE, MPI_SUM, comm);
    MPI_Allreduce(MPI_IN_PLACE, field->plate_K, (int)cells, MPI_DOUBLE, MPI_SUM, comm);
    kerf_heat_coolant(p, field->plate_K, field->coolant_K);
    return 0;
}
