/* Heat in a layered rectangle: silicon, an interface, a cold plate, and a coolant that warms up on its way.
 *
 * The layers are thin, so each is a sheet with one temperature through its thickness. With k t the
 * conductance of a sheet (W/K), R the resistance of the interface and h the film between plate and coolant:
 *
 *   silicon   c_s dT_s/dt = k_s t_s lap T_s - (T_s - T_p) / R + q + leak(T_s, V)
 *   plate     c_p dT_p/dt = k_p t_p lap T_p + (T_s - T_p) / R - h (T_p - T_w)
 *   coolant   C/height dT_w/dx = h (T_p - T_w),  T_w = inlet at x = 0
 *   leak      = leak_ref (V / V_nominal)^n exp(a (T_s - T_ref))
 *
 * which is the screened Poisson equation of a fin (Incropera and DeWitt, Fundamentals of Heat and Mass
 * Transfer, ch. 3 and 11) twice, with a heat exchanger along x. Nothing leaves through the edges. Cells are
 * finite volumes, so that what goes in comes out. PETSc solves: SNES for a steady state, TS for a transient.
 *
 * Which function to choose: kerf_heat_steady() for one steady state with its voltages; kerf_heat_transient()
 * for a warm-up. kerf_heat_field_make() and _free() around either. */
#ifndef KERF_THERMAL_HEAT_H
#define KERF_THERMAL_HEAT_H

#include "sim/base/error.h"

#include <mpi.h>

enum { KERF_HEAT_MATERIALS = 4, KERF_HEAT_CELLS_LEAST = 2 };

/* What a cell of the silicon layer is: a die, a memory stack, the gap between them. */
struct kerf_heat_material {
    double sheet_W_per_K;           /* k t; 0: nothing flows sideways */
    double interface_K_m2_per_W;    /* to the plate */
    double heat_J_per_m2_K;         /* rho c t */
    double leak_reference_W_per_m2; /* leakage at the reference temperature and the nominal voltage */
};

struct kerf_heat_problem {
    int columns, rows; /* cells; the coolant runs along the columns' direction, from column 0 on */
    double width_m, height_m;
    int materials;
    struct kerf_heat_material material[KERF_HEAT_MATERIALS];
    const unsigned char *material_of; /* by cell, row by row; NULL: all of material 0 */
    const double *power_W_per_m2;     /* by cell, row by row: what does not depend on temperature */
    double plate_W_per_K;             /* k t of the plate */
    double plate_heat_J_per_m2_K;
    double film_W_per_m2_K; /* h */
    double inlet_K,
        coolant_W_per_K; /* heat that the flow takes per kelvin; INFINITY: it stays at the inlet's */
    double leak_per_K, leak_reference_K; /* a, T_ref */
    double leak_volt_exponent;           /* n */
    double ceiling_K;                    /* hotter than this is thermal runaway */
    double nominal_V;                    /* of the supply */
    double grid_ohm;                     /* of a square of the power grid; 0: no drop is worked out */
    double feed_ohm_m2;                  /* from the supply through the board or wafer to the grid */
};

/* Temperatures and voltages of all cells, row by row; every rank has all of them. */
struct kerf_heat_field {
    double *silicon_K, *plate_K, *coolant_K, *volt_V, *leak_W_per_m2; /* owned */
};

/* What a solve took. */
struct kerf_heat_effort {
    int newton_steps, linear_iterations, voltage_rounds;
    double solve_s; /* wall time */
};

/* Sums and extremes of a field. */
struct kerf_heat_figures {
    double power_W, leak_W; /* power includes leakage */
    double coolant_gain_W;  /* what the coolant carries away */
    double coolant_out_K;   /* mixed, behind the plate */
    double silicon_most_K[KERF_HEAT_MATERIALS], silicon_mean_K[KERF_HEAT_MATERIALS];
    double plate_most_K, drop_most_V;
};

/* Refuses a problem that makes no sense: KERF_ERR_USAGE names the quantity and its value. */
enum kerf_status kerf_heat_check(const struct kerf_heat_problem *problem, int ranks,
                                 struct kerf_error *error);

/* Room for a field, at the inlet's temperature and the nominal voltage. */
enum kerf_status kerf_heat_field_make(const struct kerf_heat_problem *problem, struct kerf_heat_field *field,
                                      struct kerf_error *error);
void kerf_heat_field_free(struct kerf_heat_field *field);

/* The steady state, with the voltages of the grid where the problem has one. *field holds the first guess:
 * its temperatures must not be above the answer's, as those of kerf_heat_field_make are. A problem without
 * steady state fails and the message says that leakage runs away. PETSc must have been started. Collective on
 * `comm`; the answer depends on the number of its ranks in the last digits: solve on MPI_COMM_SELF what must
 * not. */
enum kerf_status kerf_heat_steady(MPI_Comm comm, const struct kerf_heat_problem *problem,
                                  struct kerf_heat_field *field, struct kerf_heat_effort *effort,
                                  struct kerf_error *error);

/* From *field on for `span_s`, in `steps` equal implicit steps (BDF of order 2), with voltages as they are in
 * *field. `each` is called after every step, on every rank, with the hottest silicon; it may be NULL. */
typedef void (*kerf_heat_step)(void *context, double time_s, double hottest_K);
enum kerf_status kerf_heat_transient(MPI_Comm comm, const struct kerf_heat_problem *problem, double span_s,
                                     int steps, kerf_heat_step each, void *context,
                                     struct kerf_heat_field *field, struct kerf_heat_effort *effort,
                                     struct kerf_error *error);

/* Sums a field up. */
struct kerf_heat_figures kerf_heat_sum_up(const struct kerf_heat_problem *problem,
                                          const struct kerf_heat_field *field);

/* Leakage of a material, W/m2, and its slope, W/m2/K. */
double kerf_heat_leak(const struct kerf_heat_problem *problem, const struct kerf_heat_material *material,
                      double silicon_K, double volt_V, double *slope);

/* Temperature of the coolant in all cells, from that of the plate. */
void kerf_heat_coolant(const struct kerf_heat_problem *problem, const double *plate_K, double *coolant_K);

#endif
