/* The thermal room: steady states by SNES, transients by TS. */
#include "models/thermal/heat_system.h"
#include "models/thermal/petsc_guard.h"
#include "models/thermal/voltage.h"

#include <math.h>
#include <petscts.h>
#include <stdbool.h>

/* Residuals go down to this share of the power that flows, and voltages move by less than this share of the
 * supply. */
#define TOLERANCE 1e-9
#define VOLTAGE_TOLERANCE 1e-7
enum { VOLTAGE_ROUNDS = 30 };

struct solve {
    struct kerf_heat_system system;
    struct kerf_voltage voltage;
    Vec state, out;
    SNES snes;
    TS ts;
    kerf_heat_step each;
    void *context;
};

/* How the last solves ended: positive is well. */
struct outcome {
    SNESConvergedReason heat, voltage;
};

static void free_solve(struct solve *s)
{
    kerf_voltage_free(&s->voltage);
    (void)TSDestroy(&s->ts);
    (void)SNESDestroy(&s->snes);
    (void)VecDestroy(&s->out);
    (void)VecDestroy(&s->state);
    kerf_heat_system_free(&s->system);
}

/* The scale of residuals, in W: norm of what each cell takes in, and at least of a nanowatt per cell. */
static double power_scale(const struct kerf_heat_problem *p)
{
    double sum = 0.0, area = p->width_m / p->columns * (p->height_m / p->rows);
    size_t cells = (size_t)p->columns * (size_t)p->rows;
    for (size_t i = 0; i < cells; i++) {
        double watts = fabs(p->power_W_per_m2[i]) * area + 1e-9;
        sum += watts * watts;
    }
    return sqrt(sum);
}

static PetscErrorCode prepare(MPI_Comm comm, const struct kerf_heat_problem *problem,
                              const struct kerf_heat_field *field, struct solve *s)
{
    PetscCall(kerf_heat_system_make(comm, problem, field->volt_V, &s->system));
    PetscCall(DMCreateGlobalVector(s->system.da, &s->state));
    PetscCall(VecDuplicate(s->state, &s->out));
    return kerf_heat_put(&s->system, field, s->state);
}

/* With a coolant that warms up the Jacobian is not symmetric, and CG would not do; without, it is. */
static PetscErrorCode choose_linear(SNES snes, const struct kerf_heat_problem *p, double scale_W)
{
    KSP ksp;
    SNESLineSearch search;
    PetscCall(SNESGetLineSearch(snes, &search));
    PetscCall(
        SNESLineSearchSetType(search, SNESLINESEARCHBASIC)); /* Newton comes from below: see runaway() */
    PetscCall(SNESGetKSP(snes, &ksp));
    PetscCall(KSPSetType(ksp, isinf(p->coolant_W_per_K) ? KSPCG : KSPGMRES));
    PetscCall(KSPSetTolerances(ksp, 1e-3, PETSC_DEFAULT, PETSC_DEFAULT, 500));
    PetscCall(kerf_diffusion_preconditioner(ksp));
    PetscCall(SNESSetTolerances(snes, TOLERANCE * scale_W, 0.0, 1e-12, 50, 10000));
    return 0;
}

static PetscErrorCode steady_residual(SNES snes, Vec state, Vec out, void *context)
{
    PetscBool hot;
    PetscCall(kerf_heat_residual(context, state, NULL, out, &hot));
    if (hot)
        PetscCall(SNESSetFunctionDomainError(snes));
    return 0;
}

static PetscErrorCode steady_jacobian(SNES snes, Vec state, Mat jacobian, Mat conduction, void *context)
{
    (void)snes, (void)jacobian, (void)conduction;
    return kerf_heat_linearise(context, state, 0.0);
}

static PetscErrorCode make_steady(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                  const struct kerf_heat_field *field, struct solve *s)
{
    PetscCall(prepare(comm, problem, field, s));
    PetscCall(SNESCreate(comm, &s->snes));
    PetscCall(SNESSetOptionsPrefix(s->snes, "heat_"));
    PetscCall(SNESSetFunction(s->snes, s->out, steady_residual, &s->system));
    PetscCall(
        SNESSetJacobian(s->snes, s->system.jacobian, s->system.conduction, steady_jacobian, &s->system));
    PetscCall(choose_linear(s->snes, problem, power_scale(problem)));
    PetscCall(SNESSetLagPreconditioner(s->snes, -2)); /* leakage changes it by little */
    PetscCall(SNESSetLagPreconditionerPersists(s->snes, PETSC_TRUE));
    PetscCall(SNESSetFromOptions(s->snes));
    return 0;
}

static PetscErrorCode solve_steady(struct solve *s, struct kerf_heat_field *field,
                                   struct kerf_heat_effort *effort, SNESConvergedReason *reason)
{
    PetscInt newton, linear;
    PetscCall(SNESSolve(s->snes, NULL, s->state));
    PetscCall(SNESGetConvergedReason(s->snes, reason));
    PetscCall(SNESGetIterationNumber(s->snes, &newton));
    PetscCall(SNESGetLinearSolveIterations(s->snes, &linear));
    effort->newton_steps += (int)newton;
    effort->linear_iterations += (int)linear;
    if (*reason > 0)
        PetscCall(kerf_heat_get(&s->system, s->state, field));
    return 0;
}

/* Newton's method comes from below, where it cannot miss the lower steady state: cooling is linear in the
 * temperature and leakage convex. That it fails therefore means that there is none. */
static enum kerf_status runaway(const struct kerf_heat_problem *p, const char *reason,
                                struct kerf_error *error)
{
    double least_K_m2_per_W = INFINITY, leak = 0.0;
    for (int m = 0; m < p->materials; m++) {
        least_K_m2_per_W = fmin(least_K_m2_per_W, p->material[m].interface_K_m2_per_W);
        leak = fmax(leak, p->material[m].leak_reference_W_per_m2);
    }
    KERF_CHECK(leak > 0.0, KERF_ERR_FAILURE, "heat: the solver found no answer (%s)", reason);
    double cooled_K_m2_per_W = least_K_m2_per_W + 1.0 / p->film_W_per_m2_K;
    return kerf_error_set(
        error, KERF_ERR_USAGE,
        "heat: thermal runaway: leakage of %.3g W/m2 at %.1f K that grows by %.1f %% per kelvin, cooled "
        "through %.3g K m2/W by a coolant of %.1f K, has no steady temperature below %.0f K (%s); lower the "
        "power, the coolant's temperature or the resistances",
        leak, p->leak_reference_K, 100.0 * p->leak_per_K, cooled_K_m2_per_W, p->inlet_K, p->ceiling_K,
        reason);
}

static void fill_leak(const struct kerf_heat_problem *p, struct kerf_heat_field *field)
{
    size_t cells = (size_t)p->columns * (size_t)p->rows;
    double slope;
    for (size_t i = 0; i < cells; i++)
        field->leak_W_per_m2[i] = kerf_heat_leak(p, &p->material[p->material_of ? p->material_of[i] : 0],
                                                 field->silicon_K[i], field->volt_V[i], &slope);
}

static int ranks_of(MPI_Comm comm)
{
    int ranks;
    MPI_Comm_size(comm, &ranks);
    return ranks;
}

/* Temperature and voltage in turn, until the voltage stands still: they meet through leakage only, a small
 * share of the power, by a small drop. A reason that is negative ends it. */
static PetscErrorCode solve_in_turn(MPI_Comm comm, const struct kerf_heat_problem *problem, struct solve *s,
                                    struct kerf_heat_field *field, struct kerf_heat_effort *effort,
                                    struct outcome *outcome)
{
    double changed_V = INFINITY;
    PetscCall(make_steady(comm, problem, field, s));
    PetscCall(solve_steady(s, field, effort, &outcome->heat));
    if (outcome->heat <= 0 || problem->grid_ohm <= 0.0)
        return 0;
    PetscCall(kerf_voltage_make(comm, problem, field, &s->voltage));
    while (changed_V > VOLTAGE_TOLERANCE * problem->nominal_V && effort->voltage_rounds < VOLTAGE_ROUNDS) {
        PetscCall(kerf_voltage_solve(&s->voltage, &changed_V, effort, &outcome->voltage));
        if (outcome->voltage <= 0)
            return 0;
        PetscCall(solve_steady(s, field, effort, &outcome->heat));
        if (outcome->heat <= 0)
            return 0;
        effort->voltage_rounds++;
    }
    return 0;
}

enum kerf_status kerf_heat_steady(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                  struct kerf_heat_field *field, struct kerf_heat_effort *effort,
                                  struct kerf_error *error)
{
    double start_s = MPI_Wtime();
    struct solve s = {0};
    struct kerf_petsc_guard guard;
    struct outcome outcome = {SNES_CONVERGED_ITERATING, SNES_CONVERGED_ITS};
    *effort = (struct kerf_heat_effort){0};
    KERF_TRY(kerf_heat_check(problem, ranks_of(comm), error));
    kerf_petsc_guard_open(&guard);
    PetscErrorCode code = solve_in_turn(comm, problem, &s, field, effort, &outcome);
    free_solve(&s);
    KERF_TRY(kerf_petsc_guard_close(&guard, code, "heat", error));
    if (outcome.voltage <= 0)
        return kerf_voltage_collapse(problem, SNESConvergedReasons[outcome.voltage], error);
    if (outcome.heat <= 0)
        return runaway(problem, SNESConvergedReasons[outcome.heat], error);
    fill_leak(problem, field);
    effort->solve_s = MPI_Wtime() - start_s;
    return KERF_OK;
}

static PetscErrorCode transient_residual(TS ts, PetscReal time_s, Vec state, Vec rate, Vec out, void *context)
{
    struct solve *s = context;
    PetscBool hot;
    SNES snes;
    (void)time_s;
    PetscCall(kerf_heat_residual(&s->system, state, rate, out, &hot));
    PetscCall(TSGetSNES(ts, &snes));
    if (hot)
        PetscCall(SNESSetFunctionDomainError(snes));
    return 0;
}

static PetscErrorCode transient_jacobian(TS ts, PetscReal time_s, Vec state, Vec rate, PetscReal per_s,
                                         Mat jacobian, Mat conduction, void *context)
{
    struct solve *s = context;
    (void)ts, (void)time_s, (void)rate, (void)jacobian, (void)conduction;
    return kerf_heat_linearise(&s->system, state, per_s);
}

static PetscErrorCode tell(TS ts, PetscInt step, PetscReal time_s, Vec state, void *context)
{
    struct solve *s = context;
    PetscReal hottest_K;
    (void)ts, (void)step;
    PetscCall(VecStrideMax(state, 0, NULL, &hottest_K));
    s->each(s->context, time_s, s->system.problem->inlet_K + hottest_K);
    return 0;
}

static PetscErrorCode make_transient(MPI_Comm comm, const struct kerf_heat_problem *problem, double span_s,
                                     int steps, const struct kerf_heat_field *field, struct solve *s)
{
    TSAdapt adapt;
    PetscCall(prepare(comm, problem, field, s));
    PetscCall(TSCreate(comm, &s->ts));
    PetscCall(TSSetOptionsPrefix(s->ts, "heat_"));
    PetscCall(TSSetType(s->ts, TSBDF));
    PetscCall(TSSetIFunction(s->ts, s->out, transient_residual, s));
    PetscCall(TSSetIJacobian(s->ts, s->system.jacobian, s->system.conduction, transient_jacobian, s));
    PetscCall(TSSetMaxTime(s->ts, span_s));
    PetscCall(TSSetTimeStep(s->ts, span_s / steps));
    PetscCall(TSSetExactFinalTime(s->ts, TS_EXACTFINALTIME_MATCHSTEP));
    PetscCall(TSSetErrorIfStepFails(s->ts, PETSC_FALSE));
    PetscCall(TSSetMaxSNESFailures(s->ts, 1));
    PetscCall(TSGetAdapt(s->ts, &adapt));
    PetscCall(TSAdaptSetType(adapt, TSADAPTNONE));
    SNES snes;
    PetscCall(TSGetSNES(s->ts, &snes));
    PetscCall(choose_linear(snes, problem, power_scale(problem)));
    if (s->each)
        PetscCall(TSMonitorSet(s->ts, tell, s, NULL));
    PetscCall(TSSetFromOptions(s->ts));
    return 0;
}

static PetscErrorCode run_transient(struct solve *s, struct kerf_heat_field *field,
                                    struct kerf_heat_effort *effort, TSConvergedReason *reason)
{
    PetscInt newton, linear;
    PetscCall(TSSolve(s->ts, s->state));
    PetscCall(TSGetConvergedReason(s->ts, reason));
    PetscCall(TSGetSNESIterations(s->ts, &newton));
    PetscCall(TSGetKSPIterations(s->ts, &linear));
    effort->newton_steps = (int)newton;
    effort->linear_iterations = (int)linear;
    if (*reason > 0)
        PetscCall(kerf_heat_get(&s->system, s->state, field));
    return 0;
}

enum kerf_status kerf_heat_transient(MPI_Comm comm, const struct kerf_heat_problem *problem, double span_s,
                                     int steps, kerf_heat_step each, void *context,
                                     struct kerf_heat_field *field, struct kerf_heat_effort *effort,
                                     struct kerf_error *error)
{
    double start_s = MPI_Wtime();
    struct solve s = {.each = each, .context = context};
    struct kerf_petsc_guard guard;
    TSConvergedReason reason = TS_CONVERGED_ITERATING;
    *effort = (struct kerf_heat_effort){0};
    KERF_TRY(kerf_heat_check(problem, ranks_of(comm), error));
    KERF_CHECK(span_s > 0.0 && steps > 0, KERF_ERR_USAGE, "heat: a transient of %g s in %d steps", span_s,
               steps);
    kerf_petsc_guard_open(&guard);
    PetscErrorCode code = make_transient(comm, problem, span_s, steps, field, &s);
    if (code == 0)
        code = run_transient(&s, field, effort, &reason);
    free_solve(&s);
    KERF_TRY(kerf_petsc_guard_close(&guard, code, "heat", error));
    if (reason <= 0)
        return runaway(problem, TSConvergedReasons[reason], error);
    fill_leak(problem, field);
    effort->solve_s = MPI_Wtime() - start_s;
    return KERF_OK;
}
