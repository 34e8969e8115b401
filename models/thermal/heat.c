/* The thermal room: what of heat needs no solver: checks, fields, leakage, the coolant's path, sums. */
#include "models/thermal/heat.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* A positive quantity, or one that may be zero. */
struct quantity {
    const char *name, *unit;
    double value;
    int may_vanish;
};

static enum kerf_status check_quantity(const struct quantity *one, struct kerf_error *error)
{
    bool legal = one->may_vanish ? one->value >= 0.0 : one->value > 0.0;
    KERF_CHECK(legal && !isnan(one->value), KERF_ERR_USAGE, "heat: %s must be %s, and is %g %s", one->name,
               one->may_vanish ? "zero or more" : "positive", one->value, one->unit);
    return KERF_OK;
}

static enum kerf_status check_materials(const struct kerf_heat_problem *p, struct kerf_error *error)
{
    for (int m = 0; m < p->materials; m++) {
        const struct kerf_heat_material *material = &p->material[m];
        const struct quantity quantities[] = {
            {"sheet conductance of the silicon", "W/K", material->sheet_W_per_K, 1},
            {"interface resistance", "K m2/W", material->interface_K_m2_per_W, 0},
            {"heat capacity of the silicon", "J/m2/K", material->heat_J_per_m2_K, 1},
            {"leakage", "W/m2", material->leak_reference_W_per_m2, 1}};
        for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++)
            KERF_TRY(check_quantity(&quantities[i], error));
    }
    return KERF_OK;
}

enum kerf_status kerf_heat_check(const struct kerf_heat_problem *p, int ranks, struct kerf_error *error)
{
    const double cells_most = 64e6; /* 32-bit indices of PETSc, two unknowns a cell, and some GiB of memory */
    const struct quantity quantities[] = {
        {"width", "m", p->width_m, 0},
        {"height", "m", p->height_m, 0},
        {"sheet conductance of the plate", "W/K", p->plate_W_per_K, 1},
        {"heat capacity of the plate", "J/m2/K", p->plate_heat_J_per_m2_K, 1},
        {"film coefficient of the plate", "W/m2/K", p->film_W_per_m2_K, 0},
        {"coolant flow, as the heat that it takes,", "W/K", p->coolant_W_per_K, 0},
        {"temperature of the coolant", "K", p->inlet_K, 0},
        {"exponent of leakage with temperature", "1/K", p->leak_per_K, 1},
        {"resistance of the power grid", "ohm", p->grid_ohm, 1},
        {"resistance of the feed", "ohm m2", p->feed_ohm_m2, p->grid_ohm <= 0.0},
        {"supply voltage", "V", p->nominal_V, p->grid_ohm <= 0.0}};
    for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++)
        KERF_TRY(check_quantity(&quantities[i], error));
    KERF_CHECK(p->columns >= KERF_HEAT_CELLS_LEAST && p->rows >= KERF_HEAT_CELLS_LEAST, KERF_ERR_USAGE,
               "heat: a mesh of %d x %d cells is too coarse: at least %d each way", p->columns, p->rows,
               KERF_HEAT_CELLS_LEAST);
    KERF_CHECK((double)p->columns * p->rows <= cells_most, KERF_ERR_USAGE,
               "heat: a mesh of %d x %d cells is too large: %.0f million at most", p->columns, p->rows,
               cells_most * 1e-6);
    KERF_CHECK(p->rows >= ranks, KERF_ERR_USAGE,
               "heat: a mesh of %d rows is too coarse for %d ranks, which take whole rows each", p->rows,
               ranks);
    KERF_CHECK(p->materials >= 1 && p->materials <= KERF_HEAT_MATERIALS, KERF_ERR_USAGE,
               "heat: %d materials; 1 to %d can be", p->materials, KERF_HEAT_MATERIALS);
    KERF_CHECK(p->ceiling_K > p->inlet_K, KERF_ERR_USAGE,
               "heat: the coolant comes in at %.1f K, above the %.1f K that count as thermal runaway",
               p->inlet_K, p->ceiling_K);
    return check_materials(p, error);
}

enum kerf_status kerf_heat_field_make(const struct kerf_heat_problem *problem, struct kerf_heat_field *field,
                                      struct kerf_error *error)
{
    size_t cells = (size_t)problem->columns * (size_t)problem->rows;
    double **array[] = {&field->silicon_K, &field->plate_K, &field->coolant_K, &field->volt_V,
                        &field->leak_W_per_m2};
    double first[] = {problem->inlet_K, problem->inlet_K, problem->inlet_K, problem->nominal_V, 0.0};
    *field = (struct kerf_heat_field){0};
    for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) {
        *array[i] = malloc(cells * sizeof **array[i]);
        if (!*array[i]) {
            kerf_heat_field_free(field);
            return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the heat of %zu cells", cells);
        }
        for (size_t c = 0; c < cells; c++)
            (*array[i])[c] = first[i];
    }
    return KERF_OK;
}

void kerf_heat_field_free(struct kerf_heat_field *field)
{
    free(field->silicon_K);
    free(field->plate_K);
    free(field->coolant_K);
    free(field->volt_V);
    free(field->leak_W_per_m2);
    *field = (struct kerf_heat_field){0};
}

double kerf_heat_leak(const struct kerf_heat_problem *p, const struct kerf_heat_material *material,
                      double silicon_K, double volt_V, double *slope)
{
    if (material->leak_reference_W_per_m2 <= 0.0) {
        *slope = 0.0;
        return 0.0;
    }
    double volts = p->nominal_V > 0.0 ? pow(volt_V / p->nominal_V, p->leak_volt_exponent) : 1.0;
    double leak = material->leak_reference_W_per_m2 * volts *
                  exp(p->leak_per_K * (fmin(silicon_K, p->ceiling_K) - p->leak_reference_K));
    *slope = leak * p->leak_per_K;
    return leak;
}

/* A cell's plate has one temperature, which the coolant nears exponentially along it (an exchanger whose wall
 * has one temperature; Incropera and DeWitt, ch. 11): exact for a plate of one temperature, of second order
 * else. */
void kerf_heat_coolant(const struct kerf_heat_problem *p, const double *plate_K, double *coolant_K)
{
    double area = p->width_m / p->columns * (p->height_m / p->rows), flow = p->coolant_W_per_K / p->rows;
    double share = isinf(flow) ? 0.0 : -expm1(-area * p->film_W_per_m2_K / flow);
    double units = area * p->film_W_per_m2_K / flow; /* 0 for an endless flow */
    for (int r = 0; r < p->rows; r++) {
        double in_K = p->inlet_K;
        for (int c = 0; c < p->columns; c++) {
            size_t i = (size_t)r * (size_t)p->columns + (size_t)c;
            double out_K = in_K + share * (plate_K[i] - in_K);
            /* The mean that gives the same heat with the film: h a (T_p - mean) = C (out - in). */
            coolant_K[i] = units > 0.0 ? plate_K[i] - (out_K - in_K) / units : in_K;
            in_K = out_K;
        }
    }
}

static const struct kerf_heat_material *material_at(const struct kerf_heat_problem *p, size_t cell)
{
    return &p->material[p->material_of ? p->material_of[cell] : 0];
}

static void sum_silicon(const struct kerf_heat_problem *p, const struct kerf_heat_field *field,
                        struct kerf_heat_figures *sum)
{
    size_t cells = (size_t)p->columns * (size_t)p->rows, count[KERF_HEAT_MATERIALS] = {0};
    double area = p->width_m / p->columns * (p->height_m / p->rows), slope;
    for (size_t i = 0; i < cells; i++) {
        size_t m = p->material_of ? p->material_of[i] : 0;
        double leak = kerf_heat_leak(p, material_at(p, i), field->silicon_K[i], field->volt_V[i], &slope);
        double silicon_K = field->silicon_K[i];
        sum->power_W += area * (p->power_W_per_m2[i] + leak);
        sum->leak_W += area * leak;
        sum->silicon_most_K[m] = fmax(sum->silicon_most_K[m], silicon_K);
        sum->silicon_mean_K[m] += silicon_K;
        sum->plate_most_K = fmax(sum->plate_most_K, field->plate_K[i]);
        sum->drop_most_V = fmax(sum->drop_most_V, p->nominal_V - field->volt_V[i]);
        count[m]++;
    }
    for (int m = 0; m < p->materials; m++)
        sum->silicon_mean_K[m] /= count[m] ? (double)count[m] : 1.0;
}

struct kerf_heat_figures kerf_heat_sum_up(const struct kerf_heat_problem *p,
                                          const struct kerf_heat_field *field)
{
    struct kerf_heat_figures sum = {0};
    double area = p->width_m / p->columns * (p->height_m / p->rows);
    size_t cells = (size_t)p->columns * (size_t)p->rows;
    sum_silicon(p, field, &sum);
    for (size_t i = 0; i < cells; i++)
        sum.coolant_gain_W += area * p->film_W_per_m2_K * (field->plate_K[i] - field->coolant_K[i]);
    sum.coolant_out_K = p->inlet_K + sum.coolant_gain_W / p->coolant_W_per_K;
    return sum;
}
