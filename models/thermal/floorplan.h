/* Where on the plate the power of an accelerator is: a mesh over a wafer with its stages, or over a package
 * with its die and memory. */
#ifndef KERF_THERMAL_FLOORPLAN_H
#define KERF_THERMAL_FLOORPLAN_H

#include "models/thermal/cooling.h"
#include "models/thermal/heat.h"

/* Materials of a floor plan, by their number in kerf_heat_problem. */
enum kerf_floor_material { KERF_FLOOR_DIE, KERF_FLOOR_MEMORY, KERF_FLOOR_GAP, KERF_FLOOR_MATERIALS };

/* A rectangle of the wafer, in shares of it, and what is drawn on it beside the rest. */
struct kerf_floor_stage {
    double area;                /* share of the wafer */
    double power_W;             /* drawn on it */
    double x, y, width, height; /* out: shares of the wafer's width and height */
};

/* What an accelerator draws, at the temperature that its energy was measured at. */
struct kerf_floor_power {
    double limit_W;    /* of the accelerator: what leakage is a share of */
    double volt_share; /* of the nominal supply, that it works at */
    double spread_W;   /* in die and memory, with leakage, whatever it does */
    double die_W;      /* of arithmetic on the die of a package */
    double memory_W;   /* in the stacks */
    int stages;        /* of a wafer; 0: a package */
    struct kerf_floor_stage *stage;
};

struct kerf_floorplan {
    struct kerf_heat_problem problem;
    double *power_W_per_m2;     /* owned */
    unsigned char *material_of; /* owned */
};

/* A heat problem of about `cells` cells along the longer side. On a wafer the stages lie in shelves in their
 * order, each with its share of the area: the catalog knows no places. `power` gives their rectangles back.
 * Free with kerf_floorplan_free. */
enum kerf_status kerf_floorplan_make(const struct kerf_cooling *cooling, struct kerf_floor_power *power,
                                     int cells, struct kerf_floorplan *plan, struct kerf_error *error);
void kerf_floorplan_free(struct kerf_floorplan *plan);

/* Leakage at the temperature that the energy was measured at, W. */
double kerf_floor_leak_W(const struct kerf_cooling *cooling, const struct kerf_floor_power *power);

#endif
